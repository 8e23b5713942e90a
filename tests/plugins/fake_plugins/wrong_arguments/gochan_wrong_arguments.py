"""A plugin that wants an argument that the hook does not have."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies(registry: object) -> Iterable[StrategySpec]:
    yield StrategySpec("wrong-arguments", Block, "never offered")
