"""Peers in Python for channels through slots, and what must not pass on them. Written from PROTOCOL.md alone.

The receiver copies out of the pool; the sender writes into a pool of its own. Rows are counted on both sides.
"""
import contextlib, ctypes, fcntl, json, mmap, os, select, signal, socket, struct, subprocess, threading, time

import pyarrow as pa

import peers
import tables
from peers import receive, send

POOLED, COPIED, SEALED = 1, 2, 4
REASONS, PAST = 1, 2
FUTURE_WRITE = 0x10
PUBLISHED = FUTURE_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
SLOTS, SLOT = 8, 64 << 10
PARAMETERS = receive.PARAMETERS
LIBC = ctypes.CDLL(None, use_errno=True)
FUTEX = {"x86_64": 202, "aarch64": 98}


def parameters(features=0, sends=0, wants=0, slots=0, slot=0, first=0, greeting=0):
    return PARAMETERS.pack(features, os.getpid(), 0, sends, slots, slot, first, 0, 0, wants, 0, 1 << 40, greeting, 0, 0)


def publish(size, name="bowstring-python"):
    """A region that only this process can write: its descriptor and its mapping."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.posix_fallocate(fd, 0, size)
    words = mmap.mmap(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, PUBLISHED)
    return fd, words


def attach(fd, size):
    """A peer's region, checked."""
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
        stat = os.fstat(fd)
        assert seals & fcntl.F_SEAL_SHRINK and seals & fcntl.F_SEAL_GROW and seals & fcntl.F_SEAL_SEAL
        assert seals & (FUTURE_WRITE | fcntl.F_SEAL_WRITE), seals
        assert stat.st_size == size and stat.st_blocks * 512 >= size, stat
        return mmap.mmap(fd, size, prot=mmap.PROT_READ)
    finally:
        os.close(fd)


def wake(region, at):
    """Wakes whoever sleeps on the futex word `at` of a region of ours."""
    word = ctypes.c_uint32.from_buffer(region, at)
    LIBC.syscall(FUTEX[os.uname().machine], ctypes.byref(word), 1, 2**31 - 1, None, None, 0)


# A shared word is read and written in one piece. `struct` goes byte by byte, and the other side would see a part of it.


def u32(region, at):
    return memoryview(region)[at : at + 4].cast("I")[0]


def u64(region, at):
    return memoryview(region)[at : at + 8].cast("Q")[0]


def put32(region, at, word):
    memoryview(region)[at : at + 4].cast("I")[0] = word & 0xFFFFFFFF


def put64(region, at, word):
    memoryview(region)[at : at + 8].cast("Q")[0] = word


def board_size(slots):
    return 256 + 64 * (1 << (slots - 1).bit_length())


def hear(sock, most=8):
    """The next datagram, with its descriptors: nothing if the peer has hung up."""
    data, fds, _, _ = socket.recv_fds(sock, 40_000, most, socket.MSG_CMSG_CLOEXEC)
    return (struct.unpack_from("<H", data, 10)[0] if data else None), data[16:], fds


def hung_up(sock):
    events = select.poll()
    events.register(sock, 0)
    return any(event & select.POLLHUP for _, event in events.poll(0))


