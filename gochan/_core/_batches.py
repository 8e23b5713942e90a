"""Batches: many values at once, and what is left of them when a call ends early."""

# Theory of operation
# -------------------
# Waiting for many values, or for room for many, takes several steps, and a cancellation
# may come between any two. What has been done by then stands; so it must be plain which
# values that is, and no value may be lost with the call that held it.
#
# ``Chan.receive_many`` avoids the question: it waits only for the first value, and takes
# the others without waiting. So it either returns what it has taken, or took nothing.
#
# ``Chan.send_many`` has to wait in the middle. It takes items out of an `Unsent` only when
# there is room for them, or the first one to wait with, and puts back what it could not
# send. So between two calls an Unsent is exactly what has not been sent, however the first
# one has ended; and several tasks may send from the same one.
#
# `Batches` has to wait in the middle, too, while it lingers. A call that is cancelled
# leaves behind the batch that it had begun, and the next call goes on with that.
#
# Invariants
# ----------
# 1. While nobody is inside ``send_many``, an Unsent yields every item of its iterable that
#    was neither sent nor yielded, in order.
# 2. While nobody is inside ``__anext__``, every value that a Batches has received is either
#    delivered or pending, and each batch begun has fewer values than it may have.

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar, final

import trio
from trio.lowlevel import enable_ki_protection

from ._errors import ChanClosedError, EndOfChannel

if TYPE_CHECKING:
    from ._channel import Chan

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# How many items are sent between two looks at the clock, at most, and to how many receivers
# that have to be woken; both take no longer than a task may keep the thread.
AT_ONCE: Final = 1000
WAKES_AT_ONCE: Final = 100

# What yields its items without running anybody's code.
_AT_HAND: Final = (list, tuple)


@final
class Unsent(Iterator[T]):
    """Items on their way into a channel: an iterator over those that have not been sent.

    Pass one to `Chan.send_many` to know afterwards what was not sent, whatever happened::

        rows = Unsent(fetch_rows())
        with trio.move_on_after(5):
            await channel.send_many(rows)
        put_back(rows)

    The errors of ``send_many`` have one, too. It can be sent from again, also to another
    channel, and by several tasks at once.

    Args:
        items: any iterable. It is read only as far as its items can be sent, so it may be
            infinite.

    Raises:
        TypeError: ``items`` is not iterable.
    """

    __slots__ = ("_at_hand", "_back", "_rest")

    def __init__(self, items: Iterable[T]) -> None:
        try:
            self._rest = iter(items)
        except TypeError as error:
            raise TypeError(f"items must be an iterable, such as a list, not {items!r}") from error
        self._at_hand = type(items) in _AT_HAND
        self._back: deque[T] = deque()  # taken out, and put back

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Unsent does not support subclassing")

    def __iter__(self) -> Unsent[T]:
        return self

    def __next__(self) -> T:
        return self._back.popleft() if self._back else next(self._rest)

    def _fill(self, held: list[T], size: int, due: float = math.inf) -> bool:
        """Move items into ``held`` until it has that size, or they end; tell whether it has any.

        It stops earlier, with one more at least, if the code of others takes until ``due``.
        """
        while self._back and len(held) < size:
            held.append(self._back.popleft())
        missing = max(0, size - len(held))
        if self._at_hand:
            held += islice(self._rest, missing)
        else:
            for item in islice(self._rest, missing):
                held.append(item)
                if perf_counter() >= due:
                    break
        return bool(held)

    def _put_back(self, held: list[T]) -> None:
        self._back.extendleft(reversed(held))


@final
class Batches(AsyncIterator[list[T_co]]):
    """The values of a channel in lists; made by `Chan.batches`.

    ::

        batches = channel.batches(100, linger=0.05)
        async for batch in batches:
            await store(batch)

    If waiting for a batch is cancelled, what had come is not lost: the next turn goes on
    with it, and as long as there is none, it is in `pending`. Several tasks may iterate at
    once, over one of these or over several of the same channel.
    """

    __slots__ = ("_begun", "_channel", "_linger", "_max")

    def __init__(self, channel: Chan[T_co], max: int | float, linger: float) -> None:  # noqa: A002
        self._max = check_max(max)
        self._linger = check_linger(linger)
        self._channel = channel
        # What cancelled calls have left, oldest first, and when it is due.
        self._begun: deque[tuple[list[T_co], float]] = deque()

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Batches does not support subclassing")

    @property
    def pending(self) -> list[T_co]:
        """The values that were received and not delivered, since a wait was cancelled."""
        return [value for batch, _ in self._begun for value in batch]

    def __aiter__(self) -> Batches[T_co]:
        return self

    @enable_ki_protection
    async def __anext__(self) -> list[T_co]:
        channel, size = self._channel, self._max
        batch, due = self._begun.popleft() if self._begun else ([], math.inf)
        try:
            if batch:
                await channel._keep_pace()
                channel._take_many(batch, size)
            else:
                batch = await channel.receive_many(size)
                due = trio.current_time() + self._linger if self._linger else -math.inf
            if self._linger and len(batch) < size:
                with trio.CancelScope(deadline=due):
                    while len(batch) < size:
                        batch += await channel.receive_many(size - len(batch))
        except (EndOfChannel, ChanClosedError) as end:
            if not batch and isinstance(end, EndOfChannel):
                raise StopAsyncIteration from None
            if not batch:
                raise
        except BaseException:
            if batch:
                self._begun.append((batch, due))
            raise
        return batch

    def __repr__(self) -> str:
        size = "any number" if self._max == sys.maxsize else f"at most {self._max}"
        return f"<gochan.Batches of {size}, {len(self.pending)} pending, of {self._channel!r}>"


def check_max(max: int | float) -> int:  # noqa: A002
    """Return how many values a batch may have, if it may have so many.

    Raises:
        TypeError: it is neither an ``int`` nor ``math.inf``.
        ValueError: it is less than 1.
    """
    if isinstance(max, float) and max == math.inf:
        return sys.maxsize
    if type(max) is bool or not isinstance(max, int):
        raise TypeError(f"max must be an int or math.inf, not {max!r}")
    if max < 1:
        raise ValueError(f"max must be >= 1, not {max!r}")
    return min(max, sys.maxsize)


def check_linger(linger: float) -> float:
    """Return how many seconds a batch may wait for more values, if it may wait so long.

    Raises:
        TypeError: it is not a number.
        ValueError: it is negative or NaN.
    """
    if isinstance(linger, bool) or not isinstance(linger, (int, float)):
        raise TypeError(f"linger must be a number of seconds, not {linger!r}")
    if not linger >= 0:
        raise ValueError(f"linger must be >= 0, not {linger!r}")
    return min(linger, sys.float_info.max)  # an int may be larger than any float
