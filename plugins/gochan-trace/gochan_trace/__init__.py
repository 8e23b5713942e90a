"""Timelines: who sent what to whom, who waited for what, and for how long."""

from __future__ import annotations

from ._events import TraceEvent, Transfer
from ._trace import Trace, trace

__all__ = ["Trace", "TraceEvent", "Transfer", "trace"]

# Users see these under the name that they import.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
