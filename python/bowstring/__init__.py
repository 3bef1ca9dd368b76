"""Arrow tables from one process to another on a Linux host, without a copy.

One process writes, any number of others read, and either may start first:

>>> import bowstring
>>> with bowstring.Writer("doc-prices") as w:  # doctest: +SKIP
...     w.write(pl.DataFrame({"id": [1, 2], "price": [9.5, 3.0]}))
>>> for batch in bowstring.Reader("doc-prices"):  # doctest: +SKIP
...     print(batch.to_polars())

Anything that exports Arrow data by the PyCapsule interface can be written: tables of pyarrow, polars, pandas, DuckDB,
nanoarrow. A :class:`Reader`, :class:`Batch` or :class:`Table` is such a thing itself: ``pl.DataFrame(reader)``,
``pa.table(reader)``, ``duckdb.sql("from reader")``.
"""

import atexit as _atexit
import os as _os

from . import _bowstring
from ._bowstring import Batch, Column, Reader, Schema, Table, Writer, __version__, runtime_directory
from ._errors import (
    Error,
    Incomplete,
    IncompleteWarning,
    InUse,
    LeaseWarning,
    Malformed,
    NoTable,
    PeerCrashed,
    Refused,
    RemoteError,
    SchemaMismatch,
    TimeoutError,
)
from ._share import SharedTable, share
from ._shared_frame import SharedDataFrame, create_reader, create_writer, get_version, has_arrow_support

TYPE_CHECKING = False

__all__ = [
    "Batch",
    "Client",
    "Column",
    "Compacted",
    "CompactedColumn",
    "Error",
    "InUse",
    "Incomplete",
    "IncompleteWarning",
    "LeaseWarning",
    "Malformed",
    "NoTable",
    "PeerCrashed",
    "Reader",
    "ReaderEnd",
    "Refused",
    "RemoteError",
    "Schema",
    "Server",
    "SchemaMismatch",
    "SharedDataFrame",
    "SharedTable",
    "Store",
    "StoredTable",
    "Table",
    "TimeoutError",
    "Writer",
    "WriterEnd",
    "__version__",
    "aget",
    "append",
    "create_reader",
    "create_writer",
    "follow",
    "get",
    "get_version",
    "has_arrow_support",
    "compact",
    "pair",
    "put",
    "remove",
    "rename",
    "runtime_directory",
    "share",
    "tables",
]

# What few programs use is imported when they use it: importing the package is to be quick.
_LATER = {
    "_call": ["Client", "Server"],
    "_compact": ["Compacted", "CompactedColumn", "compact"],
    "_pair": ["ReaderEnd", "WriterEnd", "pair"],
    "_store": ["Store", "StoredTable", "aget", "append", "follow", "get", "put", "rename", "remove", "tables"],
}

if TYPE_CHECKING:
    from ._call import Client, Server
    from ._compact import Compacted, CompactedColumn, compact
    from ._pair import ReaderEnd, WriterEnd, pair
    from ._store import Store, StoredTable, aget, append, follow, get, put, remove, rename, tables


def __getattr__(name: str) -> object:
    for module, names in _LATER.items():
        if name in names:
            import importlib

            value: object = getattr(importlib.import_module("." + module, __name__), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_os.register_at_fork(after_in_child=_bowstring.in_forked_child)


def _await_readers() -> None:
    """At the program's end: what was written and closed, and nobody has read yet, waits for its reader."""
    for path in _bowstring.await_lingering():
        import warnings

        warnings.warn(f"nobody came to read what was written to {path}", ResourceWarning, stacklevel=2)


_atexit.register(_await_readers)


def _lingers() -> None:
    """Called when a table was closed that waits for its first reader. Children of multiprocessing run no atexit functions."""
    import sys

    util = sys.modules.get("multiprocessing.util")
    if util is not None and _lingering.get("pid") != _os.getpid():
        _lingering["pid"] = _os.getpid()
        util.Finalize(None, _await_readers, exitpriority=0)


_lingering: dict[str, int] = {}
