"""A line of waiters: tasks that wait for one thing, oldest first."""

# Theory of operation
# -------------------
# A task that cannot finish at once puts a waiter into the line of each channel it cares about,
# and sleeps. Another task that can serve the first waiter of a line *finishes* it: that takes
# it out of all its lines, gives it a result and wakes its task, without a switch of tasks. So
# a waiter is served once, however many lines it stood in. Trio promises that a task which was
# rescheduled can no longer be cancelled out of that sleep, so what was handed over stays
# handed over. A cancelled waiter leaves its lines inside trio's abort function, before another
# task can run and find it there.
#
# A line is an OrderedDict: it keeps the order of arrival, and gives up its front and anything
# in its middle in constant time. (A plain dict finds its front ever more slowly as others are
# taken from there; a deque searches for its middle.)
#
# A selector keeps its places while its task is elsewhere (see _selector). It is then *away*,
# and its places count for nothing. A selector that is away when its turn comes loses its place,
# and is told so. The lines in which that may happen are of a class of their own: to ask whether
# anybody stands in one is to call those in front. All other lines pay nothing for it. When the
# first selector joins a line of a channel, a calling line replaces it, and the waiters move.
#
# Invariants (``check_line`` asserts them)
# ----------------------------------------
# 1. A waiter in a line has no result yet.
# 2. All waiters in a line belong to tasks of one run, hence of one thread.
# 3. A waiter that is away is exempt, and stands only in lines that call.

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypeAlias

from trio.lowlevel import Abort, RaiseCancelT, Task, reschedule, wait_task_rescheduled

from ._observer import SLOT
from ._pacing import OUTSIDE
from ._threads import Thread


class Nothing(Enum):
    """No value, told apart from every value that a user can send."""

    NOTHING = "nothing"


NOTHING: Final = Nothing.NOTHING

Role: TypeAlias = Literal["send", "receive", "watch"]


class Line(OrderedDict["Waiter", "tuple[int, ...]"]):
    """The waiters, oldest first; for a select, the indices of its cases that wait here."""

    __slots__ = ()


class NoLine(Line):
    """Stands for a line in which nobody has ever waited."""

    __slots__ = ()


class CallingLine(Line):
    """A line in which some may be away: to ask whether anybody is there is to call them."""

    __slots__ = ()

    def __bool__(self) -> bool:
        while True:
            waiter = next(iter(self), None)
            if waiter is None:
                return False
            if not waiter.away:
                return True
            waiter.lose_place(self)

    def __len__(self) -> int:
        return sum(not waiter.away for waiter in self)


class Wish(Protocol):
    """What a waiter wants in a line: an offer, or one case of a select."""

    @property
    def role(self) -> Role: ...
    @property
    def value(self) -> Any:
        """What it would send."""

    @property
    def end(self) -> object:
        """The end of the channel by which it came."""


class Clock(Protocol):
    """Something that time alone can change while a waiter stands in line."""

    def _due_for(self, waiter: Waiter) -> float:
        """Return when ``waiter`` must wake to look at this clock, ``inf`` if never."""

    def _strike(self, waiter: Waiter) -> Any:
        """Do what is due by now, which may finish ``waiter``; or return what it is to get.

        `NOTHING` if that is nothing, or if it is finished already.
        """

    def _left(self) -> None:
        """Set the alarm of the waiter that must look next, as another one has left."""


class Woken:
    """What the scheduler sends to a woken task.

    It stands in for an `outcome.Value`: each wake would need a new one.
    """

    def unwrap(self) -> None:
        """Let the task go on."""


WOKEN: Final[Any] = Woken()


class Waiter(ABC):
    """A task's place in one line or several, and its result."""

    __slots__ = ("_sleep_message", "error", "result", "task", "thread")

    thread: Thread
    task: Task | None  # which to wake; None while it is not asleep
    result: Any  # NOTHING until finished
    error: BaseException | None  # what to raise instead of returning the result
    away: bool = False  # whether it stands in its lines without waiting

    def __init__(self) -> None:
        self.result = NOTHING
        self.error = None
        # ``wait_task_rescheduled`` yields the same message to the scheduler for each sleep with
        # the same abort function, so it is asked for only once.
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
        """Find out again when time must wake it, after ``clock`` has changed."""

    def move(self, old: Line, new: Line) -> None:
        """Stand in line ``new``, which replaces ``old`` and has this waiter already."""
        raise NotImplementedError  # pragma: no cover  # a selector stands in calling lines only

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
        if not self.thread._is_owned():
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
        if SLOT.observer is not None:
            SLOT.served(self, wish, (wish.value,))
        return wish.value

    def serve_many(self, line: Line, number: int) -> list[Any]:
        """Let it send up to ``number`` values, at least one, and return them."""
        return [self.serve(line)]

    def room(self) -> int:
        """Return how many values it could receive at once."""
        return 1

    def serve_from(self, line: Line, values: list[Any]) -> None:
        """Give it the first of ``values``, or as many as it can receive; take those out."""
        self.serve(line, values[0])
        del values[0]

    def turn_out(
        self, line: Line, end: object, reason: Callable[[Wish], BaseException | None]
    ) -> None:
        """Finish it if something that it wants in ``line`` came by ``end``, which was closed."""
        if self.away:
            self.lose_place(line)  # it finds out when it is back
            return
        for wish in self.wishes(line):
            if wish.end is end:
                self.finish(error=reason(wish))
                return


def first(line: Line) -> Waiter:
    """Return the waiter that has stood longest in ``line``, which is not empty."""
    return next(iter(line))


def is_deserted(line: Line) -> bool:
    """Whether nobody stands in ``line``, not even a selector that is away."""
    return OrderedDict.__len__(line) == 0


def check_line(line: Line) -> None:
    """Assert the invariants at the top of this file. For tests."""
    present = [waiter for waiter in line if not waiter.away]
    for waiter in present:
        assert waiter.result is NOTHING
        assert waiter.thread is present[0].thread
    assert len(line) == len(present)
