"""The store of the program `bowstring` and the client that was written from PROTOCOL.md alone."""
import contextlib, os, subprocess, sys
from pathlib import Path

import pyarrow as pa

import peers
import tables

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))
import store


@contextlib.contextmanager
def serving(directory, *words):
    program = os.environ.get("BOWSTRING")
    if not program:
        raise peers.Skipped("the program bowstring is not built")
    command = [program, "--socket", str(directory / "s"), "serve", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            while "serving at" not in (line := server.stderr.readline()):
                assert line, "the store ended"
            yield str(directory / "s")
        finally:
            server.kill()


def program(socket, *words):
    return subprocess.run([os.environ["BOWSTRING"], "--socket", socket, *words], check=True, capture_output=True).stdout


def carries(name):
    def test(directory):
        schema, batches = tables.STREAMS[name]
        whole = pa.Table.from_batches(batches, schema)
        with serving(directory) as socket:
            client = store.Store(socket)
            version, _, rows = client.put_table("t", whole, metadata={"unit": "m"})
            assert (version, rows) == (1, whole.num_rows)
            table = store.Store(socket).get("t")
            assert table.metadata == {"unit": "m"} and table.read().equals(whole), table.read()
            # And through the other client: what it reads and writes is the same.
            file = directory / "out.arrows"
            program(socket, "get", "t", "-o", str(file))
            assert pa.ipc.open_stream(file.read_bytes()).read_all().to_pylist() == whole.to_pylist()
            program(socket, "put", "u", str(file))
            assert client.get("u").read().to_pylist() == whole.to_pylist()

    return test


def everything_else(directory):
    rows = lambda start, end: pa.table({"n": pa.array(range(start, end), pa.int64())})
    numbers = lambda table: table.read()["n"].to_pylist()
    with serving(directory, "--keep", "1") as socket:
        client = store.Store(socket)
        client.put_table("t", rows(0, 3))
        followed = store.Store(socket).follow("t")
        assert numbers(next(followed)) == [0, 1, 2]
        first, base, _ = client.put_table("t", rows(3, 5), mode=store.APPEND)
        part = next(followed)
        assert (numbers(part), part.start, part.end) == ([3, 4], 3, 5)
        # A version, and what came since; a limit of lines.
        assert numbers(client.get("t", version=1)) == [0, 1, 2]
        assert numbers(client.get("t", base=base, row=4)) == [4]
        assert client.get_lines("t", limit=2) == b'{"n":0}\n{"n":1}\n'
        # Going on from a position, as after a restart.
        assert numbers(next(store.Store(socket).follow("t", base, 3))) == [3, 4]
        for code, refused in [
            (3, lambda: client.get("nowhere")),
            (4, lambda: client.put_table("t", rows(0, 1), mode=store.CREATE)),
            (5, lambda: client.put_table("t", rows(0, 1), expected=first + 9)),
            (6, lambda: client.put_table("t", pa.table({"m": [1]}), mode=store.APPEND)),
            (7, lambda: client.put("t", b"\xff\xff\xff\xff\x08\0\0\0" + bytes(8), [(bytes(64), 1)])),
            (12, lambda: client.rename("t", "../t")),
        ]:
            try:
                refused()
            except store.Refused as error:
                assert error.code == code, error
            else:
                raise AssertionError(f"not refused with {code}")
        client.annotate("t", {"unit": "s"})
        client.rename("t", "u")
        client.put_table("u", rows(9, 12))
        part = next(followed)
        assert numbers(part) == [9, 10, 11] and part.base != base
        # Many segments take several datagrams, with one file each.
        stream = pa.BufferOutputStream()
        with pa.ipc.new_stream(stream, rows(0, 1).schema) as writer:
            writer.write_table(rows(7, 8))
        stream = stream.getvalue()
        head, end = rows(0, 1).schema.serialize().size, stream.size - 8
        segment = (bytes(stream[head:end]), 1)
        client.put("many", bytes(stream[:head]), [segment] * 600)
        assert numbers(client.get("many")) == [7] * 600
        assert sorted(entry[0] for entry in client.list()) == ["many", "u"]
        assert 'bowstring_store_requests_total{kind="put"}' in client.stat()
        client.remove("u")
        assert next(followed, None) is None


def tests():
    for name in tables.STREAMS:
        yield name, carries(name)
    yield "every request", everything_else
