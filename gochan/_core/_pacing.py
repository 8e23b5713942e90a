"""How often an operation that need not wait lets trio's scheduler run."""

# Theory of operation
# -------------------
# Trio asks two things of every async call: look whether it is cancelled, and let
# the scheduler run. The second costs several microseconds, most operations on a
# channel well under one. Trio's documentation lets a checkpoint go on with the
# task where that is more efficient. So every operation here looks for
# cancellation, but it yields only if the scheduler has not had control within the
# last 100 microseconds.
#
# The moment is kept per run, in a Pace. Every yield and every sleep inside gochan
# restarts it; control that the scheduler had for other reasons goes unnoticed,
# which errs towards yielding. As only one task runs at a time, "less than 100 us
# since anybody yielded" implies "less than 100 us since this task got the thread".
#
# Whether the running task is cancelled is read from trio's own record of it, which is
# not part of its public interface: of the public ways, one walks all cancel scopes
# and the other is a coroutine, and both cost more than a send. If a task does not
# show it, every pace is always due, and trio's own checkpoint decides: slower, never
# wrong. The running task itself is found in what trio keeps about each thread; the
# dictionary behind a thread-local object is several times faster than the object.
#
# Hot methods write the whole test out; the pace is that of the run which last operated
# on the channel.
#     task = pace.here.get("task")
#     if task is None or perf_counter() >= pace.due or task._cancel_status.effectively_cancelled:
#
# Only within 100 us of a use in another thread can that be the wrong pace, and its task
# that of the other thread. Then the operation may miss, once, that it is cancelled, as
# if that had come just after it. Waiting makes sure of the task.
#
# Invariants
# ----------
# 1. ``pace.due`` is at most ``pace.interval`` after a moment at which the scheduler
#    of that run had control.
# 2. Where a task hides whether it is cancelled, every pace is always due.

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from time import perf_counter
from typing import Any, Final, Literal, final
from weakref import WeakSet

import trio
from trio.lowlevel import RunVar, Task, current_task

DEFAULT_INTERVAL: Final = 100e-6


OUTSIDE: Final = (
    "this has to be done by a task inside trio.run; from another thread, "
    "use trio.from_thread.run or trio.from_thread.run_sync"
)


class PublicHere:
    """Stands in for what trio keeps about a thread, by way of its public interface."""

    def get(self, _: Literal["task"]) -> Any:
        """Return the running task, if there is one."""
        try:
            return current_task()
        except RuntimeError:
            return None

    def __getitem__(self, name: Literal["task"]) -> Any:
        return self.get(name)


def _find_here() -> Any:
    """Return what trio keeps about the calling thread, by name."""
    try:
        from trio._core._run import GLOBAL_RUN_CONTEXT
    except ImportError:  # pragma: no cover  # as in no version of trio so far
        return PublicHere()
    return vars(GLOBAL_RUN_CONTEXT)


def _shows_runner() -> bool:
    """Tell whether ``task._runner.reschedule`` is there, to save two calls to it."""
    try:
        from trio._core._run import Runner
    except ImportError:  # pragma: no cover  # as in no version of trio so far
        return False
    return hasattr(Task, "_runner") and hasattr(Runner, "reschedule")


SHOWS_RUNNER: Final = _shows_runner()


@final
class Pace:
    """When, in one run, trio's scheduler must have control again."""

    __slots__ = ("__weakref__", "due", "here", "interval", "strict", "thread")

    def __init__(self, here: Any, *, strict: bool) -> None:
        self.here = here  # what trio keeps about the thread of the run
        self.thread = get_ident()
        self.strict = strict
        self.set_interval(0.0)

    def set_interval(self, seconds: float) -> None:
        """Change the pace; the next operation will yield."""
        self.interval = 0.0 if self.strict else seconds
        self.due = -math.inf

    def restart(self) -> None:
        """Note that the scheduler has just had control."""
        self.due = perf_counter() + self.interval


# What a channel has until a task first operates on it. Nobody runs here.
UNPACED: Final = Pace({}, strict=True)

_pace_of_run: RunVar[Pace] = RunVar("gochan pace")
_paces: WeakSet[Pace] = WeakSet()
_intervals: dict[object, float] = {}  # of the blocks entered now, innermost last
_lock = Lock()  # runs in several threads share the two above


def current_pace() -> Pace:
    """Return the pace of the run that the calling task belongs to."""
    try:
        return _pace_of_run.get()
    except LookupError:
        pace = Pace(_find_here(), strict=not _shows_cancellation(current_task()))
    except RuntimeError:
        raise RuntimeError(OUTSIDE) from None
    with _lock:
        _paces.add(pace)
        pace.set_interval(_interval())
    _pace_of_run.set(pace)
    return pace


async def checkpoint() -> Pace:
    """Let the scheduler run, raise `trio.Cancelled` if cancelled, restart the pace."""
    pace = current_pace()
    await trio.lowlevel.checkpoint()
    pace.restart()
    return pace


@contextmanager
def yield_interval(seconds: float) -> Iterator[None]:
    """Change how long operations that need not wait may keep the thread.

    ``0`` restores what trio's own channels do: a schedule point in every async call.
    The change applies to the whole process while the block is entered. Blocks nest;
    where blocks of several tasks overlap, the one entered last applies.

    Args:
        seconds: not negative; outside any block it is 100 microseconds.

    Raises:
        ValueError: ``seconds`` is negative or not a number.
    """
    if not seconds >= 0:
        raise ValueError(f"seconds must be >= 0, not {seconds!r}")
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


def _change_paces() -> None:
    for pace in _paces:
        pace.set_interval(_interval())


def _shows_cancellation(task: Any) -> bool:
    """Tell whether a task shows that it is cancelled."""
    status = getattr(task, "_cancel_status", None)
    return isinstance(getattr(status, "effectively_cancelled", None), bool)
