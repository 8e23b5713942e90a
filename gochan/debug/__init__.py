"""Seeing what is stuck, and being told what happens; ``import gochan.debug``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core import Observer, Operation
from ._deadlocks import DeadlockError, detect_deadlocks
from ._leaks import leaks
from ._look import Look, describe, look
from ._observe import observe
from ._report import Report, Wait, report

__all__ = [
    "DeadlockError",
    "Look",
    "Observer",
    "Operation",
    "Report",
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

# These were here once; now gochan_trace has them, a distribution of its own.
_MOVED = {"Trace", "TraceEvent", "Transfer", "trace"}

if not TYPE_CHECKING:  # pragma: no branch  # a type checker says that they are gone

    def __getattr__(name: str) -> object:
        if name not in _MOVED:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            import gochan_trace
        except ModuleNotFoundError:
            raise ImportError(
                f"gochan.debug.{name} has moved to gochan_trace, which is not installed: "
                f"pip install 'trio-gochan[trace]', then use gochan_trace.{name}"
            ) from None
        return getattr(gochan_trace, name)
