"""What few programs need: pacing, and how queues and plugins use plugins."""

from ._core._pacing import yield_interval
from ._plugins import plugin_offers, strategy_for_jobs

__all__ = ["plugin_offers", "strategy_for_jobs", "yield_interval"]

# as users see them
for _one in (plugin_offers, strategy_for_jobs, yield_interval):
    _one.__module__ = __name__
