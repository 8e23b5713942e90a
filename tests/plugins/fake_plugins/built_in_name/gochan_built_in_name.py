"""A plugin that would like to replace a built-in strategy."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import PriorityCancel


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("block", PriorityCancel, "an impostor")
