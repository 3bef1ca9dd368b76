"""NumPy computes in the memory that another process reads.

    python examples/python/numpy_in_place.py [BATCHES]
"""

import multiprocessing
import os
import sys
import time

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

import bowstring

ROWS = 128 << 10  # 1 MiB
SCHEMA = pa.schema([pa.field("wave", pa.float64(), nullable=False)])


def consume(name: str, answer: "multiprocessing.SimpleQueue[float]") -> None:
    total = 0.0
    for batch in bowstring.Reader(name, timeout=60):
        with batch:
            total += float(batch["wave"].to_numpy()[-1])
    answer.put(total)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    context = multiprocessing.get_context("forkserver")
    name, answer = f"in-place-{os.getpid()}", context.SimpleQueue()
    consumer = context.Process(target=consume, args=(name, answer))
    steps, private = np.arange(ROWS, dtype=np.float64), np.empty(ROWS)
    began = time.perf_counter()
    for number in range(count):
        np.multiply(steps, number, out=private)
    alone = time.perf_counter() - began
    with bowstring.Writer(name, schema=SCHEMA, size=16 << 20) as w:
        consumer.start()
        w.wait_for_readers(timeout=60)
        in_place = 0
        began = time.perf_counter()
        for number in range(count):
            with w.build(ROWS) as b:
                np.multiply(steps, number, out=b["wave"])
            in_place += b.in_place
        took = time.perf_counter() - began
    total = answer.get()
    consumer.join()
    print(f"{count} batches of 1 MiB, {in_place} of them computed in the slots that the other process reads")
    print(f"{count / 1024 / took:.1f} GiB/s sent; {count / 1024 / alone:.1f} GiB/s into private memory that goes nowhere")
    assert total == (ROWS - 1) * count * (count - 1) / 2


if __name__ == "__main__":
    main()
