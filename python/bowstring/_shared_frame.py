"""The calls that users of QADataSwap know, over :class:`Writer` and :class:`Reader`."""

from __future__ import annotations

import os

from ._bowstring import Batch, Reader, Writer, __version__
from ._errors import Error, TimeoutError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

__all__ = ["SharedDataFrame", "create_reader", "create_writer", "get_version", "has_arrow_support"]


class SharedDataFrame:
    """One end of a channel of whole frames.

    The last ``buffer_count`` frames are kept for whoever comes later, also those that were written before anybody was there.
    Nothing is left behind by a crash: the memory has no name in the file system.

    >>> import pyarrow as pa
    >>> w = create_writer("doc-frames")
    >>> w.write_arrow(pa.table({"n": [1, 2, 3]}))
    >>> w.get_stats()["writes_count"]
    1
    >>> r = create_reader("doc-frames")
    >>> r.read_arrow().num_rows
    3
    >>> r.close(); w.close()
    """

    def __init__(self, name: str, end: Writer | Reader) -> None:
        self.name = name
        self._end = end
        self._bytes = 0
        self._count = 0

    @classmethod
    def create_writer(cls, name: str, size_mb: int = 100, buffer_count: int = 3) -> SharedDataFrame:
        """The writing end, for frames of up to ``size_mb`` MiB, of which it keeps ``buffer_count``."""
        if size_mb < 1 or buffer_count < 1:
            raise ValueError("size_mb and buffer_count are at least 1")
        # A message may take half the pool.
        return cls(name, Writer(name, size=2 * size_mb << 20, keep=buffer_count))

    @classmethod
    def create_reader(cls, name: str, timeout: float | None = 10.0) -> SharedDataFrame:
        """The reading end; waits up to ``timeout`` seconds for a writer."""
        # A frame is whole by itself.
        return cls(name, Reader(name, timeout=timeout, from_now=True))

    def write(self, frame: Any) -> None:
        """Writes a frame of any library, as one."""
        if not isinstance(self._end, Writer):
            raise Error("this is the reading end")
        if hasattr(frame, "rechunk"):
            frame = frame.rechunk()
        elif hasattr(frame, "combine_chunks"):
            frame = frame.combine_chunks()
        self._end.write(frame)
        self._bytes = int(self._end.stats()["bytes"])
        self._count += 1

    write_arrow = write

    def _next(self, timeout_ms: int) -> Batch | None:
        if not isinstance(self._end, Reader):
            raise Error("this is the writing end")
        try:
            batch = self._end.read(timeout=None if timeout_ms < 0 else timeout_ms / 1000)
        except TimeoutError:
            return None
        if batch is not None:
            self._bytes += batch.nbytes
            self._count += 1
        return batch

    def read(self, timeout_ms: int = -1) -> Any:
        """The next frame, for polars; ``None`` if none came in time, or the writer has closed."""
        batch = self._next(timeout_ms)
        return None if batch is None else batch.to_polars()

    def read_arrow(self, timeout_ms: int = -1) -> Any:
        """The next frame, for pyarrow; ``None`` if none came in time, or the writer has closed."""
        batch = self._next(timeout_ms)
        if batch is None:
            return None
        import pyarrow  # type: ignore[import-untyped, unused-ignore]

        return pyarrow.table(batch)

    def get_stats(self) -> dict[str, Any]:
        """What this end counted."""
        stats: dict[str, Any] = dict(self._end.stats()) if not self._end.closed else {}
        way = "writ" if isinstance(self._end, Writer) else "read"
        names = ("bytes_written", "writes_count") if way == "writ" else ("bytes_read", "reads_count")
        return stats | {names[0]: self._bytes, names[1]: self._count, "pid": os.getpid(), "name": self.name}

    def close(self) -> None:
        """Closes this end."""
        self._end.close()

    def __enter__(self) -> SharedDataFrame:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.__exit__(kind, error, trace)


def create_writer(name: str, size_mb: int = 100, buffer_count: int = 3) -> SharedDataFrame:
    """See :meth:`SharedDataFrame.create_writer`."""
    return SharedDataFrame.create_writer(name, size_mb, buffer_count)


def create_reader(name: str) -> SharedDataFrame:
    """See :meth:`SharedDataFrame.create_reader`."""
    return SharedDataFrame.create_reader(name)


def has_arrow_support() -> bool:
    """Always true: Arrow is all that travels."""
    return True


def get_version() -> str:
    """The package's version."""
    return __version__
