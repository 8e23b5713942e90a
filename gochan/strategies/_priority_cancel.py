"""Priority cancel: a close beats the items that wait."""

from __future__ import annotations

from typing import TypeVar, final

from ._fifo import Fifo

T = TypeVar("T")


@final
class PriorityCancel(Fifo[T]):
    """Make the sender wait while it is full; at close, hand back what still waits.

    Go's select picks at random between "cancelled" and "next item", so a cancelled worker
    goes on for a while. Here no further item goes once the channel is closed; `gochan.Chan.drain`
    returns those that waited.
    """

    hands_back = True

    def close(self) -> list[T]:
        handed_back = list(self.items)
        self.items.clear()
        return handed_back
