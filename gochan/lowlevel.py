"""What few programs need: how long a task may keep the thread; strategies as queues make them."""

from ._core._pacing import yield_interval
from ._plugins import strategy_for_jobs

__all__ = ["strategy_for_jobs", "yield_interval"]

# as users see them
strategy_for_jobs.__module__ = yield_interval.__module__ = __name__
