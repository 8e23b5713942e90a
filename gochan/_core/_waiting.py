"""Waiting in line: how a task sleeps until somebody comes for it."""

# Theory of operation
# -------------------
# A task that cannot finish at once puts a waiter into the line of each channel it
# cares about, and awaits it. A plain send or receive waits in one line, with an
# Offer; a send of many values with a BulkOffer, which stays there until all of them
# are gone; a select waits in several, with a Choice (see _choosing.py). Whoever can
# serve the first waiter of a line finishes it: that takes it out of all its lines,
# gives it a result and wakes its task, all without a switch of tasks, so a waiter
# is served once however many lines it stood in. Trio promises that a task which
# was rescheduled can no longer be cancelled out of that sleep, so what was handed
# over stays handed over. A cancelled waiter leaves its lines inside trio's abort
# function, before anybody else can run and find it there.
#
# Time wakes a task by a cancel scope around its sleep, its alarm. A task whose alarm
# has rung keeps its place until it has looked at what time brought, and if that is
# nothing, sleeps on. Meanwhile somebody may come for it; it is then finished without
# being woken again.
#
# A line is an OrderedDict: it keeps the order of arrival, and gives up its front
# and anything in its middle in constant time. (A plain dict finds its front ever
# more slowly as others are taken from there; a deque searches for its middle.)
#
# A selector keeps its places while its task is elsewhere, so that they cost nothing
# anew at each wait (see _standing.py). It is then away, and its places count for
# nothing. Who is away when it would be its turn loses the place, and is told so. The
# lines in which that may happen are of a class of their own: to ask whether anybody
# stands in one is to call those in front. All others pay nothing for it.
#
# Waiters are used again, because making one, and what trio needs to put a task to
# sleep, would cost as much as the sleep itself. One that was awaited to its end stands
# in no line, so nobody knows it any more; it forgets what it held and is kept.
#
# Invariants (``check_line`` asserts them)
# ----------------------------------------
# 1. A waiter in a line has no result yet.
# 2. All waiters in a line belong to tasks of one run, hence of one thread.
# 3. Who is away is exempt, and stands only in lines that call.

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Generator, Iterable
from enum import Enum
from threading import get_ident
from time import perf_counter
from types import coroutine
from typing import Any, Final, Literal, Protocol, TypeAlias, final

import trio
from trio.lowlevel import Abort, RaiseCancelT, Task, current_task, reschedule, wait_task_rescheduled

from ._pacing import OUTSIDE, SHOWS_RUNNER, Pace


class Nothing(Enum):
    """No value, told apart from every value that a user can send."""

    NOTHING = "nothing"


NOTHING: Final = Nothing.NOTHING

# How many waiters of each kind are kept to be used again.
SPARES: Final = 1000

Role: TypeAlias = Literal["send", "receive", "watch"]


class Line(OrderedDict["Waiter", "tuple[int, ...]"]):
    """Who waits, oldest first, and for a select the indices of its cases that wait here."""

    __slots__ = ()


class CallingLine(Line):
    """A line in which some may be away: who asks whether anybody is there calls them."""

    __slots__ = ()

    def __bool__(self) -> bool:
        while True:
            waiter = next(iter(self), None)
            if waiter is None:
                self.__class__ = Line  # type: ignore[assignment]  # nobody is away any more
                return False
            if not waiter.away:
                return True
            waiter.lose_place(self)

    def __len__(self) -> int:
        return sum(not waiter.away for waiter in self)


class Wish(Protocol):
    """What a waiter wants in a line: an `Offer`, or one case of a select."""

    @property
    def role(self) -> Role: ...
    @property
    def value(self) -> Any: ...


class Clock(Protocol):
    """Something that time alone can change while a waiter stands in line."""

    def _due_for(self, waiter: Waiter) -> float:
        """Return when ``waiter`` must wake to look at this clock, ``inf`` if never."""

    def _strike(self, waiter: Waiter) -> Any:
        """Do what is due by now, which may finish ``waiter``; or return what it is to get.

        `NOTHING` if that is nothing, or it is finished already.
        """

    def _left(self) -> None:
        """Set the alarm of whoever must look now that a waiter has left."""


class Woken:
    """What a woken task is sent by the scheduler.

    It stands in for an `outcome.Value`, of which each wake would need a new one.
    """

    def unwrap(self) -> None:
        """Let the task go on."""


