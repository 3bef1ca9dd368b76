"""How a table ends: in good order, by a crash on either side, cut off, with gaps, or because the receiver has enough."""
import os, signal, socket, struct, subprocess, sys, warnings

import pyarrow as pa

import peers
import tables
from peers import receive, send

STREAM = tables.STREAMS["dictionaries replaced"]


class Pair:
    """A Python receiver in this process, and the bare other end of its socket, whose sender the test plays itself."""

    def __init__(self, stream=STREAM):
        self.far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.batches = iter(stream[1])
        self.messages, self.number = send.Messages(stream[0]), 0
        # WELCOME and START may lie in the socket before they are due.
        self.far.send(send.datagram(send.WELCOME, self.welcome(stream[0].serialize().to_pybytes())))
        self.far.send(send.datagram(send.START))
        self.reader = receive.receive(fd=near.detach())
        # Read, since closing with something unread makes the receiver see that ahead of the messages.
        self.heard = [struct.unpack_from("<H", self.far.recv(4096), 10)[0] for _ in range(2)]

    def welcome(self, greeting):
        return send.parameters(sends=send.SEALED, greeting=len(greeting)) + greeting

    def batch(self, step=1, skipped=0):
        """Sends the next batch: its first message's number is `step` above the last one's, and `skipped` were skipped."""
        self.number += step - 1
        for tag, pieces in self.messages.of(next(self.batches)):
            self.number += 1
            with send.sealed(pieces) as file:
                note = send.NOTE.pack(self.number, file.tell(), 0, tag, skipped)
                socket.send_fds(self.far, [send.datagram(send.MESSAGE, note)], [file.fileno()])

    def ends_in(self, error, words=""):
        """Reads to the end, which has to be `error`, and to stay it."""
        rows = []
        for _ in range(2):
            try:
                for batch in self.reader:
                    rows += batch.to_pylist()
            except Exception as end:
                assert isinstance(end, error) and words in str(end), repr(end)
            else:
                raise AssertionError(f"{len(rows)} rows and a clean end")
        return rows


def rows(count):
    return [row for batch in STREAM[1][:count] for row in batch.to_pylist()]


def a_crash_is_no_end(directory):
    pair = Pair()
    pair.batch()
    pair.batch()
    pair.far.close()
    assert pair.ends_in(ConnectionResetError) == rows(2), "what was sent before the crash is delivered"


def cut_off(directory):
    pair = Pair()
    pair.batch()
    pair.far.send(send.datagram(send.BYE, struct.pack("<II", 1, 0)))
    assert pair.ends_in(ConnectionAbortedError) == rows(1)


