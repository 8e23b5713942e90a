"""The display for a terminal: a view of what runs now, below the lines about what has ended."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import BinaryIO, Final, final

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ... import QueueStatistics
from ._display import Display, Running, describe, printable, write_all
from ._plain_display import PATIENCE, PlainDisplay

# How many of the running commands the view names.
_NAMED: Final = 8


def open_display() -> Display:
    """Return the display that suits standard error."""
    return LiveDisplay() if sys.stderr.isatty() else PlainDisplay()


@final
class LiveDisplay(Display):
    """Shows a progress bar and the running commands, at the bottom of a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.fileno()
        self._plain = PlainDisplay(self._terminal)
        self._console = Console(stderr=True)
        self._live: Live | None = None  # while the view is on the screen
        self._view: Group | None = None  # what it shows
        self._lock = Lock()  # held by the thread that writes to the terminal
        self._closed = False

    def say(self, line: str) -> None:
        with self._above(self._plain.patience):
            self._plain.say(line)

    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        if kind != "done":
            self.say(describe(kind, seconds, command, why))

    def update(
        self, counts: QueueStatistics, lines: int, running: Iterable[Running], phase: str = ""
    ) -> None:
        if not self._closed:
            self._view = Group(_commands(running), _bar(counts, lines, phase))
            if self._lock.acquire(blocking=False):
                self._draw()
                self._lock.release()

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
            if end != b"\n":  # the view begins on a line of its own
                write_all(descriptor, b"\n")

    def close(self) -> None:
        with self._above(PATIENCE):
            self._closed = True
            self._view = None

    @contextmanager
    def _above(self, patience: float = -1) -> Iterator[None]:
        """Take the view away inside the block, if the terminal is ours within ``patience``."""
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

    def _draw(self) -> None:
        """Show the view, unless the terminal takes nothing at the moment."""
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

    def _writable(self, patience: float = 0) -> bool:
        return bool(select.select([], [self._terminal], [], patience)[1])


def _bar(counts: QueueStatistics, lines: int, phase: str) -> Table:
    """Return the row with the counts."""
    ended = counts.submitted - counts.waiting - counts.running
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(lines, 1), completed=ended, width=40),
        f"{ended}/{lines} lines",
        f"{counts.running} running, {counts.failed + counts.timed_out} failed",
        *([phase] if phase else []),
    )
    return bar


def _commands(running: Iterable[Running]) -> Table:
    """Return a row for each of the first commands that run."""
    commands = Table.grid(padding=(0, 1))
    for job in list(running)[:_NAMED]:
        progress = "" if job.progressed is None else f"[{job.progressed}] "
        text = Text(progress + printable(job.name), overflow="ellipsis", no_wrap=True)
        commands.add_row(f"{job.age:6.1f} s", text)
    return commands
