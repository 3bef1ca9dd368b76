"""Batches that are computed in the slots that readers read."""

import gc
import os
import threading

import numpy as np
import pyarrow as pa
import pytest

import bowstring

SCHEMA = pa.schema(
    [
        pa.field("price", pa.float64(), nullable=False),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("day", pa.date32()),
        pa.field("clock", pa.time32("ms")),
        pa.field("good", pa.bool_()),
        pa.field("name", pa.string()),
        pa.field("raw", pa.large_binary()),
        pa.field("view", pa.string_view()),
    ]
)


@pytest.fixture
def ends(name):
    """A writer, and a reader of its slots."""
    writers = []

    def make(schema=SCHEMA, delivery="pooled", **options):
        writer = bowstring.Writer(name, schema=schema, **options)
        reader = bowstring.Reader(name, delivery=delivery)
        assert reader.schema is not None
        writer.wait_for_readers()
        writers.append(writer)
        return writer, reader

    yield make
    for writer in writers:
        writer.close()


def test_every_kind_of_column(ends):
    w, r = ends()
    with w.build(4) as b:
        assert b.in_place
        b["price"][:] = np.arange(4) / 2
        b["at"][:] = np.arange(4).astype("datetime64[us]")
        b["day"][:] = np.arange(4).astype("datetime64[D]")
        b["clock"] = pa.array([1, None, 3, 4], pa.time32("ms"))
        b["good"][:] = [True, False, True, False]
        b["name"] = ["a", None, "c" * 40, "d"]
        b["raw"] = [b"\0", b"", None, b"xyz"]
        b.set_null("good", [False, False, False, True])
        b.set_null("at", [True, False, False, False])
        b.set_null("name", [True, False, False, False])
    batch = r.read()
    assert batch.zero_copy
    got = batch.to_pyarrow()
    got.validate(full=True)
    assert got["price"].to_pylist() == [0, 0.5, 1, 1.5]
    assert got["at"].cast(pa.int64()).to_pylist() == [None, 1, 2, 3]
    assert got["day"].cast(pa.int32()).to_pylist() == [0, 1, 2, 3]
    assert got["clock"].cast(pa.int32()).to_pylist() == [1, None, 3, 4]
    assert got["good"].to_pylist() == [True, False, True, None]
    assert got["name"].to_pylist() == [None, None, "c" * 40, "d"]
    assert got["raw"].to_pylist() == [b"\0", b"", None, b"xyz"]
    assert got["view"].to_pylist() == [None] * 4


def test_text_beyond_its_room_is_copied(ends):
    w, r = ends(pa.schema([("name", pa.string())]))
    with w.build(2) as b:
        b["name"] = ["x" * 10_000, "y"]
    assert not b.in_place
    with w.build(2, text={"name": 20_000}) as b:
        b["name"] = ["x" * 10_000, "y"]
    assert b.in_place
    for _ in range(2):
        assert r.read().to_pyarrow()["name"].to_pylist() == ["x" * 10_000, "y"]


PRICE = pa.schema([pa.field("price", pa.float64(), nullable=False)])


def test_where_there_is_no_pool_it_is_private_memory(name, ends):
    with bowstring.Writer(name + "-alone", schema=PRICE, linger=0) as w:
        with w.build(2) as b:
            assert not b.in_place
            b["price"][:] = 1
    w, r = ends(PRICE, delivery="sealed")
    with w.build(2) as b:
        assert not b.in_place
        b["price"][:] = 1
    assert r.read()["price"].to_numpy().tolist() == [1, 1]


