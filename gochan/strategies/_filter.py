"""A filter: a strategy in front of another one, which decides what passes, and when."""

# Theory of operation
# -------------------
# A chain such as ``Rate(100) | Fair("tenant") | CoDel(1.0)`` is made of filters, and ends
# with one order. Each filter holds the strategy behind it, its ``inner``, and asks it in its
# own answers. By default it passes every question on. So a chain is its first filter, and
# code that asks a strategy need not know about chains.
#
# What any part of a chain gives up goes into one list, that of the first.
#
# Invariants (``Filter.check`` asserts them)
# ------------------------------------------
# 1. A chain has one order, at its end. Until ``|`` names it, that is first in, first out.
# 2. All parts of a chain share one list of dropped items.

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from ._estimate import Estimate
from ._fifo import Fifo
from ._guard import (
    checked_capacity,
    checked_change,
    checked_list,
    checked_removal,
    checked_rest,
    checked_seconds,
)
from ._strategy import DEFAULT_CAPACITY, Strategy, Verdict

T = TypeVar("T")


class Filter(Strategy[T], Generic[T]):
    """A strategy that stands before another one, and decides what passes, and when.

    ::

        Rate(100) | Fair("tenant") | CoDel(1.0)

    A chain is made of filters, then one strategy that decides the order. Alone, a filter
    stands before a plain "first in, first out". Chaining puts the parts together and gives
    back the first; each part can be in one chain only. A subclass overrides the questions to
    which it has an answer of its own, and asks ``self.inner`` for the rest.

    Args:
        capacity: how many items may wait, first in, first out, if no order follows; 100 if
            it is not said.
        default: the same, for a subclass whose users do not say it here, or for whom 100 is
            not the right number. An order may still follow.

    Attributes:
        inner: the strategy behind it.
    """

    inner: Strategy[T]

    def __init__(
        self,
        *,
        capacity: int | float | None = None,
        default: int | float = DEFAULT_CAPACITY,
    ) -> None:
        self._open = capacity is None  # whether an order may follow
        super()._share([])  # what is behind gets it when it is attached
        self._estimate = Estimate()
        self._attach(Fifo(default if capacity is None else capacity))

    def __or__(self, other: Strategy[T]) -> Filter[T]:
        """Put ``other`` at the end of the chain.

        Raises:
            TypeError: the chain has its order already.
            ValueError: ``other`` is at work elsewhere, or can hold nothing.
        """
        if not isinstance(other, Strategy):
            return NotImplemented
        last = self._last()
        if not last._open:
            mine, yours = type(last.inner).__name__, type(other).__name__
            raise TypeError(
                f"the chain ends with the order {mine}, so {yours} cannot follow: filters come "
                f"before the order, and there is only one"
            )
        if not hasattr(other, "_dropped"):
            raise TypeError(f"{type(other).__name__}.__init__ must call super().__init__(...)")
        if self._in_use:
            raise ValueError(f"{self!r} is at work already, so nothing can be put behind it")
        if other._in_use:
            raise ValueError(f"{other!r} is at work elsewhere; make a new one for each chain")
        last._open = False
        last._attach(other)
        return self

    def _attach(self, inner: Strategy[T]) -> None:
        if not checked_capacity(inner):
            raise ValueError(
                f"nothing can wait in {inner!r}, so {type(self).__name__} would never be asked; "
                f"its capacity must be >= 1"
            )
        self.inner = inner
        inner._in_use = True
        inner._share(self._dropped)

    def _share(self, dropped: list[tuple[T, str]]) -> None:
        super()._share(dropped)
        self.inner._share(dropped)

    def _last(self) -> Filter[T]:
        """Return the last filter of the chain."""
        return self.inner._last() if isinstance(self.inner, Filter) else self

    def another(self) -> Strategy[T]:
        """Return a copy of ``inner``, for filters that keep several of them.

        ``inner`` itself then is a pattern that never holds an item. Override `parts` to
        return the copies.

        Raises:
            TypeError: ``inner`` cannot be copied.
        """
        try:
            return copy.deepcopy(self.inner, {id(self._dropped): self._dropped})
        except Exception as error:
            raise TypeError(
                f"{type(self).__name__} needs copies of {self.inner!r}, which copy.deepcopy cannot "
                f"make: {error}; what a strategy holds has to allow that, or it needs __deepcopy__"
            ) from error

    def parts(self) -> Iterable[Strategy[T]]:
        """Return the strategies behind it that hold items: by default ``inner``."""
        return (self.inner,)

    # Passing questions on. Where answers are put together, a wrong one would get lost among the
    # others, so each is looked at.

    @property
    def capacity(self) -> int | float:  # type: ignore[override]  # decided by the order
        """How many items may wait."""
        return self.inner.capacity

    @property
    def items(self) -> deque[T]:  # type: ignore[override]  # kept by the order
        """The waiting items, if the order keeps them where they can be seen."""
        return deque(item for part in self.parts() for item in part.items)

    @property
    def hands_back(self) -> bool:  # type: ignore[override]  # decided by the order
        """Whether `Strategy.close` gives items back."""
        return self.inner.hands_back

    def offer(self, item: T, now: float) -> Verdict:
        return self.inner.offer(item, now)

    def take(self, now: float) -> T:
        return self.inner.take(now)

    def next_change(self, now: float) -> float | None:
        changes = [checked_change(part, now, part.next_change(now)) for part in self.parts()]
        return min((change for change in changes if change is not None), default=None)

    def finished(self, item: T, now: float, *, waited: float, ran: float, ok: bool) -> None:
        self.inner.finished(item, now, waited=waited, ran=ran, ok=ok)

    def close(self) -> list[T]:
        return [item for part in self.parts() for item in checked_list(part, part.close())]

    def remove(self, item: T) -> bool:
        return any(checked_removal(part, part.remove(item)) for part in self.parts())

    def spare(self) -> T | None:
        return self.inner.spare()

    def take_all(self, now: float) -> Iterator[T]:
        for part in self.parts():
            yield from checked_rest(part, part.take_all(now))

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts())

    def retry_after(self, now: float) -> float:
        return checked_seconds(self.inner, self.inner.retry_after(now))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self)}/{self.capacity}> | {self.inner!r}"

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        last = self._last()
        assert type(last.inner) is Fifo or not last._open
        for part in self.parts():
            assert part._dropped is self._dropped
            if isinstance(part, Filter):
                part.check()
