"""The first door: a plain function, which needs nothing but gochan."""

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
    """Hold a strategy to the rules for all strategies, and to its promises.

    ::

        check_strategy(lambda: DropOldest(3), {Promise.FIFO, Promise.BOUNDED})

    It is asked what a channel or a queue would ask, in random histories: offers, takes,
    removals, time that passes, work that ends, a close. No trio is involved, and neither
    pytest nor hypothesis is needed.

    Args:
        factory: makes a fresh strategy, or a chain. A small capacity finds more.
        promises: what it claims about itself.
        items: makes an item to offer, from a generator of random numbers; for strategies that
            want to know more of an item than its ``priority`` and ``key``. By default, items
            cannot be compared or hashed, as values in channels may be.
        histories: how many.
        seed: which ones; with the same seed they are the same.

    Raises:
        AssertionError: the strategy broke a rule or a promise. The message says which, how,
            and after what, in the fewest steps found.
        TypeError: an argument is of the wrong type, or ``factory`` returns no strategy.
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
