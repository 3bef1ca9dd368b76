"""Batches that are computed column by column, and what a forked child sees of a batch in place."""

import gc
import os

import numpy as np
import pyarrow as pa
import pytest

import bowstring

SCHEMA = pa.schema(
    [
        pa.field("price", pa.float64(), nullable=False),
        pa.field("at", pa.timestamp("us")),
        pa.field("good", pa.bool_()),
        pa.field("name", pa.string()),
    ]
)


def test_columns_are_computed_and_assigned(name):
    with bowstring.Writer(name, schema=SCHEMA) as w:
        with w.build(4) as b:
            b["price"][:] = np.arange(4) / 2
            b["at"][:] = np.arange(4).astype("datetime64[us]")
            b["good"][:] = [True, False, True, False]
            b["name"] = ["a", None, "c", "d"]
            b.set_null("good", [False, False, False, True])
            b.set_null("name", [True, False, False, False])
    table = bowstring.Reader(name).to_pyarrow()
    assert table.schema == SCHEMA
    assert table["price"].to_pylist() == [0, 0.5, 1, 1.5]
    assert table["at"].cast(pa.int64()).to_pylist() == [0, 1, 2, 3]
    assert table["good"].to_pylist() == [True, False, True, None]
    assert table["name"].to_pylist() == [None, None, "c", "d"]


def test_misuse_is_an_exception_and_reaches_no_reader(name):
    with bowstring.Writer(name, schema=SCHEMA) as w:
        with w.build(2) as b:
            price = b["price"]
            price[:] = 1
            with pytest.raises(KeyError):
                b["cost"]
            with pytest.raises(TypeError, match="as a whole"):
                b["name"]
            with pytest.raises(ValueError, match="3 values for 2 rows"):
                b["name"] = ["a", "b", "c"]
            with pytest.raises(ValueError, match="allows no nulls"):
                b.set_null("price", [True, True])
        with pytest.raises(ValueError, match="read-only"):
            price[0] = 7
        with pytest.raises(ValueError, match="not being built"):
            b["price"]
        with pytest.raises(BufferError, match="parts of column 'price'"):
            with w.build(2) as b:
                part = b["price"][1:]
        part[:] = 7  # Private memory, and no reader's.
        with pytest.raises(ValueError, match="was not written"):
            with w.build(2) as b:
                b["good"][:] = True
        with pytest.raises(ZeroDivisionError):
            with w.build(2) as b:
                b["price"][:] = 1 / 0
    assert bowstring.Reader(name).to_pyarrow()["price"].to_pylist() == [1, 1]


def test_a_schema_is_needed(name):
    with bowstring.Writer(name) as w:
        with pytest.raises(ValueError, match="schema"):
            w.build(1)


def test_a_forked_child_reads_a_batch_in_place(through):
    reader = through(pa.table({"n": np.arange(1000)}), delivery="pooled")
    batch = reader.read()
    assert batch.zero_copy
    array = batch["n"].to_numpy()
    pid = os.fork()
    if pid == 0:
        code = 0 if int(array.sum()) == 499500 and batch.to_pyarrow().num_rows == 1000 else 4
        del array, batch, reader
        gc.collect()
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    # The child gave nothing back that is ours.
    assert reader.stats()["leases"] == 1
    assert int(array.sum()) == 499500