def what_was_skipped_is_told(directory):
    pair = Pair()
    pair.batch(step=7)  # a late receiver: nothing was missed
    pair.batch(step=3, skipped=2)
    pair.far.send(send.datagram(receive.WAKE))
    pair.batch(step=2, skipped=2)  # what lies between was for another receiver
    pair.far.send(send.datagram(send.BYE, bytes(8)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert [row for batch in pair.reader for row in batch.to_pylist()] == rows(3)
    assert [str(w.message) for w in told] == ["too slow: 2 messages were not given to this receiver"], told


def a_receiver_that_leaves_says_so(directory):
    pair = Pair()
    pair.batch()
    next(pair.reader)
    pair.reader = None
    assert pair.heard == [send.HELLO, send.ATTACH]
    assert pair.far.recv(4096) == send.datagram(send.BYE, bytes(8)) and pair.far.recv(1) == b""


def nothing_is_left(directory):
    """A receiver may keep many messages: they cost it no descriptors, and their mappings go with them."""

    def count(lines):
        return sum("/memfd:bowstring-message" in line for line in lines)

    done = peers.rust_sends(tables.STREAMS["many batches"], directory, directory / "s")
    _, batches = peers.python_receives(directory / "s", directory)
    done()
    links = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.lexists(entry.path)]
    assert count(links) == 0, links
    mapped = count(open("/proc/self/maps"))
    assert mapped == len(batches), f"{mapped} mappings of {len(batches)} messages"
    del batches
    assert count(open("/proc/self/maps")) == 0


def rust_sender_is_killed(receives):
    """The sender waits at a pipe, where its next message would come from, until it is killed."""

    def test(directory):
        path = directory / "s"
        files = peers.write_messages(directory, STREAM)
        os.mkfifo(directory / "pipe")
        files.insert(3, directory / "pipe")
        sender = peers.start([peers.program("SEND_FILES", "not built"), path, *files], path)
        receives(path, directory, sender.kill)
        peers.finish(sender, -9)

    return test


def python_sees_it(path, directory, kill):
    reader = receive.receive(str(path))
    assert reader.read_next_batch().to_pylist() == rows(1)
    kill()
    try:
        reader.read_next_batch()
    except ConnectionResetError:
        return
    raise AssertionError("the crash went unnoticed")


def cpp_sees_it(path, directory, kill):
    # Without a file to write to, it prints each batch as it comes: then the sender has nothing more to say.
    receiver = peers.start(["stdbuf", "-oL", peers.program("RECEIVE_CC", "not built"), path])
    while '"b"' not in receiver.stdout.readline():
        pass
    kill()
    _, err = peers.finish(receiver, 1)
    assert "good-bye" in err, err


def python_sender_is_killed(directory):
    """Stopped in the middle of a table by a receiver that is slow, and then for good."""
    path = directory / "s"
    file = peers.write_stream(directory / "table", tables.STREAMS["many batches"])
    sender = peers.start([sys.executable, "-B", peers.EXAMPLES / "python" / "send.py", file, path], path)
    receiver = peers.start([peers.program("RECEIVE_FILES", "not built"), path, directory / "received"])
    assert receiver.stdout.readline() == "00000001.2\n"
    receiver.send_signal(signal.SIGSTOP)
    sender.kill()
    peers.finish(sender, -9)
    receiver.send_signal(signal.SIGCONT)
    _, err = peers.finish(receiver, 1)
    assert "Crashed" in err, err


def receiver_has_enough(sends):
    def test(directory):
        done = sends(tables.STREAMS["many batches"], directory, directory / "s")
        reader = receive.receive(str(directory / "s"))
        first = next(reader)
        del reader
        done()
        assert first.num_rows == 3, "what was received outlives the channel"

    return test


def receiver_is_killed(directory):
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    script = "import receive, sys; r = receive.receive(fd=int(sys.argv[1])); print(next(r).num_rows, flush=True); input()"
    options = {"stdin": subprocess.PIPE, "pass_fds": [there.fileno()], "cwd": peers.EXAMPLES / "python"}
    receiver = peers.start([sys.executable, "-B", "-c", script, there.fileno()], **options)
    there.close()

    def batches():
        schema, batches = tables.STREAMS["many batches"]
        for place, batch in enumerate(batches):
            if place == 1:
                assert receiver.stdout.readline() == "3\n"
                receiver.kill()
                peers.finish(receiver, -9)
            yield batch

    try:
        send.send(pa.RecordBatchReader.from_batches(tables.STREAMS["many batches"][0], batches()), fd=here.detach())
    except ConnectionResetError:
        return
    raise AssertionError("the crash went unnoticed")


def tests():
    yield "a crash is no end", a_crash_is_no_end
    yield "cut off", cut_off
    yield "what was skipped is told", what_was_skipped_is_told
    yield "a receiver that leaves says so", a_receiver_that_leaves_says_so
    yield "nothing is left", nothing_is_left
    yield "Rust sender killed, Python receiver", rust_sender_is_killed(python_sees_it)
    yield "Rust sender killed, C++ receiver", rust_sender_is_killed(cpp_sees_it)
    yield "Python sender killed, Rust receiver", python_sender_is_killed
    yield "Python receiver has enough of a Rust sender", receiver_has_enough(peers.rust_sends)
    yield "Python receiver has enough of a Python sender", receiver_has_enough(peers.python_sends)
    yield "Python receiver killed", receiver_is_killed
