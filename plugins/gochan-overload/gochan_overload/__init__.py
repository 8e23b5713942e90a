"""Overload: what to do when workers cannot keep up."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Promise

from ._adaptive import Adaptive
from ._codel import CoDel
from ._deadline import Deadline
from ._rate import Rate

__all__ = ["Adaptive", "CoDel", "Deadline", "Rate"]


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    """Offer the strategies by their names."""
    bounded = frozenset({Promise.BOUNDED})
    yield StrategySpec(
        "adaptive",
        Adaptive,
        "limits how many jobs are in work, by how they end",
        bounded | {Promise.FIFO, Promise.NO_STARVATION, Promise.LOSSLESS},
    )
    yield StrategySpec(
        "codel",
        CoDel,
        "under overload, short waits only, and the newest first",
        bounded | {Promise.NEVER_WAITS},
    )
    yield StrategySpec(
        "deadline", Deadline, "gives up what cannot be done in time", bounded | {Promise.FIFO}
    )
    yield StrategySpec(
        "rate",
        Rate,
        "lets in so many items per second",
        bounded | {Promise.FIFO, Promise.NO_STARVATION, Promise.LOSSLESS},
    )
