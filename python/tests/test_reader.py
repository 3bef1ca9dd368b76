"""What a reader chooses, goes on with, and is not given."""

import asyncio
import os
import signal
import threading
import time
import warnings

import polars as pl
import pyarrow as pa
import pytest

import bowstring

DELIVERIES = ["pooled", "copied", "sealed"]
ROWS = 1000


def table(first, rows=ROWS):
    numbers = range(first, first + rows)
    return pa.table({"n": pa.array(numbers, pa.int64()), "wide": [f"{n:0100}" for n in numbers], "b": [n % 2 == 0 for n in numbers]})


def until(condition):
    """Waits for what comes by itself. The test's own limit ends it if it does not."""
    while not condition():
        time.sleep(0.001)


def quietly(reader, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return reader.read(timeout=60, **options)


# ---- columns, rows, a condition ----


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_columns_rows_and_a_condition(name, delivery):
    with bowstring.Writer(name, keep=3) as w:
        for i in range(3):
            w.write(table(i * ROWS))
        open_ = lambda **options: bowstring.Reader(name, delivery=delivery, **options)
        got = open_(columns=["b", "n"], limit=1500).read_all().to_pyarrow()
        assert got == pa.concat_tables([table(i * ROWS) for i in range(2)]).select(["b", "n"])[:1500]
        got = open_(columns=["wide"], where="n >= 998 and b", limit=2).to_polars()
        assert got["wide"].to_list() == [f"{n:0100}" for n in (998, 1000)]
        reader = open_(where="n = 2500")
        batch = next(reader)
        assert (batch.to_pyarrow()["n"].to_pylist(), batch.zero_copy) == ([2500], False)
        assert reader.schema.names == ["n", "wide", "b"]
        w.close()
        assert list(reader) == []


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_writer_leaves_out_what_no_reader_wants(name, delivery):
    with bowstring.Writer(name, schema=table(0).schema) as w:
        some = bowstring.Reader(name, columns=["n"], delivery=delivery)
        w.wait_for_readers(1, timeout=60)
        w.write(table(0))
        assert some.read(timeout=60).to_pyarrow() == table(0).select(["n"]).to_batches()[0]
        alone = some.stats()["bytes"]
        assert alone < ROWS * 20
        # With another reader that wants all, both get what they want.
        whole = bowstring.Reader(name, delivery=delivery, from_now=True)
        w.wait_for_readers(2, timeout=60)
        w.write(table(ROWS))
        assert some.read(timeout=60).to_pyarrow() == table(ROWS).select(["n"]).to_batches()[0]
        assert whole.read(timeout=60).to_pyarrow() == table(ROWS).to_batches()[0]
        assert some.schema.names == ["n"] and some.stats()["rows"] == 2 * ROWS


def test_a_reader_that_has_enough_leaves_and_holds_nobody_up(name):
    with bowstring.Writer(name, schema=table(0).schema, size=1 << 20) as w:
        reader = bowstring.Reader(name, limit=10)
        w.wait_for_readers(1, timeout=60)
        w.write(table(0))
        batch = reader.read(timeout=60)
        assert len(batch) == 10 and reader.read(timeout=60) is None
        until(lambda: w.readers == 0)
        assert batch.to_pyarrow()["n"].to_pylist() == list(range(10))
        assert reader.stats()["rows"] == ROWS and reader.schema.names == ["n", "wide", "b"]
        assert reader.read(timeout=60) is None and not reader.closed
        w.abandon()


def test_what_cannot_be_chosen_is_said(through):
    for options, error, words in [
        ({"columns": ["n", "x"]}, KeyError, "no column 'x'|no column \"x\""),
        ({"where": "x > 1"}, KeyError, "no column \"x\"; there are n, wide, b"),
        ({"where": "n >"}, ValueError, "no SQL.*at byte 3"),
        ({"where": "n like 'x%'"}, ValueError, "n"),
    ]:
        with pytest.raises(error, match=words):
            through(table(0), reader=options).read_all()
    with pytest.raises(ValueError, match="reconnect='often'"):
        bowstring.Reader("nobody", reconnect="often")


# ---- what a reader was not given ----


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_late_readers_table_does_not_look_whole(name, delivery):
    with bowstring.Writer(name, schema=table(0).schema) as w:
        first = bowstring.Reader(name)
        w.wait_for_readers(1, timeout=60)
        for i in range(3):
            w.write(table(i))
            first.read(timeout=60).release()
        for whole in [
            lambda reader: reader.read_all(timeout=60),
            lambda reader: reader.to_pyarrow(),
            pl.DataFrame,
            pa.table,
        ]:
            late = bowstring.Reader(name, delivery=delivery)
            with pytest.raises(bowstring.Incomplete, match="3000 rows in 3 batches.*from_now=True"):
                whole(late)
            late.close()
        late = bowstring.Reader(name, delivery=delivery)
        consents = bowstring.Reader(name, delivery=delivery, from_now=True)
        w.wait_for_readers(3, timeout=60)
        w.write(table(3))
        with pytest.warns(bowstring.IncompleteWarning, match="3000 rows in 3 batches"):
            assert len(late.read(timeout=60)) == ROWS
        w.write(table(4))
        assert len(quietly(late)) == ROWS, "it warns once"
        assert len(quietly(consents)) == ROWS
        for reader in [late, consents]:
            stats = reader.stats()
            assert (stats["rows_before"], stats["batches_before"], stats["complete"]) == (3000, 3, False)
        assert first.stats()["complete"]
        w.close()
        assert [len(b) for b in (*late, *consents)] == [ROWS]
        assert consents.read_all().num_rows == 0


def test_what_is_kept_is_not_missing(name):
    with bowstring.Writer(name, keep=2) as w:
        for i in range(5):
            w.write(table(i))
        with pytest.raises(bowstring.Incomplete, match="3000 rows in 3 batches"):
            bowstring.Reader(name).read_all()
        reader = bowstring.Reader(name, from_now=True)
        assert reader.schema.names == ["n", "wide", "b"]  # It is in.
        w.close()
        assert reader.read_all(timeout=60).num_rows == 2000


# ---- one writer after another ----

WRITES = """
import sys, bowstring, pyarrow as pa
w = bowstring.Writer(sys.argv[1], schema=pa.schema([pa.field("n", pa.int64(), nullable=False)]))
w.wait_for_readers(1, timeout=60)
w.write(pa.table({"n": pa.array([1, 2, 3])}).cast(w.schema and pa.schema(w.schema)))
print("written", flush=True)
sys.stdin.readline()
"""
NUMBERS = pa.schema([pa.field("n", pa.int64(), nullable=False)])


def numbers(*values):
    return pa.table({"n": pa.array(values, pa.int64())}, schema=NUMBERS)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_another_writer_goes_on_where_one_died(name, child, delivery):
    writing = child(WRITES, name)
    reader = bowstring.Reader(name, reconnect=True, delivery=delivery, timeout=60)
    kept = reader.read(timeout=60)
    assert writing.line() == "written"
    writing.kill()
    with pytest.raises(bowstring.TimeoutError):
        reader.read(timeout=0.01)
    with bowstring.Writer(name, schema=NUMBERS) as w:
        got = {}
        reading = threading.Thread(target=lambda: got.update(batch=reader.read(timeout=60)))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            reading.start()
            w.wait_for_readers(1, timeout=60)
            w.write(numbers(4, 5))
            reading.join()
        assert got["batch"].to_pyarrow()["n"].to_pylist() == [4, 5]
        assert [warning.category for warning in caught] == [bowstring.IncompleteWarning]
        assert kept.to_pyarrow()["n"].to_pylist() == [1, 2, 3]
        stats = reader.stats()
        assert (stats["reconnects"], stats["interruptions"], stats["rows"], stats["complete"]) == (1, 1, 5, False)
        with pytest.raises(bowstring.Incomplete, match="allow_gaps=True"):
            reader.read_all()
    assert reader.read(timeout=60) is None


def test_nobody_comes_after_a_writer_that_died(name, child):
    writing = child(WRITES, name)
    reader = bowstring.Reader(name, reconnect=True, timeout=60)
    assert len(reader.read(timeout=60)) == 3
    reader.close()
    writing.say()
    writing.end()
    writing = child(WRITES, name)
    until(lambda: writing.process.poll() is None and os.path.exists(bowstring.runtime_directory()))
    reader = bowstring.Reader(name, reconnect=True, timeout=60)
    assert len(reader.read(timeout=60)) == 3
    assert writing.line() == "written"
    impatient = bowstring.Reader(name, reconnect=True, timeout=0.2, from_now=True)
    until(impatient._is_open)
    writing.kill()
    with pytest.raises(bowstring.PeerCrashed):
        impatient.read(timeout=60)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_table_after_table(name, delivery):
    got, ends = [], []

    def read():
        with bowstring.Reader(name, reconnect="always", delivery=delivery, timeout=60) as reader:
            for batch in reader:
                got.extend(batch.to_pyarrow()["n"].to_pylist())
                if got[-1] == 9:
                    ends.append(reader.stats())
                    return

    reading = threading.Thread(target=read)
    reading.start()
    for values in [(1, 2), (3,), (9,)]:
        with bowstring.Writer(name, schema=NUMBERS) as w:
            w.wait_for_readers(1, timeout=60)
            w.write(numbers(*values))
    reading.join()
    assert got == [1, 2, 3, 9]
    assert (ends[0]["reconnects"], ends[0]["interruptions"], ends[0]["complete"]) == (2, 0, True)


def test_another_writer_with_other_columns_is_refused(name):
    with bowstring.Writer(name, schema=NUMBERS) as w:
        reader = bowstring.Reader(name, reconnect="always", timeout=60)
        w.wait_for_readers(1, timeout=60)
    with bowstring.Writer(name, schema=pa.schema([("n", pa.string())])), pytest.raises(bowstring.SchemaMismatch, match="other columns"):
        reader.read(timeout=60)


def test_ctrl_c_ends_the_wait_for_another_writer(name, child):
    reading = child(
        """
        import sys, bowstring
        reader = bowstring.Reader(sys.argv[1], reconnect="always", timeout=None)
        reader.read(timeout=60)
        try:
            print("read", flush=True)
            reader.read()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """,
        name,
    )
    with bowstring.Writer(name, schema=NUMBERS) as w:
        w.wait_for_readers(1, timeout=60)
        w.write(numbers(1))
        assert reading.line() == "read"
    reading.process.send_signal(signal.SIGINT)
    assert reading.line() == "interrupted"
    reading.end()


# ---- several writers ----


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_several_writers_are_read_as_one(name, delivery):
    names = [f"{name}-{place}" for place in "ab"]
    writers = [bowstring.Writer(one, schema=NUMBERS) for one in names]
    reader = bowstring.Reader(*names, source_column="from", delivery=delivery)
    for i in range(10):
        writers[i % 2].write(numbers(i, i + 100))
    for w in writers:
        w.close()
    got = reader.read_all(timeout=60).to_pyarrow()
    assert got.schema.names == ["n", "from"]
    for place, one in enumerate(names):
        mine = [row["n"] for row in got.to_pylist() if row["from"] == one]
        assert mine == [n for i in range(place, 10, 2) for n in (i, i + 100)]
    stats = reader.stats()
    assert [w["name"] for w in stats["writers"]] == names and stats["rows"] == 20 and stats["complete"]


def test_one_of_several_writers_dies_and_the_others_go_on(name, child):
    writing = child(WRITES, name)
    with bowstring.Writer(f"{name}-b", schema=NUMBERS) as w:
        reader = bowstring.Reader(name, f"{name}-b", timeout=60)
        assert reader.read(timeout=60).to_pyarrow()["n"].to_pylist() == [1, 2, 3]
        assert writing.line() == "written"
        writing.kill()
        with pytest.raises(bowstring.PeerCrashed, match=name):
            reader.read(timeout=60)
        w.write(numbers(7))
        assert reader.read(timeout=60).to_pyarrow()["n"].to_pylist() == [7]
        w.close()
        assert reader.read(timeout=60) is None


def test_several_tables_of_other_columns_are_refused(name):
    with bowstring.Writer(name, schema=NUMBERS), bowstring.Writer(f"{name}-b", schema=pa.schema([("x", pa.int8())])):
        with pytest.raises(bowstring.SchemaMismatch, match=f"{name}-b"):
            bowstring.Reader(name, f"{name}-b").read(timeout=60)
        with pytest.raises(ValueError, match="reconnect="):
            bowstring.Reader(name, f"{name}-b", reconnect=True)
        with pytest.raises(ValueError, match="already"):
            bowstring.Reader(name, source_column="n").read(timeout=60)


def test_whoever_keeps_batches_of_several_writers_does_not_hang(name):
    names = [f"{name}-{place}" for place in "ab"]
    writers = [bowstring.Writer(one, schema=NUMBERS, size=1 << 18) for one in names]
    reader = bowstring.Reader(*names, delivery="pooled")
    kept = []
    with pytest.warns(bowstring.LeaseWarning):
        for i in range(200):  # Each takes a slot, nearly empty; there are 64.
            writers[i % 2].write(numbers(i), timeout=60)
            kept.append(reader.read(timeout=60))
    assert [batch.to_pyarrow()["n"][0].as_py() for batch in kept] == list(range(200))
    assert reader.stats()["leases"] > 0
    del kept
    assert reader.stats()["leases"] == 0
    for w in writers:
        w.abandon()


@pytest.mark.parametrize("options", [{"source_column": "from"}, {"reconnect": True}, {"limit": 40}])
def test_asyncio_with(name, options):
    async def read(reader):
        return [n async for batch in reader for n in batch.to_pyarrow()["n"].to_pylist()]

    def write():
        for i in range(20):
            w.write(numbers(2 * i, 2 * i + 1))
            time.sleep(0.0005)
        w.close()

    w = bowstring.Writer(name, schema=NUMBERS)
    writing = threading.Thread(target=write)
    reader = bowstring.Reader(name, **options)
    writing.start()
    assert asyncio.run(asyncio.wait_for(read(reader), 60)) == list(range(40))
    writing.join()
