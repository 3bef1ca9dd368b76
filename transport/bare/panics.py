#!/usr/bin/env python3
"""Lists what can panic in the machine code of the hot path.

Prints, for every call of a panic in it, the place in the source and the function it was inlined into. The last line is
"N panics on the way of a message". Needs objdump and addr2line, which come with every C compiler.
"""
import re
import subprocess
import sys

PROGRAM = "target/release/hot_path"
# What a message passes through begins here.
ENTRIES = ("send", "receive_in_place", "receive_waiting", "receive_copied")
# Where the panics themselves are.
CORE = re.compile(r"^core::(panicking|slice|option|cell|result|str)::")
PANIC = re.compile(r"(?:call|jmp)\s+[0-9a-f]+ <(core::(?:panicking|slice|option|cell|result|str)::[^>]*)>")


def sites():
    """Each call of a panic: the function, the address of the call, the panic."""
    listing = subprocess.run(
        ["objdump", "-d", "-C", "--no-show-raw-insn", PROGRAM], check=True, capture_output=True, text=True
    ).stdout
    function, seen = "", set()
    for line in listing.splitlines():
        if start := re.match(r"^[0-9a-f]+ <(.*)>:$", line):
            function = start[1]
            seen.add(function)
        elif not CORE.match(function) and (call := PANIC.search(line)):
            yield function, line.split(":")[0].strip(), call[1]
    for entry in ENTRIES:
        if entry not in seen:
            sys.exit(f"there is no {entry} in {PROGRAM}: nothing was looked at")


def source(address):
    """Where the call stands in the source: the innermost place, and the one in the transport that it was inlined into."""
    lines = subprocess.run(
        ["addr2line", "-e", PROGRAM, "-i", "-f", "-C", f"0x{address}"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    frames = [place for place in lines[1::2]]
    ours = [frame for frame in frames if "/transport/src/" in frame]
    short = lambda place: re.sub(r"^.*/(transport/src|bare/src|library|rustix-[^/]*)/", r"\1/", place.split(" ")[0])
    innermost = short(frames[0])
    return innermost if not ours or short(ours[0]) == innermost else f"{innermost} in {short(ours[0])}"


found = sorted({(source(address), panic) for _, address, panic in sites()})
for place, panic in found:
    print(f"{place}: {panic.replace('core::', '')}")
print(f"{len(found)} panics on the way of a message")
