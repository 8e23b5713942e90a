"""The screen: a terminal that shows one picture, and is as it was afterwards."""

# Theory of operation
# -------------------
# The picture is on the alternate screen, so what was on the terminal comes back afterwards. Each
# frame is drawn from the upper left corner over the one before, without wrapping, and clears what
# is right of its rows and below them; so no frame depends on what a resize has left. A frame that
# shows the same as the one before is not sent: over a slow line, only changes cost anything.

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias, final

import trio

from ...terminal import CLEAR_BELOW, CLEAR_ROW, NO_WRAP, WRAP, Writer, write_within

_ENTER: Final = b"\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
_LEAVE: Final = b"\x1b[?7h\x1b[0m\x1b[H\x1b[2J\x1b[?25h\x1b[?1049l"
_HOME: Final = b"\x1b[H"

# How many seconds lie between two frames, and how long a terminal may hold up the end.
_PACE: Final = 0.05
_PATIENCE: Final = 1.0

# For a terminal that does not tell its size.
_USUAL: Final = os.terminal_size((80, 24))

Render: TypeAlias = Callable[[os.terminal_size], Sequence[bytes]]


@final
class Screen:
    """Shows pictures on a terminal."""

    def __init__(self, descriptor: int, render: Render) -> None:
        self._descriptor = descriptor
        self._render = render
        self._entered = False
        self._shown = b""
        self._changed = trio.Event()

    async def run(self) -> None:
        """Show the picture, and show it again whenever it may have changed.

        Raises:
            OSError: the terminal has gone.
        """
        writer = Writer(self._descriptor)
        try:
            while True:
                if self._entered:
                    await writer.write(self._frame())
                await self._changed.wait()
                self._changed = trio.Event()
                await trio.sleep(_PACE)
        finally:
            writer.close()

    def _frame(self) -> bytes:
        rows = self._render(self.size())
        body = b"\r\n".join(row + CLEAR_ROW for row in rows)
        frame = _HOME + NO_WRAP + body + CLEAR_BELOW + WRAP
        if frame == self._shown:
            return b""
        self._shown = frame
        return frame

    def size(self) -> os.terminal_size:
        """Return the size of the terminal now."""
        with suppress(OSError):
            size = os.get_terminal_size(self._descriptor)
            if size.columns and size.lines:
                return size
        return _USUAL

    def repaint(self) -> None:
        """Look whether the picture has changed."""
        self._changed.set()

    def draw_anew(self) -> None:
        """Draw all of it, whatever is on the screen."""
        self._shown = b""
        self._changed.set()

    def enter(self) -> None:
        """Take the terminal."""
        self._write(_ENTER)
        self._entered = True
        self.draw_anew()

    def leave(self) -> None:
        """Let the terminal be as it was."""
        if self._entered:
            self._entered = False
            self._write(_LEAVE)

    def _write(self, data: bytes) -> None:
        write_within(_PATIENCE, self._descriptor, data)
