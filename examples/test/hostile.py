"""What a sender can get wrong, or do on purpose. Each receiver has to refuse it, and to have nothing left of it."""
import contextlib
import fcntl, os, socket, struct

import peers
import tables
from peers import receive, send

SCHEMA, BATCHES = tables.STREAMS["numbers"]
GREETING = SCHEMA.serialize().to_pybytes()
((_, PIECES),) = send.Messages(SCHEMA).of(BATCHES[0])
WHOLE = b"".join(PIECES)
WRITE, SHRINK, GROW, SEAL = fcntl.F_SEAL_WRITE, fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SEAL
FUTURE_WRITE = 0x10  # which the fcntl module does not name yet


def memory(content=WHOLE, seals=send.SEALS, size=None):
    """A memory file; with a `size`, its end is a hole."""
    fd = os.memfd_create("bowstring-message", os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    os.truncate(fd, len(content) if size is None else size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def disk():
    return os.open(__file__, os.O_RDONLY)


def announce(number=1, length=len(WHOLE)):
    return send.datagram(send.MESSAGE, send.NOTE.pack(number, length, 0, 2, 0))


def changed(at, byte):
    datagram = bytearray(announce())
    datagram[at] = byte
    return bytes(datagram)


def welcome(greeting=GREETING, sends=send.SEALED, length=len(GREETING)):
    return send.datagram(send.WELCOME, send.parameters(sends=sends, greeting=length) + greeting)


IN_FILE = send.datagram(send.WELCOME, send.parameters(sends=send.SEALED, greeting=len(GREETING), in_file=True))
START = [(send.datagram(send.START), [])]
CHANGEABLE, ELSEWHERE = "can still be changed", "not a datagram"

# What a sender says after the meeting, each datagram with its descriptors, and words that the error has in both.
MESSAGES = {
    "unsealed": (CHANGEABLE, lambda: [(announce(), [memory(seals=0)])]),
    "may be written": (CHANGEABLE, lambda: [(announce(), [memory(seals=SHRINK | GROW | SEAL)])]),
    "may be written by its owner": (
        CHANGEABLE,
        lambda: [(announce(), [memory(seals=FUTURE_WRITE | SHRINK | GROW | SEAL)])],
    ),
    "may shrink": (CHANGEABLE, lambda: [(announce(), [memory(seals=WRITE | GROW | SEAL)])]),
    "may grow": (CHANGEABLE, lambda: [(announce(), [memory(seals=WRITE | SHRINK | SEAL)])]),
    "may be sealed": (CHANGEABLE, lambda: [(announce(), [memory(seals=WRITE | SHRINK | GROW)])]),
    "a file on disk": (CHANGEABLE, lambda: [(announce(), [disk()])]),
    "a socket": (CHANGEABLE, lambda: [(announce(), [socket.socket().detach()])]),
    "a short file": (f"{len(WHOLE)} bytes in", lambda: [(announce(), [memory(WHOLE[:-1])])]),
    "a length beyond all files": ("bytes in", lambda: [(announce(length=2**64 - 1), [memory()])]),
    "an empty file": ("", lambda: [(announce(), [memory(b"")])]),
    "no bytes": ("0 bytes in", lambda: [(announce(length=0), [memory()])]),
    "holes": ("holes", lambda: [(announce(), [memory(size=1 << 20)])]),
    "no file": ("", lambda: [(announce(), [])]),
    "two files": (ELSEWHERE, lambda: [(announce(), [memory(), memory()])]),
    "a file with a good-bye": ("", lambda: [(send.datagram(send.BYE, bytes(8)), [memory()])]),
    "number 0": ("message 0", lambda: [(announce(0), [memory()])]),
    "the same number twice": ("message 1", lambda: [(announce(), [memory()]), (announce(), [memory()])]),
    "another magic": (ELSEWHERE, lambda: [(changed(0, 0x42), [memory()])]),
    "another version": (ELSEWHERE, lambda: [(changed(8, 2), [memory()])]),
    "another length": (ELSEWHERE, lambda: [(changed(12, 47), [memory()])]),
    "an unknown kind": ("kind 99", lambda: [(changed(10, 99), [memory()])]),
    "a kind of the meeting": ("kind 4", lambda: [(send.datagram(send.START), [])]),
    "a prefix cut short": (ELSEWHERE, lambda: [(b"bowstrng", [])]),
    "an announcement cut short": ("", lambda: [(send.datagram(send.MESSAGE, bytes(8)), [memory()])]),
    "a good-bye cut short": ("", lambda: [(send.datagram(send.BYE), [])]),
    "a good-bye of an unknown sort": ("", lambda: [(send.datagram(send.BYE, struct.pack("<II", 2, 0)), [])]),
    "a datagram too long": (ELSEWHERE, lambda: [(send.datagram(send.MESSAGE, bytes(40_000)), [])]),
    "metadata beyond the message": ("", lambda: [(announce(length=16), [memory()])]),
    "a body cut short": ("", lambda: [(announce(length=len(WHOLE) - 8), [memory()])]),
    "no Arrow at all": ("", lambda: [(announce(), [memory(b"x" * len(WHOLE))])]),
}

# What it says instead of a proper WELCOME.
GREETINGS = {
    "an unsealed greeting": (CHANGEABLE, lambda: [(IN_FILE, [memory(GREETING, 0)])]),
    "a short greeting": ("", lambda: [(IN_FILE, [memory(GREETING[:-1])])]),
    "a greeting that is not there": ("", lambda: [(IN_FILE, [])]),
    "a greeting in two places": ("", lambda: [(welcome(), [memory(GREETING)])]),
    "another delivery": ("", lambda: [(welcome(sends=1), [])]),
    "no delivery": ("", lambda: [(welcome(sends=0), [])]),
    "a greeting shorter than it says": ("", lambda: [(welcome(GREETING[:-1]), [])]),
    "an empty greeting": ("", lambda: [(welcome(b"", length=0), [])]),
    "a greeting that is no schema": ("", lambda: [(welcome(bytes(64), length=64), [])]),
    "parameters cut short": ("", lambda: [(send.datagram(send.WELCOME, bytes(40)), [])]),
    "a refusal": ("not today", lambda: [(send.datagram(send.REFUSE, struct.pack("<II", 9, 9) + b"not today"), [])]),
    "a refusal cut short": ("refused", lambda: [(send.datagram(send.REFUSE), [])]),
}


def play(far, said):
    """Says everything at once, and hangs up: the socket keeps it until it is due, or the other side has refused by then."""
    for datagram, fds in said:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if fds:
                socket.send_fds(far, [datagram], fds)
            else:
                far.send(datagram)
        for fd in fds:
            os.close(fd)
    # Who takes it all the same waits for more, and finds a hang-up, which no test here takes for a refusal.
    with contextlib.suppress(OSError):
        far.shutdown(socket.SHUT_WR)


def python_refuses(words, said):
    far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with far:
        play(far, said)
        try:
            for _ in receive.receive(fd=near.detach()):
                pass
        except (ValueError, OSError) as error:
            assert words in str(error) and not isinstance(error, ConnectionResetError), repr(error)
        else:
            raise AssertionError("took it")
    links = [os.readlink(f.path) for f in os.scandir("/proc/self/fd") if os.path.lexists(f.path)]
    assert not [link for link in links if "/memfd:bowstring" in link], "left a descriptor open"


def cpp_refuses(directory, words, said):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(directory / "s"))
        listener.listen()
        receiver = peers.start([peers.program("RECEIVE_CC", "not built"), directory / "s"])
        far, _ = listener.accept()
        with far:
            play(far, said)
            _, err = peers.finish(receiver, 1)
    assert err.startswith("receive: ") and words in err and "good-bye" not in err, err


def tests():
    for cases, before, after in [(MESSAGES, [(welcome(), []), *START], []), (GREETINGS, [], START)]:
        for name, (words, said) in cases.items():

            def all_of_it(before=before, said=said, after=after):
                return before + said() + after

            yield f"Python, {name}", lambda _, w=words, said=all_of_it: python_refuses(w, said())
            yield f"C++, {name}", lambda d, w=words, said=all_of_it: cpp_refuses(d, w, said())
