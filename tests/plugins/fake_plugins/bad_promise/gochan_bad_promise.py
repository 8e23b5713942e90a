"""A plugin that promises what nobody can check."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("bad-promise", Block, "never offered", frozenset({"speed"}))  # type: ignore[arg-type]
