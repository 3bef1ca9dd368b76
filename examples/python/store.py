"""A client of a store of named tables: the standard library alone, written from PROTOCOL.md ("The store").

    import store
    tables = store.Store("/run/user/1000/bowstring/store.sock")
    tables.put("trips", schema_message, [(messages, rows)])
    table = tables.get("trips")          # table.segments: mappings of the memory that was put
    for part in tables.follow("ticks"): ...

What is put and got are Arrow IPC messages. With pyarrow, `put_table` and `Table.read` take and give tables; nothing is
copied on the way out.
"""
import fcntl, mmap, os, socket, struct, sys

HELLO, WELCOME, ERROR, DONE = 1, 2, 3, 4
GET, TABLE, SEGMENTS, FOLLOW, PUT, REMOVE, RENAME, ANNOTATE, LIST, STAT, FIGURES, ENTRY, END, ROWS = range(16, 30)
NEW, CREATE, APPEND = 0, 1, 2  # the modes of a put
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
NEEDED = SEALS & ~fcntl.F_SEAL_SEAL
LONGEST, INLINE, MOST = 65536, 16384, 252


class Refused(Exception):
    """What the store refused, with its code."""

    def __init__(self, code, reason):
        super().__init__(f"{reason} (code {code})")
        self.code = code


def text(words):
    data = words.encode()
    return struct.pack("<I", len(data)) + data


def pairs(metadata):
    return struct.pack("<I", len(metadata)) + b"".join(text(part) for pair in metadata.items() for part in pair)


def records(segments):
    return struct.pack("<I", len(segments)) + b"".join(struct.pack("<QQ", size, rows) for _, size, rows in segments)


class Fields:
    """Reads the fields of a datagram, one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def bytes(self, count):
        if self.at + count > len(self.data):
            raise ValueError("a datagram that is too short")
        self.at += count
        return self.data[self.at - count : self.at]

    def text(self):
        return self.bytes(self.take("I")).decode()

    def pairs(self):
        return dict((self.text(), self.text()) for _ in range(self.take("I")))

    def records(self):
        return [self.take("QQ") for _ in range(self.take("I"))]

    def over(self):
        if self.at != len(self.data):
            raise ValueError(f"{len(self.data) - self.at} bytes behind the fields")


def freeze(data):
    """A frozen file with these bytes."""
    fd = os.memfd_create("segment", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return fd


def mapped(fd, size):
    """The first bytes of a file, once the kernel says that nobody can change it any more."""
    if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & NEEDED != NEEDED:
        raise ValueError("a file that can still be changed")
    found = os.fstat(fd)
    if not 0 < size <= found.st_size or found.st_blocks * 512 < found.st_size:
        raise ValueError(f"a file of {found.st_size} bytes, with holes or shorter than the {size} that were stated")
    return mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)


class Table:
    """Rows of a version of a table: numbers `start` to `end`, which begin some rows into the segments."""

    def __init__(self, fields, fds, before):
        self.version, self.base, self.start, first, self.end, self.bytes, self.time, self.count = fields.take("QQQQQQQI")
        self.name, self.source, self.metadata = fields.text(), fields.text(), fields.pairs()
        place, size = fields.take("II")
        self.schema = fields.bytes(size) if place == 0 else mapped(fds.pop(0), size)[:] if place == 1 else before
        self.skip = self.start - first
        if self.skip < 0 or self.end < self.start or self.schema is None:
            raise ValueError("rows that cannot be")
        self.segments = []
        self.add(fields, fds)

    def add(self, fields, fds):
        listed = fields.records()
        fields.over()
        if len(listed) != len(fds):
            raise ValueError(f"{len(fds)} files for {len(listed)} segments")
        self.segments += [mapped(fd, size) for (size, _), fd in zip(listed, fds)]

    def read(self):
        """The rows as a pyarrow.Table whose buffers lie in the segments."""
        import pyarrow as pa

        class Chain:
            """The messages one after the other, as Arrow's stream reader asks for them."""

            closed = False

            def __init__(self, parts):
                self.parts = [pa.BufferReader(part) for part in parts]

            def read_buffer(self, size):
                while self.parts:
                    part = self.parts[0].read_buffer(size)
                    if part.size or not size:
                        return part
                    self.parts.pop(0)
                return pa.py_buffer(b"")

            read = read_buffer

        table = pa.ipc.open_stream(Chain([self.schema, *self.segments])).read_all()
        table.validate(full=True)
        return table.slice(self.skip, self.end - self.start)


