"""Seeing what is stuck, and what has happened; ``import gochan.debug``."""

from __future__ import annotations

from ._events import TraceEvent, Transfer
from ._trace import Trace, trace

__all__ = ["Trace", "TraceEvent", "Transfer", "trace"]

# Users see these under the name that they import.
for _thing in (Trace, TraceEvent, Transfer, trace):
    _thing.__module__ = __name__
del _thing
