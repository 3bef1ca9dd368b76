"""Batches that are kept for readers who come later."""

import threading

import numpy as np
import pyarrow as pa
import pytest

import bowstring


def numbers(batches):
    return [b.to_pyarrow().column(0)[0].as_py() for b in batches]


def one(i):
    return pa.table({"n": pa.array([i] * 100, pa.int64())})


@pytest.mark.parametrize("delivery", ["pooled", "copied", "sealed"])
def test_a_late_reader_gets_what_is_kept_and_then_everything(name, delivery):
    got = {}

    def read(key, reader):
        got[key] = numbers(reader)

    threads = []
    with bowstring.Writer(name, keep=3) as w:
        for i in range(10):
            w.write(one(i), block=False)
        for key, after in [("first", range(10, 20)), ("second", range(20, 30))]:
            threads.append(threading.Thread(target=read, args=(key, bowstring.Reader(name, delivery=delivery))))
            threads[-1].start()
            w.wait_for_readers(len(threads), timeout=60)
            for i in after:
                w.write(one(i))
    for thread in threads:
        thread.join()
    assert got == {"first": list(range(7, 30)), "second": list(range(17, 30))}


def test_what_is_kept_survives_the_end_and_later_changes_of_the_array(name):
    array = np.arange(100)
    with bowstring.Writer(name, keep=1) as w:
        w.write(pa.table({"n": array}))
        array[:] = -1
    assert numbers(bowstring.Reader(name)) == [0]


def test_a_killed_reader_costs_a_writer_that_keeps_nothing(name, child):
    with bowstring.Writer(name, keep=2) as w:
        w.write(one(0))
        reading = child(
            """
            import sys, bowstring
            r = bowstring.Reader(sys.argv[1])
            r.read()
            print("read", flush=True)
            sys.stdin.readline()
            """,
            name,
        )
        assert reading.line() == "read"
        reading.kill()
        for i in range(1, 5):
            w.write(one(i))
    assert numbers(bowstring.Reader(name)) == [3, 4]
