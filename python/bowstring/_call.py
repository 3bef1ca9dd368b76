"""Requests and replies with tables.

A request is a table in a frozen memory file, whose descriptor goes to the server; the reply comes back in the same way. A
packet is a head, and behind it the text of an error. One connection carries any number of calls, told apart by number.
"""

from __future__ import annotations

import atexit
import os
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from . import _bowstring
from ._bowstring import Table
from ._errors import Error, PeerCrashed, Refused, RemoteError, TimeoutError

__all__ = ["Client", "Server"]

#: What it is, the call's number, the file's length, and until when the caller waits, by the clock of the host that
#: both read (`CLOCK_MONOTONIC`); negative without a limit. Seconds from the arrival on would end after the caller's.
_HEAD = struct.Struct("<4sQQd")
_REQUEST, _REPLY, _ERROR = b"BWq1", b"BWr1", b"BWe1"
#: The longest packet.
_MOST = 32 << 10
#: Calls of one client that a server has at a time; the client waits with more.
_OPEN = 64
#: How long the other end may take to make room for a packet.
_SEND = struct.pack("ll", 10, 0)


class _Connection:
    """A connected socket; any thread may send."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        peer.setblocking(True)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND)
        self._lock = threading.Lock()
        self.pid, self.uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))

    def send(self, kind: bytes, number: int, data: Any, until: float = -1.0) -> None:
        """Sends a table."""
        file, length = _bowstring.freeze(data)
        try:
            with self._lock:
                socket.send_fds(self.peer, [_HEAD.pack(kind, number, length, until)], [file])
        finally:
            os.close(file)

    def send_error(self, number: int, error: BaseException) -> None:
        """Sends an exception: its class, message and traceback."""
        import traceback

        trace = "".join(traceback.format_exception(error))
        parts = [type(error).__name__[:100], str(error)[:2000], trace[-4000:]]
        text = "\0".join(part.replace("\0", "?") for part in parts).encode(errors="replace")
        with self._lock:
            self.peer.send(_HEAD.pack(_ERROR, number, 0, 0.0) + text)

    def receive(self) -> tuple[bytes, int, Any, float] | None:
        """The next packet: its kind, number, what it carries, and until when the caller waits. ``None`` at the end.

        What it carries is a table, an exception of the caller's, or one that says why it cannot be read.
        """
        said, files, flags, _ = socket.recv_fds(self.peer, _MOST, 1)
        try:
            if not said and not files:
                return None
            if len(said) < _HEAD.size or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise Refused("the other side sent something else than a call")
            kind, number, length, until = _HEAD.unpack_from(said)
            if kind == _ERROR and not files:
                name, message, trace = said[_HEAD.size :].decode(errors="replace").split("\0", 2)
                return kind, number, RemoteError(f"{name}: {message}", name, trace), until
            if kind not in (_REQUEST, _REPLY) or len(files) != 1:
                raise Refused("the other side sent something else than a call")
            try:
                return kind, number, _bowstring.attach(files[0], length), until
            except Exception as error:
                return kind, number, error, until
        except (ValueError, struct.error) as error:
            raise Refused("the other side sent something else than a call") from error
        finally:
            for file in files:
                os.close(file)

    def finish(self) -> None:
        """Closes the socket, once nobody is sending."""
        self.close()
        with self._lock:
            self.peer.close()

    def close(self) -> None:
        """Ends the connection. A thread that receives wakes up from this, and from closing alone it would not."""
        try:
            self.peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


_servers: weakref.WeakSet[Server] = weakref.WeakSet()


def _close_all() -> None:
    """At the program's end: no thread is left that the interpreter would stop in the middle."""
    for server in list(_servers):
        server.close()


atexit.register(_close_all)


