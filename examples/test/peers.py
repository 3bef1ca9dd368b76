"""The peers that the tests bring together: each sender puts a stream on a socket, each receiver brings one back."""
import os, subprocess, sys, threading, time
from pathlib import Path

import pyarrow as pa

EXAMPLES = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(EXAMPLES / "python"))
import receive
import send

PATIENCE = 120  # seconds until a peer that hangs is a failure


class Skipped(Exception):
    """The test cannot run here, and why."""


def program(variable, why):
    """A program that `check` has built, or the reason why not."""
    path = os.environ.get(variable)
    if not path:
        raise Skipped(os.environ.get(f"{variable}_MISSING", why))
    return path


def listening(path):
    """Whether somebody listens on a socket: the kernel lists it, with the flag for it."""
    with open("/proc/net/unix") as sockets:
        return any(line.split()[-1] == str(path) and line.split()[3] == "00010000" for line in sockets)


def until(true, process=None):
    deadline = time.monotonic() + PATIENCE
    while not true():
        if process and process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {process.communicate()[1]}")
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.002)


def start(arguments, socket=None, **options):
    """Starts a program, and waits until it listens if it is to."""
    arguments = [str(a) for a in arguments]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if socket:
        until(lambda: listening(socket), process)
    return process


def finish(process, code=0):
    """Waits for the end of a program: what it said on standard output and on standard error."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"does not end; it said {process.communicate()}") from None
    if process.returncode != code:
        raise AssertionError(f"ended with {process.returncode} and not {code}: {err}")
    return out, err


def write_stream(path, stream):
    schema, batches = stream
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return path


def read_stream(source):
    with pa.ipc.open_stream(source) as reader:
        return reader.schema, list(reader)


def write_messages(directory, stream):
    """Each message of a stream as a file, in order: the first is the schema."""
    path = write_stream(directory / "stream", stream)
    files = []
    for message in pa.ipc.MessageReader.open_stream(pa.memory_map(str(path))):
        files.append(directory / f"message-{len(files):04}")
        files[-1].write_bytes(message.serialize())
    return files


# Senders: (stream, directory, socket) -> what to call once everything has been received.


def python_sends(stream, directory, socket):
    schema, batches = stream
    failed = []

    def run():
        try:
            send.send(pa.RecordBatchReader.from_batches(schema, batches), str(socket))
        except Exception as error:
            failed.append(error)

    # A receiver that fails or is skipped leaves it waiting: that must not keep the tests from ending.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    until(lambda: failed or listening(socket))

    def done():
        thread.join(PATIENCE)
        assert not failed and not thread.is_alive(), failed or "does not end"

    return done


def rust_sends(stream, directory, socket):
    sender = start([program("SEND_FILES", "not built"), socket, *write_messages(directory, stream)], socket)
    return lambda: finish(sender)


def program_sends(stream, directory, socket):
    binary = program("SENDER", "this workspace has no sender program")
    file = write_stream(directory / "table.arrows", stream)
    sender = start([binary, file, "--socket", socket, "--delivery", "sealed"], socket)
    return lambda: finish(sender)


# Receivers: (socket, directory) -> schema and batches.


def python_receives(socket, directory):
    reader = receive.receive(str(socket))
    return reader.schema, list(reader)


def rust_receives(socket, directory):
    into = directory / "received"
    finish(start([program("RECEIVE_FILES", "not built"), socket, into]))
    messages = sorted(path for path in into.iterdir() if path.name != "greeting")
    tags = {1: "dictionary", 2: "record batch"}
    for path in messages:
        kind = pa.ipc.read_message(path.read_bytes()).type
        assert tags.get(int(path.suffix[1:])) == kind, f"{path.name} holds a {kind}"
    return read_stream(b"".join(path.read_bytes() for path in [into / "greeting", *messages]))


def cpp_receives(socket, directory):
    out = directory / "received.arrows"
    _, err = finish(start([program("RECEIVE_CC", "not built"), socket, out]))
    words = err.split()
    inside, buffers = words[words.index("of") - 1], words[words.index("of") + 1]
    assert inside == buffers, err
    return read_stream(pa.memory_map(str(out)))


def program_receives(socket, directory):
    binary = program("RECEIVER", "this workspace has no receiver program")
    out = directory / "received.arrows"
    finish(start([binary, "--socket", socket, "--delivery", "sealed", "-o", out]))
    return read_stream(pa.memory_map(str(out)))