class Store:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect(path)
        uid = struct.unpack("iii", self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        if uid not in (os.geteuid(), 0):
            raise PermissionError(f"the store runs as user {uid}")
        self.say(HELLO, struct.pack("<QI", 0, os.getpid()) + text("store.py"))
        fields, _ = self.hear(WELCOME)[1:]
        _, self.pid, self.may_write, self.durable, self.max_segments, self.max_table, self.max_total = fields.take("QIIIIQQ")
        self.program = fields.text()
        fields.over()

    def say(self, kind, fields=b"", fds=()):
        data = struct.pack("<8sHHI", b"bowstore", 1, kind, 16 + len(fields)) + fields
        socket.send_fds(self.sock, [data], fds)

    def hear(self, *due):
        """The next datagram: its kind, its fields, and the files that came with it, which the caller closes."""
        data, fds, flags, _ = socket.recv_fds(self.sock, LONGEST, MOST + 1, socket.MSG_CMSG_CLOEXEC)
        try:
            if not data:
                raise ConnectionResetError("the store is gone")
            magic, version, kind, length = struct.unpack_from("<8sHHI", data.ljust(16))
            if (magic, version, length) != (b"bowstore", 1, len(data)) or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ValueError(f"not a datagram of the protocol: {data[:16]}")
            fields = Fields(data[16:])
            if kind == ERROR:
                raise Refused(fields.take("I"), fields.text())
            if kind not in due or fds and kind not in (TABLE, SEGMENTS):
                raise ValueError(f"a datagram of kind {kind} that has no place here")
        except BaseException:
            close(fds)
            raise
        return kind, fields, fds

    def done(self):
        fields = self.hear(DONE)[1]
        return fields.take("QQQ")  # version, base, rows

    def table(self, fields, fds, before=None):
        try:
            table = Table(fields, list(fds), before)
        finally:
            close(fds)
        while len(table.segments) < table.count:
            _, fields, fds = self.hear(SEGMENTS)
            try:
                table.add(fields, fds)
            finally:
                close(fds)
        return table

    def get(self, name, version=0, base=0, row=0):
        self.say(GET, struct.pack("<QQQQI", version, base, row, 0, 0) + text(name))
        return self.table(*self.hear(TABLE)[1:])

    def get_lines(self, name, limit=0):
        """The rows as lines of JSON."""
        self.say(GET, struct.pack("<QQQQI", 0, 0, 0, limit, 1) + text(name))
        lines = b""
        while (heard := self.hear(ROWS, END))[0] == ROWS:
            lines += heard[1].data
        return lines

    def follow(self, name, base=0, row=0):
        """Parts of the table as they come, until it is removed. Each goes on where the one before ended."""
        self.say(FOLLOW, struct.pack("<QQ", base, row) + text(name))
        schema = None
        while (heard := self.hear(TABLE, END))[0] == TABLE:
            table = self.table(*heard[1:], schema)
            if base == table.base and row != table.start:
                raise ValueError(f"rows from {table.start} on, after {row}")
            base, row, schema = table.base, table.end, table.schema
            yield table

    def put(self, name, schema, segments, mode=NEW, expected=0, metadata={}):
        """Puts segments, each bytes of messages and their rows."""
        files = [(freeze(data), len(data), rows) for data, rows in segments]
        long = [freeze(schema)] if len(schema) > INLINE else []
        try:
            first, rest = files[:MOST], files[MOST:]
            head = struct.pack("<IQI", mode, expected, len(files)) + text(name) + pairs(metadata)
            head += struct.pack("<II", len(long), len(schema)) + (b"" if long else bytes(schema))
            self.say(PUT, head + records(first), long + [fd for fd, _, _ in first])
            for at in range(0, len(rest), MOST):
                part = rest[at : at + MOST]
                self.say(SEGMENTS, records(part), [fd for fd, _, _ in part])
        finally:
            close(long + [fd for fd, _, _ in files])
        return self.done()

    def put_table(self, name, table, **options):
        """Puts a pyarrow.Table as one segment."""
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        stream = sink.getvalue()
        # The schema message comes first, and behind the last message 8 bytes say that it was the last.
        head, end = 8 + struct.unpack_from("<4xI", stream)[0], stream.size - 8
        segments = [(bytes(stream[head:end]), table.num_rows)] if end > head else []
        return self.put(name, bytes(stream[:head]), segments, **options)

    def remove(self, name, expected=0):
        self.say(REMOVE, struct.pack("<Q", expected) + text(name))
        return self.done()

    def rename(self, name, to):
        self.say(RENAME, text(name) + text(to))
        return self.done()

    def annotate(self, name, metadata):
        self.say(ANNOTATE, text(name) + pairs(metadata))
        return self.done()

    def list(self):
        self.say(LIST)
        entries = []
        while (heard := self.hear(ENTRY, END))[0] == ENTRY:
            fields = heard[1]
            numbers = fields.take("QQQQQIII")
            entries.append((fields.text(), *numbers, fields.text(), fields.text()))
            fields.over()
        return entries

    def stat(self):
        self.say(STAT)
        return self.hear(FIGURES)[1].data.decode()


def close(fds):
    for fd in fds:
        os.close(fd)


if __name__ == "__main__":
    path, name = sys.argv[1:]
    sys.stdout.buffer.write(Store(path).get_lines(name))
