"""Tables in smaller types have the same values."""

import datetime

import bowstring
import pyarrow as pa
import pytest


def test_values_stay_and_bytes_shrink() -> None:
    n = 10_000
    data = pa.table(
        {
            "small": pa.array(i % 100 for i in range(n)),
            "city": pa.array(["Oslo", "Rome"][i % 2] for i in range(n)),
            "day": pa.array(f"2026-01-{1 + i % 28:02}" for i in range(n)),
            "same": pa.array(["always"] * n),
            "nothing": pa.array([None] * n, pa.int64()),
        }
    )
    table, columns = bowstring.compact(data)
    assert [column.name for column in columns] == data.column_names
    found = {column.name: column.type_after for column in columns}
    assert (found["small"], found["day"], found["nothing"]) == ("Int8", "Date32", "Null")
    assert found["city"].startswith("Dictionary(Int8") and found["same"].startswith("RunEndEncoded")
    back = pa.table(table)
    assert back["small"].to_pylist() == data["small"].to_pylist()
    assert back["city"].to_pylist() == data["city"].to_pylist()
    assert back["day"].to_pylist() == [datetime.date.fromisoformat(day) for day in data["day"].to_pylist()]
    assert back["same"].to_pylist() == ["always"] * n
    before, after = sum(c.bytes_before for c in columns), sum(c.bytes_after for c in columns)
    assert before > 3 * after


def test_no_rows_and_no_data() -> None:
    table, columns = bowstring.compact(pa.schema([("n", pa.int64())]).empty_table())
    assert table.num_rows == 0 and columns[0].type_after == "Int64"
    with pytest.raises(TypeError):
        bowstring.compact(7)
