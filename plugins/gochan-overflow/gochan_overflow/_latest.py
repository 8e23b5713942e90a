"""Latest: a new value takes the place of the newest one that waits."""

from __future__ import annotations

from typing import TypeVar, final

from gochan.strategies import ADMIT, Strategy, Verdict, check_capacity

T = TypeVar("T")


@final
class Latest(Strategy[T]):
    """Admit every item; while it is full, it takes the place of the newest one that waits.

    With its one place it holds the latest value, for receivers who want to know how things are
    now, not how they came to be so: a position, a price, a setting. With more places, the oldest
    items are kept as well. Senders never wait. The item given up has the reason ``"replaced"``.

    Source: ``conflate`` of Akka Streams and ``DropNewest`` of .NET's bounded channels.

    Args:
        capacity: how many items may wait, at least 1.

    Raises:
        TypeError, ValueError: ``capacity`` is no such number.
    """

    ignores_time = True

    def __init__(self, capacity: int | float = 1) -> None:
        super().__init__(check_capacity(capacity, least=1))

    def offer(self, item: T, now: float) -> Verdict:
        """Take ``item`` in, always."""
        items = self.items
        if len(items) >= self.capacity:
            self.drop(items.pop(), "replaced")
        items.append(item)
        return ADMIT
