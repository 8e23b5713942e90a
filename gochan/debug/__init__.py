"""Reports on what is stuck, and observers of what happens; ``import gochan.debug``."""

# The files, from the bottom up: each uses only those above it.
#
#   _waits         what a task waits for, read from its frames
#   _report        every task that waits in gochan
#   _leaks         tasks that wait for ever
#   _births        where channels were made
#   _doors         what could still wake a task from outside
#   _watch         finds out that no task can go on
#   _deadlocks     and raises an error
#   _look          looking at a channel, selector or queue
#   _observe       who is told what happens
#   pytest_plugin  what the plugin for pytest does to a test

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core import Observer, Operation
from ._deadlocks import DeadlockError, detect_deadlocks
from ._leaks import leaks
from ._look import Look, describe, look
from ._observe import observe
from ._report import Report, ReportedChan, Wait, report

__all__ = [
    "DeadlockError",
    "Look",
    "Observer",
    "Operation",
    "Report",
    "ReportedChan",
    "Wait",
    "describe",
    "detect_deadlocks",
    "leaks",
    "look",
    "observe",
    "report",
]

# Users see these under the name that they import.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name

# These have moved to gochan_trace, a distribution of its own.
_MOVED = {"Trace", "TraceEvent", "Transfer", "trace"}

if not TYPE_CHECKING:  # pragma: no branch  # type checkers report that they are gone

    def __getattr__(name: str) -> object:
        if name not in _MOVED:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            import gochan_trace
        except ModuleNotFoundError:
            raise ImportError(
                f"gochan.debug.{name} is now gochan_trace.{name}, which is not installed; "
                "in a clone of gochan: pip install ./plugins/gochan-trace"
            ) from None
        return getattr(gochan_trace, name)
