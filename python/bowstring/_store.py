"""Named tables that any process opens by name: the store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from . import _bowstring
from ._bowstring import Batch, Table
from ._errors import Error, Malformed, NoTable, PeerCrashed, Refused, TimeoutError
from ._held import HeldTable

__all__ = ["Store", "StoredTable", "aget", "append", "follow", "get", "put", "remove", "rename", "tables"]

_Path = str | os.PathLike[str]

#: The ways to a table, the best one first.
METHODS = ("shared", "json", "source")


class StoredTable(HeldTable):
    """A table that was opened in a store. It stays as it is, whatever happens to the name or the store."""

    __slots__ = ("method", "source", "version", "warning")

    def __init__(self, table: Table, method: str, source: str, version: int, warning: str | None = None) -> None:
        self._table = table
        #: How the rows came: ``"shared"`` (the store's memory, by descriptor), ``"json"`` or ``"source"``.
        self.method = method
        #: Where the rows are from: a file or database, or the store's socket if a program put them.
        self.source = source
        #: Which version of the table it is; 0 if it did not come by descriptor.
        self.version = version
        #: Why a better way did not lead to the table; ``None`` if the best one did.
        self.warning = warning

    @property
    def zero_copy(self) -> bool:
        """True if all data lie in the store's segments. Rows that ``where`` chose are copies."""
        return self._table.zero_copy

    def __repr__(self) -> str:
        return f"StoredTable({self.num_rows} rows, {self.num_columns} columns, {self.method}, version {self.version})"


def put(name: str, data: Any, *, socket: _Path | None = None) -> int:
    """Puts a table into the store, in the place of what has that name. Returns its version.

    >>> import pyarrow as pa, tempfile
    >>> at = tempfile.mkdtemp() + "/store.sock"
    >>> with Store(at):
    ...     _ = put("pins", pa.table({"size": [1, 20, 300]}), socket=at)
    ...     get("pins", where="size > 10", socket=at).to_pyarrow()["size"].to_pylist()
    [20, 300]
    """
    return _bowstring.store_put(name, data, False, _socket(socket))


def append(name: str, data: Any, *, socket: _Path | None = None) -> int:
    """Adds rows to a table of the store. Returns its version."""
    return _bowstring.store_put(name, data, True, _socket(socket))


def get(
    name: str,
    *,
    columns: list[str] | None = None,
    where: str | None = None,
    limit: int | None = None,
    methods: Sequence[str] = METHODS,
    socket: _Path | None = None,
) -> StoredTable:
    """Opens a table of the store where it lies.

    ``where`` is a SQL condition, such as ``"size > 1e6 and backend in ('s3', 'ipfs')"``. It is evaluated in this process.

    Where the store is not there or hands out no descriptors, the rows come as JSON lines, and else from the file that
    ``$XDG_CONFIG_HOME/bowstring/tables.toml`` names for the table; ``.method`` and ``.warning`` say so. ``methods`` forces
    or forbids a way. What the store refuses for another reason is an error at once.
    """
    for method in methods:
        if method not in METHODS:
            raise ValueError(f"methods={list(methods)}: {method!r} is none of {', '.join(METHODS)}")
    first: Exception | None = None
    reasons = []
    for method in methods:
        try:
            table, source, version = _WAYS[method](name, columns, where, limit, socket)
        except Refused:
            raise
        except _MAY_GO_ON as error:
            # What the store said matters more than that there is no file either.
            first = first or error
            reasons.append(f"{method}: {error}")
        else:
            return StoredTable(table, method, source, version, "; ".join(reasons) or None)
    raise first or ValueError("methods is empty: no way is left to try")


async def aget(
    name: str,
    *,
    columns: list[str] | None = None,
    where: str | None = None,
    limit: int | None = None,
    methods: Sequence[str] = METHODS,
    socket: _Path | None = None,
) -> StoredTable:
    """Does as :func:`get`, while the event loop goes on."""
    import asyncio

    return await asyncio.to_thread(
        get, name, columns=columns, where=where, limit=limit, methods=methods, socket=socket
    )


def follow(name: str, *, timeout: float | None = None, socket: _Path | None = None) -> Iterator[Batch]:
    """The batches that a table has, and then each that comes, without a gap or a repetition.

    Ends when the table is removed. When it is replaced, the batches of the new one follow. ``timeout`` is the longest wait
    for the next, after which :class:`TimeoutError` is raised.
    """
    follower = _bowstring.Follower(name, _socket(socket))

    def batches() -> Iterator[Batch]:
        while (came := follower.next(timeout)) is not None:
            yield from came

    return batches()


