"""Order: which of the waiting items goes next."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    """Offer the strategies by their names."""
    return []
