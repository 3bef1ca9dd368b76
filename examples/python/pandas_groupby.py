"""pandas groups what another process writes.

    python examples/python/pandas_groupby.py [ROWS]
"""

import multiprocessing
import os
import sys
import time

import numpy as np
import pandas as pd  # type: ignore[import-untyped, unused-ignore]
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

import bowstring

CITIES = ["Bergen", "Oslo", "Rome"]


def produce(name: str, rows: int) -> None:
    numbers = np.random.default_rng(1)
    with bowstring.Writer(name) as w:
        for first in range(0, rows, 100_000):
            count = min(100_000, rows - first)
            w.write(
                pa.record_batch(
                    {
                        "city": pa.DictionaryArray.from_arrays(numbers.integers(0, 3, count, np.int8), CITIES),
                        "price": numbers.uniform(1, 50, count),
                    }
                )
            )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    name = f"groupby-{os.getpid()}"
    multiprocessing.get_context("forkserver").Process(target=produce, args=(name, rows)).start()
    reader = bowstring.Reader(name, timeout=60)
    reader.schema  # Waits for the producer to begin.
    began = time.perf_counter()
    parts: list[pd.DataFrame] = []
    for batch in reader:
        with batch:  # The slots go back once the group's sums are made.
            parts.append(batch.to_pandas().groupby("city", observed=True)["price"].agg(["sum", "count"]))
    grouped = pd.concat(parts).groupby(level=0, observed=True).sum()
    grouped["mean"] = grouped["sum"] / grouped["count"]
    took = time.perf_counter() - began
    print(grouped.round(2).to_string())
    print(f"{rows:,} rows in {took:.3f} s, {rows / took / 1e6:.1f} million a second")
    assert int(grouped["count"].sum()) == rows


if __name__ == "__main__":
    main()
