"""Order: which of the waiting items goes next."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Promise

from ._fair import Fair
from ._lifo import Lifo
from ._priority import Priority

__all__ = ["Fair", "Lifo", "Priority"]


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    """Offer the strategies by their names."""
    at_once = frozenset({Promise.BOUNDED, Promise.NEVER_WAITS})
    yield StrategySpec(
        "fair",
        Fair,
        "keys take turns, so that none crowds out the others",
        at_once | {Promise.FAIR, Promise.NO_STARVATION},
    )
    yield StrategySpec("lifo", Lifo, "the newest goes first", at_once | {Promise.LIFO})
    yield StrategySpec(
        "priority", Priority, "the most important goes first", at_once | {Promise.PRIORITY}
    )