class Receiver:
    """Receives by copying."""

    def __init__(self, sock, wants=COPIED, features=0):
        self.sock = sock
        sock.settimeout(10)
        sock.send(send.datagram(send.HELLO, parameters(features=features, wants=wants)))
        kind, body, fds = hear(sock)
        assert kind == send.WELCOME, (kind, body)
        (self.features, _, _, sends, slots, slot, self.ticket, *_, length, in_file, _) = PARAMETERS.unpack_from(body)
        assert self.features & ~features == 0 and sends == wants and not in_file
        self.greeting = body[PARAMETERS.size : PARAMETERS.size + length]
        self.slots, self.slot, self.first = slots, slot, self.ticket
        pool, board, stats = fds
        self.pool, self.board = attach(pool, slots * slot), attach(board, board_size(slots))
        attach(stats, 4224)
        fd, self.ledger = publish(256 + 8 * slots)
        socket.send_fds(sock, [send.datagram(send.ATTACH, bytes(16) if self.features & PAST else b"")], [fd])
        os.close(fd)
        kind, body, _ = hear(sock)
        assert kind == send.START, kind
        self.past = struct.unpack("<QQ", body) if self.features & PAST else None
        self.last, self.code, self.reason = 0, None, b""

    def __iter__(self):
        """Tag and bytes of each message, until the sender closes: then `code` and `reason` say how."""
        entries = 1 << (self.slots - 1).bit_length()
        deadline = time.monotonic() + peers.PATIENCE
        while True:
            at = 256 + 64 * (self.ticket % entries)
            found = u64(self.board, at)
            if found == self.ticket:
                number, length, _, slot, tag = struct.unpack_from("<QQQII", self.board, at + 8)
                assert slot < self.slots and slot * self.slot + length <= len(self.pool) and number > self.last
                message = self.pool[slot * self.slot : slot * self.slot + length]
                self.last, self.ticket = number, self.ticket + 1
                put64(self.ledger, 136, u64(self.ledger, 136) + 1)
                put64(self.ledger, 256 + 8 * slot, number)
                os.sched_yield()  # a system call, and so a fence
                if u32(self.board, 128):
                    put32(self.ledger, 128, u32(self.ledger, 128) + 1)
                    wake(self.ledger, 128)
                yield tag, message
                continue
            stale = self.ticket - entries if self.ticket - self.first >= entries else 0
            assert found == stale, (found, stale)
            # The head is read before the entry is looked at again: what was published before it is then seen.
            head = u32(self.board, 0)
            if u64(self.board, at) == self.ticket:
                continue
            if head == (2 * self.ticket & 0xFFFFFFFF) | 1:
                self.code = u32(self.board, 4)
                self.reason = self.board[32 : 32 + min(u64(self.board, 16), 96)]
                return
            assert time.monotonic() < deadline, "nothing comes"
            time.sleep(0.0005)

    def leave(self):
        put32(self.ledger, 0, 3)
        os.sched_yield()
        self.sock.close()


