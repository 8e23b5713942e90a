"""What ``gochan run`` shows: a live view on a terminal, plain lines elsewhere."""

# Theory of operation
# -------------------
# Standard output carries what the commands print, untouched, so that it can be piped on.
# Everything about the run goes to standard error: on a terminal a live view of what runs,
# elsewhere a line for each command that has ended; at the end, a table.
#
# If nobody reads standard error, or it cannot be written, the run goes on all the same.

from __future__ import annotations

import io
import os
import select
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from threading import Lock
from typing import BinaryIO, Final, Protocol, final

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..._queue import Progress, QueueStatistics

STDOUT: Final = 1
STDERR: Final = 2

# How many seconds a line about the run may wait for somebody to read those before it. If
# that is not enough, lines are lost until somebody reads again.
_PATIENCE: Final = 1.0

# How many of the running commands the live view names.
_NAMED: Final = 8


class Running(Protocol):
    """What is shown of a job that runs."""

    @property
    def name(self) -> str: ...
    @property
    def age(self) -> float: ...
    @property
    def progressed(self) -> Progress | None: ...


class Display(ABC):
    """Shows a run while it goes on."""

    @abstractmethod
    def say(self, line: str) -> None:
        """Show a line about the run."""

    @abstractmethod
    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        """Show how a command ended."""

    @abstractmethod
    def update(
        self, counts: QueueStatistics, lines: int, running: Iterable[Running], phase: str = ""
    ) -> None:
        """Show how things stand: the counts, how many lines were read, what runs, any stop."""

    @abstractmethod
    def show(self, output: BinaryIO, descriptor: int) -> None:
        """Pass on what a command has written to its standard output or standard error.

        Raises:
            BrokenPipeError: nobody reads it any more.
            OSError: it cannot be written for another reason, such as a full disk.
        """

    def close(self) -> None:  # noqa: B027  # plain lines need no end
        """Show nothing more but the summary."""

    def summarize(self, rows: Sequence[tuple[str, str]]) -> None:
        """Show the table at the end."""
        table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
        for name, value in rows:
            table.add_row(name, Text(value, justify="right"))
        text = io.StringIO()
        Console(file=text, width=80).print(table)
        self.say(text.getvalue().strip("\n"))


@final
class PlainDisplay(Display):
    """A line for each thing that happens."""

    def __init__(self, descriptor: int = STDERR) -> None:
        self._descriptor = descriptor  # where the lines go
        self.patience = _PATIENCE

    def say(self, line: str) -> None:
        view = memoryview(line.encode(errors="replace") + b"\n")
        with suppress(OSError):
            while view and select.select([], [self._descriptor], [], self.patience)[1]:
                # A pipe that can be written takes so much at once.
                view = view[os.write(self._descriptor, view[: select.PIPE_BUF]) :]
        self.patience = 0.0 if view else _PATIENCE

    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        self.say(describe(kind, seconds, command, why))

    def update(
        self, counts: QueueStatistics, lines: int, running: Iterable[Running], phase: str = ""
    ) -> None:
        pass

    def show(self, output: BinaryIO, descriptor: int) -> None:
        with suppress(OSError) if descriptor == STDERR else nullcontext():
            while chunk := output.read(1 << 16):
                _write_all(descriptor, chunk)


@final
class LiveDisplay(Display):
    """A progress bar and the running commands, at the bottom of a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.fileno()
        self._plain = PlainDisplay(self._terminal)
        self._console = Console(stderr=True)
        self._live: Live | None = None  # while the view is there
        self._view: Group | None = None  # what it shows
        self._lock = Lock()  # output is shown by other threads
        self._closed = False

    @contextmanager
    def _above(self, patience: float = -1) -> Iterator[None]:
        """Take the live view away for a while, if the terminal is ours within ``patience``."""
        ready = patience < 0 or self._writable(patience)
        mine = ready and self._lock.acquire(timeout=patience)
        try:
            if mine and self._live is not None:
                with suppress(OSError):  # the terminal has gone
                    self._live.stop()
                self._live = None
            yield
            if mine:
                self._draw()
        finally:
            if mine:
                self._lock.release()

    def _writable(self, patience: float = 0) -> bool:
        return bool(select.select([], [self._terminal], [], patience)[1])

    def say(self, line: str) -> None:
        with self._above(self._plain.patience):
            self._plain.say(line)

    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        if kind != "done":
            self.say(describe(kind, seconds, command, why))

    def update(
        self, counts: QueueStatistics, lines: int, running: Iterable[Running], phase: str = ""
    ) -> None:
        ended = counts.submitted - counts.waiting - counts.running
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            ProgressBar(total=max(lines, 1), completed=ended, width=40),
            f"{ended}/{lines} lines",
            f"{counts.running} running, {counts.failed + counts.timed_out} failed",
            *([phase] if phase else []),
        )
        commands = Table.grid(padding=(0, 1))
        for job in list(running)[:_NAMED]:
            progress = "" if job.progressed is None else f"[{job.progressed}] "
            text = Text(progress + printable(job.name), overflow="ellipsis", no_wrap=True)
            commands.add_row(f"{job.age:6.1f} s", text)
        if not self._closed:
            self._view = Group(commands, bar)
            if self._lock.acquire(blocking=False):
                self._draw()
                self._lock.release()

    def _draw(self) -> None:
        # Nobody waits for a terminal that does not take anything.
        if self._view is None or not self._writable():
            return
        with suppress(OSError):  # the terminal has gone
            if self._live is None:
                self._live = Live(
                    console=self._console,
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start()
            self._live.update(self._view, refresh=True)

    def show(self, output: BinaryIO, descriptor: int) -> None:
        if not os.isatty(descriptor):
            self._plain.show(output, descriptor)
            return
        if not output.seek(0, os.SEEK_END):
            return
        output.seek(-1, os.SEEK_END)
        end = output.read()
        output.seek(0)
        with self._above():
            self._plain.show(output, descriptor)
            if end != b"\n":  # the view needs a line of its own
                _write_all(descriptor, b"\n")

    def close(self) -> None:
        with self._above(_PATIENCE):
            self._closed = True
            self._view = None


def describe(kind: str, seconds: float, command: str, why: str) -> str:
    """Return the line about a command that has ended."""
    end = f" ({why})" if why else ""
    return printable(f"{kind.replace('_', ' '):<11} {seconds:7.2f} s  {command}{end}")


def printable(text: str) -> str:
    """Return ``text`` on one line, and without anything that could command a terminal."""
    if text.isprintable():
        return text
    # Bytes that are no characters are left to the encoding of the output.
    return "".join(
        letter if letter.isprintable() or "\udc80" <= letter <= "\udcff" else repr(letter)[1:-1]
        for letter in text
    )


def open_display() -> Display:
    """Return the display that suits standard error."""
    return LiveDisplay() if sys.stderr.isatty() else PlainDisplay()


def _write_all(descriptor: int, data: bytes) -> None:
    """Write, waiting as long as it takes."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # somebody else has made it so
            select.select([], [descriptor], [])
