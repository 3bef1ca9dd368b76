"""Every library that exports Arrow data, both ways, in the three deliveries."""

import duckdb
import nanoarrow as na
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import bowstring

DELIVERIES = ["pooled", "copied", "sealed"]

ROWS = {"id": [1, 2, 3], "price": [9.5, 3.0, None], "name": ["bow", None, "a string of more than twelve bytes"]}

SOURCES = {
    "pyarrow table": lambda: pa.table(ROWS),
    "pyarrow batch": lambda: pa.record_batch(ROWS),
    "pyarrow reader": lambda: pa.table(ROWS).to_reader(),
    "polars": lambda: pl.DataFrame(ROWS),
    "pandas": lambda: pd.DataFrame(ROWS),
    "duckdb": lambda: duckdb.from_arrow(pa.table(ROWS)),
    "nanoarrow": lambda: na.ArrayStream(pa.table(ROWS)),
}


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("source", SOURCES)
def test_what_a_library_exports_arrives(through, source, delivery):
    reader = through(SOURCES[source](), delivery=delivery)
    assert reader.delivery == delivery
    table = reader.to_pyarrow()
    assert table.column_names == list(ROWS)
    assert [column.to_pylist() for column in table.columns] == list(ROWS.values())


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_reader_is_what_a_library_takes(through, delivery):
    # Plain strings: nanoarrow 0.9 crashes by itself when it lists polars's string views.
    def reader():
        return through(pa.table(ROWS), delivery=delivery)

    assert pl.DataFrame(reader()).to_dict(as_series=False) == ROWS
    assert pa.table(reader()).to_pydict() == ROWS
    assert pa.RecordBatchReader.from_stream(reader()).read_all().to_pydict() == ROWS
    assert reader().to_polars().to_dict(as_series=False) == ROWS
    assert list(reader().to_pandas()["id"]) == ROWS["id"]
    stream = reader()
    assert duckdb.sql("select sum(id), max(price) from stream").fetchall() == [(6, 9.5)]
    assert na.ArrayStream(reader()).read_all().to_pylist()[0] == {"id": 1, "price": 9.5, "name": "bow"}
    batch = next(reader())
    assert pl.DataFrame(batch).to_dict(as_series=False) == ROWS
    assert pa.record_batch(batch).to_pydict() == ROWS
    assert duckdb.sql("select count(*) from batch").fetchall() == [(3,)]
    whole = reader().read_all()
    assert whole.to_pyarrow().to_pydict() == ROWS
    assert whole.num_rows == 3 and whole.schema.names == list(ROWS)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_whether_data_were_copied_is_known_by_their_addresses(through, delivery):
    reader = through(pa.table({"n": np.arange(10_000)}), delivery=delivery)
    batch = reader.read()
    assert batch.zero_copy == (delivery != "copied")
    address = batch.to_pyarrow().column(0).buffers()[1].address
    assert batch["n"].to_numpy().ctypes.data == address
    assert batch.to_polars()["n"].to_arrow().buffers()[1].address == address
    if batch.zero_copy:
        first, last = batch.shared_memory
        assert first <= address and address + 80_000 <= last
        # Not only inside a range that we claim: the kernel says what is mapped there.
        assert "bowstring" in mapping_at(address)
    else:
        assert batch.shared_memory is None
        assert "bowstring" not in mapping_at(address)
    assert reader.stats()["zero_copy"] == batch.zero_copy


def mapping_at(address):
    with open("/proc/self/maps") as maps:
        for line in maps:
            first, last = (int(end, 16) for end in line.split()[0].split("-"))
            if first <= address < last:
                return line
    return ""


def test_a_requested_schema_is_honoured_or_refused(through):
    table = pa.table({"n": pa.array([1, 2], pa.int64())})
    renamed = pa.schema([pa.field("m", pa.int64(), nullable=False)])
    batch = through(table).read()
    schema, _ = batch.__arrow_c_array__(renamed.__arrow_c_schema__())
    assert pa.schema(Capsule(schema)) == renamed
    with pytest.raises(bowstring.SchemaMismatch, match="is Int64 and Utf8 is asked for"):
        batch.__arrow_c_stream__(pa.schema([("n", pa.string())]).__arrow_c_schema__())
    with pytest.raises(bowstring.SchemaMismatch):
        batch["n"].__arrow_c_array__(pa.string().__arrow_c_schema__())


class Capsule:
    def __init__(self, capsule):
        self.capsule = capsule

    def __arrow_c_schema__(self):
        return self.capsule


