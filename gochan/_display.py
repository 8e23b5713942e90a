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
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from typing import BinaryIO, Final, final

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ._queue import QueueStatistics

STDOUT: Final = 1
STDERR: Final = 2

# How many seconds a line about the run may wait for somebody to read those before it. If
# that is not enough, lines are lost until somebody reads again.
_PATIENCE: Final = 1.0

# How many of the running commands the live view names.
_NAMED: Final = 8


class Display(ABC):
    """Shows a run while it goes on. Used as a context manager around the run."""

    @abstractmethod
    def say(self, line: str) -> None:
        """Show a line about the run."""

    @abstractmethod
    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        """Show how a command ended."""

    @abstractmethod
    def update(
        self, counts: QueueStatistics, lines: int, running: Iterable[tuple[str, float]]
    ) -> None:
        """Show how things stand: the counts, how many lines were read, what runs since when."""

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

    def __init__(self) -> None:
        self._patience = _PATIENCE

    def say(self, line: str) -> None:
        view = memoryview(line.encode(errors="replace") + b"\n")
        with suppress(OSError):
            while view and select.select([], [STDERR], [], self._patience)[1]:
                # A pipe that can be written takes so much at once.
                view = view[os.write(STDERR, view[: select.PIPE_BUF]) :]
        self._patience = 0.0 if view else _PATIENCE

    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        self.say(describe(kind, seconds, command, why))

    def update(
        self, counts: QueueStatistics, lines: int, running: Iterable[tuple[str, float]]
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
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def say(self, line: str) -> None:
        self._console.out(line, highlight=False)

    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        if kind != "done":
            self.say(describe(kind, seconds, command, why))

    def update(
        self, counts: QueueStatistics, lines: int, running: Iterable[tuple[str, float]]
    ) -> None:
        ended = counts.submitted - counts.waiting - counts.running
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            ProgressBar(total=max(lines, 1), completed=ended, width=40),
            f"{ended}/{lines} lines",
            f"{counts.running} running, {counts.failed + counts.timed_out} failed",
        )
        commands = Table.grid(padding=(0, 1))
        for command, seconds in list(running)[:_NAMED]:
            text = Text(printable(command), overflow="ellipsis", no_wrap=True)
            commands.add_row(f"{seconds:6.1f} s", text)
        self._live.update(Group(commands, bar), refresh=True)

    def show(self, output: BinaryIO, descriptor: int) -> None:
        if not os.isatty(descriptor):
            PlainDisplay().show(output, descriptor)
        elif text := output.read().decode(errors="replace"):
            # Above the live view, and with an end of line so that it stays there.
            self._console.out(text.removesuffix("\n"), highlight=False)

    def close(self) -> None:
        self._live.stop()


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
