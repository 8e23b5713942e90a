"""How often an operation that does not wait lets trio's scheduler run."""

# Theory of operation
# -------------------
# Trio asks two things of every async call: look for a cancellation, and let the scheduler run.
# The second costs several microseconds, most channel operations well under one. Trio's
# documentation lets a checkpoint continue the task when that is more efficient. So every
# operation looks for a cancellation, acts, and then yields only if the scheduler has not had
# control for 100 microseconds. It yields shielded, since what was done must also be reported.
#
# A Pace keeps that moment for one run. Every yield and every sleep inside gochan restarts it.
# Control that the scheduler had for other reasons goes unnoticed, which errs towards yielding.
#
# Hot methods write the look out:
#     task = pace.here.get("task")
#     if task is None or task._cancel_status.effectively_cancelled:
#         task = await enter(...)
# ``here`` is what trio keeps about the thread of the run (see _trio_private.py), or NOWHERE if
# the next operation has to enter by trio's own, slower checkpoint. That is so after each yield,
# because that checkpoint also delivers Ctrl-C to the main task; always with an interval of 0;
# always while somebody observes, and where trio does not show what we look for.
#
# Invariants
# ----------
# 1. ``pace.due`` is at most ``pace.interval`` after a moment at which the scheduler of that run
#    had control.
# 2. ``pace.here`` is NOWHERE, or belongs to the thread of the run, whose tasks show
#    whether they are cancelled.

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter
from typing import Any, Final, final
from weakref import WeakSet

import trio
from trio.lowlevel import RunVar, Task, cancel_shielded_checkpoint, current_task

from ._arguments import check_seconds
from ._observer import SLOT
from ._threads import Thread, this_thread
from ._trio_private import NOWHERE, find_here, shows_cancellation

DEFAULT_INTERVAL: Final = 100e-6

OUTSIDE: Final = (
    "this has to be done by a task inside trio.run; from another thread, "
    "use trio.from_thread.run or trio.from_thread.run_sync"
)


@final
class Pace:
    """When, in one run, trio's scheduler must have control again."""

    __slots__ = ("__weakref__", "_there", "due", "here", "interval", "thread")

    due: float
    here: dict[str, Any]
    interval: float
    thread: Thread

    def __init__(self, there: dict[str, Any]) -> None:
        self._there = there  # what trio keeps about the thread of the run, or NOWHERE
        self.thread = this_thread()
        self.set_interval(0.0)

    def set_interval(self, seconds: float) -> None:
        """Change the pace; the next operation will yield."""
        self.interval = seconds
        self.due = -math.inf
        self.here = NOWHERE

    def restart(self) -> None:
        """Note that the scheduler has just had control."""
        self.due = perf_counter() + self.interval

    def note_entry(self) -> None:
        """Let the operations that follow enter the short way, until the next yield."""
        if self.interval and SLOT.observer is None:
            self.here = self._there

    async def pass_turn(self) -> None:
        """Let the scheduler run once, shielded from cancellation."""
        await cancel_shielded_checkpoint()
        self.restart()
        self.here = NOWHERE

    async def pass_turn_if_due(self) -> None:
        """Do as `pass_turn` if it is time; for operations that have failed."""
        if perf_counter() >= self.due:
            await self.pass_turn()


# What a channel has until a task first operates on it. Nobody runs here.
UNPACED: Final = Pace(NOWHERE)

_pace_of_run: RunVar[Pace] = RunVar("gochan pace")
_paces: WeakSet[Pace] = WeakSet()
_intervals: dict[object, float] = {}  # of the blocks entered now, innermost last
_lock = Lock()  # runs in several threads share the two above


def now() -> float:
    """Return the time on trio's clock.

    Raises:
        RuntimeError: called outside `trio.run`.
    """
    try:
        return trio.current_time()
    except RuntimeError:
        raise RuntimeError(OUTSIDE) from None


def current_pace() -> Pace:
    """Return the pace of the run that the calling task belongs to.

    Raises:
        RuntimeError: called outside `trio.run`.
    """
    try:
        return _pace_of_run.get()
    except LookupError:
        pace = Pace(find_here() if shows_cancellation(current_task()) else NOWHERE)
    except RuntimeError:
        raise RuntimeError(OUTSIDE) from None
    with _lock:
        _paces.add(pace)
        pace.set_interval(_interval())
    _pace_of_run.set(pace)
    return pace


async def enter() -> tuple[Pace, Task]:
    """Begin an operation by trio's own checkpoint, which does not let others run.

    Returns:
        The pace of this run, and the running task.

    Raises:
        trio.Cancelled: the task is cancelled; nothing has happened.
        KeyboardInterrupt: the same, because of Ctrl-C.
    """
    pace = current_pace()
    await trio.lowlevel.checkpoint_if_cancelled()
    pace.note_entry()
    return pace, current_task()


@contextmanager
def yield_interval(seconds: float) -> Iterator[None]:
    """Change how long operations that need not wait may keep the thread.

    ``0`` restores what trio's own channels do: a schedule point in every async call.
    The change applies to the whole process while the block is entered. Blocks nest;
    where blocks of several tasks overlap, the one entered last applies.

    Args:
        seconds: not negative; outside any block it is 100 microseconds.

    Raises:
        TypeError: ``seconds`` is not a number.
        ValueError: ``seconds`` is negative or NaN, or too large for a ``float``.
    """
    seconds = check_seconds("seconds", seconds)
    block = object()
    with _lock:
        _intervals[block] = seconds
        _change_paces()
    try:
        yield
    finally:
        with _lock:
            del _intervals[block]
            _change_paces()


def _interval() -> float:
    return next(reversed(_intervals.values()), DEFAULT_INTERVAL)


def forget_entries() -> None:
    """Let the next operation of each run enter by trio's checkpoint."""
    with _lock:
        for pace in _paces:
            pace.here = NOWHERE


def _change_paces() -> None:
    for pace in _paces:
        pace.set_interval(_interval())
