"""Lifo: newest first."""

from __future__ import annotations

from typing import TypeVar, final

from gochan.strategies import ADMIT, Strategy, Verdict, check_capacity, remove_item

T = TypeVar("T")


@final
class Lifo(Strategy[T]):
    """Give out the newest item first; while it is full, give up the oldest one.

    For requests whose callers do not wait for long: under overload the newest is answered
    while somebody still wants the answer, and those that nobody waits for any more sink to
    the bottom. Senders never wait. The item given up has the reason ``"oldest"``.

    Source: "last in, first out" as in B. Maurer, "Fail at Scale", ACM Queue 13 (8), 2015, but
    always, not only under overload.

    Args:
        capacity: how many items may wait, at least 1.

    Raises:
        TypeError, ValueError: ``capacity`` is no such number.
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

    def take(self, now: float) -> T:
        items = self.items
        return items.pop() if items else super().take(now)  # which raises Empty

    def remove(self, item: T) -> bool:
        removed, self.items = remove_item(self.items, item)
        return removed
