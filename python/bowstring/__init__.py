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
    InUse,
    LeaseWarning,
    Malformed,
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
    "Error",
    "InUse",
    "LeaseWarning",
    "Malformed",
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
    "Table",
    "TimeoutError",
    "Writer",
    "WriterEnd",
    "__version__",
    "create_reader",
    "create_writer",
    "get_version",
    "has_arrow_support",
    "pair",
    "share",
    "runtime_directory",
]

# What few programs use is imported when they use it: importing the package is to be quick.
_LATER = {"Client": "_call", "Server": "_call", "ReaderEnd": "_pair", "WriterEnd": "_pair", "pair": "_pair"}

if TYPE_CHECKING:
    from ._call import Client, Server
    from ._pair import ReaderEnd, WriterEnd, pair


def __getattr__(name: str) -> object:
    if name in _LATER:
        import importlib

        value: object = getattr(importlib.import_module("." + _LATER[name], __name__), name)
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
