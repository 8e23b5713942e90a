"""What ``gochan run`` shows: what every display can do, and the words that all use."""

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
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final, Protocol

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ... import Progress, QueueStatistics

STDOUT: Final = 1
STDERR: Final = 2


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
        """Show the state of the run: its counts, how many lines were read, what runs, any stop."""

    @abstractmethod
    def show(self, output: BinaryIO, descriptor: int) -> None:
        """Pass on what a command has written to its standard output or standard error.

        Raises:
            BrokenPipeError: nobody reads it any more.
            OSError: it cannot be written for another reason, such as a full disk.
        """

    def close(self) -> None:  # noqa: B027  # plain lines need no end
        """Stop showing the state of the run; lines and the summary can still be shown."""

    def summarize(self, rows: Sequence[tuple[str, str]]) -> None:
        """Show the table at the end."""
        table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
        for name, value in rows:
            table.add_row(name, Text(value, justify="right"))
        text = io.StringIO()
        Console(file=text, width=80).print(table)
        self.say(text.getvalue().strip("\n"))


def describe(kind: str, seconds: float, command: str, why: str) -> str:
    """Return the line about a command that has ended."""
    end = f" ({why})" if why else ""
    return printable(f"{kind.replace('_', ' '):<11} {seconds:7.2f} s  {command}{end}")


def printable(text: str) -> str:
    """Return ``text`` on one line, without any character that a terminal would obey."""
    if text.isprintable():
        return text
    # Bytes that are no characters are left to the encoding of the output.
    return "".join(
        letter if letter.isprintable() or "\udc80" <= letter <= "\udcff" else repr(letter)[1:-1]
        for letter in text
    )


def write_all(descriptor: int, data: bytes) -> None:
    """Write ``data``, and wait as long as that takes.

    Raises:
        OSError: it cannot be written.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # another program that shares the file has made it so
            select.select([], [descriptor], [])