class Sender:
    """Sends through a pool, to one receiver that connects."""

    def __init__(self, sock, greeting, sends=POOLED | COPIED, features=0, first=1):
        self.sock, self.ticket, self.number, self.out = sock, first, 0, {}
        sock.settimeout(10)
        kind, body, _ = hear(sock)
        assert kind == send.HELLO, kind
        (offered, pid, _, _, _, _, _, _, _, wants, *_) = PARAMETERS.unpack_from(body)
        self.features, both = offered & features, sends & wants
        assert both, (sends, wants)
        self.delivery = both & -both
        pool, self.pool = publish(SLOTS * SLOT)
        board, self.board = publish(board_size(SLOTS))
        stats, self.stats = publish(4224, "bowstring-stats")
        for at, word in [(8, os.getpid()), (16, time.monotonic_ns()), (24, SLOTS), (32, SLOT), (104, 1), (128, pid)]:
            put64(self.stats, at, word)
        put64(self.stats, 0, int.from_bytes(b"gaugebow", "little"))
        put32(self.board, 0, 2 * first)
        welcome = parameters(self.features, self.delivery, 0, SLOTS, SLOT, first, len(greeting))
        socket.send_fds(sock, [send.datagram(send.WELCOME, welcome + greeting)], [pool, board, stats])
        for fd in (pool, board):
            os.close(fd)
        self.seen_by = os.fdopen(stats, "rb")  # kept open, so that the sender is seen
        kind, body, fds = hear(sock)
        assert kind == send.ATTACH and len(fds) == 1, (kind, fds)
        self.ledger = attach(fds[0], 256 + 8 * SLOTS)
        sock.send(send.datagram(send.START, bytes(16) if self.features & PAST else b""))

    def room(self, span):
        """The first of `span` neighbouring slots that nobody holds."""
        deadline = time.monotonic() + peers.PATIENCE
        while True:
            for slot, (_, number) in list(self.out.items()):
                if u64(self.ledger, 256 + 8 * slot) == number:
                    del self.out[slot]
            held = {s for slot, (many, _) in self.out.items() for s in range(slot, slot + many)}
            for slot in range(SLOTS - span + 1):
                if not held.intersection(range(slot, slot + span)):
                    return slot
            assert time.monotonic() < deadline, "nothing comes back"
            assert not hung_up(self.sock), "the receiver hung up"
            time.sleep(0.0005)

    def send(self, tag, message):
        span = max(1, -(-len(message) // SLOT))
        slot = self.room(span)
        self.pool[slot * SLOT : slot * SLOT + len(message)] = message
        self.number += 1
        at = 256 + 64 * (self.ticket % SLOTS)
        struct.pack_into("<QQQII", self.board, at + 8, self.number, len(message), 0, slot, tag)
        put64(self.board, at, self.ticket)
        self.ticket += 1
        self.out[slot] = (span, self.number)
        for at, more in [(48, 1), (56, len(message)), (136, 1), (144, len(message))]:
            put64(self.stats, at, u64(self.stats, at) + more)
        self.head(2 * self.ticket)

    def head(self, word):
        put32(self.board, 0, word)
        os.sched_yield()
        waiting = u32(self.ledger, 0) & 3
        if waiting == 1:
            wake(self.board, 0)
        elif waiting == 2:
            self.sock.send(send.datagram(receive.WAKE))

    def close(self, code=0, reason=b""):
        put64(self.stats, 40, 1)
        put32(self.board, 4, code)
        put64(self.board, 16, len(reason))
        self.board[32 : 32 + len(reason)] = reason
        self.head(2 * self.ticket | 1)


# The program at the other end.


def listen(directory):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(directory / "s"))
    listener.listen()
    return listener


def sender(directory, *arguments, **options):
    binary = peers.program("SENDER", "this workspace has no sender program")
    return peers.start([binary, *arguments, "--socket", directory / "s", "--quiet"], directory / "s", **options)


def receiver(directory, *arguments, **options):
    binary = peers.program("RECEIVER", "this workspace has no receiver program")
    return peers.start([binary, "--socket", directory / "s", *arguments], **options)


def connect(directory):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.connect(str(directory / "s"))
    return sock


def messages(schema, batches):
    writer = send.Messages(schema)
    for batch in batches:
        for tag, pieces in writer.of(batch):
            yield tag, b"".join(bytes(piece) for piece in pieces)


def rows(schema, received):
    stream = pa.BufferReader(b"".join([schema.serialize().to_pybytes(), *received]))
    with pa.ipc.open_stream(stream) as reader:
        return sum(batch.num_rows for batch in reader)


def takes(directory, delivery, features):
    """A table from `sender`, by way of slots."""
    program = sender(directory, "demo:300000")
    with connect(directory) as sock:
        peer = Receiver(sock, delivery, features)
        schema = pa.ipc.read_schema(pa.py_buffer(peer.greeting))
        received = [bytes(message) for _, message in peer]
        assert peer.code == 0 and peer.past in (None, (0, 0)), (peer.code, peer.past)
        peer.leave()
    peers.finish(program)
    assert rows(schema, received) == 300_000


def gives(directory, delivery, features, first):
    """A table to `receiver`, by way of slots."""
    schema, batches = tables.batches(5000, 1).__next__().schema, list(tables.batches(5000, 40))
    out = directory / "out.arrows"
    with listen(directory) as listener:
        name = {POOLED: "pooled", COPIED: "copied"}[delivery]
        program = receiver(directory, "--delivery", name, "-o", out, "--quiet")
        sock, _ = listener.accept()
        with sock:
            peer = Sender(sock, schema.serialize().to_pybytes(), delivery, features, first)
            for tag, message in messages(schema, batches):
                peer.send(tag, message)
            peer.close()
            peers.finish(program)
    found_schema, found = peers.read_stream(pa.memory_map(str(out)))
    difference = tables.difference((schema, batches), found_schema, found)
    assert difference is None, difference


def looks():
    """What `sender top` sees of this process."""
    binary = peers.program("SENDER", "this workspace has no sender program")
    out, _ = peers.finish(peers.start([binary, "top", "--json", "--count", "1"]))
    return [look for look in map(json.loads, out.splitlines()) if look["pid"] == os.getpid()]


def seen(directory):
    """`sender top` sees a sender in Python, which has no name."""
    schema, batches = tables.STREAMS["numbers"]
    with listen(directory) as listener:
        program = receiver(directory, "--delivery", "copied", "-o", directory / "out.arrows", "--quiet")
        sock, _ = listener.accept()
        with sock:
            peer = Sender(sock, schema.serialize().to_pybytes(), COPIED)
            sent = 0
            for tag, message in messages(schema, batches):
                peer.send(tag, message)
                sent += 1
            (look,) = looks()
            assert look["socket"] is None and look["messages"] == sent and look["slots"] == SLOTS, look
            assert [(there["pid"], there["messages"]) for there in look["receivers"]] == [(program.pid, sent)], look
            peer.close()
            assert looks() == []
            peers.finish(program)


def sealed_seen(directory):
    """And one that sends files."""
    pause = threading.Event()
    schema, batches = tables.STREAMS["numbers"]
    batches = list(batches)

    def slowly():
        yield from batches
        pause.wait(peers.PATIENCE)

    sending = threading.Thread(
        target=lambda: send.send(pa.RecordBatchReader.from_batches(schema, slowly()), str(directory / "s")), daemon=True
    )
    sending.start()
    peers.until(lambda: peers.listening(directory / "s"))
    program = receiver(directory, "--count", "--quiet")
    peers.until(lambda: [look["messages"] for look in looks()] == [len(batches)], program)
    pause.set()
    peers.finish(program)
    sending.join(peers.PATIENCE)
    assert looks() == []


# What must not pass.


def ends_badly(directory, words, act, features=0, code=3, first=1):
    """A receiver whose sender misbehaves on the open channel: it ends with `code`, and says `words`."""
    schema = tables.STREAMS["numbers"][0]
    with listen(directory) as listener:
        program = receiver(directory, "--delivery", "copied", "-o", directory / "out.arrows", "--quiet")
        sock, _ = listener.accept()
        with sock:
            act(Sender(sock, schema.serialize().to_pybytes(), COPIED, features, first))
            out, err = program.communicate(timeout=peers.PATIENCE)
    assert program.returncode == code and words in err, (program.returncode, err)
    assert not (directory / "out.arrows").exists(), "left a part for the whole"


def says(*datagrams, fds=0):
    def act(peer):
        for datagram in datagrams:
            files = [os.dup(0) for _ in range(fds)]
            socket.send_fds(peer.sock, [datagram], files)
            for fd in files:
                os.close(fd)

    return act


WRONG = {
    "garbage": ("bowstrng", says(b"0123456789abcdef")),
    "REFUSE": ("protocol", says(send.datagram(send.REFUSE, struct.pack("<II", 9, 0)))),
    "MESSAGE": ("protocol", says(send.datagram(send.MESSAGE, bytes(32)))),
    "BYE": ("protocol", says(send.datagram(send.BYE, bytes(8)))),
    "WAKE with a descriptor": ("descriptors", says(send.datagram(receive.WAKE), fds=1)),
    "a closing reason of 99": ("99", lambda peer: peer.close(99)),
    "a closing reason that was not agreed to": ("reason 2", lambda peer: peer.close(2)),
}


def welcome_of_unknown_features(directory):
    with listen(directory) as listener:
        program = receiver(directory, "--quiet")
        sock, _ = listener.accept()
        with sock:
            greeting = tables.STREAMS["numbers"][0].serialize().to_pybytes()
            offered = PARAMETERS.unpack_from(hear(sock)[1])[0]
            welcome = parameters(offered | 1 << 63, SEALED, greeting=len(greeting))
            sock.send(send.datagram(send.WELCOME, welcome + greeting))
            kind, body, _ = hear(sock)
            assert kind == send.REFUSE and struct.unpack_from("<I", body)[0] == 2, (kind, body)
        _, err = peers.finish(program, 3)
    assert "not offered" in err, err


def first_ticket_of_0(directory):
    with listen(directory) as listener:
        program = receiver(directory, "--delivery", "copied", "--quiet")
        sock, _ = listener.accept()
        with sock:
            try:
                Sender(sock, tables.STREAMS["numbers"][0].serialize().to_pybytes(), COPIED, first=0)
            except AssertionError:
                pass
        _, err = peers.finish(program, 3)
    assert "first ticket" in err, err


def foreign_stream(directory):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(directory / "s"))
        listener.listen()
        program = receiver(directory)
        _, err = program.communicate(timeout=peers.PATIENCE)
    assert program.returncode != 0 and "another kind" in err and "errno" not in err, err


