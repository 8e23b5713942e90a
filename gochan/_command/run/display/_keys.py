"""Keys: what each of them does to a run, and to the view of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

import trio

from ...terminal import Keyboard
from ._state import Control, Running
from ._view import Panel

# How long what a key has done is shown, in seconds.
_NOTICE: Final = 2.0

# How often we look whether we are in the foreground again, in seconds.
_LOOK: Final = 0.2

# Keys that do the same as others.
_SAME: Final = {"=": "+", "_": "-", "h": "?", "k": "up", "j": "down", "\r": "enter", "\n": "enter"}


@final
class Keys:
    """Reads keys while a run goes on, and does what they ask for.

    Args:
        keyboard: where they come from.
        control: what they change.
        running: returns the commands that run, the oldest first.
        changed: called when the view has to be painted.
        ready: whether no other program wants the keys.
    """

    def __init__(
        self,
        keyboard: Keyboard,
        control: Control,
        running: Callable[[], Sequence[Running]],
        changed: Callable[[], object],
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._keyboard = keyboard
        self._control = control
        self._running = running
        self._changed = changed
        self._ready = ready
        self._help = False
        self._chosen: int | None = None  # the number of a command
        self._notice, self._until = "", 0.0

    def panel(self) -> Panel:
        """Return what the view shows about keys."""
        if self._chosen not in [job.number for job in self._running()]:
            self._chosen = None  # it has ended meanwhile
        return Panel(
            keys=True,
            help=self._help,
            chosen=self._chosen,
            notice=self._notice if trio.current_time() < self._until else "",
        )

    async def run(self) -> None:
        """Read keys until cancelled, or until the terminal has gone."""
        while True:
            if self._ready() and self._keyboard.take():
                try:
                    keys = await self._keyboard.read()
                except OSError:  # pragma: no cover  # SIGHUP is about to end us
                    return
                for key in keys:
                    self.press(key)
                    self._changed()
            else:
                await trio.sleep(_LOOK)

    def press(self, key: str) -> None:
        """Do what a key asks for."""
        key = _SAME.get(key, key)
        chosen = self.panel().chosen
        if chosen is not None:
            self._choose(key, chosen)
        elif key in self._control.keys:
            _ACTIONS[key](self)
        elif key in _ACTIONS:
            self._tell(f"{key} works where the run was started")

    def _choose(self, key: str, chosen: int) -> None:
        """Choose another command to cancel, or cancel it, or cancel none."""
        running = self._running()
        place = [job.number for job in running].index(chosen)
        if key in {"up", "down"}:
            place += 1 if key == "down" else -1
            self._chosen = running[place % len(running)].number
            return
        self._chosen = None
        if key == "enter":
            self._control.cancel(running[place].number)
            self._tell(f"cancelled: {running[place].name}")

    def _cancel(self) -> None:
        running = self._running()
        if running:
            self._chosen = running[0].number
        else:
            self._tell("no command runs")

    def _resize(self, by: int) -> None:
        wanted = max(1, self._control.workers + by)
        self._control.resize(wanted)
        workers = self._control.workers
        why = "" if workers == wanted else ", as too few files may be open for more (ulimit -n)"
        self._tell(f"{workers} worker{'' if workers == 1 else 's'}{why}")

    def _pause(self) -> None:
        if self._control.paused:
            self._control.resume()
        else:
            self._control.pause()

    def _stop(self) -> None:
        self._control.stop()

    def _explain(self) -> None:
        self._help = not self._help

    def _tell(self, notice: str) -> None:
        self._notice, self._until = notice, trio.current_time() + _NOTICE


_ACTIONS: Final[Mapping[str, Callable[[Keys], None]]] = {
    "+": lambda keys: keys._resize(1),
    "-": lambda keys: keys._resize(-1),
    "p": Keys._pause,
    "c": Keys._cancel,
    "q": Keys._stop,
    "?": Keys._explain,
}
