"""Fifo: first in, first out; the sender waits while it is full."""

from __future__ import annotations

from typing import TypeVar

from ._strategy import ADMIT, WAIT, Strategy, Verdict

T = TypeVar("T")


class Fifo(Strategy[T]):
    """What every strategy does by default, and the order behind a filter that was given none.

    All that waits is in ``items``, so their number is that of the waiting items. `Strategy`
    has to ask ``len(self)``, which a subclass may override; that takes twice as long.
    """

    ignores_time = True

    def offer(self, item: T, now: float) -> Verdict:
        items = self.items
        if len(items) >= self.capacity:
            return WAIT
        items.append(item)
        return ADMIT
