"""What the tests share: names that nobody else uses, and other processes."""

import itertools
import os
import subprocess
import sys
import textwrap

import pytest

import bowstring

_count = itertools.count()


@pytest.fixture(autouse=True, scope="session")
def _own_directory(tmp_path_factory):
    """The tests' channels and configuration are in directories of their own."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("run"))


@pytest.fixture
def name():
    return f"test-{os.getpid()}-{next(_count)}"


class Child:
    """Another Python process that runs a piece of code."""

    def __init__(self, code, *args):
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self):
        """The next line that it prints."""
        return self.process.stdout.readline().strip()

    def say(self, line=""):
        """Prints a line for it to read."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, f"the child ended with {self.process.returncode}"
        return out


@pytest.fixture
def child():
    """Starts other processes, and ends them with the test."""
    started = []

    def start(code, *args):
        started.append(Child(code, *args))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()


@pytest.fixture
def through(name):
    """Sends data through a channel: returns a reader of what was written."""

    def go(*data, reader={}, **writer):
        with bowstring.Writer(name, **writer) as w:
            for one in data:
                w.write(one)
        return bowstring.Reader(name, **reader)

    return go
