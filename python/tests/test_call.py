"""Requests and replies with tables."""

import socket
import threading
import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import bowstring


def double(table):
    return pa.table({"y": pc.multiply(table.to_pyarrow()["x"], 2)})


SERVE = """
    import sys, bowstring
    server = bowstring.Server(sys.argv[1], lambda table: print("called", flush=True) or sys.stdin.readline())
    print("up", flush=True)
    server.wait()
"""


def test_tables_of_any_schema_go_there_and_back(name):
    with bowstring.Server(name, lambda table: table), bowstring.Client(name) as client:
        for table in [pa.table({"a": [1, 2]}), pa.table({"s": ["x", None], "l": [[1], []]}), pa.table({"d": pa.array(["u", "v", "u"]).dictionary_encode()})]:
            assert client.call(table, timeout=60).to_pyarrow().equals(table)


def test_several_are_in_flight_and_end_in_any_order(name):
    gates = {x: threading.Event() for x in range(4)}

    def handler(table):
        assert gates[table.to_pyarrow()["x"][0].as_py()].wait(60)
        return double(table)

    with bowstring.Server(name, handler, workers=4), bowstring.Client(name) as client:
        calls = {x: client.submit(pa.table({"x": [x]})) for x in gates}
        for x in reversed(gates):
            gates[x].set()
            assert calls[x].result(60).to_pyarrow()["y"].to_pylist() == [2 * x]


def test_many_clients_and_more_calls_than_are_open_at_a_time(name):
    with bowstring.Server(name, double) as _:

        def work(client):
            calls = [client.submit(pa.table({"x": [i]})) for i in range(200)]
            results.append([c.result(60).to_pyarrow()["y"][0].as_py() for c in calls])

        results = []
        clients = [bowstring.Client(name) for _ in range(3)]
        threads = [threading.Thread(target=work, args=(c,)) for c in clients]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for c in clients:
            c.close()
    assert results == [[2 * i for i in range(200)]] * 3


def test_what_the_handler_raises_is_raised_at_the_caller(name):
    def handler(table):
        raise KeyError("no such model")

    with bowstring.Server(name, handler), bowstring.Client(name) as client:
        for _ in range(2):
            with pytest.raises(bowstring.RemoteError, match="no such model") as caught:
                client.call(pa.table({"x": [1]}), timeout=60)
            assert caught.value.kind == "KeyError"
            assert "in handler" in caught.value.remote_traceback


def test_a_handler_that_returns_no_table_is_an_error(name):
    with bowstring.Server(name, lambda table: 7), bowstring.Client(name) as client:
        with pytest.raises(bowstring.RemoteError, match="exports no Arrow data"):
            client.call(pa.table({"x": [1]}), timeout=60)


def test_a_deadline_ends_the_wait_and_not_the_connection(name):
    gate = threading.Event()
    seen = []

    def handler(table):
        seen.append(table.to_pyarrow()["x"][0].as_py())
        gate.wait(60)
        return table

    with bowstring.Server(name, handler, workers=1), bowstring.Client(name) as client:
        first = client.submit(pa.table({"x": [1]}))
        with pytest.raises(bowstring.TimeoutError):
            client.call(pa.table({"x": [2]}), timeout=0.05)
        gate.set()
        assert first.result(60).num_rows == 1
        assert client.call(pa.table({"x": [3]}), timeout=60).num_rows == 1
    # Nobody waited for the second any more when its turn came.
    assert seen == [1, 3]


def test_a_killed_server_is_a_crash(name, child):
    serving = child(SERVE, name)
    assert serving.line() == "up"
    with bowstring.Client(name) as client:
        call = client.submit(pa.table({"x": [1]}))
        assert serving.line() == "called"
        serving.kill()
        with pytest.raises(bowstring.PeerCrashed):
            call.result(60)
        with pytest.raises(bowstring.PeerCrashed):
            client.call(pa.table({"x": [1]}))
    # The name is free again.
    with bowstring.Server(name, double), bowstring.Client(name) as client:
        assert client.call(pa.table({"x": [1]}), timeout=60).num_rows == 1


def test_strangers_trouble_nobody(name):
    with bowstring.Server(name, double) as _, bowstring.Client(name) as client:
        for said in [b"x", b"BWq1" + bytes(24), b"BWe1" + bytes(24) + b"half", bytes(30000)]:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
                stranger.settimeout(60)
                stranger.connect(str(bowstring.runtime_directory() / f"{name}.sock"))
                stranger.send(said)
                assert stranger.recv(100) == b""
        with pytest.raises(Exception):
            bowstring.Reader(name, timeout=60).read(timeout=60)
        assert client.call(pa.table({"x": [4]}), timeout=60).to_pyarrow()["y"].to_pylist() == [8]


def test_a_writer_is_no_server(name):
    with bowstring.Writer(name, schema=pa.schema({"x": pa.int64()})), bowstring.Client(name) as client:
        with pytest.raises((bowstring.Refused, bowstring.PeerCrashed)):
            client.call(pa.table({"x": [1]}), timeout=60)


def test_nobody_there_and_a_name_in_use(name):
    with pytest.raises(FileNotFoundError):
        bowstring.Client(name, timeout=0)
    with bowstring.Server(name, double):
        with pytest.raises(bowstring.InUse):
            bowstring.Server(name, double)
