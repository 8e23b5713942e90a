"""A plugin from the future."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("wrong-api", Block, "never offered", api=99)
