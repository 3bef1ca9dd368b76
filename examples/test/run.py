"""Brings the peers together in pairs, and the receivers together with senders that are up to no good.

Run by `examples/check`, which builds the programs and names them in the environment.
"""
import sys, tempfile, traceback
from pathlib import Path

import endings
import hostile
import pages
import peers
import slots
import stores
import tables

PAIRS = {
    "Rust to Python": (peers.rust_sends, peers.python_receives),
    "Rust to C++": (peers.rust_sends, peers.cpp_receives),
    "Python to Rust": (peers.python_sends, peers.rust_receives),
    "Python to Python": (peers.python_sends, peers.python_receives),
    "Python to C++": (peers.python_sends, peers.cpp_receives),
    "sender to Python": (peers.program_sends, peers.python_receives),
    "sender to C++": (peers.program_sends, peers.cpp_receives),
    "Python to receiver": (peers.python_sends, peers.program_receives),
}


def carries(sends, receives, stream):
    def test(directory):
        socket = directory / "s"
        done = sends(stream, directory, socket)
        schema, batches = receives(socket, directory)
        done()
        difference = tables.difference(stream, schema, batches)
        assert difference is None, difference
        if receives is peers.python_receives:
            for batch in batches:
                assert not tables.copied(batch), f"copied: {tables.copied(batch)}"

    return test


def tests():
    for pair, (sends, receives) in PAIRS.items():
        for name, stream in tables.STREAMS.items():
            yield f"{pair}: {name}", carries(sends, receives, stream)
    for module in (endings, hostile, pages, slots, stores):
        for name, test in module.tests():
            yield f"{module.__name__}: {name}", test


def main(wanted):
    passed, failed, skipped = 0, 0, 0
    for name, test in tests():
        if wanted not in name:
            continue
        with tempfile.TemporaryDirectory(prefix="bowstring-") as directory:
            try:
                test(Path(directory))
                passed += 1
            except peers.Skipped as why:
                skipped += 1
                print(f"skipped  {name}, because {why}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED   {name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return failed != 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
