"""Two processes: who comes first, who leaves, who dies."""

import multiprocessing
import os
import signal
import threading
import time

import pyarrow as pa
import pytest

import bowstring

TABLE = pa.table({"n": list(range(1000))})

READ = """
    import sys, bowstring, pyarrow.compute as pc
    print("up", flush=True)
    total = rows = 0
    for batch in bowstring.Reader(sys.argv[1], timeout=60):
        total += pc.sum(batch.to_pyarrow().column(0)).as_py()
        rows += len(batch)
    print(rows, total, flush=True)
"""

WRITE = """
    import sys, bowstring, pyarrow as pa
    with bowstring.Writer(sys.argv[1]) as w:
        for _ in range(int(sys.argv[2])):
            w.write(pa.table({"n": list(range(1000))}))
"""


def test_the_reader_may_start_first(name, child):
    reading = child(READ, name)
    assert reading.line() == "up"
    with bowstring.Writer(name) as w:
        for _ in range(10):
            w.write(TABLE)
    assert reading.line() == f"10000 {10 * 499500}"


def test_a_writer_that_is_done_waits_for_its_reader_at_the_programs_end(name, child):
    writing = child(WRITE, name, 3)
    table = bowstring.Reader(name, timeout=60).to_pyarrow()
    assert table.num_rows == 3000
    writing.end()


def _write_and_end(name):
    with bowstring.Writer(name) as w:
        w.write(pa.table({"n": [1, 2]}))


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_child_of_multiprocessing_waits_for_its_reader_too(name, method):
    process = multiprocessing.get_context(method).Process(target=_write_and_end, args=(name,))
    process.start()
    while not os.path.exists(f"{os.environ['XDG_RUNTIME_DIR']}/bowstring/{name}.sock"):
        assert process.exitcode is None
    process.join(0.5)  # Time enough to end, if it would.
    assert bowstring.Reader(name).to_pyarrow()["n"].to_pylist() == [1, 2]
    process.join(60)
    assert process.exitcode == 0


def test_an_idle_writer_lets_readers_come_and_go(name, child):
    with bowstring.Writer(name, schema=TABLE.schema) as w:
        for _ in range(3):
            # Nothing of the writer's is called while a whole reader comes and goes.
            reader = bowstring.Reader(name)
            assert reader.schema.names == ["n"]
            reader.close()
        first = child(READ, name)
        w.wait_for_readers(1, timeout=60)
        first.kill()
        until(lambda: w.readers == 0)
        second = child(READ, name)
        w.wait_for_readers(1, timeout=60)
        w.write(TABLE)
    assert second.line() == "up" and second.line() == "1000 499500"


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_a_killed_writer_is_a_crash(name, child):
    writing = child(
        """
        import sys, bowstring, pyarrow as pa
        w = bowstring.Writer(sys.argv[1])
        w.write(pa.table({"n": list(range(1000))}))
        print("written", flush=True)
        sys.stdin.readline()
        """,
        name,
    )
    assert writing.line() == "written"
    reader = bowstring.Reader(name)
    assert len(reader.read(timeout=60)) == 1000
    writing.kill()
    with pytest.raises(bowstring.PeerCrashed):
        reader.read(timeout=60)
    with pytest.raises(ConnectionError):
        list(reader)


def test_a_killed_reader_is_a_crash_once_and_the_next_one_is_served(name, child):
    with bowstring.Writer(name, schema=TABLE.schema) as w:
        reading = child(READ, name)
        w.wait_for_readers(1, timeout=60)
        reading.kill()
        until(lambda: w.readers == 0)
        with pytest.raises(bowstring.PeerCrashed):
            w.write(TABLE)
        w.write(TABLE)
        reader = bowstring.Reader(name)
    assert len(reader.read(timeout=60)) == 1000
    assert reader.read(timeout=60) is None


def test_an_exception_in_the_block_is_no_end(name):
    reader = None
    with pytest.raises(ZeroDivisionError):
        with bowstring.Writer(name, schema=TABLE.schema) as w:
            reader = bowstring.Reader(name)
            w.wait_for_readers(1, timeout=60)
            w.write(TABLE)
            1 / 0
    assert len(reader.read(timeout=60)) == 1000
    with pytest.raises(bowstring.PeerCrashed):
        reader.read(timeout=60)


