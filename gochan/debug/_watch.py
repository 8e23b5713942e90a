"""The watch of a run: notices when no task can go on."""

# Theory of operation
# -------------------
# Trio calls an instrument each time before it waits for the outside world. If no task can run
# then, nothing is due at any time, and every task sleeps until another task does something,
# then nothing will ever happen again, unless something comes in from outside (see _doors.py).
# Trio does not report when another thread releases the token, so we poll with a timer. The
# timer needs the token, too, so one reference more is expected while it runs.
#
# By then trio has decided how long to wait, and would not notice tasks that are woken here. A
# call through the token makes it look.

from __future__ import annotations

import math
import threading
from contextlib import suppress
from typing import Final, Protocol, final

import trio
from trio.lowlevel import RunVar, Task, TrioToken

from ._doors import is_guest, others_are_told, signals_are_handled, token_is_held
from ._report import Report, report_on
from ._waits import Ender, Sleep, belongs_to_trio, examine, tasks_of_run

# Seconds until the next look while another thread has the token; each delay doubles the last.
_FIRST_DELAY: Final = 0.01
_LAST_DELAY: Final = 1.0


class Block(Protocol):
    """A part of a program in which deadlocks are detected."""

    task: Task

    def strike(self, report: Report) -> None:
        """End the block, because nothing in it can go on."""


@final
class Watch(trio.abc.Instrument):
    """Notices when all tasks of a run sleep, on behalf of the blocks of that run."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._timer: threading.Timer | None = None
        self._delay = _FIRST_DELAY

    def enter(self, block: Block) -> None:
        """Add a block; the first one starts the watch."""
        if not self.blocks:
            trio.lowlevel.add_instrument(self)
        self.blocks.append(block)

    def leave(self, block: Block) -> None:
        """Remove a block; without blocks, the watch stops."""
        self.blocks.remove(block)
        if not self.blocks:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            with suppress(KeyError):  # trio removes an instrument that has failed
                trio.lowlevel.remove_instrument(self)

    def before_io_wait(self, timeout: float) -> None:
        """Strike the block that was entered last, if nothing can ever happen again."""
        statistics = trio.lowlevel.current_statistics()
        if (
            statistics.tasks_runnable
            or statistics.run_sync_soon_queue_size
            or statistics.seconds_to_next_deadline < math.inf
            or is_guest()
        ):
            return
        if token_is_held(but_for=0 if self._timer is None else 1):
            self._look_again_later()
            return
        sleeps = _find_deadlock()
        if sleeps is None or signals_are_handled() or others_are_told(self, self.blocks[0].task):
            return
        self.blocks[-1].strike(report_on(sleeps))
        trio.lowlevel.current_trio_token().run_sync_soon(_look_at_tasks)

    def _look_again_later(self) -> None:
        if self._timer is None:
            token = trio.lowlevel.current_trio_token()
            self._timer = threading.Timer(self._delay, self._wake, (token,))
            self._timer.daemon = True
            self._timer.start()
            self._delay = min(2 * self._delay, _LAST_DELAY)

    def _wake(self, token: TrioToken) -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(self._forget_timer)

    def _forget_timer(self) -> None:
        self._timer = None


def _look_at_tasks() -> None:
    """Do nothing, and so keep trio from waiting before it has looked at its tasks."""


def _find_deadlock() -> list[tuple[Task, Sleep]] | None:
    """Return the sleeping tasks and what each waits for, if only tasks could wake them."""
    sleeps: list[tuple[Task, Sleep]] = []
    for task in tasks_of_run():
        if not belongs_to_trio(task):
            sleep = examine(task)
            if sleep.ender not in (Ender.TASKS, Ender.CHILDREN):
                return None
            if sleep.ender is Ender.TASKS or sleep.in_gochan:
                sleeps.append((task, sleep))
    return sleeps if any(sleep.in_gochan for _, sleep in sleeps) else None


_watch_of_run: RunVar[Watch] = RunVar("gochan deadlocks")


def watch_of_run() -> Watch:
    """Return the watch of the run in this thread."""
    try:
        return _watch_of_run.get()
    except LookupError:
        watch = Watch()
        _watch_of_run.set(watch)
        return watch