def tables(*, socket: _Path | None = None) -> list[dict[str, Any]]:
    """The tables of the store: name, rows, bytes, columns, version, source, requests, and trouble with the source."""
    return _bowstring.store_list(_socket(socket))


def remove(name: str, *, socket: _Path | None = None) -> None:
    """Takes a table away. Whoever has opened it keeps it."""
    _bowstring.store_remove(name, _socket(socket))


def rename(name: str, to: str, *, socket: _Path | None = None) -> None:
    """Gives a table another name, which must be free."""
    _bowstring.store_rename(name, to, _socket(socket))


class Store:
    """A store in this process, for programs without a daemon. It serves all processes of this user until it is closed.

    Tables that were opened stay readable after that.
    """

    def __init__(self, socket: _Path | None = None) -> None:
        self._server = _bowstring.StoreServer(socket)

    def close(self) -> None:
        """Ends the store."""
        self._server.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# ---- ways to a table ----

#: After these another way may lead to the table. What the store refuses for a reason of its own it would refuse again.
_MAY_GO_ON = (NoTable, OSError, PeerCrashed, TimeoutError, Malformed)


def _shared(
    name: str, columns: list[str] | None, where: str | None, limit: int | None, socket: _Path | None
) -> tuple[Table, str, int]:
    at = _socket(socket)
    table, source, version = _bowstring.store_get(name, columns, where, limit, at)
    return table, source or str(at or _store_socket()), version


def _json(
    name: str, columns: list[str] | None, where: str | None, limit: int | None, socket: _Path | None
) -> tuple[Table, str, int]:
    at = _socket(socket)
    lines = _bowstring.store_json(name, None if where else limit, at)
    return _bowstring.choose(_read("x.jsonl", lines), columns, where, limit), str(at or _store_socket()), 0


def _source(
    name: str, columns: list[str] | None, where: str | None, limit: int | None, socket: _Path | None
) -> tuple[Table, str, int]:
    path = _config().get("tables", {}).get(name)
    if path is None:
        raise NoTable(f"{_config_path()} names no file for {name!r}")
    path = os.path.join(os.path.dirname(_config_path()), path)
    return _bowstring.choose(_read(path, None), columns, where, limit), path, 0


_WAYS = {"shared": _shared, "json": _json, "source": _source}


def _read(path: str, content: bytes | None) -> Any:
    """A file of rows, or its content, by pyarrow or polars: whichever is there."""
    import io
    from importlib.util import find_spec

    kind = os.path.splitext(path)[1].lower()
    file: Any = path if content is None else io.BytesIO(content)
    if find_spec("polars") is not None:
        import polars as pl

        readers: dict[str, Any] = {
            ".parquet": pl.read_parquet,
            ".csv": pl.read_csv,
            ".jsonl": pl.read_ndjson,
            ".ndjson": pl.read_ndjson,
            ".json": pl.read_json,
            ".arrow": pl.read_ipc,
            ".feather": pl.read_ipc,
            ".arrows": pl.read_ipc_stream,
        }
        if kind in readers:
            return readers[kind](file)
    elif find_spec("pyarrow") is not None:
        import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
        import pyarrow.csv  # type: ignore[import-untyped, unused-ignore]
        import pyarrow.json  # type: ignore[import-untyped, unused-ignore]
        import pyarrow.parquet  # type: ignore[import-untyped, unused-ignore]

        readers = {
            ".parquet": pa.parquet.read_table,
            ".csv": pa.csv.read_csv,
            ".jsonl": pa.json.read_json,
            ".ndjson": pa.json.read_json,
            ".arrow": lambda file: pa.ipc.open_file(file).read_all(),
            ".feather": lambda file: pa.ipc.open_file(file).read_all(),
            ".arrows": lambda file: pa.ipc.open_stream(file).read_all(),
        }
        if kind in readers:
            return readers[kind](file)
    else:
        raise Error(f"reading {kind} takes polars or pyarrow, and neither is installed")
    raise Error(f"{path}: no reader for {kind or 'a file without an ending'}; `bowstring get` reads more formats")


# ---- the file that the store and its clients share ----


def _config_path() -> str:
    home = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(home, "bowstring", "tables.toml")


def _config() -> dict[str, Any]:
    import tomllib

    try:
        with open(_config_path(), "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{_config_path()}: {error}") from error


def _socket(said: _Path | None) -> _Path | None:
    """Where the store listens, if that is not the usual place."""
    return said if said is not None else _config().get("socket")


def _store_socket() -> str:
    return os.path.join(_bowstring.runtime_directory(), "store.sock")
