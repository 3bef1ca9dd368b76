"""Channels without a name, whose ends travel."""

import multiprocessing
import os
import subprocess
import sys
import threading

import pyarrow as pa
import pytest

import bowstring

TABLE = pa.table({"n": list(range(1000))})


def produce(end, count):
    with end as w:
        for _ in range(count):
            w.write(TABLE)


def consume(end, answer):
    answer.put(sum(len(batch) for batch in end))


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_ends_travel_to_children(method):
    context = multiprocessing.get_context(method)
    writing, reading = bowstring.pair()
    answer = context.Queue()
    children = [
        context.Process(target=produce, args=(writing, 20)),
        context.Process(target=consume, args=(reading, answer)),
    ]
    for child in children:
        child.start()
    writing.close()
    reading.close()
    assert answer.get(timeout=60) == 20_000
    for child in children:
        child.join(60)
        assert child.exitcode == 0


def test_a_descriptor_is_inherited():
    writing, reading = bowstring.pair()
    code = "import sys, bowstring; print(sum(len(b) for b in bowstring.ReaderEnd(int(sys.argv[1]))))"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(reading.fileno())], pass_fds=[reading.fileno()], stdout=subprocess.PIPE
    )
    reading.close()
    produce(writing, 3)
    assert child.communicate(timeout=60)[0] == b"3000\n"


def test_an_end_is_used_up_and_closed_once():
    before = len(os.listdir("/proc/self/fd"))
    writing, reading = bowstring.pair()
    thread = threading.Thread(target=produce, args=(writing, 1))
    thread.start()
    r = reading.open()
    with pytest.raises(ValueError):
        reading.open()
    assert r.read_all(timeout=60).num_rows == 1000
    thread.join()
    r.close()
    del r, writing, reading, thread
    assert len(os.listdir("/proc/self/fd")) <= before


def test_an_other_end_that_was_closed_is_no_wait():
    writing, reading = bowstring.pair()
    reading.close()
    with pytest.raises(bowstring.PeerCrashed):
        writing.open().write(TABLE, timeout=60)
    writing, reading = bowstring.pair()
    writing.close()
    with pytest.raises(bowstring.PeerCrashed):
        reading.open().read(timeout=60)


def test_nobody_opens_the_other_end():
    writing, reading = bowstring.pair()
    with pytest.raises(bowstring.TimeoutError):
        writing.open().write(TABLE, timeout=0.05)
