"""A plugin whose hook is async."""

from __future__ import annotations

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
async def gochan_strategies() -> list[StrategySpec]:
    return [StrategySpec("waits", Block, "never offered")]
