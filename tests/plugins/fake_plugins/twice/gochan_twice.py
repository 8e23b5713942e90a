"""A plugin that offers one name twice."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block, DropOnFull


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("twice", Block, "once")
    yield StrategySpec("twice", DropOnFull, "and again")
