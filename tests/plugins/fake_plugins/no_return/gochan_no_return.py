"""A plugin that makes its spec and forgets to return it."""

from __future__ import annotations

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies() -> None:
    StrategySpec("no-return", Block, "never seen")
