"""What Python programs pay: batches from one process to another, one table for many, and the import.

    python bench/python/compare.py [--json] [--only PART]

Contenders take turns between the same two processes, each beside a floor: `numpy.copyto` into recycled shared memory, and the
same sum at the other end. Parts: stream, in-place, share, import.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import pickle
import socket
import statistics
import subprocess
import sys
import time
from multiprocessing import shared_memory

import numpy as np
import pyarrow as pa

import bowstring

SLOTS = 4
ROUNDS = 7
SIZES = [64 << 10, 1 << 20, 16 << 20]
SCHEMA = pa.schema([pa.field("n", pa.int64(), nullable=False)])


def name(of: str) -> str:
    return f"bench-{os.getpid()}-{of}"


class Memory(shared_memory.SharedMemory):
    """Shared memory that goes with the process: arrays refer to it until then."""

    def __init__(self, *args, **kwargs) -> None:
        if sys.version_info >= (3, 13):
            kwargs.setdefault("track", kwargs.get("create", False))
        super().__init__(*args, **kwargs)

    def __del__(self) -> None:
        pass


# ---- contenders: each end of each ----


class Ring:
    """Slots of shared memory that are used again and again, with two counters that each side spins on."""

    def __init__(self, room: int, memory: Memory | None = None) -> None:
        self.room = -(-room // 4096) * 4096
        self.memory = memory or Memory(create=True, size=4096 + SLOTS * self.room)
        self.counters = np.frombuffer(self.memory.buf, np.int64, 16)  # Written at 0, read at 8: a line each.

    def slot(self, number: int) -> memoryview:
        start = 4096 + number % SLOTS * self.room
        return self.memory.buf[start : start + self.room]

    def wait(self, which: int, value: int) -> None:
        while self.counters[which] < value:
            os.sched_yield()


class Floor:
    """numpy.copyto into recycled shared memory."""

    def __init__(self, size: int) -> None:
        self.ring = Ring(size)
        self.given = (size, self.ring.memory.name)
        self.places = [np.frombuffer(self.ring.slot(i), np.int64, size // 8) for i in range(SLOTS)]

    def send(self, batch: pa.RecordBatch, source: np.ndarray) -> None:
        number = int(self.ring.counters[0])
        self.ring.wait(8, number - SLOTS + 1)
        np.copyto(self.places[number % SLOTS], source)
        self.ring.counters[0] = number + 1

    def end(self) -> None:
        self.ring.memory.unlink()


class FloorReader:
    def __init__(self, given: tuple[int, str]) -> None:
        size, where = given
        self.ring = Ring(size, Memory(where))
        self.places = [np.frombuffer(self.ring.slot(i), np.int64, size // 8) for i in range(SLOTS)]

    def receive(self) -> int:
        number = int(self.ring.counters[8])
        self.ring.wait(0, number + 1)
        total = int(self.places[number % SLOTS].sum())
        self.ring.counters[8] = number + 1
        return total


class Ipc(Floor):
    """pyarrow's IPC through the same shared memory."""

    def __init__(self, size: int) -> None:
        self.ring = Ring(size + 4096)
        self.given = (size, self.ring.memory.name)
        self.places = [pa.py_buffer(self.ring.slot(i)) for i in range(SLOTS)]

    def send(self, batch: pa.RecordBatch, source: np.ndarray) -> None:
        number = int(self.ring.counters[0])
        self.ring.wait(8, number - SLOTS + 1)
        with pa.ipc.new_stream(pa.FixedSizeBufferWriter(self.places[number % SLOTS]), SCHEMA) as to:
            to.write_batch(batch)
        self.ring.counters[0] = number + 1


