"""Terminals, as a person sees them: a terminal emulator at the other end of a real pty."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import termios
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from typing import Any, final

import pyte
import pytest
import trio

from .processes import PATIENCE, wait_until


class Emulator(pyte.HistoryScreen):
    """An emulator whose cursor stays at its character when the height changes, as in real ones."""

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        lines, columns = lines or self.lines, columns or self.columns
        lost = max(0, self.cursor.y + 1 - lines)  # rows that leave by the top
        rows = {row - lost: self.buffer[row] for row in range(lost, self.lines)}
        x, y = min(self.cursor.x, columns - 1), self.cursor.y - lost
        super().resize(lines, columns)
        self.buffer.clear()
        for row in range(lines):
            for column, character in rows.get(row, {}).items():
                if column < columns:
                    self.buffer[row][column] = character
        self.cursor.x, self.cursor.y = x, y
        self.dirty.update(range(lines))


@final
class Terminal:
    """A terminal, by default of 24 rows and 80 columns.

    Attributes:
        slave: the descriptor that a program has.
        seen: everything that was written to it.
    """

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self._master, self.slave = pty.openpty()
        self._emulator = Emulator(columns, lines, history=1000, ratio=1)
        self._stream = pyte.ByteStream(self._emulator)
        self._fed = 0  # how much of what was written the emulator knows
        self.seen = b""
        termios.tcsetwinsize(self.slave, (lines, columns))

    def close(self) -> None:
        if self._master >= 0:
            self.hang_up()
        os.close(self.slave)

    def hang_up(self) -> None:
        """Go away, as a window that is closed."""
        os.close(self._master)
        self._master = -1

    @property
    def files(self) -> dict[str, Any]:
        """Options of `start` for a program on this terminal alone, which controls it."""
        control = partial(fcntl.ioctl, self.slave, termios.TIOCSCTTY, 0)
        files = dict.fromkeys(("stdout", "stderr"), self.slave)
        return {**files, "start_new_session": True, "preexec_fn": control}

    def resize(self, columns: int, lines: int) -> None:
        self._look().resize(lines, columns)
        termios.tcsetwinsize(self.slave, (lines, columns))

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def expect(self, pattern: str) -> None:
        """Wait until something is shown that matches."""
        try:
            wait_until(lambda: re.search(pattern, "\n".join(self.screen)), repr(pattern))
        except AssertionError as error:
            error.add_note("\n".join(["on the screen:", *self.screen]))
            raise

    async def shows(self, pattern: str) -> None:
        """Wait for that in a task, while others go on."""
        with trio.fail_after(PATIENCE):
            while not re.search(pattern, "\n".join(self.screen)):  # noqa: ASYNC110
                await trio.sleep(0.005)

    @property
    def cursor_shown(self) -> bool:
        return not self._look().cursor.hidden

    @property
    def cursor(self) -> tuple[int, int]:
        """The column and the row of the cursor, from 0."""
        cursor = self._look().cursor
        return cursor.x, cursor.y

    @property
    def title(self) -> str:
        return self._look().title

    def colours(self, colour: str) -> list[str]:
        """Return the rows that begin in a colour."""
        buffer, rows = self._look().buffer, self.screen
        return [row for number, row in enumerate(rows) if row and buffer[number][0].fg == colour]

    @property
    def screen(self) -> list[str]:
        """Its rows now, without those that are empty at the end."""
        emulator = self._look()
        cells = [emulator.buffer[row] for row in range(emulator.lines)]
        rows = ["".join(row[x].data for x in range(max(row, default=-1) + 1)) for row in cells]
        rows = [row.rstrip() for row in rows]
        return "\n".join(rows).rstrip().split("\n")

    def _look(self) -> Emulator:
        """Return the emulator as it is after all that was written."""
        self.read()
        self._stream.feed(self.seen[self._fed :])
        self._fed = len(self.seen)
        return self._emulator

    def read(self) -> bytes:
        """Return all that was written to it so far."""
        while self._master >= 0 and select.select([self._master], [], [], 0)[0]:
            with suppress(OSError):
                self.seen += os.read(self._master, 1 << 16)
                continue
            break
        return self.seen


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with closing(Terminal()) as terminal:
        yield terminal
