"""A plugin that implements a hook that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategy() -> Iterable[StrategySpec]:
    yield StrategySpec("misspelt-hook", Block, "never offered")
