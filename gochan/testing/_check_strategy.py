"""`check_strategy`: a plain function that needs nothing but gochan."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from ..strategies import Promise, Strategy
from ._history import find
from ._items import any_item
from ._trial import Subject


def check_strategy(
    factory: Callable[[], Strategy[Any]],
    promises: Iterable[Promise] = (),
    *,
    items: Callable[[Random], Any] = any_item,
    histories: int = 100,
    seed: int = 0,
) -> None:
    """Check that a strategy keeps the rules for every strategy, and its own promises.

    ::

        check_strategy(lambda: DropOldest(3), {Promise.FIFO, Promise.BOUNDED})

    The strategy is called as a channel or a queue would call it, in random histories: offers,
    takes, removals, passing time, finished work, a close. This does not run trio, and needs
    neither pytest nor hypothesis.

    Args:
        factory: returns a fresh strategy, or a chain. A small capacity finds more errors.
        promises: what the strategy claims about itself.
        items: makes an item to offer from a random number generator; for strategies that look
            at more than an item's ``priority`` and ``key``. The default items cannot be
            compared or hashed, since values in a channel may not support that either.
        histories: how many histories to try.
        seed: chooses the histories; the same seed gives the same ones.

    Raises:
        AssertionError: the strategy broke a rule or a promise. The message names it, says how,
            and lists the calls before it, in the shortest history found.
        TypeError: an argument is of the wrong type, or ``factory`` does not return a strategy.
        ValueError: ``histories`` is less than 1.
    """
    __tracebackhide__ = True
    subject = Subject(factory, frozenset(promises), items)
    if type(histories) is not int:
        raise TypeError(f"histories must be an int, not {histories!r}")
    if histories < 1:
        raise ValueError(f"histories must be >= 1, not {histories!r}")
    if broken := find(subject, histories, seed):
        raise broken from broken.__cause__
