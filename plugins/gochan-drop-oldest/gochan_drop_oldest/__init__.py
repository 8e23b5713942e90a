"""Drop oldest: when full, the item that has waited longest makes room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, final

from gochan import StrategySpec, hookimpl
from gochan.strategies import ADMIT, Promise, Strategy, Verdict, check_capacity

T = TypeVar("T")


@final
class DropOldest(Strategy[T]):
    """Admit every item; while it is full, give up the oldest one for it.

    For values whose newest ones matter most, such as measurements: senders never wait. The
    item given up has the reason ``"oldest"``.

    Args:
        capacity: how many items may wait, at least 1.
    """

    ignores_time = True

    def __init__(self, capacity: int | float) -> None:
        super().__init__(check_capacity(capacity, least=1))

    def offer(self, item: T, now: float) -> Verdict:
        """Take ``item`` in, always."""
        items = self.items
        if len(items) >= self.capacity:
            self.drop(items.popleft(), "oldest")
        items.append(item)
        return ADMIT


@hookimpl
def gochan_strategies() -> Iterable[StrategySpec]:
    """Offer the strategy by its name."""
    yield StrategySpec(
        "drop-oldest",
        DropOldest,
        "when full, the oldest item makes room",
        frozenset({Promise.FIFO, Promise.BOUNDED, Promise.NO_STARVATION, Promise.NEVER_WAITS}),
    )
