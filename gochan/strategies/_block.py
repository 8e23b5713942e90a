"""Block: when full, the sender waits."""

from __future__ import annotations

from typing import TypeVar, final

from ._fifo import Fifo

T = TypeVar("T")


@final
class Block(Fifo[T]):
    """Make the sender wait while it is full; give out the oldest item first.

    ``Chan(strategy=Block(20))`` behaves as ``Chan(20)`` does. Its size is a promise about
    delay: an item waits at most about ``capacity`` times what one item takes to process.
    """
