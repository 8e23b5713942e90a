"""A strategy: while it is full, the newcomer is given up."""

from typing import TypeVar

from gochan.strategies import ADMIT, Strategy, Verdict

T = TypeVar("T")


class DropNewest(Strategy[T]):
    """While it is full, the newcomer is given up."""

    def offer(self, item: T, now: float) -> Verdict:
        self.items.append(item)
        if len(self.items) > self.capacity:
            self.drop(self.items.pop(), "newest")
        return ADMIT