WOKEN: Final[Any] = Woken()


class Waiter(ABC):
    """A task's place in one line or several, and what comes of it."""

    __slots__ = ("_sleep_message", "error", "result", "task", "thread")

    thread: int
    task: Task | None  # whom to wake; None while it is not asleep
    result: Any  # NOTHING until finished
    error: BaseException | None  # what to raise instead of returning the result
    away: bool = False  # whether it stands in its lines without waiting

    def __init__(self) -> None:
        self.result = NOTHING
        self.error = None
        # What ``wait_task_rescheduled`` yields to the scheduler is the same for each
        # sleep with the same abort function, so it is asked for only once.
        coroutine = wait_task_rescheduled(self._give_up)  # noqa: ASYNC105  # see above
        self._sleep_message = coroutine.send(None)
        coroutine.close()

    @abstractmethod
    def _give_up(self, _: RaiseCancelT) -> Abort:
        """Leave all lines, since the sleep is cancelled; trio's abort function."""

    @abstractmethod
    def choose(self, *lines: Line) -> Wish:
        """Return what it wants in these lines; a select with several wishes draws one."""

    def wishes(self, line: Line) -> Iterable[Wish]:
        """Return what it wants in ``line``, each thing chosen when it is looked at."""
        return (self.choose(line),)

    @abstractmethod
    def withdraw(self) -> None:
        """Take it out of all its lines."""

    def set_alarm(self, clock: Clock) -> None:  # noqa: B027  # most waiters have none
        """Find anew when time must wake it, after ``clock`` has changed."""

    def lose_place(self, line: Line) -> None:
        """Leave ``line``, having been away when called."""
        raise NotImplementedError  # pragma: no cover  # only selectors are ever away

    def note_follower(self, clock: Clock) -> None:  # noqa: B027  # most wait until they leave
        """Note that others must set their alarms by ``clock`` when this one is away."""

    def check_thread(self) -> None:
        """Raise `RuntimeError` unless the caller may wake the waiting task.

        A task waits only as long as its run goes on, and a thread has one run at a time,
        so being in the thread of the task means being in its run.
        """
        if self.thread != get_ident():
            raise RuntimeError(OUTSIDE)

    def finish(self, result: object = None, error: BaseException | None = None) -> None:
        """Take it out of all lines, and wake its task with what was chosen last."""
        self.check_thread()
        self.withdraw()
        self.result = result
        self.error = error
        if self.task is not None:
            reschedule(self.task, WOKEN)

    def serve(self, line: Line, result: object = None) -> Any:
        """Finish what it wants in ``line``, and return the value that it offers there."""
        wish = self.choose(line)
        self.finish(result)
        return wish.value

    def serve_many(self, line: Line, number: int) -> list[Any]:
        """Let it send up to ``number`` values, at least one, and return them."""
        return [self.serve(line)]


@final
class Offer(Waiter):
    """The place of a plain operation, in one line."""

    __slots__ = ("line", "role", "value")

    line: Line
    role: Role
    value: Any

    def _give_up(self, _: RaiseCancelT) -> Abort:
        del self.line[self]
        return Abort.SUCCEEDED

    def choose(self, *lines: Line) -> Wish:
        return self

    def withdraw(self) -> None:
        del self.line[self]

    def serve(self, line: Line, result: object = None) -> Any:
        # Waiter.serve without its calls, one of them to trio's own: every rendezvous
        # passes here.
        if self.thread != get_ident():
            raise RuntimeError(OUTSIDE)
        del line[self]
        self.result = result
        task: Any = self.task
        task._runner.reschedule(task, WOKEN)
        return self.value


if not SHOWS_RUNNER:  # pragma: no cover
    del Offer.serve

# Shared by all threads; each of its ends is changed in one step.
spare_offers: Final[deque[Offer]] = deque(maxlen=SPARES)

# The cases of an offer: it has none.
NO_CASES: Final = ()


