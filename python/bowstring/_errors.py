"""What can go wrong, and whose fault it was."""

import builtins

__all__ = [
    "Error",
    "InUse",
    "Incomplete",
    "IncompleteWarning",
    "LeaseWarning",
    "Malformed",
    "NoTable",
    "PeerCrashed",
    "Refused",
    "RemoteError",
    "SchemaMismatch",
    "TimeoutError",
]


class Error(Exception):
    """The base of all exceptions that only Bowstring raises."""


class PeerCrashed(Error, ConnectionError):
    """The process at the other end died, or gave up, before the end of the table.

    Everything that it had committed was received.
    """


class Refused(Error, ConnectionRefusedError):
    """The other end, or this one, refused the connection.

    ``code`` is the protocol's number, ``reason`` says why in words.
    """

    code: int
    reason: str

    def __init__(self, message: str, code: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class SchemaMismatch(Error, TypeError):
    """The data does not have the schema that was agreed to, or that was asked for."""


class Malformed(Error, ValueError):
    """The other end sent what is not Arrow data, or not what it said."""


class Incomplete(Error, EOFError):
    """Rows of the table are missing: sent before the reader came, or skipped because it was slow.

    ``Reader(…, from_now=True)`` accepts a table without its beginning, ``allow_gaps=True`` one with gaps.
    """


class InUse(Error, OSError):
    """Somebody else writes to this name."""


class NoTable(Error, KeyError):
    """The store has no table of that name."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class RemoteError(Error):
    """The handler of a server raised an exception.

    ``kind`` is the name of its class, ``remote_traceback`` its traceback as text.
    """

    kind: str
    remote_traceback: str

    def __init__(self, message: str, kind: str = "", remote_traceback: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.remote_traceback = remote_traceback


class TimeoutError(Error, builtins.TimeoutError):
    """It took longer than ``timeout`` allowed."""


class LeaseWarning(RuntimeWarning):
    """Batches that are kept hold so much of the writer's pool that later ones are copied."""


class IncompleteWarning(UserWarning):
    """Rows of the table are missing: see :class:`Incomplete`."""
