"""The live view: the picture, as long as somebody looks at it."""

# Theory of operation
# -------------------
# One task looks at the store again and again, one paints, one reads keys, one does what keys ask
# for, and one hears signals. They share the state of the view, which each changes at once. While
# the store cannot be reached, the last picture stays, with a line that says so.
#
# However the view ends, by a key, a signal or an error, the terminal is as it was before.

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Final, final

import trio

from .... import Chan, open_signal_chan
from ....durable import Store, StoreError
from ..._first_error import first_error
from ..._ignored_signals import not_ignored
from ...terminal import Keyboard, be_stopped, painted
from .._place import Place
from ._deeds import do
from ._history import History
from ._known import Known, look
from ._panel import Deed, Panel
from ._picture import picture
from ._screen import Screen

# How often we look whether we are in the foreground again, in seconds.
_LOOK: Final = 0.2

_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


async def watch(place: Place, store: Store, first: Known, terminal: int, interval: float) -> int:
    """Show a store until a key or a signal ends that; return the exit status.

    Args:
        place: of the store, for what keys ask for.
        store: which is looked at.
        first: what was known at the beginning.
        terminal: the descriptor of the terminal.
        interval: how many seconds lie between two looks.
    """
    return await _Live(place, store, first, terminal, interval).run()


@final
class _Live:
    def __init__(
        self, place: Place, store: Store, first: Known, terminal: int, interval: float
    ) -> None:
        self._place = place
        self._store = store
        self._interval = interval
        self._known = first
        self._problem = ""
        self._history = History()
        self._history.add(first.queues)
        self._panel = Panel()
        self._screen = Screen(terminal, self._render)
        self._keyboard = Keyboard(terminal)
        self._deeds: Chan[Deed] = Chan(8)
        self._soon = trio.Event()  # set when it is time to look
        self._status = 0

    async def run(self) -> int:
        try:
            async with trio.open_nursery() as nursery:
                self._screen.enter()
                everything = nursery.cancel_scope
                for task in (self._screen.run, self._look, self._read_keys, self._do_deeds):
                    nursery.start_soon(self._or_end, task, everything)
                nursery.start_soon(self._hear_signals, everything)
        finally:
            self._keyboard.close()
            self._screen.leave()
        return self._status

    async def _or_end(
        self, task: Callable[[], Awaitable[None]], everything: trio.CancelScope
    ) -> None:
        """Run a task; when it is over, or the terminal has gone, all is over."""
        try:
            await task()
        except OSError:
            self._status = 128 + signal.SIGHUP
        everything.cancel()

    def _render(self, size: os.terminal_size) -> list[bytes]:
        rows = picture(
            self._known,
            self._history,
            self._panel,
            columns=size.columns,
            lines=size.lines,
            problem=self._problem,
        )
        return [painted(row) for row in rows]

    # Looking

    async def _look(self) -> None:
        while True:
            with trio.move_on_after(self._interval):
                await self._soon.wait()
            self._soon = trio.Event()
            await self._look_once()
            self._screen.repaint()

    async def _look_once(self) -> None:
        try:
            self._known = await look(self._store)
        except* StoreError as group:
            self._problem = str(first_error(group))
        else:
            self._problem = ""
            self._history.add(self._known.queues)

    # Keys

    async def _read_keys(self) -> None:
        while not self._panel.quits:
            if not self._keyboard.take():
                await trio.sleep(_LOOK)
                continue
            for key in await self._keyboard.read():
                deed = self._panel.press(key, self._known)
                if deed is not None:
                    self._deeds.send_nowait(deed)
            self._screen.repaint()

    async def _do_deeds(self) -> None:
        async for deed in self._deeds:
            sentences = await do(self._place, deed)
            if deed.what == "explain":
                self._panel.reasons = sentences
            else:
                self._panel.notice = sentences[0]
            self._soon.set()
            self._screen.draw_anew()  # a warning may have been printed over it

    # Signals

    async def _hear_signals(self, everything: trio.CancelScope) -> None:
        """Stop and go on with the shell, follow the size, and end in order."""
        numbers = (*not_ignored(*_ENDS, signal.SIGTSTP), signal.SIGWINCH, signal.SIGCONT)
        async with open_signal_chan(*numbers) as signals:
            async for number in signals:
                if number in _ENDS:
                    self._status = 128 + number
                    everything.cancel()
                elif number == signal.SIGTSTP:
                    self._stop()
                else:
                    self._keyboard.take_again()
                    self._screen.draw_anew()

    def _stop(self) -> None:
        """Be stopped, as by Ctrl-Z, with a terminal that is as it was."""
        self._screen.leave()
        self._keyboard.give_back()
        be_stopped()
        self._screen.enter()
