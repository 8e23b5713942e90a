"""A plugin whose hook fails half way."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("hook-raises", Block, "comes before the error")
    raise LookupError("the moon is\n  in the wrong place")
