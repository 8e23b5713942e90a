"""A plugin that forgot to mark its hook."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec
from gochan.strategies import Block


def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("no-hook", Block, "never offered")
