"""One table for any number of processes."""

from __future__ import annotations

import os
import weakref
from _thread import allocate_lock

# What only sharing needs is imported where it is used: importing the package is to be quick.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

from . import _bowstring
from ._bowstring import Table
from ._errors import PeerCrashed
from ._held import HeldTable

__all__ = ["SharedTable", "share"]


class _Mapping:
    """A table's one mapping in this process."""

    __slots__ = ("__weakref__", "address", "file", "key", "length", "table")

    def __init__(self, table: Table, key: bytes, length: int, address: str | None, file: int | None) -> None:
        self.table, self.key, self.length = table, key, length
        #: Where the owner hands the file out; ``None`` if that is this process.
        self.address = address
        #: The owner's descriptor.
        self.file = file
        if file is not None:
            weakref.finalize(self, os.close, file)


_mappings: weakref.WeakValueDictionary[bytes, _Mapping] = weakref.WeakValueDictionary()
_lock = allocate_lock()
_service: tuple[int, str] | None = None


def _after_fork() -> None:
    global _lock
    _lock = allocate_lock()


os.register_at_fork(after_in_child=_after_fork)


class SharedTable(HeldTable):
    """A frozen table, which pickles into any process of the host as a few hundred bytes, and opens there in place.

    The data go with the last process that holds them. They can be opened anew while the process that shared them keeps a
    :class:`SharedTable` of them.
    """

    __slots__ = ("__weakref__", "_mapping", "_place")

    def __init__(self, mapping: _Mapping, place: tuple[int, int] | None) -> None:
        self._mapping = mapping
        self._place = place
        self._table = mapping.table if place is None else mapping.table.slice(*place)

    def slice(self, offset: int = 0, length: int | None = None) -> SharedTable:
        """Some of the rows, in the same memory. Pickling the slice ships its place, and neither rows nor parent."""
        first, rows = self._place or (0, self._mapping.table.num_rows)
        offset = min(max(offset, 0), rows)
        length = rows - offset if length is None else min(max(length, 0), rows - offset)
        return SharedTable(self._mapping, (first + offset, length))

    def __repr__(self) -> str:
        return f"SharedTable({self.num_rows} rows, {self.num_columns} columns)"

    def __reduce__(self) -> tuple[Any, ...]:
        mapping = self._mapping
        address = _serve() if mapping.file is not None else mapping.address
        return _open, (address, mapping.key, mapping.length, self._place)


def share(data: Any) -> SharedTable:
    """Freezes a table once, for any number of processes.

    >>> import pickle, pyarrow as pa
    >>> t = share(pa.table({"n": range(1_000_000)}))
    >>> len(pickle.dumps(t)) < 500
    True
    >>> pickle.loads(pickle.dumps(t.slice(10, 2))).to_pyarrow()["n"].to_pylist()
    [10, 11]
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if len(_mappings) > soft // 2 and soft != hard:
        # A share keeps a descriptor in the process that made it.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    file, length = _bowstring.freeze(data)
    try:
        table = _bowstring.attach(file, length)
    except BaseException:
        os.close(file)
        raise
    mapping = _Mapping(table, os.urandom(16), length, None, file)
    _mappings[mapping.key] = mapping
    return SharedTable(mapping, None)


def _serve() -> str:
    """The address at which this process hands out its files; the thread for that is started with the first call."""
    import socket
    import threading

    global _service
    with _lock:
        if _service is None or _service[0] != os.getpid():
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            address = f"bowstring-share-{os.getpid()}-{os.urandom(8).hex()}"
            listener.bind("\0" + address)
            listener.listen(64)
            threading.Thread(target=_hand_out, args=(listener,), name="bowstring-share", daemon=True).start()
            _service = (os.getpid(), address)
        return _service[1]


def _hand_out(listener: socket.socket) -> None:
    import contextlib

    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        with peer, contextlib.suppress(OSError):
            _answer(peer)


def _answer(peer: socket.socket) -> None:
    import socket
    import struct

    # A function of its own, so that the thread keeps no table while it waits for the next peer.
    # One that says nothing keeps the others waiting for a second at most.
    peer.settimeout(1)
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    mapping = _mappings.get(peer.recv(16)) if uid == os.getuid() else None
    if mapping is not None and mapping.file is not None:
        socket.send_fds(peer, [b"\1"], [mapping.file])
    else:
        peer.send(b"\0")


def _open(address: str, key: bytes, length: int, place: tuple[int, int] | None) -> SharedTable:
    """Opens a table that another process shared."""
    mapping = _mappings.get(key)
    if mapping is None:
        file = _fetch(address, key)
        try:
            mapping = _Mapping(_bowstring.attach(file, length), key, length, address, None)
        finally:
            os.close(file)
        mapping = _mappings.setdefault(key, mapping)
    return SharedTable(mapping, place)


def _fetch(address: str, key: bytes) -> int:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
        peer.settimeout(10)
        try:
            peer.connect("\0" + address)
            peer.send(key)
            said, files, _, _ = socket.recv_fds(peer, 1, 1)
        except OSError as error:
            raise PeerCrashed("the process that shared this table has ended, and its data with it") from error
        if said != b"\1" or len(files) != 1:
            for file in files:
                os.close(file)
            raise PeerCrashed("the process that shared this table keeps it no longer")
        return files[0]
