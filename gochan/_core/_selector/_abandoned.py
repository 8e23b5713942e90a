"""Abandoned selectors: the places that they left in their lines, to be cleared later."""

# Theory of operation
# -------------------
# A selector may be garbage at any time and in any thread, but its places may be cleared only
# in the thread of the lines in which they are. So each thread has a heap of its own, which the
# places know, and the next `Selector.add` in that thread clears it. When a thread ends, nobody
# knows its heap any more but the places on it, so it is garbage, and they with it.

from __future__ import annotations

from collections import deque
from threading import local
from typing import Any, Final, Protocol


class Closable(Protocol):
    """What can be cleared: places."""

    def close(self) -> None: ...


class _Here(local):
    """The heap of the calling thread."""

    def __init__(self) -> None:
        self.heap: deque[Any] = deque()


_here: Final = _Here()


def heap_here() -> deque[Closable]:
    """Return the heap of the calling thread. Anybody may append to it at any time."""
    return _here.heap


def clear_abandoned() -> None:
    """Clear the places of the selectors that were abandoned in this thread."""
    heap = _here.heap
    while heap:
        heap.popleft().close()
