"""``python -m bowstring``: the version, and what this host allows."""

import importlib.metadata
import importlib.util
import os
import platform
import resource
import shutil

from . import __version__, runtime_directory

LIBRARIES = ["pyarrow", "polars", "pandas", "duckdb", "numpy", "nanoarrow"]


def main() -> None:
    print(f"bowstring {__version__}, Python {platform.python_version()}, Linux {platform.release()}")
    try:
        print(f"channels: {runtime_directory()}")
    except OSError as error:
        print(f"channels: {error}")
    for library in LIBRARIES:
        there = importlib.util.find_spec(library) is not None
        print(f"{library}: {importlib.metadata.version(library) if there else 'not installed'}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    print(f"descriptors: {soft} (up to {hard})")
    with open("/proc/sys/vm/max_map_count") as limit:
        print(f"mappings: {limit.read().strip()}")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    print(f"memory: {memory >> 20} MiB, pages of {os.sysconf('SC_PAGE_SIZE')} bytes")
    sender = shutil.which("sender")
    print(f"programs: {sender or 'not installed; cargo build --release makes target/release/sender and receiver'}")


if __name__ == "__main__":
    main()
