"""What the host allows a process, and how far a program is from it: descriptors, mappings, memory."""

import gc
import os

import numpy as np
import pyarrow as pa

import bowstring

ONE = pa.table({"n": np.arange(64)})


def held():
    """Descriptors, mappings, and resident memory in MiB."""
    gc.collect()
    with open("/proc/self/maps") as maps:
        mappings = sum(1 for _ in maps)
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
    return len(os.listdir("/proc/self/fd")), mappings, resident


def open_and_read(name, count, delivery):
    for _ in range(count):
        with bowstring.Reader(name, delivery=delivery) as reader:
            assert len(reader.read(timeout=60)) == 64


def test_ten_thousand_opens_leave_nothing_behind(name):
    with bowstring.Writer(name, keep=1, size=1 << 16) as w:
        w.write(ONE)
        for delivery in ("pooled", "sealed", "copied"):
            open_and_read(name, 100, delivery)
        descriptors, mappings, resident = held()
        for delivery, count in (("pooled", 4000), ("sealed", 3000), ("copied", 3000)):
            open_and_read(name, count, delivery)
        now = held()
    # The last reader's end may still be on its way through the writer's thread.
    assert now[0] <= descriptors + 4
    assert now[1] <= mappings + 16
    assert now[2] <= resident + 32


def test_writers_leave_nothing_behind(name):
    def once(number):
        with bowstring.Writer(f"{name}-{number}", size=1 << 16) as w:
            w.write(ONE)
        assert bowstring.Reader(f"{name}-{number}").read_all().num_rows == 64

    for number in range(50):
        once(number)
    descriptors, mappings, resident = held()
    for number in range(1000):
        once(number)
    now = held()
    assert now[0] <= descriptors + 4
    assert now[1] <= mappings + 16
    assert now[2] <= resident + 32


def keep_all(name, count, read):
    """Has 100,000 sealed batches sent and kept; returns how many descriptors and mappings that took."""
    import threading

    def write():
        with bowstring.Writer(name, delivery="sealed") as w:
            for _ in range(count):
                w.write(ONE)

    before = held()
    writing = threading.Thread(target=write)
    writing.start()
    kept = read(bowstring.Reader(name))
    writing.join()
    after = held()
    return kept, after[0] - before[0], after[1] - before[1]


def test_100_000_kept_sealed_batches_are_mapped_only_at_first(name):
    """The rule: 1024 messages stay mapped where they lie, later ones are copied."""
    kept, descriptors, mappings = keep_all(name, 100_000, list)
    assert len(kept) == 100_000
    in_place = [batch.zero_copy for batch in kept]
    assert sum(in_place) == 1024 and all(in_place[:1024])
    assert descriptors < 64 and mappings < 2000
    assert kept[0].to_pyarrow().column(0)[63].as_py() == kept[-1].to_pyarrow().column(0)[63].as_py() == 63


def test_100_000_sealed_batches_in_one_table(name):
    table, descriptors, mappings = keep_all(name, 100_000, lambda reader: reader.read_all())
    assert (table.num_batches, table.num_rows, table.zero_copy) == (100_000, 6_400_000, False)
    assert descriptors < 64 and mappings < 2000