class IpcReader(FloorReader):
    def __init__(self, given: tuple[int, str]) -> None:
        super().__init__((given[0] + 4096, given[1]))
        self.places = [pa.py_buffer(self.ring.slot(i)) for i in range(SLOTS)]

    def receive(self) -> int:
        number = int(self.ring.counters[8])
        self.ring.wait(0, number + 1)
        batch = pa.ipc.open_stream(self.places[number % SLOTS]).read_next_batch()
        total = int(batch.column(0).to_numpy().sum())
        self.ring.counters[8] = number + 1
        return total


class Bowstring:
    """Writer.write."""

    def __init__(self, size: int) -> None:
        self.given = name(f"{type(self).__name__}-{size}")
        self.writer = bowstring.Writer(self.given, schema=SCHEMA, size=SLOTS * (size + 65536))
        self.rows = size // 8

    def send(self, batch: pa.RecordBatch, source: np.ndarray) -> None:
        self.writer.write(batch)

    def end(self) -> None:
        self.writer.close()


class InPlace(Bowstring):
    """Writer.build, which computes elsewhere when the reader is far behind."""

    batches = in_place = 0

    def send(self, batch: pa.RecordBatch, source: np.ndarray) -> None:
        with self.writer.build(self.rows) as b:
            np.multiply(source, 3, out=b["n"])
        self.batches += 1
        self.in_place += b.in_place


class BowstringReader:
    def __init__(self, given: str) -> None:
        self.reader = bowstring.Reader(given, delivery="pooled", timeout=60)
        self.reader.schema  # noqa: B018: opens it

    def receive(self) -> int:
        with self.reader.read() as batch:
            return int(batch.to_pyarrow().column(0).to_numpy().sum())


class InPlaceReader(BowstringReader):
    """Looks at the last value only, so that the writer's computing is what takes time."""

    def receive(self) -> int:
        with self.reader.read() as batch:
            return int(batch["n"].to_numpy()[-1])


class Socket:
    """pyarrow's IPC over a Unix socket."""

    def __init__(self, size: int) -> None:
        self.given = "\0" + name(f"socket-{size}")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.given)
        self.listener.listen()
        self.stream = None

    def send(self, batch: pa.RecordBatch, source: np.ndarray) -> None:
        if self.stream is None:
            self.file = self.listener.accept()[0].makefile("wb", buffering=0)
            self.stream = pa.ipc.new_stream(self.file, SCHEMA)
        self.stream.write_batch(batch)

    def end(self) -> None:
        self.listener.close()