def test_nobody_there(name):
    with pytest.raises(FileNotFoundError) as caught:
        bowstring.Reader(name, timeout=0)
    assert caught.value.filename.endswith(f"{name}.sock")
    assert "Start a writer" in str(caught.value)


def test_a_name_in_use(name, child):
    writing = child(WRITE, name, 1)
    reader = bowstring.Reader(name, timeout=60)
    with pytest.raises(bowstring.InUse, match="another name"):
        bowstring.Writer(name)
    assert len(reader.read(timeout=60)) == 1000
    writing.end()


@pytest.mark.parametrize("bad", ["", "two words", "-x", "a" * 129])
def test_names_that_are_none(bad):
    with pytest.raises(ValueError):
        bowstring.Writer(bad)


def test_a_path_is_a_path(tmp_path):
    path = tmp_path / "x.sock"
    with bowstring.Writer(path) as w:
        assert w.path == path and path.exists()
        w.write(TABLE)
    assert bowstring.Reader(str(path)).to_pyarrow().num_rows == 1000
    until(lambda: not path.exists())


def test_time_runs_out(name):
    with bowstring.Writer(name, schema=TABLE.schema) as w:
        reader = bowstring.Reader(name)
        for timeout in (0, 0.01):
            with pytest.raises(TimeoutError):
                reader.read(timeout=timeout)
        w.write(TABLE)
        assert len(reader.read(timeout=60)) == 1000
        with pytest.raises(ValueError):
            reader.read(timeout=-1)


def test_a_reader_that_makes_no_room_is_a_timeout(name):
    with bowstring.Writer(name, schema=TABLE.schema, size=1 << 16) as w:
        reader = bowstring.Reader(name)
        w.wait_for_readers(1, timeout=60)
        with pytest.raises(TimeoutError, match="room"):
            while True:
                w.write(TABLE, timeout=0.01)
        with pytest.raises(TimeoutError):
            w.write(TABLE, block=False)
        reader.close()


@pytest.mark.parametrize("what", ["read", "write", "connect"])
def test_control_c_ends_a_wait(name, child, what):
    waiting = child(
        """
        import sys, time, bowstring, pyarrow as pa
        table = pa.table({"n": list(range(1000))})
        name, what = sys.argv[1:]
        w = bowstring.Writer(name, schema=table.schema, size=1 << 16, linger=0)
        reader = bowstring.Reader(name)
        w.wait_for_readers()
        print("up", flush=True)
        try:
            if what == "read":
                reader.read()
            elif what == "connect":
                bowstring.Reader(name + "-nobody", timeout=None)
            else:
                while True:
                    w.write(table)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """,
        name,
        what,
    )
    assert waiting.line() == "up"
    time.sleep(0.2)  # Into the wait; earlier is as good a moment, and not the one that is meant.
    waiting.process.send_signal(signal.SIGINT)
    assert waiting.line() == "interrupted"
    waiting.end()


def test_threads_share_a_writer_and_a_reader(name):
    with bowstring.Writer(name, schema=TABLE.schema) as w:
        reader = bowstring.Reader(name)
        w.wait_for_readers(1, timeout=60)
        rows = []

        def write():
            for _ in range(50):
                w.write(TABLE)

        def read():
            for batch in reader:
                rows.append(len(batch))

        writers = [threading.Thread(target=write) for _ in range(4)]
        readers = [threading.Thread(target=read) for _ in range(3)]
        for thread in writers + readers:
            thread.start()
        for thread in writers:
            thread.join()
    for thread in readers:
        thread.join()
    assert sum(rows) == 4 * 50 * 1000


def test_the_lock_is_free_while_a_reader_waits(name):
    with bowstring.Writer(name, schema=TABLE.schema) as w:
        reader = bowstring.Reader(name)
        got = []
        waiting = threading.Thread(target=lambda: got.append(reader.read(timeout=60)))
        waiting.start()
        # This thread runs, or nothing would ever be written.
        w.wait_for_readers(1, timeout=60)
        w.write(TABLE)
        waiting.join()
    assert len(got[0]) == 1000


def test_the_lock_is_free_while_a_library_reads_a_stream(name):
    with bowstring.Writer(name, schema=TABLE.schema) as w:
        reader = bowstring.Reader(name)
        got = []
        waiting = threading.Thread(target=lambda: got.append(pa.table(reader)))
        waiting.start()
        w.wait_for_readers(1, timeout=60)
        w.write(TABLE)
        w.close()
        waiting.join()
    assert got[0].num_rows == 1000
