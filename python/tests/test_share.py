"""One table for any number of processes."""

import concurrent.futures
import gc
import multiprocessing
import os
import pickle

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import bowstring

ROWS = 100_000


def table():
    names = pa.array(["bow", "string", None, "arrow"] * (ROWS // 4)).dictionary_encode()
    return pa.table({"n": np.arange(ROWS), "name": names, "text": [str(i) for i in range(ROWS)]})


def total(shared):
    return pc.sum(shared.to_pyarrow()["n"]).as_py()


def total_and_address(shared):
    column = shared.to_pyarrow()["n"].chunk(0)
    with open("/proc/self/maps") as maps:
        mapped = [line for line in maps if "bowstring-share" in line]
    return pc.sum(column).as_py(), len(mapped), os.getpid()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_every_start_method_open_it(method):
    shared = bowstring.share(table())
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        half = ROWS // 2
        whole, first, second = pool.map(total, [shared, shared.slice(0, half), shared.slice(half)])
    assert whole == first + second == ROWS * (ROWS - 1) // 2


def test_joblib_opens_it():
    joblib = pytest.importorskip("joblib")
    shared = bowstring.share(table())
    parts = joblib.Parallel(n_jobs=2)(joblib.delayed(total)(shared.slice(i * 1000, 1000)) for i in range(4))
    assert sum(parts) == 4000 * 3999 // 2


def test_it_is_one_mapping_without_a_copy():
    shared = bowstring.share(table())
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for _ in range(2):
            _, mapped, pid = pool.submit(total_and_address, shared).result()
            assert mapped == 1 and pid != os.getpid()
    again = pickle.loads(pickle.dumps(shared.slice(10, 5)))
    assert pl.DataFrame(again)["n"].to_list() == [10, 11, 12, 13, 14]
    ours = shared.to_pyarrow()["n"].chunk(0).buffers()[1].address
    assert again.to_pyarrow()["n"].chunk(0).buffers()[1].address == ours + 80


def test_pickles_are_small_and_slices_of_slices_keep_their_place():
    shared = bowstring.share(table())
    part = shared.slice(100, 50).slice(10, 20)
    assert len(pickle.dumps(shared)) < 500 and len(pickle.dumps(part)) < 500
    assert pickle.loads(pickle.dumps(part)).to_pyarrow()["n"].to_pylist() == list(range(110, 130))
    assert len(part.slice(15)) == 5 and len(part.slice(30)) == 0
    assert pa.table(part).schema == table().schema


def test_it_goes_with_its_last_holder():
    def counted():
        with open("/proc/self/maps") as maps:
            mapped = sum("bowstring-share" in line for line in maps)
        files = sum("bowstring-share" in os.readlink(f"/proc/self/fd/{fd}") for fd in fds())
        return mapped, files

    gc.collect()
    before = counted()
    shared = bowstring.share(table())
    array = shared.to_pyarrow()["n"]
    assert counted() == (before[0] + 1, before[1] + 1)
    del shared
    gc.collect()
    assert counted() == (before[0] + 1, before[1])
    assert array[7].as_py() == 7
    del array
    gc.collect()
    assert counted() == before


def fds():
    for fd in os.listdir("/proc/self/fd"):
        try:
            os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            continue
        yield fd


def test_a_dead_owner_is_an_error(child):
    owning = child(
        """
        import sys, pickle, bowstring, pyarrow as pa
        t = bowstring.share(pa.table({"n": [1, 2, 3]}))
        print(pickle.dumps(t).hex(), flush=True)
        sys.stdin.readline()
        del t
        print("dropped", flush=True)
        sys.stdin.readline()
        """
    )
    pickled = bytes.fromhex(owning.line())
    opened = pickle.loads(pickled)
    assert opened.to_pyarrow()["n"].to_pylist() == [1, 2, 3]
    onward = pickle.dumps(opened)
    owning.say()
    assert owning.line() == "dropped"
    # Who has it keeps it.
    assert pickle.loads(onward).num_rows == 3
    del opened
    gc.collect()
    with pytest.raises(bowstring.PeerCrashed, match="no longer"):
        pickle.loads(pickled)
    owning.kill()
    with pytest.raises(bowstring.PeerCrashed, match="has ended"):
        pickle.loads(pickled)


def test_two_thousand_shares():
    shares = [bowstring.share(pa.table({"n": [i]})) for i in range(2000)]
    assert [total(shared) for shared in shares[::500]] == [0, 500, 1000, 1500]


def test_what_is_no_frozen_table_is_refused(tmp_path):
    file = os.memfd_create("open")
    try:
        os.write(file, b"x" * 100)
        with pytest.raises(bowstring.Malformed):
            bowstring._bowstring.attach(file, 100)
        with pytest.raises(OSError):
            bowstring._bowstring.attach(999_999, 100)
    finally:
        os.close(file)