def full_queue(directory):
    """A listener that lets nobody in for a while, and whose queue is full: the receiver waits for it."""
    schema, batches = tables.STREAMS["numbers"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(directory / "s"))
        listener.listen(1)
        crowd = []
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.setblocking(False)
            try:
                sock.connect(str(directory / "s"))
            except BlockingIOError:
                sock.close()
                break
            crowd.append(sock)
        program = receiver(directory, "--wait", "20", "--delivery", "copied", "-o", directory / "out.arrows", "--quiet")
        # It is in connect: it sleeps there until there is room.
        peers.until(lambda: waits_in(program.pid, "unix_wait_for_peer", "unix_stream_connect"), program)
        for sock in crowd:
            listener.accept()[0].close()
            sock.close()
        sock, _ = listener.accept()
        with sock:
            peer = Sender(sock, schema.serialize().to_pybytes(), COPIED)
            for tag, message in messages(schema, batches):
                peer.send(tag, message)
            peer.close()
            peers.finish(program)


def waits_in(pid, *functions):
    """Whether a process sleeps in one of these functions of the kernel, or at all where the kernel does not say which."""
    try:
        with open(f"/proc/{pid}/wchan") as file:
            where = file.read()
        with open(f"/proc/{pid}/syscall") as file:
            connecting = file.read().split()[0] in ("42", "203")
    except OSError:
        return False
    return connecting and (where in functions or where in ("", "0") or "unix" in where)


