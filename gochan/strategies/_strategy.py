"""What a strategy is: the answers a channel needs to decide about waiting items."""

# Theory of operation
# -------------------
# A strategy answers three questions. What happens to an item that arrives? Which of
# the waiting items goes next? What happens to the waiting ones when the channel
# closes? It is a plain synchronous object: it knows no trio, does no I/O, reads no
# clock (time is passed in) and draws no random numbers but from a generator that it
# was given. So it can be tested, simulated and replayed without a scheduler, and it
# cannot break what channels promise about cancellation: the channel does all the
# waiting around the strategy's decisions.

from __future__ import annotations

import math
from abc import ABC
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from .._core import check_capacity
from ._estimate import Estimate
from ._items import IndexedLine, remove_item

T = TypeVar("T")

DEFAULT_CAPACITY: Final = 100
"""How many items may wait in a strategy that needs a capacity, if nobody says."""


class Decision(Enum):
    """The two verdicts that need no more words."""

    ADMIT = "admit"
    WAIT = "wait"

    def __repr__(self) -> str:
        return self.name


ADMIT: Final[Literal[Decision.ADMIT]] = Decision.ADMIT
"""The strategy has stored the item."""

WAIT: Final[Literal[Decision.WAIT]] = Decision.WAIT
"""The sender has to wait, and the item is offered again when something has changed."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The item is turned away; the sender gets `gochan.Refused`."""

    reason: str
    """Why, in a word or two, such as ``"full"``."""
    retry_after: float | None = None
    """Seconds after which trying again makes sense; ``None`` if that is not known."""


Verdict: TypeAlias = Literal[Decision.ADMIT, Decision.WAIT] | Refuse


# What a strategy is asked; none of it may wait.
_QUESTIONS: Final = {
    "offer",
    "take",
    "next_change",
    "finished",
    "close",
    "remove",
    "spare",
    "take_all",
    "retry_after",
    "__len__",
}


class Empty(Exception):
    """No item may go now."""


