"""What tests of the command line share: real processes, what they print and leave behind."""

from __future__ import annotations

import atexit
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, final

import pytest

from gochan._command._command_line import command_line

# How long anything may take here before a test fails. Nothing should take a tenth of it.
PATIENCE = 15.0

MODULE = (sys.executable, "-m", "gochan")

# An option that makes the order of commands certain.
ONE = ("--workers", "1")

INT, TERM = signal.SIGINT, signal.SIGTERM

# What is said in each phase of a stop.
DRAINS = "no further job starts"
CANCELS = "cancelling what runs"
GIVES_UP = "giving up"

# Compiled modules are kept for all processes of this session, wherever Python looks for them.
_bytecode = tempfile.mkdtemp(prefix="gochan-tests-")
atexit.register(shutil.rmtree, _bytecode, ignore_errors=True)

_ENVIRONMENT = {
    **{
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONDONTWRITEBYTECODE", "GOCHAN_BLOCK_PLUGINS", "FORCE_COLOR"}
    },
    "PYTHONPYCACHEPREFIX": _bytecode,
    "TERM": "xterm",
}


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = PATIENCE) -> None:
    """Look again and again until ``condition`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.005)


def numbers(count: int) -> bytes:
    """Return lines of input: 1, 2, 3, ..."""
    return b"".join(b"%d\n" % number for number in range(1, count + 1))


# In this process


@final
@dataclass(frozen=True)
class Ended:
    """What a command printed, and how it ended."""

    status: int
    out: bytes
    err: str

    @property
    def complaints(self) -> list[str]:
        """Its lines about what is wrong."""
        return [line for line in self.err.splitlines() if line.startswith("gochan:")]

    @property
    def summary(self) -> dict[str, str]:
        """The table at the end, without the time."""
        table = self.err.rstrip().splitlines()
        rows = [re.fullmatch(r" (\S.*?) {2,}(\S.*?) *", line) for line in table]
        found = {row[1]: row[2] for row in rows if row}
        assert [*found][-1] == "seconds"
        assert re.fullmatch(r"\d+\.\d", found.pop("seconds"))
        return found

    @property
    def commands(self) -> list[str]:
        """The lines about commands that have ended, without how long they took."""
        rows = re.findall(r"^([a-z ]+?) +\d+\.\d\d s  (.*)", self.err, re.MULTILINE)
        return [": ".join(row) for row in rows]


class RunLines(Protocol):
    """Run a command for each of the lines, in this process."""

    def __call__(self, lines: bytes, *arguments: str | Path) -> Ended: ...


class Gochan(Protocol):
    """Run a command line, in this process."""

    def __call__(self, *arguments: str | Path) -> Ended: ...


@pytest.fixture
def gochan(capfdbinary: pytest.CaptureFixture[bytes]) -> Gochan:
    """Run a command line in this process: quick, but without signals and closed files."""

    def run(*arguments: str | Path) -> Ended:
        status = command_line([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Ended(status, out, err.decode())

    return run


@pytest.fixture
def run_lines(gochan: Gochan, tmp_path: Path) -> RunLines:
    """Do so with ``gochan run``, and with a file of lines as the input."""

    def run(lines: bytes, *arguments: str | Path) -> Ended:
        path = tmp_path / "lines"
        path.write_bytes(lines)
        return gochan("run", "--input", path, *arguments)

    return run


# In a process of its own


@final
class Running:
    """A command that runs in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], out: BinaryIO, err: BinaryIO) -> None:
        self.process = process
        self._out = out
        self._err = err

    @property
    def out(self) -> bytes:
        """What it has printed so far, unless to somewhere else."""
        return os.pread(self._out.fileno(), 1 << 30, 0)

    @property
    def err(self) -> str:
        """What it has said so far, unless to somewhere else."""
        return os.pread(self._err.fileno(), 1 << 30, 0).decode()

    def expect(self, text: str) -> None:
        """Wait until it says this."""
        wait_until(lambda: text in self.err or self.process.poll() is not None, repr(text))
        assert text in self.err

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def write(self, lines: bytes) -> None:
        """Write to its standard input, which must be a pipe."""
        assert self.process.stdin is not None
        self.process.stdin.write(lines)
        self.process.stdin.flush()

    def ended(self, *, seconds: float = PATIENCE) -> Ended:
        """Wait for its end. A standard input that is a pipe stays open."""
        self.process.wait(seconds)
        return Ended(self.process.returncode, self.out, self.err)


@contextmanager
def start(
    *arguments: str | Path,
    command: tuple[str, ...] = MODULE,
    shell: str | None = None,
    lines: bytes | None = None,
    variables: Mapping[str, str] = {},  # it is only read
    **options: Any,
) -> Iterator[Running]:
    """Start a command, and kill it on the way out if it still runs.

    Args:
        arguments: of the command.
        command: by default ``python -m gochan``.
        shell: a script that runs the command as ``"$@"``.
        lines: the standard input; by default it is empty.
        variables: for the environment.
        options: of `subprocess.Popen`.
    """
    words = [*command, *map(str, arguments)]
    if shell is not None:
        words = ["sh", "-c", shell, "sh", *words]
    with ExitStack() as files:
        out, err, given = (files.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(lines or b"")
        given.seek(0)
        process = subprocess.Popen(
            words,
            env={**_ENVIRONMENT, **variables},
            **{"stdin": given, "stdout": out, "stderr": err, **options},
        )
        try:
            yield Running(process, out, err)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()


def changed(module: str, *assignments: str) -> tuple[str, ...]:
    """Return the command ``gochan`` as it is with other constants in one of its modules."""
    room, name = f"gochan.{module}".rsplit(".", 1)
    lines = [
        f"from {room} import {name}",
        *(f"{name}.{assignment}" for assignment in assignments),
        "from gochan.__main__ import main",
        "main()",
    ]
    return (sys.executable, "-c", "\n".join(lines))


def finish(*arguments: str | Path, **options: Any) -> Ended:
    """Run a command to its end; the arguments are those of `start`."""
    with start(*arguments, **options) as running:
        return running.ended()


# What is left behind

_numbers = itertools.count(1)


@pytest.fixture
def marker() -> Iterator[str]:
    """A number of seconds to sleep that only this test uses; no process may sleep at its end."""
    number = f"1000.{os.getpid()}{next(_numbers):03}"
    yield number
    try:
        wait_until(lambda: not sleepers(number), f"the end of sleep {number}", seconds=2)
    finally:
        for pid in sleepers(number):
            os.kill(pid, signal.SIGKILL)


def sleepers(marker: str) -> list[int]:
    """Return the processes with this last argument, such as ``sleep``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has gone meanwhile
            if path.read_bytes().endswith(b"\0" + marker.encode() + b"\0"):
                found.append(int(path.parent.name))
    return found


def state_of(pid: int) -> str:
    """Return a letter for what a process does: S sleeps, T is stopped, Z is dead, - is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "-"
