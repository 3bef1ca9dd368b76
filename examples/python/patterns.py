"""The five patterns of Arrow between two processes, with what each took.

    python examples/python/patterns.py [ROWS]

1. A stream of batches.
2. A table with random access: batches by number, their count, its metadata.
3. Batches that are made, put together, filtered (`readings > 50`) and sent on.
4. Columns without a copy, and samples of 10,000 rows.
5. Twenty batches of 10,000 rows that stay mapped: sealed memory in place of a memory-mapped file.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.compute as pc  # type: ignore[import-untyped, unused-ignore]

import bowstring

BATCH = 10_000
BATCHES = 20


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    numbers = np.random.default_rng(1)
    for first in range(0, rows, BATCH):
        count = min(BATCH, rows - first)
        yield pa.record_batch(
            {"id": np.arange(first, first + count), "readings": numbers.uniform(0, 100, count)},
        )


def write(name: str, rows: int, delivery: str | None = None) -> None:
    with bowstring.Writer(name, delivery=delivery) as w:  # type: ignore[arg-type]
        for batch in batches(rows):
            w.write(batch)


@contextmanager
def writer(pattern: str, rows: int, delivery: str | None = None) -> Iterator[str]:
    """Another process that writes, under a name of its own."""
    name = f"patterns-{os.getpid()}-{pattern}"
    process = multiprocessing.get_context("forkserver").Process(target=write, args=(name, rows, delivery))
    process.start()
    yield name
    process.join()
    assert process.exitcode == 0


def stream(rows: int) -> None:
    with writer("stream", rows) as name, bowstring.Reader(name, timeout=60) as reader:
        reader.schema  # Waits for the writer to begin.
        began = time.perf_counter()
        seen = 0
        for batch in reader:
            with batch:
                seen += len(batch)
        print(f"1 stream: {seen:,} rows in {milliseconds(began)}, {reader.stats()['bytes_copied']} bytes copied")
    assert seen == rows


def random_access(rows: int) -> None:
    described = pa.Table.from_batches(batches(rows)).replace_schema_metadata({"station": "Oslo"})
    at = tempfile.mkdtemp() + "/store.sock"
    with bowstring.Store(at):
        bowstring.put("readings", described, socket=at)
        began = time.perf_counter()
        table = bowstring.get("readings", socket=at).to_pyarrow()
        opened = milliseconds(began)
        chunks = table.to_batches()
        began = time.perf_counter()
        last = chunks[-1]["id"][0].as_py()
        print(
            f"2 random access: {len(chunks)} batches, metadata {table.schema.metadata}, opened in {opened}; "
            f"batch {len(chunks) - 1} begins with row {last}, found in {milliseconds(began)}"
        )
    assert table.equals(described) and last == (rows - 1) // BATCH * BATCH


def filtered(rows: int) -> None:
    with writer("filter", rows) as name:
        reader = bowstring.Reader(name, timeout=60)
        reader.schema
        began = time.perf_counter()
        table = reader.to_pyarrow()
        high = table.filter(pc.field("readings") > 50)
        with bowstring.Writer(name + "-high") as w:
            w.write(high)
        again = bowstring.Reader(name + "-high").to_pyarrow()
        print(f"3 filter: {len(high):,} of {rows:,} rows are above 50, in {milliseconds(began)}")
        assert again.equals(high) and pc.min(high["readings"]).as_py() > 50


def columns(rows: int) -> None:
    with writer("columns", rows) as name:
        reader = bowstring.Reader(name, columns=["readings"], timeout=60)
        batch = reader.read()
        assert batch is not None and batch.shared_memory is not None
        values = batch["readings"].to_numpy()
        address, (start, end) = values.ctypes.data, batch.shared_memory
        sample = values[: min(BATCH, len(values))]
        print(
            f"4 columns: {len(sample):,} samples with a mean of {sample.mean():.2f}, at {address:#x} in the writer's "
            f"memory ({start:#x} to {end:#x}): {start <= address < end}"
        )
        assert start <= address < end
        del values, sample, batch
        for _ in reader:
            pass


def mapped() -> None:
    rows = BATCHES * BATCH
    with writer("mapped", rows, "sealed") as name:
        reader = bowstring.Reader(name, timeout=60)
        reader.schema
        began = time.perf_counter()
        table = reader.read_all()
        print(
            f"5 mapped: {table.num_batches} x {BATCH:,} rows, {table.nbytes >> 10} KiB, in {milliseconds(began)}; "
            f"zero-copy: {table.zero_copy}"
        )
    # The writer has gone, and the table is still there.
    assert table.num_rows == rows and table.zero_copy
    assert pc.sum(table.to_pyarrow()["id"]).as_py() == rows * (rows - 1) // 2


def milliseconds(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.2f} ms"


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    stream(rows)
    random_access(rows)
    filtered(rows)
    columns(rows)
    mapped()


if __name__ == "__main__":
    main()
