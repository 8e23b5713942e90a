"""A plugin that calls itself as the built-in strategies are called."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("not-built-in", Block, "from outside")
