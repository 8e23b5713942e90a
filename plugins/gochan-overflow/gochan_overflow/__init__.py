"""Overflow: which items make room when there are too many."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Promise

from ._coalesce import Coalesce
from ._latest import Latest

__all__ = ["Coalesce", "Latest"]


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    """Offer the strategies by their names."""
    yield StrategySpec(
        "coalesce",
        Coalesce,
        "at most one item of each key waits, the newest",
        frozenset({Promise.BOUNDED, Promise.NO_STARVATION}),
    )
    yield StrategySpec(
        "latest",
        Latest,
        "when full, a new item takes the place of the newest",
        frozenset({Promise.FIFO, Promise.BOUNDED, Promise.NEVER_WAITS}),
    )
