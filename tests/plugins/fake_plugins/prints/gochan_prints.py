"""A plugin that says hello."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Block

print("hello from a plugin")


def make_loudly(capacity: int) -> Block[object]:
    print("hello from a factory")
    return Block(capacity)


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("prints", make_loudly, "says hello")
