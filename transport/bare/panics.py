#!/usr/bin/env python3
"""Lists what can panic in the machine code of the hot path.

Looks at the functions that a message passes through (not at the cold ones that they call: waiting, watching over peers,
files) and prints, for every call of a panic in them, the place in the source and the function it was inlined into. The
last line is "N panics on the way of a message". Needs objdump and addr2line, which come with every C compiler.
"""
import re
import subprocess
import sys

PROGRAM = "target/release/hot_path"
# What a message passes through: the entry points, and what is not inlined into them.
HOT = re.compile(r"^(send|receive_in_place|receive_copied|_start)$|drop_in_place<.*Lease|Occupation::(find|search|occupy)")
PANIC = re.compile(r"call\s+[0-9a-f]+ <(core::(?:panicking|slice|option|cell|result|str)::[^>]*)>")


def sites():
    """Each call of a panic in a hot function: the function, the address of the call, the panic."""
    listing = subprocess.run(
        ["objdump", "-d", "-C", "--no-show-raw-insn", PROGRAM], check=True, capture_output=True, text=True
    ).stdout
    hot, function, seen = False, "", set()
    for line in listing.splitlines():
        if start := re.match(r"^[0-9a-f]+ <(.*)>:$", line):
            function = start[1]
            hot = HOT.search(function) is not None
            if hot:
                seen.add(function)
        elif hot and (call := PANIC.search(line)):
            yield function, line.split(":")[0].strip(), call[1]
    for entry in ("send", "receive_in_place", "receive_copied"):
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