def test_columns_and_rows_are_chosen(through):
    tables = [pa.table({"a": [i, i], "b": [str(i)] * 2}) for i in range(3)]
    reader = through(*tables, reader={"columns": ["b"], "limit": 3})
    assert reader.schema.names == ["b"]
    assert reader.to_pyarrow().to_pydict() == {"b": ["0", "0", "1"]}
    with pytest.raises(KeyError, match="no column"):
        through(tables[0], reader={"columns": ["c"]}).read_all()


def test_a_batch_is_cut_and_copied(through):
    batch = through(pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"]})).read()
    part = batch.slice(1, 1).select(["b"])
    assert part.zero_copy and pa.record_batch(part).to_pydict() == {"b": ["y"]}
    copy = batch.copy(columns=["a"])
    assert not copy.zero_copy
    batch.release()
    assert batch.released and pa.record_batch(copy).to_pydict() == {"a": [1, 2, 3]}
    with pytest.raises(ValueError, match="released"):
        batch.to_pyarrow()


def test_a_column_is_a_buffer_that_cannot_be_written(through):
    batch = through(pa.table({"n": [1, 2, 3], "t": pa.array([1, 2, 3], pa.timestamp("ms")), "s": ["a", "b", None]})).read()
    view = memoryview(batch["n"])
    assert view.tolist() == [1, 2, 3] and view.readonly and view.format == "q"
    array = batch["n"].to_numpy()
    with pytest.raises(ValueError):
        array[0] = 7
    assert batch["t"].to_numpy().dtype == np.dtype("datetime64[ms]")
    with pytest.raises(TypeError, match="NumPy has no type"):
        batch["s"].to_numpy()
    assert batch["s"].null_count == 1
    assert pa.array(batch["s"]).to_pylist() == ["a", "b", None]
    assert pc.sum(pa.array(batch["n"])).as_py() == 6
    # The array keeps the memory, whatever becomes of the batch.
    batch.release()
    assert array.tolist() == [1, 2, 3]


def test_what_exports_nothing_is_refused(name):
    with bowstring.Writer(name) as w:
        with pytest.raises(TypeError, match="exports no Arrow data"):
            w.write([1, 2, 3])


def test_a_table_without_rows_still_has_columns(through):
    reader = through(pa.table({"n": pa.array([], pa.int64())}))
    assert reader.to_pyarrow().schema.names == ["n"]


def test_another_schema_is_refused(name):
    with bowstring.Writer(name) as w:
        w.write(pa.table({"n": [1]}))
        with pytest.raises(bowstring.SchemaMismatch, match="this batch's"):
            w.write(pa.table({"m": [1]}))
        with pytest.raises(bowstring.SchemaMismatch):
            w.write(pa.table({"n": ["x"]}))
        assert w.write(pa.table({"n": [2, 3]})) == 2
    assert pa.table(bowstring.Reader(name)).to_pydict() == {"n": [1, 2, 3]}


def test_what_exports_an_array_and_a_stream_is_written_whole(through):
    class Chunked:
        """As nanoarrow's arrays of several chunks."""

        def __arrow_c_array__(self, requested_schema=None):
            raise ValueError("several chunks")

        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table({"n": pa.chunked_array([[1, 2], [3]])}).__arrow_c_stream__(requested_schema)

    class Broken:
        def __arrow_c_array__(self, requested_schema=None):
            raise ValueError("broken")

    assert through(Chunked()).read_all().to_pyarrow()["n"].to_pylist() == [1, 2, 3]
    with pytest.raises(ValueError, match="broken"):
        through(Broken())


def test_rows_that_are_null_as_a_whole_are_refused(through):
    rows = pa.StructArray.from_arrays([pa.array([1, 2])], ["n"], mask=pa.array([False, True]))
    with pytest.raises(ValueError, match="null as a whole"):
        through(rows)
    assert through(rows[:1]).read_all().to_pyarrow()["n"].to_pylist() == [1]


def test_a_worker_that_reads_does_not_import_pandas(name, child):
    reading = child(
        """
        import sys, pyarrow, bowstring
        table = bowstring.Reader(sys.argv[1]).read_all()
        table.to_pyarrow()
        print([m for m in ("pandas", "polars") if m in sys.modules])
        """,
        name,
    )
    with bowstring.Writer(name) as w:
        w.write(pa.table({"n": [1]}))
    assert reading.end() == "[]\n"
