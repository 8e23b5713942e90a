"""A plugin whose entry point leads to the hook, not to the module that has it."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("leads-to-hook", Block, "never offered")
