"""Seeing what is stuck, and what has happened; ``import gochan.debug``."""

from __future__ import annotations

from ._deadlocks import DeadlockError, detect_deadlocks
from ._leaks import leaks
from ._report import Report, Wait, report

__all__ = ["DeadlockError", "Report", "Wait", "detect_deadlocks", "leaks", "report"]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
