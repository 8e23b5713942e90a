"""A plugin that returns its one spec as it is."""

from __future__ import annotations

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies() -> StrategySpec:
    return StrategySpec("no-iterable", Block, "not in a list")