@coroutine
def wait_in(
    task: Task, line: Line, role: Role, value: object, pace: Pace
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
    offer.thread = get_ident()
    offer.task = task if offer.thread == pace.thread else current_task()
    offer.line = line
    line[offer] = NO_CASES
    woken = yield offer._sleep_message
    result, error = offer.result, offer.error
    offer.task = offer.value = offer.error = None
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
class BulkOffer(Waiter):
    """The place of a task that waits to send many values, in one line.

    It stays in line until all of them have been sent, and lets others go first after each. If
    it is cancelled, those that have not been sent are still in the list that it was given.
    """

    __slots__ = ("line", "pace", "values")

    role: Final[Role] = "send"

    def __init__(self, line: Line, values: list[Any], pace: Pace) -> None:
        super().__init__()
        if line:
            first(line).check_thread()
        self.task = current_task()
        self.thread = get_ident()
        self.line = line
        self.pace = pace
        self.values = values
        line[self] = NO_CASES

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

    def _give_up(self, _: RaiseCancelT) -> Abort:
        del self.line[self]
        return Abort.SUCCEEDED

    def choose(self, *lines: Line) -> Wish:
        return self

    def withdraw(self) -> None:
        del self.line[self]

    def serve(self, line: Line, result: object = None) -> Any:
        return self._send(1, result)[0]

    def serve_many(self, line: Line, number: int) -> list[Any]:
        # Those who are away count, too: to pass over them would take a look at each.
        return self._send(number if OrderedDict.__len__(line) == 1 else 1)

    def _send(self, number: int, result: object = None) -> list[Any]:
        self.check_thread()
        sent = self.values[:number]
        del self.values[:number]
        if self.values:
            self.line.move_to_end(self)
        else:
            self.finish(result)
        return sent


class TimedWaiter(Waiter):
    """A waiter that time may wake: its clocks say when."""

    __slots__ = ("_alarm", "_clocks")

    _alarm: trio.CancelScope | None
    _clocks: dict[int, Clock]  # by the index of the case that follows it

    def set_alarm(self, clock: Clock | None = None) -> None:
        if self._alarm is not None:
            self._alarm.deadline = min(clock._due_for(self) for clock in self._clocks.values())

    def _give_up(self, _: RaiseCancelT) -> Abort:
        # If the alarm has rung, keep the place until the task has looked at its clocks.
        self.task = None
        if self._alarm is None or trio.current_time() < self._alarm.deadline:
            self.withdraw()
        return Abort.SUCCEEDED

    def _sleep_by_the_clock(self) -> Generator[Any, Any, None]:
        """Sleep until finished, looking at the clocks whenever the alarm rings."""
        while self.result is NOTHING:
            self._alarm = trio.CancelScope()
            self.set_alarm()
            try:
                with self._alarm:
                    self.task = current_task()
                    (yield self._sleep_message).unwrap()
                if self.result is NOTHING:
                    self._look_at_clocks()
            except (trio.Cancelled, KeyboardInterrupt) as interruption:
                if self.result is NOTHING:
                    self.withdraw()
                    raise
                # Somebody came between the alarm and now, and that stands. The
                # cancellation strikes again at the next checkpoint by itself.
                if isinstance(interruption, KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)
            except BaseException:
                self.withdraw()
                raise

    @abstractmethod
    def _look_at_clocks(self) -> None:
        """Do what time allows by now."""


@final
class TimedOffer(TimedWaiter):
    """The wait of a plain operation at a channel whose strategy has to be asked again."""

    __slots__ = ("line", "pace", "role", "value")

    def __init__(self, clock: Clock, line: Line, role: Role, value: object, pace: Pace) -> None:
        super().__init__()
        self.task = None
        self.thread = get_ident()
        self._alarm = None
        self._clocks = {0: clock}
        self.line = line
        self.pace = pace
        self.role: Role = role
        self.value: Any = value
        line[self] = NO_CASES

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            yield from self._sleep_by_the_clock()
        finally:
            self._sleep_message = None  # which knows this offer, as it knows the message
        self.pace.restart()
        if self.error is not None:
            raise self.error
        return self.result

    def choose(self, *lines: Line) -> Wish:
        return self

    def _look_at_clocks(self) -> None:
        self._clocks[0]._strike(self)

    def withdraw(self) -> None:
        if self.line.pop(self, None) is not None:
            self._clocks[0]._left()


def new_line() -> Line:
    """Return a line in which nobody stands."""
    return Line()


def first(line: Line) -> Waiter:
    """Return the waiter that has stood longest in ``line``, which is not empty."""
    return next(iter(line))


def check_line(line: Line) -> None:
    """Assert the invariants at the top of this file. For tests."""
    present = [waiter for waiter in line if not waiter.away]
    for waiter in present:
        assert waiter.result is NOTHING
        assert waiter.thread == present[0].thread
    assert len(line) == len(present)