# Limits.


def limited(most):
    import resource

    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def sender_has_few_descriptors(directory, most):
    """Whatever the limit, the sender serves, or says whose limit it was."""
    binary = peers.program("SENDER", "this workspace has no sender program")
    command = [binary, "demo:1000", "--socket", str(directory / "s"), "--quiet"]
    program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=limited(most))
    peers.until(lambda: peers.listening(directory / "s") or program.poll() is not None)
    code = None
    if program.poll() is None:
        taking = receiver(directory, "-o", directory / "out.arrows", "--quiet")
        _, err = taking.communicate(timeout=peers.PATIENCE)
        code = taking.returncode
        assert code == 0 or "descriptors" in err, err
    _, err = program.communicate(timeout=peers.PATIENCE)
    served = code == 0 and program.returncode == 0
    named = program.returncode not in (0, 101) and "RLIMIT_NOFILE" in err and "EINVAL" not in err
    assert served or named, (code, program.returncode, err)


def receiver_has_few_descriptors(directory, most):
    program = sender(directory, "demo:1000", "--repeat", "0", "--delivery", "sealed")
    try:
        binary = peers.program("RECEIVER", "this workspace has no receiver program")
        command = [binary, "--socket", str(directory / "s"), "--quiet", "--limit", "10", "--json"]
        taking = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limited(most)
        )
        _, err = taking.communicate(timeout=peers.PATIENCE)
        assert taking.returncode == 0 or "RLIMIT_NOFILE" in err, (taking.returncode, err)
        assert "datagram" not in err, err
    finally:
        program.kill()
        program.communicate()


def silent_crowd(directory):
    """Thirty connections that say nothing, at a limit of twenty descriptors: who speaks is let in, or refused with 11."""
    binary = peers.program("SENDER", "this workspace has no sender program")
    command = [binary, "demo:1000", "--socket", str(directory / "s"), "--quiet"]
    program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=limited(20))
    peers.until(lambda: peers.listening(directory / "s"), program)
    try:
        crowd = [connect(directory) for _ in range(30)]
        with connect(directory) as sock:
            sock.settimeout(10)
            with contextlib.suppress(BrokenPipeError):  # refused before it spoke
                sock.send(send.datagram(send.HELLO, parameters(wants=COPIED)))
            kind, body, fds = hear(sock)
            for fd in fds:
                os.close(fd)
            refused = kind == send.REFUSE and struct.unpack_from("<I", body)[0] == 11
            assert kind == send.WELCOME or refused, (kind, body)
        for sock in crowd:
            sock.close()
    finally:
        program.kill()
        program.communicate()


