"""Reads files with Bowstring and with other libraries, each in a process of its own, and prints a table.

A reader must bring every row into Arrow columns (pandas: into its frame) and count the rows. Bowstring sends the file to a
receiver, which checks the structure of every batch and counts: two processes, whose times overlap and whose memories are
added up, the shared pool once. Each figure is the median of the runs; readers take turns, so that all meet the same host.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
FORMATS = ["csv", "jsonl", "parquet"]
RUNS = 3

READERS = {
    "pandas": {
        "csv": "import pandas; n = len(pandas.read_csv(path))",
        "jsonl": "import pandas; n = len(pandas.read_json(path, lines=True))",
        "parquet": "import pandas; n = len(pandas.read_parquet(path))",
    },
    "polars": {
        "csv": "import polars; n = polars.read_csv(path).height",
        "jsonl": "import polars; n = polars.read_ndjson(path).height",
        "parquet": "import polars; n = polars.read_parquet(path).height",
    },
    "pyarrow": {
        "csv": "import pyarrow.csv; n = pyarrow.csv.read_csv(path).num_rows",
        "jsonl": "import pyarrow.json; n = pyarrow.json.read_json(path).num_rows",
        "parquet": "import pyarrow.parquet; n = pyarrow.parquet.read_table(path).num_rows",
    },
    "duckdb": {
        format: "import duckdb; n = sum(len(b) for b in duckdb.sql(f\"from '{path}'\").arrow())"
        if format != "jsonl"
        else "import duckdb; n = sum(len(b) for b in duckdb.sql(f\"from read_json('{path}')\").arrow())"
        for format in FORMATS
    },
}

# Runs a reader and prints seconds, rows and the peak of its own memory. The import is not what is measured.
CHILD = """
import sys, time, resource
path = sys.argv[1]
code = sys.argv[2]
first, _, rest = code.partition("; ")
exec(first)
before = time.monotonic()
exec(rest)
took = time.monotonic() - before
print(took, n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def field(pid: int, name: str) -> int:
    """A number of kilobytes out of a process's status; 0 once it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def bowstring(path: Path) -> tuple[float, int, int]:
    """Sends the file to a receiver that counts; seconds, rows, kilobytes."""
    command = [PROGRAMS / "sender", path, "--quiet", "--", PROGRAMS / "receiver", "--count", "--validate", "structure", "--quiet"]
    before = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        peak = 0
        while process.poll() is None:
            everyone = [process.pid, *children(process.pid)]
            own = sum(field(pid, "RssAnon:") + field(pid, "RssFile:") for pid in everyone)
            # The pool is the same memory in both.
            peak = max(peak, own + max(field(pid, "RssShmem:") for pid in everyone))
            time.sleep(0.002)
        took = time.monotonic() - before
        if process.returncode != 0 or process.stdout is None:
            raise RuntimeError(f"sender ended with {process.returncode}")
        return took, int(process.stdout.read()), peak


def library(name: str, path: Path) -> tuple[float, int, int]:
    """Reads the file with a library in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), READERS[name][path.suffix[1:]]], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()
        raise RuntimeError(last[-1] if last else f"it ended with {done.returncode}")
    took, rows, peak = done.stdout.split()
    return float(took), int(rows), int(peak)


def make(folder: Path, megabytes: int, formats: list[str]) -> dict[str, Path]:
    """Writes the demonstration in each format: about this number of megabytes of CSV, and the same rows in the others."""
    rows = megabytes * 1_000_000 // 60
    paths = {}
    for format in formats:
        paths[format] = folder / f"x.{format}"
        receiver = [PROGRAMS / "receiver", "-o", paths[format], "--quiet"]
        subprocess.run([PROGRAMS / "sender", f"demo:{rows}", "--quiet", "--", *receiver], check=True)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/files")
    parser.add_argument("what", choices=["io-bench", "memory-profile", "test-large-files"])
    parser.add_argument("--megabytes", type=int, help="about the size of the CSV")
    parser.add_argument("--format", choices=FORMATS, action="append", help="only this format [default: all]")
    parser.add_argument("--folder", type=Path, help="where the files go [default: a temporary folder]")
    options = parser.parse_args()
    large = options.what == "test-large-files"
    megabytes = options.megabytes or (10_000 if large else 200)
    runs = 1 if large else RUNS
    names = ["bowstring"]
    for name in READERS:
        if importlib.util.find_spec(name):
            names.append(name)
        else:
            print(f"{name}: skipped, because it is not installed")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for format, path in make(Path(folder), megabytes, options.format or FORMATS).items():
            size = path.stat().st_size / 1e6
            print(f"\n{format}, {size:.0f} MB, {os.cpu_count()} cores, median of {runs}")
            measured: dict[str, list[tuple[float, int, int]]] = {name: [] for name in names}
            failed: dict[str, str] = {}
            for _ in range(runs):
                for name in names:
                    if name in failed:
                        continue
                    try:
                        measured[name].append(bowstring(path) if name == "bowstring" else library(name, path))
                    except RuntimeError as error:
                        failed[name] = str(error)
            rows = {row for all_runs in measured.values() for _, row, _ in all_runs}
            if len(rows) > 1:
                print(f"the rows differ: {rows}")
            seconds = {n: statistics.median(t for t, _, _ in m) for n, m in measured.items() if m}
            peaks = {n: statistics.median(p for _, _, p in m) / 1024 for n, m in measured.items() if m}
            fastest = min((t for n, t in seconds.items() if n != "bowstring"), default=None)
            print("| reader | seconds | MB/s | of the fastest other | peak MiB | of pandas |")
            print("|---|---|---|---|---|---|")
            for name in names:
                if name in failed:
                    print(f"| {name} | failed: {failed[name][:60]} | | | | |")
                    continue
                time_of = f"{seconds[name] / fastest:.2f}" if fastest else "–"
                memory_of = f"{peaks[name] / peaks['pandas']:.2f}" if "pandas" in peaks else "–"
                print(
                    f"| {name} | {seconds[name]:.2f} | {size / seconds[name]:.0f} | {time_of} "
                    f"| {peaks[name]:.0f} | {memory_of} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
