"""Drop on full: when full, the newcomer is turned away."""

from __future__ import annotations

from typing import TypeVar, final

from ._strategy import ADMIT, Refuse, Strategy, Verdict

T = TypeVar("T")


@final
class DropOnFull(Strategy[T]):
    """Refuse an item at once while it is full; give out the oldest item first.

    The sender gets `gochan.Refused` with the reason ``"full"`` and an estimate of when to
    try again. It protects only if ``capacity`` is at most what can be processed while
    somebody still wants the result: allowed wait x items processed per second.
    """

    ignores_time = True

    def offer(self, item: T, now: float) -> Verdict:
        items = self.items
        if len(items) >= self.capacity:
            return Refuse("full", self.retry_after(now))
        items.append(item)
        return ADMIT
