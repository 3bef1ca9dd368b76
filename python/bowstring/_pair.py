"""A channel without a name, whose ends travel to other processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from . import _bowstring
from ._bowstring import Batch, Reader, Writer

__all__ = ["ReaderEnd", "WriterEnd", "pair"]


class _End:
    """One end's descriptor, until it is opened."""

    def __init__(self, file: int) -> None:
        #: The descriptor, which is this object's from here on.
        self._file = file

    def fileno(self) -> int:
        """The descriptor, for ``subprocess.Popen(pass_fds=…)``; the child makes an end of the number."""
        if self._file < 0:
            raise ValueError("this end was opened, or closed")
        return self._file

    def close(self) -> None:
        """Closes the descriptor. The other end sees that nobody comes, once all copies are closed."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing import reduction

        return _rebuild, (type(self), reduction.DupFd(self.fileno()))

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._file})"


def _rebuild(kind: type[_End], file: Any) -> _End:
    return kind(file.detach())


class WriterEnd(_End):
    """The end to write to: ``with end as w: w.write(…)``, or ``end.open()``.

    The first write waits until the other end is opened.
    """

    def open(self, schema: Any = None, *, size: int | None = None, delivery: Any = None) -> Writer:
        """The :class:`Writer`. The end is used up."""
        writer = Writer._over(self.fileno(), schema, size, delivery)
        self.close()
        return writer

    def __enter__(self) -> Writer:
        self._writer = self.open()
        return self._writer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)


class ReaderEnd(_End):
    """The end to read from: ``for batch in end``, ``with end as r``, or ``end.open()``."""

    def open(
        self,
        *,
        columns: list[str] | None = None,
        limit: int | None = None,
        where: str | None = None,
        delivery: Any = None,
    ) -> Reader:
        """The :class:`Reader`. The end is used up."""
        reader = Reader._over(self.fileno(), columns, limit, delivery, where)
        self.close()
        return reader

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.open())

    def __enter__(self) -> Reader:
        self._reader = self.open()
        return self._reader

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()


def pair() -> tuple[WriterEnd, ReaderEnd]:
    """A channel without a name: an end to write to and an end to read from, for one writer and one reader.

    Ends go to children as arguments, by ``multiprocessing`` with every start method and through its queues and pipes, or
    as inherited descriptors. Close the copies that stay behind.

    >>> import threading, pyarrow as pa
    >>> writing, reading = pair()
    >>> def produce():
    ...     with writing as w:
    ...         w.write(pa.table({"n": [1, 2, 3]}))
    >>> threading.Thread(target=produce).start()
    >>> [batch.num_rows for batch in reading]
    [3]
    """
    writing, reading = _bowstring.socket_pair()
    return WriterEnd(writing), ReaderEnd(reading)
