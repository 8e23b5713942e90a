"""The display for a terminal: a view of what runs now, below the lines about what has ended."""

# Theory of operation
# -------------------
# A painter keeps the view at the bottom; what is said, and what commands write, goes through
# it. In the background of a terminal there is no view and no key, since the terminal is
# another program's. When we are stopped (Ctrl-Z), the view goes away first, and the terminal
# is as it was; when we go on, both come back.
#
# While lines are typed at the terminal, there is no view either: it would be typed over. Nor
# before the first line has come: the program that it comes from may ask for something at the
# terminal first, such as a password.

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, final

import trio

from .... import open_signal_chan
from ..._ignored_signals import not_ignored
from ...terminal import Keyboard, be_stopped, painted
from ._display import Display, describe, encoded
from ._estimate import Estimate
from ._keys import Keys
from ._painter import Painter
from ._plain_display import PATIENCE, PlainDisplay
from ._state import PAUSED, Control, Running, RunState
from ._terminal_text import lines_for_terminal
from ._view import Figures, Panel, view

# For a terminal that does not tell its size.
_COLUMNS: Final = 80
_LINES: Final = 24


@final
class LiveDisplay(Display):
    """Shows a bar and the running commands, at the bottom of a terminal."""

    live = True

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._plain = PlainDisplay(terminal)
        self._painter = Painter(terminal, self._render)
        self._keyboard = Keyboard(terminal)
        self._keys: Keys | None = None  # while they are read
        self._estimate = Estimate()
        self._state: RunState | None = None
        self._open = False  # whether the painter paints

    async def run(self, control: Control | None = None) -> None:
        self._open = True
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._painter.run)
                nursery.start_soon(self._watch_signals)
                if control is not None and self._keyboard.works:
                    self._keys = Keys(
                        self._keyboard,
                        control,
                        self._running,
                        self._painter.repaint,
                        lambda: self._begun,
                    )
                    nursery.start_soon(self._keys.run)
        finally:
            self._open = False
            self._keyboard.give_back()

    # What is shown

    def say(self, text: str) -> None:
        if self._open:
            self._painter.put(encoded(text))
        else:
            self._plain.say(text)

    def ended(self, kind: str, seconds: float, command: str, why: str) -> None:
        self._estimate.ended(seconds)
        if kind != "done":
            self.say(describe(kind, seconds, command, why))

    def update(self, state: RunState) -> None:
        self._state = state
        self._estimate.look(
            trio.current_time(),
            len(state.running),
            state.waiting,
            state.workers,
            paused=state.held == PAUSED,
        )
        self._painter.repaint()

    def stands_on(self, descriptor: int) -> bool:
        ours, other = os.fstat(self._terminal), os.fstat(descriptor)
        return os.isatty(descriptor) and ours.st_rdev == other.st_rdev

    async def show(self, chunks: Iterable[bytes], descriptor: int) -> None:
        for lines in lines_for_terminal(chunks):
            await self._painter.write(lines)

    async def drained(self) -> None:
        with suppress(OSError):  # the terminal has gone
            await self._painter.drained()

    def close(self) -> None:
        self._painter.close(PATIENCE)
        self._keyboard.close()

    # The view

    @property
    def _begun(self) -> bool:
        """Whether there is a job; before, the program that gives us lines may want the terminal."""
        return self._state is not None and self._state.submitted > 0

    def _running(self) -> Sequence[Running]:
        return self._state.running if self._state is not None else ()

    def _render(self, size: os.terminal_size) -> Sequence[bytes]:
        """Return the view as the terminal gets it; nothing while there must not be any."""
        state = self._state
        if state is None or not self._begun or state.typed or self._keyboard.in_background:
            return []
        panel = self._keys.panel() if self._keys is not None else Panel()
        figures = Figures(self._estimate.rate, self._seconds_left(state))
        columns, lines = size.columns or _COLUMNS, size.lines or _LINES
        rows = view(state, figures, panel, columns=columns, lines=lines)
        return [*map(painted, rows)]

    def _seconds_left(self, state: RunState) -> float | None:
        if state.total is None or state.held == PAUSED or state.phase != "run":
            return None
        ages = [job.age for job in state.running]
        return self._estimate.seconds_left(state.waiting, ages, state.workers)

    # Signals

    async def _watch_signals(self) -> None:
        """Give the terminal back while we are stopped, and paint again when it has changed."""
        stops = not_ignored(signal.SIGTSTP)
        async with open_signal_chan(signal.SIGWINCH, signal.SIGCONT, *stops) as signals:
            async for number in signals:
                if number == signal.SIGTSTP:
                    await self._stop()
                if number == signal.SIGCONT:
                    self._keyboard.take_again()
                self._painter.repaint()

    async def _stop(self) -> None:
        """Be stopped, as by Ctrl-Z, with a terminal that is as it was."""
        with trio.move_on_after(PATIENCE):
            await self._painter.hide()
        self._keyboard.give_back()
        be_stopped()
        self._painter.show()
