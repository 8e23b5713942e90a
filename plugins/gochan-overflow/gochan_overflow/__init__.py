"""Overflow: which items make room when there are too many."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    """Offer the strategies by their names."""
    return []
