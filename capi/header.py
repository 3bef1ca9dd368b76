"""Puts the finishing touches on a header that cbindgen made: no paragraphs for Rust, and a word on each handle."""
import re
import sys

HANDLES = {
    "listener": "A socket that others can connect to.",
    "sender": "The sending end: a pool of slots in shared memory, and up to 64 receivers.",
    "receiver": "The receiving end of a channel.",
    "observer": "A view of a sender's statistics. The sender waits for nothing of it.",
    "table_sender": "Sends the batches of one Arrow table to up to 64 receivers.",
    "table_receiver": "Receives the batches of one Arrow table.",
    "store": "A connection to a store of named tables.",
    "follower": "A connection that follows a table of a store.",
    "columns": "The columns of a batch that is being built, numbered from 0, parents before their children.",
}

path = sys.argv[1]
text = open(path).read()
text = re.sub(r"(//\n)?// # Safety\n(//[^\n]*\n)*", "", text)
for name, words in HANDLES.items():
    handle = f"typedef struct bowstring_{name} bowstring_{name};"
    text = re.sub(r"(// [^\n]*\n)*" + re.escape(handle), lambda _: f"// {words}\n{handle}", text)
text = re.sub(r"[ \t]+\n", "\n", text)
open(path, "w").write(text)