class Server:
    """Calls a function for every table that a :class:`Client` sends, and sends back what it returns.

    ``handler`` is given a :class:`Table` and returns anything that exports Arrow data. It is called in threads, in up to
    ``workers`` at a time. The server serves from the start and until it is closed.

    >>> import pyarrow as pa, pyarrow.compute as pc
    >>> def score(table):
    ...     return pa.table({"score": pc.multiply(table.to_pyarrow()["x"], 2)})
    >>> with Server("doc-score", score), Client("doc-score") as client:
    ...     client.call(pa.table({"x": [1, 2]})).to_pyarrow()["score"].to_pylist()
    [2, 4]
    """

    def __init__(
        self, name: str | os.PathLike[str], handler: Callable[[Table], Any], *, workers: int | None = None
    ) -> None:
        self._handler = handler
        self._door = _bowstring.Door(name)
        self._owner = os.getpid()
        self._workers = ThreadPoolExecutor(workers, "bowstring-handler")
        self._lock = threading.Lock()
        self._clients: set[_Connection] = set()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="bowstring-server", daemon=True)
        self._thread.start()
        _servers.add(self)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                file = self._door.accept(0.1)
            except OSError:
                time.sleep(0.01)  # This process has no descriptor left for now.
                continue
            if file is None:
                continue
            connection = _Connection(socket.socket(fileno=file))
            with self._lock:
                if connection.uid != os.getuid() or self._closed.is_set():
                    connection.peer.close()
                    continue
                self._clients.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="bowstring-client", daemon=True).start()

    def _serve(self, connection: _Connection) -> None:
        # Who sends more than this waits in the socket.
        room = threading.Semaphore(_OPEN)
        try:
            while (packet := connection.receive()) is not None:
                kind, number, data, until = packet
                if kind != _REQUEST:
                    break
                while not room.acquire(timeout=0.1):
                    if self._closed.is_set():
                        return
                self._workers.submit(self._answer, connection, room, number, data, until)
                del packet, data
        except (OSError, Error, RuntimeError):
            pass  # It is gone, or speaks another language: that is no trouble of the others.
        finally:
            with self._lock:
                self._clients.discard(connection)
            connection.finish()

    def _answer(
        self, connection: _Connection, room: threading.Semaphore, number: int, data: Any, until: float
    ) -> None:
        try:
            if 0 <= until <= time.monotonic():
                return  # The caller waits no longer.
            try:
                if isinstance(data, Exception):
                    raise data
                connection.send(_REPLY, number, self._handler(data))
            except OSError as error:
                if connection.peer.fileno() >= 0:
                    connection.send_error(number, error)
            except BaseException as error:
                connection.send_error(number, error)
        except OSError:
            connection.close()
        finally:
            room.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the server is closed, or for ``timeout`` seconds. Returns whether it was."""
        return self._closed.wait(timeout)

    def close(self) -> None:
        """Ends the server. Calls that run are finished, and their replies sent."""
        if self._closed.is_set() or self._owner != os.getpid():
            return
        self._closed.set()
        self._thread.join()
        self._workers.shutdown(cancel_futures=True)
        self._door.close()
        with self._lock:
            clients = list(self._clients)
        for connection in clients:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Client:
    """Calls a :class:`Server`. Threads may share it, and any number of calls may be in flight.

    Waits up to ``timeout`` seconds for the server to appear.
    """

    def __init__(self, name: str | os.PathLike[str], *, timeout: float | None = 10.0) -> None:
        self._connection = _Connection(socket.socket(fileno=_bowstring.dial(name, timeout)))
        if self._connection.uid not in (os.getuid(), 0):
            raise PermissionError(f"the server runs as user {self._connection.uid}")
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._calls: dict[int, Future[Table]] = {}
        self._count = 0
        self._over: Exception | None = None
        self._thread = threading.Thread(target=self._listen, name="bowstring-replies", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        connection = self._connection
        over: Exception = PeerCrashed("the server has ended")
        try:
            process = os.pidfd_open(connection.pid) if connection.pid > 0 else None
        except OSError:
            process = None
        try:
            while self._readable(process):
                packet = connection.receive()
                if packet is None:
                    break
                kind, number, data, _ = packet
                del packet
                with self._lock:
                    call = self._calls.pop(number, None)
                if kind == _REQUEST:
                    raise Refused("the other side sent something else than a reply")
                if call is not None and call.set_running_or_notify_cancel():
                    if isinstance(data, Exception):
                        call.set_exception(data)
                    else:
                        call.set_result(data)
                del data, call
        except Error as error:
            over = error
        except OSError as error:
            over = PeerCrashed(f"the connection to the server broke: {error}")
        finally:
            if process is not None:
                os.close(process)
            self._end(over)
            connection.finish()

    def _readable(self, process: int | None) -> bool:
        """Waits for a packet; false if the server died, and its socket lives on in a child of its own."""
        import select

        poll = select.poll()
        poll.register(self._connection.peer, select.POLLIN)
        if process is not None:
            poll.register(process, select.POLLIN)
        ready = {file for file, _ in poll.poll()}
        return process is None or process not in ready or self._connection.peer.fileno() in ready

    def _end(self, why: Exception) -> None:
        with self._lock:
            self._over = self._over or why
            calls, self._calls = list(self._calls.values()), {}
        self._connection.close()
        for call in calls:
            if call.set_running_or_notify_cancel():
                call.set_exception(why)

    def submit(self, data: Any, *, timeout: float | None = None) -> Future[Table]:
        """Sends a table and does not wait: returns the reply's ``concurrent.futures.Future``.

        ``timeout`` is told to the server, which does not begin with a call that nobody waits for any more.
        """
        return self._submit(data, timeout)[1]

    def _submit(self, data: Any, timeout: float | None) -> tuple[int, Future[Table]]:
        if self._owner != os.getpid():
            raise RuntimeError("this Client belongs to the process that made it: open one of its own here")
        call: Future[Table] = Future()
        until = -1.0 if timeout is None else time.monotonic() + timeout
        with self._lock:
            if self._over is not None:
                raise self._over
            self._count += 1
            number = self._count
            self._calls[number] = call
        try:
            self._connection.send(_REQUEST, number, data, until)
        except BlockingIOError:
            self._forget(number)
            raise TimeoutError(f"the server takes no calls: {_OPEN} are open, and none has ended for 10 s") from None
        except OSError as error:
            self._forget(number)
            raise self._over or PeerCrashed("the server has ended") from error
        except BaseException:
            self._forget(number)
            raise
        return number, call

    def _forget(self, number: int) -> None:
        with self._lock:
            self._calls.pop(number, None)

    def call(self, data: Any, *, timeout: float | None = None) -> Table:
        """Sends a table, and returns the table that the server's handler makes of it.

        Raises :class:`RemoteError` if the handler raised, :class:`TimeoutError` after ``timeout`` seconds, and
        :class:`PeerCrashed` if the server is gone.
        """
        import concurrent.futures

        number, call = self._submit(data, timeout)
        try:
            return call.result(timeout)
        except concurrent.futures.TimeoutError as error:
            if isinstance(error, Error):
                raise
            raise TimeoutError(f"no reply within {timeout} s") from None
        finally:
            self._forget(number)

    def close(self) -> None:
        """Leaves the server. Calls in flight end with :class:`PeerCrashed`."""
        if self._owner == os.getpid():
            self._end(PeerCrashed("this client is closed"))
            if threading.current_thread() is not self._thread:
                self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
