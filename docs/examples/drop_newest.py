"""A strategy that drops the newest item while it is full."""

from typing import TypeVar

from gochan.strategies import ADMIT, Strategy, Verdict

T = TypeVar("T")


class DropNewest(Strategy[T]):
    """While it is full, drop the newest item."""

    def offer(self, item: T, now: float) -> Verdict:
        self.items.append(item)
        if len(self.items) > self.capacity:
            self.drop(self.items.pop(), "newest")
        return ADMIT
