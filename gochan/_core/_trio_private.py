"""What gochan uses of trio beyond its public interface, each with a public way beside it."""

# Theory of operation
# -------------------
# Some things are worth several hundred nanoseconds in every operation: the dictionary behind
# trio's thread-local run context, in which the running task can be looked up; the task's own
# record of whether it is cancelled; the runner's ``reschedule``; and what its clock reads. Each
# is probed for when it is first needed. Where trio does not have it, the public way is taken:
# slower, never wrong.

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

from trio import current_time
from trio.lowlevel import Task, current_task

# Stands for the context of a thread that runs nothing. Never filled.
NOWHERE: Final[dict[str, Any]] = {}


def find_here() -> dict[str, Any]:
    """Return what trio keeps about the calling thread; `NOWHERE` if trio hides it.

    Under ``"task"`` is the running task, under ``"runner"`` something while a run goes on. The
    dictionary behind a thread-local object is several times faster than the object.
    """
    try:
        from trio._core._run import GLOBAL_RUN_CONTEXT
    except ImportError:  # pragma: no cover  # as in no version of trio so far
        return NOWHERE
    return vars(GLOBAL_RUN_CONTEXT)


def shows_cancellation(task: Any) -> bool:
    """Tell whether a task shows that it is cancelled, in a plain attribute."""
    status = getattr(task, "_cancel_status", None)
    return isinstance(getattr(status, "effectively_cancelled", None), bool)


def _shows_runner() -> bool:
    """Tell whether ``task._runner.reschedule`` is there, which saves two calls."""
    try:
        from trio._core._run import Runner
    except ImportError:  # pragma: no cover  # as in no version of trio so far
        return False
    return hasattr(Task, "_runner") and hasattr(Runner, "reschedule")


SHOWS_RUNNER: Final = _shows_runner()


def how_to_read(clock: Any) -> tuple[Callable[[], float], float]:
    """Return what to call, and what to add to its answer, for the time on the clock of a run.

    With ``None`` for the clock, it is read in the public way, which raises `RuntimeError`
    outside a run.
    """
    if clock is None:
        return current_time, 0.0
    if type(clock) is _SYSTEM_CLOCK and isinstance(clock.offset, float):
        return perf_counter, clock.offset
    return clock.current_time, 0.0


def _find_system_clock() -> Any:
    """Return the class of clock that adds an offset to `time.perf_counter`."""
    try:
        from trio._core._run import SystemClock
    except ImportError:  # pragma: no cover  # as in no version of trio so far
        return None
    return SystemClock


_SYSTEM_CLOCK: Final = _find_system_clock()


def runs_a_task() -> bool:
    """Tell whether the caller is inside `trio.run`."""
    try:
        current_task()
    except RuntimeError:
        return False
    return True
