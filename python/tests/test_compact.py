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


def test_a_value_beyond_the_sample_is_an_error_or_begins_a_second_table() -> None:
    data = pa.table({"n": [1, 2, 3, 300, 4], "s": ["a", "b", "a", "b", "a"]})
    with pytest.raises(bowstring.Error, match=r'row 3, column "n": 300 does not fit Int8'):
        bowstring.compact(data, sample=2)
    found = bowstring.compact(data, sample=2, misfit="widen")
    assert found.misfit is not None and found.misfit.startswith('row 3, column "n": 300 does not fit')
    assert found.rest is not None and pa.table(found.rest).equals(data.slice(3))
    assert pa.table(found.table)["n"].to_pylist() == [1, 2, 3]
    table, columns = found
    assert table is found.table and columns[0].type_after == "Int8"
    # A sample that the rest fits, and all rows.
    for same in (bowstring.compact(data, sample=4, misfit="widen"), bowstring.compact(data)):
        assert same.rest is None and same.misfit is None and same.table.num_rows == 5


def test_settings_that_cannot_be() -> None:
    data = pa.table({"n": [1]})
    for wrong in ({"misfit": "widen"}, {"sample": 0}, {"sample": -1}, {"sample": 1, "misfit": "wide"}):
        with pytest.raises(ValueError):
            bowstring.compact(data, **wrong)