def test_a_kept_array_keeps_its_values_and_reaches_no_later_message(ends):
    w, r = ends(PRICE, size=1 << 16)
    with w.build(1000) as b:
        kept = b["price"]
        kept[:] = 1
        memory = memoryview(np.frombuffer(b._room.column(0), np.float64))
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 7
    first = r.read()
    assert first.zero_copy and first["price"].to_numpy().sum() == 1000
    # Somebody who holds on to the memory itself writes into nothing that is sent.
    memory[:] = memoryview(np.full(1000, 9.0))
    assert first["price"].to_numpy().sum() == 1000
    del first
    for value in range(40):  # Every slot comes round.
        with w.build(1000) as b:
            assert b.in_place
            b["price"][:] = value
        memory[:] = memoryview(np.full(1000, 9.0))
        assert r.read()["price"].to_numpy().tolist() == [value] * 1000
    assert kept[0] in (1, 9)


def test_a_part_that_is_held_at_the_end_is_an_error(ends):
    w, r = ends(PRICE)
    with pytest.raises(BufferError, match="parts of column 'price'"):
        with w.build(4) as b:
            part = b["price"][1:]
            part[:] = 1
    part[:] = 7
    with w.build(4) as b:
        assert b.in_place
        b["price"][:2] = 1
        b["price"][2:] = 2
    part[:] = 8
    assert r.read()["price"].to_numpy().tolist() == [1, 1, 2, 2]
    w.close()
    assert r.read() is None


def test_a_thread_that_writes_late_reaches_no_reader(ends):
    w, r = ends(PRICE, size=1 << 20)
    stop, failed = threading.Event(), []

    def scribble(memory):
        value = memoryview(np.full(len(memory), -1.0))
        while not stop.is_set():
            memory[:] = value

    threads = []
    try:
        for value in range(1, 20):
            with w.build(4096) as b:
                threads.append(threading.Thread(target=scribble, args=(memoryview(b._room.column(0)).cast("B").cast("d"),)))
                b["price"][:] = value
            threads[-1].start()
            got = r.read()["price"].to_numpy()
            if not (got == value).all():
                failed.append(value)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed


def test_other_calls_in_the_block(ends):
    w, r = ends(PRICE)
    with w.build(2) as b:
        b["price"][:] = 1
        for call in (lambda: w.write(pa.table({"price": [1.0]})), w.stats, lambda: w.readers, lambda: w.build(1).__enter__()):
            with pytest.raises(ValueError, match="leave its `with` block"):
                call()
        b["price"] += 1
    assert r.read()["price"].to_numpy().tolist() == [2, 2]
    with pytest.raises(ValueError, match="closed while"):
        with w.build(2) as b:
            b["price"][:] = 1
            w.close()
    assert r.read() is None


def test_another_thread_waits_for_the_block(ends):
    w, r = ends(PRICE)
    with w.build(2) as b:
        thread = threading.Thread(target=w.write, args=(pa.table({"price": [3.0]}, schema=PRICE),))
        thread.start()
        b["price"][:] = 1
    thread.join()
    assert [r.read()["price"].to_numpy().tolist() for _ in range(2)] == [[1, 1], [3]]


def test_a_block_that_is_forgotten_takes_nothing(ends):
    w, r = ends(PRICE)
    forgotten = w.build(2).__enter__()
    array = forgotten["price"]
    del forgotten
    gc.collect()
    array[:] = 5
    with w.build(2) as b:
        assert b.in_place
        b["price"][:] = 1
    array[:] = 6
    assert r.read()["price"].to_numpy().tolist() == [1, 1]


def test_a_reader_that_leaves_during_the_block_costs_nothing(ends, name):
    w, r = ends(PRICE)
    with w.build(2) as b:
        assert b.in_place
        b["price"][:] = 4
        r.close()
    late = bowstring.Reader(name)
    assert late.read()["price"].to_numpy().tolist() == [4, 4]


def test_a_forked_child_writes_to_nothing(ends):
    w, r = ends(PRICE)
    with w.build(2) as b:
        array = b["price"]
        array[:] = 1
        pid = os.fork()
        if pid == 0:
            array[:] = 9
            try:
                w.stats()
            except RuntimeError:
                os._exit(0)
            os._exit(5)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert r.read()["price"].to_numpy().tolist() == [1, 1]
