"""The waits of plain operations: a place in one line, and the sleep there."""

# Theory of operation
# -------------------
# A plain send or receive waits with an Offer; a send of many values with a BulkOffer, which
# stays in line until all of them are gone.
#
# Offers are used again, because making one, and what trio needs to put a task to sleep, would
# cost as much as the sleep itself. An offer that was awaited to its end stands in no line, so
# nobody knows it any more; it forgets what it held and is kept.

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Generator
from time import perf_counter
from types import coroutine
from typing import Any, Final, final

from trio.lowlevel import Abort, RaiseCancelT, Task, current_task

from ._lines import NOTHING, WOKEN, Line, Role, Waiter, Wish, first
from ._observer import SLOT
from ._pacing import OUTSIDE, Pace
from ._threads import this_thread
from ._trio_private import SHOWS_RUNNER

# How many waiters of each kind are kept to be used again.
SPARES: Final = 1000

# The cases of an offer: it has none.
NO_CASES: Final = ()


class InOneLine(Waiter):
    """A waiter that stands in one line, and is itself what it wants there."""

    __slots__ = ()

    line: Line
    role: Role
    value: Any
    end: object  # of the channel, by which the operation came

    def _give_up(self, _: RaiseCancelT) -> Abort:
        del self.line[self]
        return Abort.SUCCEEDED

    def choose(self, *lines: Line) -> Wish:
        return self

    def move(self, old: Line, new: Line) -> None:
        self.line = new  # type: ignore[misc]  # each kind has this slot

    def withdraw(self) -> None:
        del self.line[self]


@final
class Basket:
    """Where a task that waits for a value lets others put more, if there are more."""

    __slots__ = ("size", "values")

    def __init__(self, size: int) -> None:
        self.size = size  # how many, at most
        self.values: list[Any] = []


@final
class Offer(InOneLine):
    """The place of a plain operation; the value of one that receives is its basket, if any."""

    __slots__ = ("end", "line", "role", "value")

    def room(self) -> int:
        return 1 if self.value is None else 1 + int(self.value.size)

    def serve_from(self, line: Line, values: list[Any]) -> None:
        # Those that wait behind it come before a second value. Those that are away count, too.
        basket = self.value if OrderedDict.__len__(line) == 1 else None
        self.serve(line, values[0])
        if basket is None:
            del values[0]
        else:
            basket.values = values[1 : 1 + basket.size]
            del values[: 1 + basket.size]

    def serve(self, line: Line, result: object = None) -> Any:
        # Waiter.serve without its calls, one of them to trio's own: every rendezvous
        # passes here.
        if not self.thread._is_owned():
            raise RuntimeError(OUTSIDE)
        if SLOT.observer is not None:
            SLOT.served(self, self, (self.value,))
        del line[self]
        self.result = result
        task: Any = self.task
        task._runner.reschedule(task, WOKEN)
        return self.value


if not SHOWS_RUNNER:  # pragma: no cover
    del Offer.serve

# Shared by all threads; each of its ends is changed in one step.
spare_offers: Final[deque[Offer]] = deque(maxlen=SPARES)


@coroutine
def wait_in(
    task: Task, line: Line, role: Role, value: object, end: object, pace: Pace
) -> Generator[Any, Any, Any]:
    """Let ``task``, the running one, wait in ``line``, and return the result.

    This is the wait of a plain operation. If it is cancelled, the task has left the line
    and nothing has happened.
    """
    if line:
        first(line).check_thread()
    try:
        offer = spare_offers.pop()
    except IndexError:
        offer = Offer()
    offer.role = role
    offer.value = value
    offer.end = end
    offer.thread = thread = pace.thread if pace.thread._is_owned() else this_thread()
    offer.task = task if thread is pace.thread else current_task()
    offer.line = line
    line[offer] = NO_CASES
    if SLOT.observer is not None:
        SLOT.waits(offer)
    woken = yield offer._sleep_message
    result, error = offer.result, offer.error
    offer.task = offer.value = offer.error = offer.end = None
    offer.result = NOTHING
    spare_offers.append(offer)
    if woken is not WOKEN:
        try:
            woken.unwrap()
        finally:
            del woken  # it would be in a cycle with the traceback
    pace.due = perf_counter() + pace.interval
    if error is not None:
        try:
            raise error
        finally:
            del error
    return result


@final
class BulkOffer(InOneLine):
    """The place of a task that waits to send many values, in one line.

    It stays in line until all of them have been sent, and lets others go first after each. If
    it is cancelled, those that have not been sent are still in the list that it was given.
    """

    __slots__ = ("end", "line", "pace", "values")

    role: Role = "send"

    def __init__(self, line: Line, values: list[Any], end: object, pace: Pace) -> None:
        super().__init__()
        if line:
            first(line).check_thread()
        self.task = current_task()
        self.thread = this_thread()
        self.line = line
        self.end = end
        self.pace = pace
        self.values = values
        line[self] = NO_CASES
        if SLOT.observer is not None:
            SLOT.waits(self)

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            (yield self._sleep_message).unwrap()
        finally:
            self._sleep_message = None  # which knows this offer, as it knows the message
        self.pace.restart()
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # it would be in a cycle with its traceback

    @property
    def value(self) -> Any:
        """What it would send next."""
        return self.values[0]

    def serve(self, line: Line, result: object = None) -> Any:
        return self._send(1, result)[0]

    def serve_many(self, line: Line, number: int) -> list[Any]:
        # Those that are away count, too: to pass over them would take a look at each.
        return self._send(number if OrderedDict.__len__(line) == 1 else 1)

    def _send(self, number: int, result: object = None) -> list[Any]:
        self.check_thread()
        sent = self.values[:number]
        if SLOT.observer is not None:
            SLOT.served(self, self, sent)
        del self.values[:number]
        if self.values:
            self.line.move_to_end(self)
        else:
            self.finish(result)
        return sent
