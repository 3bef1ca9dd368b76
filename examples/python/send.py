"""Sends an Arrow table over a Bowstring channel as sealed messages, to one receiver.

    import send as bowstring
    bowstring.send(table, "/run/user/1000/bowstring.sock")

Needs what receive.py needs. What is said over the socket, and why, is in PROTOCOL.md.
"""
import argparse, contextlib, fcntl, mmap, os, socket, struct, time

import pyarrow as pa

from receive import ATTACH, BYE, PARAMETERS, HELLO, MESSAGE, NOTE, REFUSE, SEALED, SEALS, START, WELCOME
from receive import parameters, check_user, datagram, default_path, hear

DICTIONARY, ROWS = 1, 2  # the tags
INLINE = 32 << 10  # the longest greeting inside of a datagram
WINDOW = 8 << 10  # the socket's buffer, which bounds the messages under way: about a dozen


class Stats:
    """What `sender top` shows of this sender, as long as a descriptor of it is open."""

    def __init__(self):
        self.fd = os.memfd_create("bowstring-stats", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.posix_fallocate(self.fd, 0, 4224)
        # A word is written in one piece, which struct does not do.
        self.words = memoryview(mmap.mmap(self.fd, 4224)).cast("Q")
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, 0x10 | SEALS & ~fcntl.F_SEAL_WRITE)  # F_SEAL_FUTURE_WRITE
        self.words[1], self.words[2] = os.getpid(), time.monotonic_ns()
        self.words[0] = int.from_bytes(b"gaugebow", "little")

    def sent(self, size):
        self.words[6] += 1
        self.words[7] += size


def sealed(pieces):
    """A file of these bytes that nobody can change any more."""
    file = open(os.memfd_create("bowstring-message", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "wb")
    file.writelines(pieces)
    file.flush()
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, SEALS)
    return file


class Messages(dict):
    """A file for Arrow's stream writer, which keeps the pieces of each message apart and copies none."""

    closed = False

    def __init__(self, schema):
        self.writer = pa.ipc.new_stream(self, schema)

    def write(self, piece):
        self.setdefault(self.writer.stats.num_messages, []).append(piece)
        return len(piece)

    def of(self, batch):
        """The messages that a batch takes: the dictionaries that are new, then the rows."""
        self.clear()
        self.writer.write_batch(batch)
        self.pop(0, None)  # the schema
        *dictionaries, rows = self.values()
        return [*((DICTIONARY, pieces) for pieces in dictionaries), (ROWS, rows)]


def meet(sock, greeting):
    """Lets a receiver in, or says why not."""
    check_user(sock)
    sock.settimeout(2)
    _, hello, _ = hear(sock, HELLO)
    _, _, observer, sends, *_ = PARAMETERS.unpack_from(hello)
    (wants,) = struct.unpack_from("<I", hello, 48)
    if observer or sends or not wants & SEALED:
        reason = b"this sender has sealed messages only"
        sock.send(datagram(REFUSE, struct.pack("<II", 6, len(reason)) + reason))
        raise ConnectionError("turned away one that wanted something else")
    if len(greeting) <= INLINE:
        sock.send(datagram(WELCOME, parameters(sends=SEALED, greeting=len(greeting)) + greeting))
    else:
        with sealed([greeting]) as file:
            welcome = datagram(WELCOME, parameters(sends=SEALED, greeting=len(greeting), in_file=True))
            socket.send_fds(sock, [welcome], [file.fileno()])
    hear(sock, ATTACH)
    sock.send(datagram(START))
    sock.settimeout(None)


def accept(path, greeting):
    """The first to connect to `path` that wants what there is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(path)
        try:
            listener.listen()
            while True:
                sock, _ = listener.accept()
                with contextlib.suppress(OSError, ValueError, struct.error):
                    meet(sock, greeting)
                    return sock
                sock.close()
        finally:
            os.unlink(path)


def send(data, path=None, fd=None):
    """Sends a pyarrow Table or RecordBatchReader, or whatever else can be read as an Arrow stream.

    Waits for a receiver at `path`, or talks to the one at the other end of the socket `fd`.
    """
    reader = pa.RecordBatchReader.from_stream(data)
    greeting = reader.schema.serialize().to_pybytes()
    if fd is None:
        sock = accept(path or default_path(), greeting)
    else:
        sock = socket.socket(fileno=fd)
        meet(sock, greeting)
    stats = Stats()
    with sock, os.fdopen(stats.fd):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WINDOW)
        messages, number = Messages(reader.schema), 0
        try:
            for batch in reader:
                for tag, pieces in messages.of(batch):
                    number += 1
                    with sealed(pieces) as file:
                        note = NOTE.pack(number, file.tell(), 0, tag, 0)
                        socket.send_fds(sock, [datagram(MESSAGE, note)], [file.fileno()])
                        stats.sent(file.tell())
            sock.send(datagram(BYE, bytes(8)))
        except (BrokenPipeError, ConnectionResetError):
            hear(sock, BYE)  # the receiver has seen enough; without a good-bye this raises in turn


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Send an Arrow IPC file or stream.")
    parser.add_argument("file", help="an .arrow or .arrows file")
    parser.add_argument("path", nargs="?", help="the socket to wait on")
    parser.add_argument("--fd", type=int, default=os.environ.get("BOWSTRING_FD"), help="an inherited socket instead")
    args = parser.parse_args()
    with pa.memory_map(args.file) as file:
        stream = file.read(6) != b"ARROW1"
        file.seek(0)
        if stream:
            send(pa.ipc.open_stream(file), args.path, args.fd)
        else:
            reader = pa.ipc.open_file(file)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            send(pa.RecordBatchReader.from_batches(reader.schema, batches), args.path, args.fd)
