"""Brings peers in C, C++, Python and Rust together, each with each, by every delivery, and compares what arrives.

    run.py C_PEER CPP_DIRECTORY [PYTHON]

SENDER and RECEIVER name the Rust programs; PYTHON is one that can import `bowstring`. Pairs without C and C++ are not
tried: `examples/check` has them. Golden files of the Arrow project are sent too where ARROW_TEST_DATA has them.
"""
import itertools, os, re, sys, tempfile, traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "examples/test"))

import pyarrow as pa
import peers
import tables

DELIVERIES = ["pooled", "copied", "sealed"]
# Each is a thing that could go wrong by itself.
CHOSEN = [
    "numbers", "strings", "nulls", "nested", "dictionaries replaced", "a dictionary in a list", "many batches",
    "a large batch", "no batches", "a schema too long to be inline", "an empty batch in between",
]


def commands(c_peer, cpp, python):
    """For each language: what sends FILE to ADDRESS, and what receives from ADDRESS into FILE."""
    sender, receiver = os.environ.get("SENDER"), os.environ.get("RECEIVER")
    known = {
        "C": (
            lambda file, at, how: [c_peer, "send", file, at],
            lambda at, file, how: [c_peer, "receive", at, file, how],
        ),
        "C++": (
            lambda file, at, how: [f"{cpp}/send_table", file, at],
            lambda at, file, how: [f"{cpp}/receive_table", at, file, how],
        ),
    }
    if python:
        known["Python"] = (
            lambda file, at, how: [python, HERE / "peer.py", "send", file, at],
            lambda at, file, how: [python, HERE / "peer.py", "receive", at, file, how],
        )
    if sender and receiver:
        known["Rust"] = (
            lambda file, at, how: [sender, file, "--socket", at, "--delivery", how, "--quiet"],
            lambda at, file, how: [receiver, "--socket", at, "--delivery", how, "--quiet", "-o", file],
        )
    return known


def golden():
    """The streams of the Arrow project's golden files, by name."""
    data = Path(os.environ.get("ARROW_TEST_DATA") or ROOT / "../shared/corpus/data")
    for path in sorted(data.glob("arrow-ipc-stream/integration/*/*.stream")):
        if "bigendian" in path.parent.name:
            continue
        try:
            yield f"{path.parent.name}/{path.stem}", peers.read_stream(pa.memory_map(str(path)))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass  # compressed, or of a type that pyarrow does not read


def rows(batches, schema):
    """The columns of all batches, since a sender may cut them otherwise."""
    return pa.Table.from_batches(batches, schema)


def difference(stream, schema, batches):
    wanted_schema, wanted = stream
    if not schema.equals(wanted_schema):
        return f"schema {schema} and not {wanted_schema}"
    found, wanted = rows(batches, schema), rows(wanted, wanted_schema)
    if found.num_rows != wanted.num_rows:
        return f"{found.num_rows} rows and not {wanted.num_rows}"
    found.validate()
    for at, name in enumerate(schema.names):
        mine, theirs = found.column(at), wanted.column(at)
        # NaN equals nothing, itself included, but is written like itself.
        if not mine.equals(theirs) and repr(mine.to_pylist()) != repr(theirs.to_pylist()):
            return f"other values in column {name}"
    return None


def shared(err, how, name):
    """Checks what a peer in C or C++ says of where its buffers lay."""
    said = re.search(r"(\d+) of (\d+) buffers in shared memory", err)
    if not said:
        return
    found, all_of_them = said.groups()
    wanted = "0" if how == "copied" else all_of_them
    assert found == wanted, f"{name}: {found} of {all_of_them} buffers in shared memory"


def carry(sends, receives, how, stream):
    with tempfile.TemporaryDirectory(prefix="bowstring-") as directory:
        directory = Path(directory)
        socket, out = directory / "s", directory / "received.arrows"
        file = peers.write_stream(directory / "sent.arrows", stream)
        sender = peers.start(sends(file, socket, how), socket)
        try:
            _, err = peers.finish(peers.start(receives(socket, out, how)))
        except AssertionError:
            sender.kill()
            raise
        peers.finish(sender)
        schema, batches = peers.read_stream(pa.memory_map(str(out)))
        wrong = difference(stream, schema, batches)
        assert wrong is None, wrong
        shared(err, how, "receiver")


def main(c_peer, cpp, python=None):
    known = commands(c_peer, cpp, python)
    for language in ("Python", "Rust"):
        if language not in known:
            print(f"skipped: {language} in the matrix, because it is not built")
    files = list(golden())
    if not files:
        print("skipped: golden files, because ARROW_TEST_DATA has none")
    streams = {name: tables.STREAMS[name] for name in CHOSEN}
    tests = []
    for (from_, (sends, _)), (to, (_, receives)), how in itertools.product(known.items(), known.items(), DELIVERIES):
        if from_[0] != "C" and to[0] != "C":
            continue
        chosen = dict(streams)
        # The golden files by the pairs that have both layers of the C interface in them.
        if {from_, to} == {"C", "C++"}:
            chosen.update(files)
        tests += [(f"{from_} to {to}, {how}: {name}", (sends, receives, how, stream)) for name, stream in chosen.items()]
    failed = 0
    with ThreadPoolExecutor(4) as pool:
        for name, test in [(name, pool.submit(carry, *test)) for name, test in tests]:
            try:
                test.result()
            except Exception:
                failed += 1
                print(f"FAILED: {name}\n{traceback.format_exc()}", flush=True)
    print(f"matrix: {len(tests) - failed} of {len(tests)}: {', '.join(known)}, {len(files)} golden files")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
