"""Seeing what is stuck, and what has happened; ``import gochan.debug``."""

from __future__ import annotations

from ._deadlocks import DeadlockError, detect_deadlocks
from ._events import TraceEvent, Transfer
from ._leaks import leaks
from ._report import Report, Wait, report
from ._trace import Trace, trace

__all__ = [
    "DeadlockError",
    "Report",
    "Trace",
    "TraceEvent",
    "Transfer",
    "Wait",
    "detect_deadlocks",
    "leaks",
    "report",
    "trace",
]

# Users see these under the name that they import.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
