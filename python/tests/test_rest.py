"""The convenience layer, the command line, leases, asyncio, fork."""

import asyncio
import gc
import os
import subprocess
import sys
import warnings

import polars as pl
import pyarrow as pa
import pytest

import bowstring

TABLE = pa.table({"n": list(range(1000))})


def test_frames_as_in_qadataswap(name):
    with bowstring.create_writer(name, size_mb=1, buffer_count=3) as w:
        for i in range(3):
            w.write_arrow(pa.concat_tables([TABLE, TABLE]))
        assert w.get_stats()["writes_count"] == 3
    r = bowstring.create_reader(name)
    assert [r.read_arrow().num_rows, len(r.read())] == [2000, 2000]
    assert r.read_arrow(timeout_ms=60_000).num_rows == 2000
    assert r.read(timeout_ms=1000) is None
    assert r.get_stats()["reads_count"] == 3
    assert bowstring.has_arrow_support() and bowstring.get_version() == bowstring.__version__


def test_the_last_frames_are_kept_for_late_readers(name):
    with bowstring.create_writer(name, size_mb=1, buffer_count=2) as w:
        for i in range(5):
            w.write(pl.DataFrame({"n": [i]}))
        for _ in range(2):  # Each late reader gets them.
            r = bowstring.create_reader(name)
            assert [r.read()["n"][0] for _ in range(2)] == [3, 4]
            assert r.read(timeout_ms=10) is None
            r.close()


def test_a_crash_leaves_nothing_in_dev_shm(name, child):
    before = set(os.listdir("/dev/shm"))
    writing = child(
        """
        import sys, bowstring, pyarrow as pa
        w = bowstring.create_writer(sys.argv[1])
        w.write(pa.table({"n": [1, 2]}))
        print("written", flush=True)
        sys.stdin.readline()
        """,
        name,
    )
    assert writing.line() == "written"
    with bowstring.create_reader(name) as r:
        assert len(r.read()) == 2
        assert set(os.listdir("/dev/shm")) <= before
        writing.kill()
        with pytest.raises(bowstring.PeerCrashed):
            r.read()
    assert set(os.listdir("/dev/shm")) <= before
    with bowstring.create_writer(name) as w:  # The name is free again.
        w.write(TABLE)


def test_the_command_line():
    out = subprocess.run([sys.executable, "-m", "bowstring"], check=True, capture_output=True, text=True).stdout
    assert out.startswith(f"bowstring {bowstring.__version__}")


def test_the_module_needs_no_other():
    code = "import sys, bowstring; print([m for m in ('pyarrow', 'numpy', 'polars', 'asyncio') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_keeping_every_batch_warns_once_and_does_not_hang(name):
    with bowstring.Writer(name, schema=TABLE.schema, size=1 << 18) as w:
        reader = bowstring.Reader(name)
        w.wait_for_readers(1, timeout=60)
        kept = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for i in range(200):
                w.write(TABLE, timeout=60)
                kept.append(reader.read(timeout=60))
        assert [warning.category for warning in caught] == [bowstring.LeaseWarning]
        assert kept[0].zero_copy and not kept[-1].zero_copy
        assert all(batch.to_pyarrow().column(0).to_pylist()[-1] == 999 for batch in kept)
        del kept
        gc.collect()
        assert reader.stats()["leases"] == 0


def test_arrays_outlive_batch_and_reader(through):
    reader = through(TABLE)
    array = reader.read().to_pyarrow().column(0)
    part = array.slice(10, 5)
    del array
    reader.close()
    assert part.to_pylist() == [10, 11, 12, 13, 14]


def test_asyncio_goes_on_while_nothing_comes(name):
    async def both():
        with bowstring.Writer(name, schema=TABLE.schema) as w:
            reader = bowstring.Reader(name)
            rows = []

            async def read():
                async for batch in reader:
                    rows.append(len(batch))

            reading = asyncio.create_task(read())
            for _ in range(5):
                await asyncio.sleep(0.01)
                w.write(TABLE)
            w.close()
            await reading
            return rows

    assert asyncio.run(asyncio.wait_for(both(), 60)) == [1000] * 5


@pytest.mark.parametrize("delivery", ["copied", "sealed"])
def test_a_forked_child_reads_inherited_arrays_and_ends_quietly(through, delivery):
    reader = through(TABLE, delivery=delivery)
    batch = reader.read()
    array = batch["n"].to_numpy()
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            reader.read()
        except RuntimeError:
            code = 0 if int(array.sum()) == 499500 else 4
        del array, batch, reader
        gc.collect()
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert int(array.sum()) == 499500
