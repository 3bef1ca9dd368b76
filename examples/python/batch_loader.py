"""A loader of batches as those of PyTorch, without torch: an iterable with a length, shuffled anew in each epoch.

    python examples/python/batch_loader.py [ROWS]

Workers would open the same shared table, so no epoch and no worker copies it. With torch, `torch.from_numpy(x)` is the last
step: pass `collate=lambda x, y: (torch.from_numpy(x), torch.from_numpy(y))`.
"""

import concurrent.futures
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

import bowstring


class Loader:
    """Batches of features and labels of a shared table."""

    def __init__(
        self,
        table: bowstring.SharedTable,
        label: str,
        batch_size: int = 256,
        shuffle: bool = True,
        collate: Callable[[Any, Any], Any] = lambda x, y: (x, y),
    ) -> None:
        columns = table.to_pyarrow()
        self._features = [columns[name].to_numpy() for name in columns.column_names if name != label]
        self._labels = columns[label].to_numpy()
        self._size, self._shuffle, self._collate = batch_size, shuffle, collate
        self._numbers = np.random.default_rng(1)

    def __len__(self) -> int:
        return -(-len(self._labels) // self._size)

    def __iter__(self) -> Iterator[Any]:
        rows = np.arange(len(self._labels))
        if self._shuffle:
            self._numbers.shuffle(rows)
        for first in range(0, len(rows), self._size):
            chosen = rows[first : first + self._size]
            yield self._collate(np.stack([one[chosen] for one in self._features], 1), self._labels[chosen])


def epoch(table: bowstring.SharedTable) -> tuple[int, float, float]:
    """One pass over the table, in a worker: batches, the sum of the labels, seconds."""
    loader = Loader(table, "label")
    began = time.perf_counter()
    total = sum(float(labels.sum()) for _, labels in loader)
    return len(loader), total, time.perf_counter() - began


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    numbers = np.random.default_rng(1)
    table = bowstring.share(
        pa.table({"x": numbers.normal(size=rows), "y": numbers.normal(size=rows), "label": np.arange(rows) % 2})
    )
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as workers:
        for count, total, took in workers.map(epoch, [table, table]):
            print(f"{count} batches in {took:.2f} s, {rows / took / 1e6:.1f} million rows a second")
            assert total == rows // 2


if __name__ == "__main__":
    main()
