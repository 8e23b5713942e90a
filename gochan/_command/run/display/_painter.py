"""A view at the bottom of a terminal, and text above it."""

# Theory of operation
# -------------------
# The hidden cursor stands at the start of the view's first row. So the view is erased by
# clearing from the cursor to the end of the screen, however the terminal has moved and
# wrapped its rows meanwhile: it keeps the cursor at its character. Rows do not wrap, since
# wrapping is off while they are drawn.
#
# A frame is what a terminal is sent at a time: the text that has come since the last one,
# and the view below it. There are at most ten per second, but for floods of text: then a
# frame has so much text that the view costs nothing beside it.
#
# Invariants
# ----------
# 1. While the view is on the screen, nothing but a frame is written to the terminal.
# 2. Text ends with a line, and leaves no colour behind.

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, final

import trio

from ...terminal import (
    CLEAR_BELOW,
    CLEAR_ROW,
    HIDE_CURSOR,
    NO_WRAP,
    SHOW_CURSOR,
    WRAP,
    Writer,
    write_within,
)

# How many seconds lie between two frames.
_PACE: Final = 0.1

# How many bytes of text make a frame that does not wait, and how many may wait at all.
_FLOOD: Final = 1 << 16
_MOST: Final = 1 << 18

Render: TypeAlias = Callable[[os.terminal_size], Iterable[bytes]]
"""Returns the rows of the view for a terminal of this size; without rows there is no view."""


@final
class Painter:
    """Paints a view on a terminal, below all text."""

    def __init__(self, descriptor: int, render: Render) -> None:
        self._descriptor = descriptor
        self._render = render
        self._text: list[bytes] = []  # not yet on the terminal
        self._length = 0  # of it
        self._shown: list[bytes] = []  # the rows on the screen
        self._size = os.terminal_size((0, 0))  # of the terminal, when they were drawn
        self._problem: OSError | None = None  # the terminal cannot be written
        self._busy = False  # whether a frame is being written
        self._owed = False  # whether output of commands is in the text
        self._paying = False  # and in that frame
        self._hidden = False
        self._more = trio.Event()  # set when there is something to paint
        self._flood = trio.Event()  # set when that cannot wait
        self._done = trio.Event()  # set when it is painted

    async def run(self) -> None:
        """Paint, until cancelled."""
        writer = Writer(self._descriptor)
        try:
            while True:
                await self._more.wait()
                self._more, self._flood = trio.Event(), trio.Event()
                await self._paint(writer)
                with trio.move_on_after(_PACE):
                    await self._flood.wait()
        finally:
            writer.close()

    async def _paint(self, writer: Writer) -> None:
        frame = self._next_frame()
        self._busy, self._paying, self._owed = True, self._owed, False
        try:
            await writer.write(frame)
        except OSError as error:  # the terminal has gone
            self._problem = error
        finally:
            self._busy = self._paying = False
            self._done.set()
            self._done = trio.Event()

    def _next_frame(self) -> bytes:
        """Return what makes the terminal show the text that has come, and the view as it is now."""
        text, self._text, self._length = self._text, [], 0
        size = self._terminal_size()
        rows = [] if self._hidden else [*self._render(size)]
        if not text and rows == self._shown and size == self._size:
            return b""
        keeps = rows and not text and size == self._size  # it is only drawn over
        frame = [CLEAR_BELOW] if self._shown and not keeps else []
        frame += text
        if rows:
            frame += [HIDE_CURSOR + NO_WRAP, b"\r\n".join(row + CLEAR_ROW for row in rows)]
            frame += [CLEAR_BELOW + b"\r"]
            frame += [b"\x1b[%dA" % (len(rows) - 1)] if len(rows) > 1 else []
            frame += [WRAP]
        elif self._shown:
            frame += [SHOW_CURSOR]
        self._shown, self._size = rows, size
        return b"".join(frame)

    def _terminal_size(self) -> os.terminal_size:
        try:
            return os.get_terminal_size(self._descriptor)
        except OSError:  # the terminal has gone
            return os.terminal_size((0, 0))

    def repaint(self) -> None:
        """Show the view as it is now."""
        self._more.set()

    def put(self, text: bytes) -> bool:
        """Show text above the view; return False if too much waits already."""
        if self._length > _MOST:
            return False
        self._text.append(text)
        self._length += len(text)
        self._more.set()
        if self._length > _FLOOD:
            self._flood.set()
        return True

    async def write(self, text: bytes) -> None:
        """Show text above the view, and wait if too much waits already.

        Raises:
            OSError: the terminal has gone.
        """
        while self._problem is None and not self.put(text):
            await self._done.wait()
        if self._problem is not None:
            raise self._problem
        self._owed = True

    async def drained(self) -> None:
        """Wait until all that was written is on the terminal; what was only put there may be lost.

        Raises:
            OSError: the terminal has gone.
        """
        while (self._owed or self._paying) and self._problem is None:
            self._flood.set()
            await self._done.wait()
        if self._problem is not None:
            raise self._problem

    async def hide(self) -> None:
        """Take the view away."""
        self._hidden = True
        self._more.set()
        self._flood.set()
        while self._shown or self._text or self._busy:
            await self._done.wait()

    def show(self) -> None:
        """Show the view again after `hide`."""
        self._hidden = False
        self._more.set()

    def close(self, patience: float) -> None:
        """Write what is left, and take the view away; the terminal may hold that up so long.

        `run` must have ended.
        """
        self._hidden = True
        write_within(patience, self._descriptor, self._next_frame())