class SocketReader:
    def __init__(self, given: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(given)
        self.stream = None

    def receive(self) -> int:
        if self.stream is None:
            self.stream = pa.ipc.open_stream(self.socket.makefile("rb"))
        return int(self.stream.read_next_batch().column(0).to_numpy().sum())


class Queue:
    """multiprocessing.Queue."""

    queue: "multiprocessing.Queue"

    def __init__(self, size: int) -> None:
        self.given = None

    def send(self, batch: pa.RecordBatch, source: np.ndarray) -> None:
        self.queue.put(batch)

    def end(self) -> None:
        pass


class QueueReader:
    def __init__(self, given: None) -> None:
        pass

    def receive(self) -> int:
        return int(Queue.queue.get().column(0).to_numpy().sum())


CONTENDERS = {
    "floor": (Floor, FloorReader),
    "Bowstring": (Bowstring, BowstringReader),
    "pyarrow IPC, shared memory": (Ipc, IpcReader),
    "pyarrow IPC, Unix socket": (Socket, SocketReader),
    "multiprocessing.Queue": (Queue, QueueReader),
    "in place": (InPlace, InPlaceReader),
}


def consume(pipe, queue) -> None:
    """The other process: opens contenders, and receives the batches it is asked to."""
    Queue.queue = queue
    readers = {}
    while (said := pipe.recv()) is not None:
        what, which, value = said
        if what == "open":
            readers[which] = CONTENDERS[which][1](value)
            pipe.send("open")
        else:
            pipe.send("ready")
            total = 0
            for _ in range(value):
                total += readers[which].receive()
            pipe.send(total)
    os._exit(0)


def seconds(pipe, ends, which: str, count: int, batch, source, wanted: int) -> float:
    pipe.send(("run", which, count))
    assert pipe.recv() == "ready"
    began = time.perf_counter()
    for _ in range(count):
        ends[which].send(batch, source)
    total = pipe.recv()
    took = time.perf_counter() - began
    assert total == wanted * count, which
    return took


def stream(names: list[str], rounds: int, say) -> None:
    context = multiprocessing.get_context("forkserver")
    Queue.queue = context.Queue()
    pipe, other = context.Pipe()
    consumer = context.Process(target=consume, args=(other, Queue.queue))
    consumer.start()
    for size in SIZES:
        source = np.arange(size // 8)
        batch = pa.record_batch([pa.array(source)], schema=SCHEMA)
        ends = {which: CONTENDERS[which][0](size) for which in names if which in CONTENDERS}
        for which, end in ends.items():
            pipe.send(("open", which, end.given))
            if isinstance(end, Bowstring):
                end.writer.wait_for_readers(timeout=60)
            assert pipe.recv() == "open"
        count = max(4, min(2000, (128 << 20) // size))
        # What is computed in place is compared with the same computation into ordinary memory.
        private, times = np.empty_like(source), {which: [] for which in [*ends, "private"]}
        for _ in range(rounds):
            for which in ends:
                wanted = int(source[-1]) * 3 if which == "in place" else int(source.sum())
                times[which].append(seconds(pipe, ends, which, count, batch, source, wanted) / count)
            if "in place" in ends:
                began = time.perf_counter()
                for _ in range(count):
                    np.multiply(source, 3, out=private)
                times["private"].append((time.perf_counter() - began) / count)
        for end in ends.values():
            end.end()
        floor = statistics.median(times["floor"]) if times.get("floor") else None
        for which, all_times in times.items():
            if not all_times:
                continue
            each = statistics.median(all_times)
            say(
                part="stream", case=which, bytes=size, us=round(each * 1e6, 1), gb_s=round(size / each / 1e9, 2),
                of_floor=round(floor / each, 2) if floor else None,
                over_us=round((each - floor) * 1e6, 1) if floor else None,
                in_place=round(ends[which].in_place / ends[which].batches, 2) if which == "in place" else None,
            )
    pipe.send(None)
    consumer.join()
    if importlib_has("ray") and "floor" in names:
        ray_stream(rounds, say)
    elif "floor" in names:
        say(part="stream", case="Ray", skipped="because ray is not installed")


def importlib_has(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


def ray_stream(rounds: int, say) -> None:
    import ray

    ray.init(num_cpus=1, log_to_driver=False, object_store_memory=512 << 20)
    add = ray.remote(lambda batch: int(batch.column(0).to_numpy().sum()))
    for size in SIZES:
        batch = pa.record_batch([pa.array(np.arange(size // 8))], schema=SCHEMA)
        count, times = max(4, min(200, (128 << 20) // size)), []
        for _ in range(rounds):
            began = time.perf_counter()
            ray.get([add.remote(ray.put(batch)) for _ in range(count)])
            times.append((time.perf_counter() - began) / count)
        each = statistics.median(times)
        say(part="stream", case="Ray", bytes=size, us=round(each * 1e6, 1), gb_s=round(size / each / 1e9, 2))
    ray.shutdown()


# ---- one table for many ----


def pss_of_shared() -> int:
    """This process's proportional share of all memory that it shares, in KiB."""
    with open("/proc/self/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))


def first_value(how: str, given, pipe) -> None:
    if how == "an empty process":
        table = pa.table({"n": [0]})
    elif how == "pickle":
        table = pickle.loads(given)
    elif how == "bowstring.share":
        table = pickle.loads(given).to_pyarrow()
    elif how == "Arrow file in /dev/shm":
        table = pa.ipc.open_file(pa.memory_map(given)).read_all()
    else:
        memory = Memory(given)
        table = pa.ipc.open_stream(pa.py_buffer(memory.buf)).read_all()
    value = table["n"][0].as_py()
    pipe.send((value, time.perf_counter()))
    assert pipe.recv() == "sum"
    table["n"].chunk(0).to_numpy().sum()
    pipe.send(None)
    assert pipe.recv() == "weigh"
    pipe.send(pss_of_shared())
    pipe.recv()
    os._exit(0)


def share(workers: int, mebibytes: int, say) -> None:
    table = pa.table({"n": np.arange((mebibytes << 20) // 8)})
    context = multiprocessing.get_context("forkserver")
    for how in ["an empty process", "bowstring.share", "pickle", "shared memory + pyarrow", "Arrow file in /dev/shm"]:
        with contextlib.ExitStack() as after:
            began = time.perf_counter()
            given = None
            if how == "an empty process":
                pass
            elif how == "pickle":
                given = pickle.dumps(table)
            elif how == "bowstring.share":
                shared = bowstring.share(table)
                given = pickle.dumps(shared)
            elif how == "Arrow file in /dev/shm":
                given = f"/dev/shm/{name('file')}"
                after.callback(os.unlink, given)
                with pa.OSFile(given, "wb") as file, pa.ipc.new_file(file, table.schema) as to:
                    to.write_table(table)
            else:
                memory = Memory(create=True, size=table.nbytes + 65536)
                after.callback(memory.unlink)
                buffer = pa.py_buffer(memory.buf)
                with pa.ipc.new_stream(pa.FixedSizeBufferWriter(buffer), table.schema) as to:
                    to.write_table(table)
                given = memory.name
            made = time.perf_counter() - began
            pipes, processes, times = [], [], []
            for _ in range(workers):
                pipe, other = context.Pipe()
                began = time.perf_counter()
                processes.append(context.Process(target=first_value, args=(how, given, other)))
                processes[-1].start()
                value, then = pipe.recv()
                times.append(then - began)
                pipes.append(pipe)
                assert value == 0
            for said in ("sum", "weigh"):
                for pipe in pipes:
                    pipe.send(said)
                got = [pipe.recv() for pipe in pipes]
            for pipe, process in zip(pipes, processes, strict=True):
                pipe.send("end")
                process.join()
        say(
            part="share", case=how, workers=workers, mebibytes=mebibytes, make_ms=round(made * 1e3, 1),
            first_value_ms=round(statistics.median(times) * 1e3, 1), pss_of_all_mib=sum(got) >> 10,
        )


def importing(say) -> None:
    times = {"import bowstring": [], "pass": []}
    for _ in range(15):
        for code in times:
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times[code].append(time.perf_counter() - began)
    took = statistics.median(times["import bowstring"]) - statistics.median(times["pass"])
    say(part="import", case="import bowstring", ms=round(took * 1e3, 1))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="an object a line")
    arguments.add_argument("--only", default="", help="parts whose name contains this")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--mebibytes", type=int, default=1024, help="the shared table's size")
    chosen = arguments.parse_args()

    def say(**figures) -> None:
        if chosen.json:
            print(json.dumps(figures), flush=True)
            return
        rest = {key: value for key, value in figures.items() if key not in ("part", "case", "bytes") and value is not None}
        size = figures.get("bytes")
        of = f"{size >> 10} KiB" if size else ""
        print(f"{figures['part']:7} {figures['case']:28} {of:>10}  " + ", ".join(f"{k} {v}" for k, v in rest.items()), flush=True)

    names = [which for which in CONTENDERS if which != "in place"] if chosen.only in "stream" else []
    if chosen.only in "in-place":
        names.append("in place")
    if names:
        stream(names, chosen.rounds, say)
    if chosen.only in "share":
        share(8, chosen.mebibytes, say)
    if chosen.only in "import":
        importing(say)


if __name__ == "__main__":
    main()
