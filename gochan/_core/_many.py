"""Many values at once: what is left of them when a call ends early."""

# Theory of operation
# -------------------
# Waiting for room for many values takes several steps, and a cancellation may come between any
# two. What has been done by then stands; so it must be plain which values that is, and no value
# may be lost with the call that held it.
#
# ``receive_many`` avoids the question: it waits only for the first value, and takes the others
# without waiting. So it either returns what it has taken, or took nothing. While it waits alone,
# who sends many values gives it as many as it wants, which saves both of them switches of tasks.
#
# ``send_many`` has to wait in the middle. It takes items out of an `Unsent` only when there is
# room for them, or the first one to wait with, and puts back what it could not send. So between
# two calls an Unsent is exactly what has not been sent, however the first one has ended; and
# several tasks may send from the same one.
#
# Invariants
# ----------
# 1. While no task is inside ``send_many``, an Unsent yields every item of its iterable that
#    was neither sent nor yielded, in order.

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from time import perf_counter
from typing import Any, Final, NoReturn, TypeVar, final

import trio
from trio.lowlevel import Task

from ._errors import Unsendable
from ._observer import SLOT
from ._state import ChanState
from ._waiters import Basket, BulkOffer

T = TypeVar("T")

# What yields its items without running anybody's code.
_AT_HAND: Final = (list, tuple, range)


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


async def send_many(state: ChanState[T], items: Iterable[T], end: object) -> None:
    """Send all ``items`` by way of ``end``; see `gochan.Chan.send_many`."""
    task = await _look(state)
    # Mostly there is room for all of them, and nothing can be left.
    at_hand: Any = items if type(items) in _AT_HAND else ()
    if SLOT.observer is None and state.give_all(at_hand):
        if perf_counter() >= state.pace.due:
            await state.pace.pass_turn()
        return
    unsent = items if isinstance(items, Unsent) else Unsent(items)
    held: list[T] = []  # taken out, and not sent yet
    begun = False
    try:
        while unsent._fill(held, 1):
            if begun:
                task = await go_on(state)
            begun = True
            try:
                unsent._fill(held, state.room(ahead=unsent._at_hand), state.pace.due)
            finally:
                _give(state, held)
            if len(held) > 1:
                await BulkOffer(state.line_up("send"), held, end, state.pace)
            elif held:
                await state.wait(task, "send", held[0], end)
                held.clear()
    except BaseException as error:
        # Not if the iterable raised it, or ``on_drop``.
        if held and isinstance(error, Unsendable) and error.value is held[0]:
            error.unsent = unsent
        unsent._put_back(held)
        if isinstance(error, Unsendable):
            await state.pace.pass_turn_if_due()
        raise
    if perf_counter() >= state.pace.due:
        await state.pace.pass_turn()


def _give(state: ChanState[T], values: list[T]) -> None:
    """Send as many of ``values`` now as possible; those that were sent are taken out."""
    if SLOT.observer is None:
        state.give_many(values)
        return
    before = values.copy()
    try:
        state.give_many(values)
    finally:
        SLOT.gave(state, before[: len(before) - len(values)])


async def receive_many(state: ChanState[T], size: int, end: object) -> list[T]:
    """Receive all values that are there now, at least one, by way of ``end``."""
    task = await _look(state)
    values: list[T] = []
    try:
        state.take_many(values, size)
        if SLOT.observer is not None:
            SLOT.got(state, values)
        if not values:
            basket = Basket(size - 1)
            values.append(await state.wait(task, "receive", basket, end))
            values += basket.values
            if len(values) < size:
                state.take_many(values, size)
            return values
    except Exception:
        await state.pace.pass_turn_if_due()
        raise
    if perf_counter() >= state.pace.due:
        await state.pace.pass_turn()
    return values


async def _look(state: ChanState[Any]) -> Task:
    """Return the running task; raise `trio.Cancelled` if it is cancelled."""
    task: Task | None = state.pace.here.get("task")
    if task is None or task._cancel_status.effectively_cancelled:
        task = await state.enter()
    return task


async def go_on(state: ChanState[Any]) -> Task:
    """Do the same between two steps, and let others run if it is time."""
    task = await _look(state)
    if perf_counter() >= state.pace.due:
        await trio.lowlevel.checkpoint()
        state.pace.restart()
    return task
