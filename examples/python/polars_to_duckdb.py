"""polars writes in one process, DuckDB queries in another.

    python examples/python/polars_to_duckdb.py
"""

import multiprocessing
import os
import time

import bowstring

ROWS = 1_000_000


def produce(name: str) -> None:
    import polars as pl

    trips = pl.DataFrame({"id": range(ROWS)}).with_columns(
        price=pl.col("id") % 100 / 4, city=pl.when(pl.col("id") % 2 == 0).then(pl.lit("Oslo")).otherwise(pl.lit("Rome"))
    )
    with bowstring.Writer(name) as w:
        w.write(trips)


def main() -> None:
    import duckdb

    name = f"example-{os.getpid()}"
    multiprocessing.get_context("spawn").Process(target=produce, args=(name,)).start()
    trips = bowstring.Reader(name, timeout=60)
    trips.schema  # Waits for the producer to begin.
    began = time.perf_counter()
    result = duckdb.sql("select city, count(*) as trips, avg(price) as price from trips group by city order by city")
    assert result is not None
    print(result.fetchall())
    stats = trips.stats()
    print(f"{stats['bytes'] >> 20} MiB in {time.perf_counter() - began:.3f} s, {stats['bytes_copied']} bytes copied")


if __name__ == "__main__":
    main()
