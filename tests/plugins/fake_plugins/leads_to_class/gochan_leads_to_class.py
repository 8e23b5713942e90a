"""A plugin whose entry point leads to a class, not to an instance."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


class Plugin:
    """It would do, once made."""

    @hookimpl
    def gochan_strategies(self) -> Iterable[StrategySpec]:
        yield StrategySpec("leads-to-class", Block, "never offered")
