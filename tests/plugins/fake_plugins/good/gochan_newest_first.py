"""A plugin with nothing wrong about it."""

from __future__ import annotations

from collections.abc import Iterable

from gochan import StrategySpec, hookimpl
from gochan.strategies import Empty, Strategy


class NewestFirst(Strategy[object]):
    """Give out the newest item first."""

    def __init__(self, capacity: int | float, *, name: str = "nobody") -> None:
        super().__init__(capacity)
        self.name = name

    def take(self, now: float) -> object:
        if not self.items:
            raise Empty
        return self.items.pop()


def make_none(**options: object) -> None:
    """Make no strategy at all."""


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    yield StrategySpec("newest-first", NewestFirst, "the newest item goes first")
    yield StrategySpec("newest-none", make_none, "not really a strategy")  # type: ignore[arg-type]
