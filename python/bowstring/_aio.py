"""Reading in asyncio."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ._errors import TimeoutError

if TYPE_CHECKING:
    from ._bowstring import Batch, Reader


async def batches(reader: "Reader") -> AsyncIterator["Batch"]:
    """The reader's batches. The event loop goes on while there is none."""
    loop = asyncio.get_running_loop()
    while not reader._is_open():
        await asyncio.sleep(0.005)
    # Between two writers there is nothing to wait on.
    fd = None if reader._reconnects() else reader.fileno()
    while True:
        try:
            batch = reader.read(timeout=0)
        except TimeoutError:
            if fd is None:
                await asyncio.sleep(0.005)
                continue
            ready = asyncio.Event()
            loop.add_reader(fd, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_reader(fd)
            continue
        if batch is None:
            return
        yield batch
