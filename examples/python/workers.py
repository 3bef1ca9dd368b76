"""Eight workers over one shared table: their time, and the memory that each adds.

    python examples/python/workers.py [MEBIBYTES]
"""

import concurrent.futures
import multiprocessing
import os
import sys
import time

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.compute as pc  # type: ignore[import-untyped, unused-ignore]

import bowstring

WORKERS = 8


def work(part: bowstring.SharedTable) -> tuple[int, int]:
    """The sum of a part, and this process's proportional share of the table's memory in KiB."""
    total = pc.sum(part.to_pyarrow()["n"]).as_py()
    pss, inside = 0, False
    with open("/proc/self/smaps") as smaps:
        for line in smaps:
            if "-" in line.split()[0]:
                inside = "bowstring-share" in line
            elif inside and line.startswith("Pss:"):
                pss += int(line.split()[1])
    return total, pss


def main() -> None:
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
    rows = (mebibytes << 20) // 8
    table = pa.table({"n": np.arange(rows)})
    began = time.perf_counter()
    shared = bowstring.share(table)
    print(f"shared {mebibytes} MiB in {time.perf_counter() - began:.2f} s")
    step = -(-rows // WORKERS)
    parts = [shared.slice(i * step, step) for i in range(WORKERS)]
    with concurrent.futures.ProcessPoolExecutor(WORKERS, multiprocessing.get_context("forkserver")) as pool:
        began = time.perf_counter()
        results = list(pool.map(work, parts))
        print(f"summed by {WORKERS} workers in {time.perf_counter() - began:.2f} s, starting them included")
    assert sum(total for total, _ in results) == rows * (rows - 1) // 2
    print(f"memory of the table in each worker (Pss): {max(pss for _, pss in results) >> 10} MiB at most; owner {os.getpid()}")


if __name__ == "__main__":
    main()
