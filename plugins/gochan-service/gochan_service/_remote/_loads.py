"""Loads: as much as goes to a server in one request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def loads(
    things: Sequence[T], size_of: Callable[[T], int], most_bytes: int, most: float = float("inf")
) -> Iterator[Sequence[T]]:
    """Yield things that go together, in their order; one that is too large goes alone.

    If there are none, that is one load, too.

    Args:
        things: what is to be sent.
        size_of: returns the bytes of one.
        most_bytes: of a load.
        most: how many things a load may have.
    """
    start = size = 0
    for stop, thing in enumerate(things):
        one = size_of(thing)
        if stop > start and (size + one > most_bytes or stop - start == most):
            yield things[start:stop]
            start, size = stop, 0
        size += one
    yield things[start:]
