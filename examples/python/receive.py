"""Receives an Arrow table over a Bowstring channel as sealed messages, without copying it.

    import receive as bowstring
    for batch in bowstring.receive("/run/user/1000/bowstring.sock"): ...

Needs Python 3.9, its standard library, and pyarrow. What is said over the socket, and why, is in PROTOCOL.md.
"""
import argparse, contextlib, fcntl, json, os, socket, struct, warnings

import pyarrow as pa

HELLO, WELCOME, ATTACH, START, REFUSE, WAKE, MESSAGE, BYE = 1, 2, 3, 4, 5, 16, 17, 18
SEALED = 4  # the delivery
SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
PREFIX, PARAMETERS, NOTE = struct.Struct("<8sHHI"), struct.Struct("<QIIIIQQIIIIQIIQ"), struct.Struct("<QQQII")
LEAST = {WELCOME: 96, MESSAGE: 48, BYE: 24}  # the bytes of a datagram


def datagram(kind, body=b""):
    return PREFIX.pack(b"bowstrng", 1, kind, PREFIX.size + len(body)) + body


def parameters(sends=0, wants=0, greeting=0, in_file=False):
    """What HELLO and WELCOME say after the prefix."""
    return PARAMETERS.pack(0, os.getpid(), 0, sends, 0, 0, 0, 0, 0, wants, 0, 0, greeting, in_file, 0)


def frozen(fd):
    """The pages of a file, once the kernel says that nobody can change it any more."""
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:  # a file of a kind that knows none
        seals = 0
    if seals & SEALS != SEALS:
        raise ValueError("the peer sent a file that can still be changed")
    if os.fstat(fd).st_blocks * 512 < os.fstat(fd).st_size:
        raise ValueError("the peer sent a file with holes")
    # Mapped by Arrow: the mmap module keeps a descriptor open for each mapping (until Python 3.13).
    with pa.memory_map(f"/proc/self/fd/{fd}") as file:
        return file.read_buffer()


def hear(sock, *due):
    """The next datagram: its kind, what follows the prefix, and the file that came with it."""
    data, fds, flags, _ = socket.recv_fds(sock, 96 + (32 << 10), 1, socket.MSG_CMSG_CLOEXEC)
    try:
        file = frozen(fds[0]) if fds else None
    finally:
        for fd in fds:
            os.close(fd)
    if not data:
        raise ConnectionResetError("the peer is gone without a good-bye")
    magic, version, kind, length = PREFIX.unpack(data[:16].ljust(16))
    if (magic, version, length) != (b"bowstrng", 1, len(data)) or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise ValueError(f"not a datagram of the protocol: {data[:16]}")
    if kind == REFUSE:
        raise ConnectionRefusedError(f"the peer refused: {data[24:].decode(errors='replace')!r}")
    if kind not in due or length < LEAST.get(kind, 16) or file is not None and kind not in (WELCOME, MESSAGE):
        raise ValueError(f"a datagram of kind {kind}, of {length} bytes, that has no place here")
    return kind, data[16:], file


def check_user(sock):
    uid = struct.unpack("iii", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    if uid != os.geteuid():
        raise PermissionError(f"the peer runs as user {uid}")


class Channel:
    """The messages, one after the other, as a file for Arrow's stream reader: read_buffer gives it mapped pages."""

    closed = False

    def __init__(self, sock):
        check_user(sock)
        sock.settimeout(2)
        sock.send(datagram(HELLO, parameters(wants=SEALED)))
        _, welcome, file = hear(sock, WELCOME)
        _, _, _, sends, *_, length, in_file, _ = PARAMETERS.unpack_from(welcome)
        greeting = file or pa.py_buffer(welcome[PARAMETERS.size :])
        if sends != SEALED or in_file != (file is not None) or greeting.size < max(length, 8):
            raise ValueError("the peer sends something else than tables in sealed messages")
        sock.send(datagram(ATTACH))
        hear(sock, START)
        sock.settimeout(None)
        (schema,) = struct.unpack_from("<4xI", greeting)  # and behind it may be lines of text
        self.message, self.end, self.sock = pa.BufferReader(greeting[: 8 + schema]), None, sock
        self.last = self.skipped = 0  # numbers of messages

    def take(self):
        """The next message; EOFError once all have come."""
        while (heard := hear(self.sock, MESSAGE, BYE, WAKE))[0] == WAKE:
            pass
        kind, body, file = heard
        if kind == BYE:
            raise ConnectionAbortedError("cut off for being too slow") if any(body) else EOFError
        number, length, _, _, skipped = NOTE.unpack_from(body)
        if file is None or not 0 < length <= file.size or number <= self.last:
            raise ValueError(f"message {number}, after {self.last}: {length} bytes in {file and file.size}")
        if skipped != self.skipped:
            warnings.warn(f"too slow: {(skipped - self.skipped) % 2**32} messages were not given to this receiver")
        self.last, self.skipped = number, skipped
        return pa.BufferReader(file[:length])

    def read_buffer(self, size):
        """The next bytes of the stream; Arrow asks for prefix, metadata and body in turn."""
        part = self.message.read_buffer(size)
        if part.size or not size:
            return part
        if self.end is None:
            try:
                self.message = self.take()
                return self.message.read_buffer(size)
            except Exception as end:  # kept without its traceback, which would keep this channel alive
                self.end = type(end), end.args
        kind, words = self.end
        if kind is not EOFError:
            raise kind(*words)
        return part

    read = read_buffer

    def __del__(self):
        with contextlib.suppress(AttributeError, OSError):  # not met, or gone before
            self.sock.send(datagram(BYE, bytes(8)))
            self.sock.close()


def default_path():
    return os.path.join(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"), "bowstring.sock")


def receive(path=None, fd=None):
    """The table that the sender at `path`, or at the other end of the socket `fd`, sends: a pyarrow.RecordBatchReader.

    Nobody can change what it reads, but a sender can lie in it: call batch.validate(full=True) if you do not trust it.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=fd)
    if fd is None:
        sock.connect(path or default_path())
    return pa.ipc.open_stream(Channel(sock))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Receive a table and print it.")
    parser.add_argument("path", nargs="?", help="the sender's socket")
    parser.add_argument("--fd", type=int, default=os.environ.get("BOWSTRING_FD"), help="an inherited socket instead")
    parser.add_argument("--json", action="store_true", help="one object a line")
    args = parser.parse_args()
    for batch in (reader := receive(args.path, args.fd)):
        batch.validate(full=True)
        for row in batch.to_pylist() if args.json else ():
            print(json.dumps(row, default=str))
        if not args.json:
            print(batch)
