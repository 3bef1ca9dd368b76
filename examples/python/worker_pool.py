"""A pool of workers that is fed by one reader.

    python examples/python/worker_pool.py [BATCHES]

The reader hands each batch on as a shared table: a few hundred bytes through the pool's pipe, whatever the batch's size.
"""

import multiprocessing
import os
import sys
import time

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

import bowstring

ROWS = 100_000


def produce(name: str, count: int) -> None:
    with bowstring.Writer(name) as w:
        for number in range(count):
            w.write(pa.record_batch({"n": np.full(ROWS, number)}))


def work(batch: bowstring.SharedTable) -> tuple[int, int]:
    return os.getpid(), int(batch.to_pyarrow()["n"].to_numpy().sum())


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    name = f"pool-{os.getpid()}"
    context = multiprocessing.get_context("forkserver")
    context.Process(target=produce, args=(name, count)).start()
    with context.Pool(4) as pool, bowstring.Reader(name, timeout=60) as reader:
        pool.map(work, [bowstring.share(pa.table({"n": [0]}))] * 4)  # Starts the workers.
        reader.schema  # Waits for the producer to begin.
        began = time.perf_counter()
        under_way, total, workers = [], 0, set[int]()
        for batch in reader:
            with batch:
                # Kept until its result is there: what is shared goes with its owner.
                shared = bowstring.share(batch)
            under_way.append((shared, pool.apply_async(work, (shared,))))
            if len(under_way) >= 16:
                worker, part = under_way.pop(0)[1].get()
                total += part
                workers.add(worker)
        for _, result in under_way:
            worker, part = result.get()
            total += part
            workers.add(worker)
        took = time.perf_counter() - began
    size = count * ROWS * 8 / 2**20
    print(f"{count} batches, {size:.0f} MiB, through {len(workers)} workers in {took:.2f} s ({size / took:.0f} MiB/s)")
    assert total == ROWS * count * (count - 1) // 2


if __name__ == "__main__":
    main()
