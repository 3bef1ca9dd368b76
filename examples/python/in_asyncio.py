"""Reads in asyncio while something else goes on.

    python examples/python/in_asyncio.py
"""

import asyncio
import os

import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

import bowstring

NAME = f"example-{os.getpid()}"
BATCHES = 50


async def write() -> None:
    table = pa.table({"n": list(range(1000))})
    with bowstring.Writer(NAME, schema=table.schema) as w:
        for _ in range(BATCHES):
            w.write(table)
            await asyncio.sleep(0.002)


async def main() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    ticking, writing = asyncio.create_task(tick()), asyncio.create_task(write())
    await asyncio.sleep(0)
    rows = 0
    async for batch in bowstring.Reader(NAME):
        rows += len(batch)
        batch.release()
    await writing
    ticking.cancel()
    print(f"{rows} rows in {BATCHES} batches; the loop went round {ticks} times meanwhile")


if __name__ == "__main__":
    asyncio.run(main())
