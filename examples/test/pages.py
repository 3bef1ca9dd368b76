"""The Python blocks of the README are run as they are written there, against a sender or receiver of ours."""
import importlib.util, os, re, threading
from unittest import mock

import pyarrow as pa

import peers
from peers import receive

NUMBERS = pa.table({"number": [1, 2, 3]})
WORDS = pa.table({"word": ["a", "b", "a", "a"], "number": [1, 2, 3, 4]})
# The words that tell a block from the others, and what its variables have to show afterwards.
BLOCKS = {
    "a loop": ("for batch in", lambda names: names["total"] == 4),
    "pandas": ("read_pandas", lambda names: names["frame"].to_dict("list") == WORDS.to_pydict()),
    "Polars": ("polars.DataFrame(bowstring", lambda names: names["frame"].to_dict(as_series=False) == WORDS.to_pydict()),
    "DuckDB": ("duckdb.sql", lambda names: names["answer"] == [("a", 8), ("b", 2)]),
    "sending": ("bowstring.send", None),
}


def needs(block):
    modules = set(re.findall(r"^import (\w+)", block, re.M)) | ({"pandas"} if "pandas" in block else set())
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise peers.Skipped(f"{module} is not installed")


def run(words, holds):
    def test(directory):
        with open(peers.EXAMPLES / "README.md") as page:
            (block,) = [b for b in re.findall(r"```python\n(.*?)```", page.read(), re.S) if words in b]
        needs(block)
        names = {}
        with mock.patch.dict(os.environ, XDG_RUNTIME_DIR=str(directory)):
            path = receive.default_path()
            if holds:
                done = peers.python_sends((WORDS.schema, WORDS.to_batches(2)), directory, path)
                exec(block, names)
                done()
                assert holds(names), names
            else:
                sending = threading.Thread(target=lambda: exec(block, names), daemon=True)
                sending.start()
                peers.until(lambda: peers.listening(path) or not sending.is_alive())
                assert receive.receive().read_all() == NUMBERS
                sending.join()

    return test


def tests():
    for name, (words, holds) in BLOCKS.items():
        yield f"README, {name}", run(words, holds)