class Strategy(ABC, Generic[T]):
    """Decides about the items that wait in a channel; subclass and override what differs.

    By default it is first in, first out, and makes senders wait while it is full::

        class DropNewest(Strategy[T]):
            def offer(self, item: T, now: float) -> Verdict:
                self.items.append(item)
                if len(self.items) > self.capacity:
                    self.drop(self.items.pop(), "newest")
                return ADMIT

    ``now`` is in seconds on trio's clock, whose zero means nothing. A channel that is used
    outside a run passes 0, unless the strategy overrides `next_change`; then that is an
    error. An instance serves one channel or queue.

    Attributes:
        capacity: how many items may wait; ``math.inf`` for any number.
        items: the waiting items, the one that goes next first: the oldest, unless `offer` is
            overridden to sort them otherwise. A subclass that overrides `take` may keep
            something else there, or its items elsewhere. After a removal from a long line this
            may be another object with the same methods; so do not keep it anywhere else.
        dropped: what has been given up in this chain, with the reasons, and not been reported yet.
            A filter can tell from it what has left the part behind it: look before and after
            asking.
        hands_back: whether `close` gives items back. A job queue then hands back, too, what a
            worker was given just before the close, and has not begun.
        ignores_time: whether no answer depends on ``now``. Then `offer` and `take` may be told
            any moment, which saves a channel two looks at the clock for each item.
    """

    capacity: int | float
    items: deque[T]
    dropped: Sequence[tuple[T, str]]
    _dropped: list[tuple[T, str]]  # the same list; only channels take things out
    hands_back: bool = False
    ignores_time: bool = False
    _in_use = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, member in vars(cls).items():
            if name in _QUESTIONS and (iscoroutinefunction(member) or isasyncgenfunction(member)):
                raise TypeError(
                    f"{cls.__name__}.{name} is async, but a strategy never waits: "
                    f"write it with a plain def"
                )

    def __init__(self, capacity: int | float) -> None:
        self.capacity = check_capacity(capacity)
        self.items = deque()
        self.dropped = self._dropped = []
        self._estimate = Estimate()

    def offer(self, item: T, now: float) -> Verdict:
        """Take ``item`` in, or say what else happens to it.

        Returns:
            ``ADMIT`` after storing the item, ``WAIT``, or `Refuse`.
        """
        if len(self) >= self.capacity:
            return WAIT
        self.items.append(item)
        return ADMIT

    def take(self, now: float) -> T:
        """Give out the item that goes next.

        Raises:
            Empty: no item may go now.
        """
        items = self.items
        if items:
            return items.popleft()
        if isinstance(items, IndexedLine):
            self.items = deque()  # which is faster
        raise Empty

    def next_change(self, now: float) -> float | None:
        """Return when time alone may change an answer, ``None`` if it cannot.

        Override this if `offer` or `take` depends on ``now``, as in limiting a rate. It has
        to be a moment in the future: at ``now`` both have been asked already.
        """
        return None

    def finished(self, item: T, now: float, *, waited: float, ran: float, ok: bool) -> None:
        """Learn that ``item`` has been worked on. Only job queues can tell.

        Args:
            item: what `take` had given out. It was not worked on if it had been cancelled, or
                the queue was stopped; then ``ran`` is 0.
            now: when the work ended.
            waited: seconds from its arrival to the start of the work.
            ran: seconds that the work took.
            ok: whether it was done rather than failed, timed out or cancelled.
        """
        if ran or ok:  # one that never started says nothing about speed
            self._estimate.add(now, ran)

    def close(self) -> list[T]:
        """Give back the items that are not to be delivered after a close; none by default.

        Set ``hands_back`` if there may be any. Nothing is offered any more after that.
        """
        return []

    def remove(self, item: T) -> bool:
        """Take out this very item, which is no longer wanted; return whether it was here.

        A job queue asks this when a waiting job is cancelled. If the strategy cannot find the
        job, it goes on taking up room until `take` gives it out in vain. By default, this
        looks in ``items``, with `remove_item`, but only if `take` is not overridden.
        """
        if type(self).take is not Strategy.take:
            return False
        removed, self.items = remove_item(self.items, item)
        return removed

    def spare(self) -> T | None:
        """Return the waiting item that can be spared best, ``None`` if it cannot tell.

        A filter that has to make room for others, such as one that shares it between keys, takes
        it out with `remove`. By default, this is the first of ``items``, but only if `take` is
        not overridden, or `remove` is, too.
        """
        mine = type(self)
        removes = mine.take is Strategy.take or mine.remove is not Strategy.remove
        return self.items[0] if self.items and removes else None

    def take_all(self, now: float) -> Iterator[T]:
        """Give out everything that waits, for `gochan.Chan.drain`.

        By default, this asks `take`, at later and later moments, until a thousand of them in
        a row have brought nothing. Override it if `take` keeps items back for another reason
        than time.
        """
        in_vain = 0
        while len(self) and in_vain < 1000:
            try:
                item = self.take(now)
            except Empty:
                change = self.next_change(now)
                if change is None or not now < change < math.inf:
                    return
                now = change
                in_vain += 1
            else:
                in_vain = 0
                yield item

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self.items)

    def drop(self, item: T, reason: str) -> None:
        """Record that ``item``, already taken out, will not be delivered, and why."""
        self._dropped.append((item, reason))

    def _share(self, dropped: list[tuple[T, str]]) -> None:
        """Put what is given up into this list, that of the chain."""
        self.dropped = self._dropped = dropped

    def retry_after(self, now: float) -> float:
        """Estimate in how many seconds there is room: (waiting + 1) / finished per second.

        One second per waiting item as long as nothing has been finished.
        """
        return (len(self) + 1) * self._estimate.seconds

    def __or__(self, other: Strategy[T]) -> Strategy[T]:
        """Chains are made of filters, then one order; see `Filter`."""
        if not isinstance(other, Strategy):
            return NotImplemented
        mine, yours = type(self).__name__, type(other).__name__
        raise TypeError(
            f"{mine} decides the order of items, so it stands at the end of a chain, and nothing "
            f"can follow it: write {yours} | {mine} if {yours} is a filter, or choose one of them"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self)}/{self.capacity}>"
