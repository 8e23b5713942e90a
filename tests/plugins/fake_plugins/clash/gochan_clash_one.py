"""One of two plugins that offer the same name."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("clash", Block, "offered twice")
    yield StrategySpec("only-one", Block, "offered once")