# Endings and latecomers.


def says_why(directory, delivery):
    """A sender that is told to stop does not look as if it had sent all."""
    program = sender(directory, "demo:1000000", "--repeat", "0")
    with connect(directory) as sock:
        peer = Receiver(sock, delivery, REASONS | PAST)
        taking = iter(peer)
        for _ in range(3):
            next(taking)
        program.send_signal(signal.SIGTERM)
        try:
            for _ in taking:
                pass
        except AssertionError:
            pass
        assert peer.code != 0, "it looks whole"
        peer.leave()
    program.communicate(timeout=peers.PATIENCE)


def late(directory):
    """Who comes late is told how much went before, and counts the rest."""
    program = sender(directory, "demo:3000000")
    with connect(directory) as first:
        early = Receiver(first, COPIED, PAST)
        schema = pa.ipc.read_schema(pa.py_buffer(early.greeting))
        assert early.past == (0, 0), early.past
        taking, before = iter(early), []
        # The sender has filled the pool for the first one, and waits for room.
        for _ in range(4):
            before.append(next(taking)[1])
        with connect(directory) as second:
            latecomer = None

            def join():
                nonlocal latecomer
                latecomer = Receiver(second, COPIED, PAST)

            thread = threading.Thread(target=join)
            thread.start()
            thread.join(peers.PATIENCE)
            assert latecomer is not None, "not let in"
            # Both must be read, since the sender waits for both.
            rest, others = [], []
            reading = threading.Thread(target=lambda: rest.extend(bytes(m) for _, m in latecomer))
            reading.start()
            others.extend(bytes(message) for _, message in taking)
            reading.join(peers.PATIENCE)
            total = rows(schema, [*map(bytes, before), *others])
            batches, missed = latecomer.past
            assert batches > 0 and total == 3_000_000, (batches, total)
            assert missed + rows(schema, rest) == total, (missed, rows(schema, rest), total)
            assert batches + len(rest) == len(before) + len(others)
            latecomer.leave()
        early.leave()
    peers.finish(program)


def tests():
    for name, delivery in {"pooled": POOLED, "copied": COPIED}.items():
        for features in (0, REASONS, PAST, REASONS | PAST):
            yield f"sender to Python, {name}, features {features}", lambda d, x=delivery, f=features: takes(d, x, f)
        for features, first in [(0, 1), (REASONS | PAST, 1), (0, 2**31 - 3), (0, 2**63 - 1000)]:
            yield f"Python to receiver, {name}, features {features}, from ticket {first}", (
                lambda d, x=delivery, f=features, t=first: gives(d, x, f, t)
            )
        yield f"an interrupted sender, {name}", lambda d, x=delivery: says_why(d, x)
    yield "top sees a sender in Python", seen
    yield "top sees a sender of files in Python", sealed_seen
    for name, (words, act) in WRONG.items():
        yield f"on the open channel: {name}", lambda d, w=words, a=act: ends_badly(d, w, a)
    yield "a sender that breaks off is repeated", lambda d: ends_badly(
        d, "line 7", lambda peer: peer.close(2, b"line 7"), REASONS, 5
    )
    yield "a WELCOME with features that were not offered", welcome_of_unknown_features
    yield "a first ticket of 0", first_ticket_of_0
    yield "a stream socket", foreign_stream
    yield "a full queue", full_queue
    for most in (8, 10, 12, 16, 20):
        yield f"a sender with {most} descriptors", lambda d, n=most: sender_has_few_descriptors(d, n)
    for most in (6, 8, 10, 16):
        yield f"a receiver with {most} descriptors", lambda d, n=most: receiver_has_few_descriptors(d, n)
    yield "silent connections", silent_crowd
    yield "a latecomer", late
