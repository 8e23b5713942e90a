"""Choosing: the cases of a select, and how it waits for the first of them."""

# Theory of operation
# -------------------
# A case knows whether its operation might happen now, how to do it, and in which
# line to wait for it. Among cases that are ready at once, the highest priority
# decides, and then chance, each case being as likely as any other.
#
# A select that waits stands once in each line, however many of its cases want
# something there; whoever serves it from that line draws the case there and then.
# So a channel listed twice counts twice, and an event that makes several cases
# ready, such as a close, is followed by one fair draw among them.
#
# A case is a value that may be used again, by several selects at once. What belongs
# to one select, such as the deadline of a timer, is kept in its Choice.

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from random import Random
from threading import get_ident
from typing import Any, Final, Generic, Protocol, TypeVar, final

import trio

from ._pacing import Pace, running
from ._waiting import NOTHING, SPARES, Clock, Line, Role, TimedWaiter, first

T_co = TypeVar("T_co", covariant=True)

# The only randomness in channels and select. Registered with hypothesis, so that a
# failing test replays.
chance: Final = Random()


class Case(Generic[T_co]):
    """One thing that a select can wait for; its value has type ``T``.

    Made by methods such as `Chan.on_receive`, and by `default`, `after` and `at`. A
    case holds nothing back and stands in no line until a select uses it, and may be
    used any number of times.
    """

    __slots__ = ("priority",)

    priority: int
    role: Role = "watch"
    value: Any = None  # what a send case offers

    def __init__(self, priority: int) -> None:
        if type(priority) is not int:
            raise TypeError(f"priority must be an int, not {priority!r}")
        self.priority = priority

    # As it stands, this is the case that never happens.

    def _ready(self) -> bool:
        """Whether `_commit` is worth trying. Changes nothing."""
        return False

    def _commit(self) -> T_co:
        """Do it now; raise `trio.WouldBlock`, with nothing done, if it cannot be."""
        raise trio.WouldBlock

    def _join(self, choice: Choice, index: int) -> None:
        """Wait for it, as case number ``index`` of ``choice``."""

    def _conclude(self, result: Any, error: BaseException | None) -> T_co:
        """Turn what a waiting select was woken with into the value of this case."""
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]  # whoever woke it has seen to that


NEVER: Final = Case[Any](0)


def draw(cases: Sequence[Case[object]], among: Sequence[int]) -> int:
    """Return one index of ``among``: of the highest priority, otherwise at random."""
    if len(among) == 1:
        return among[0]
    top = max([cases[index].priority for index in among])
    best = [index for index in among if cases[index].priority == top]
    return best[int(chance.random() * len(best))]


class Timer(Clock, Protocol):
    """The part of a time case that belongs to one select: it finishes only that one."""

    index: int

    def take(self) -> object:
        """Return the value of the case, now that it is due and has been drawn."""


@final
class Choice(TimedWaiter):
    """The wait of a select, in all the lines of its cases.

    Awaiting it returns the index of the case that was served. If the wait is
    cancelled, it has left all its lines and nothing has happened.
    """

    __slots__ = ("_cases", "_lines", "_pace", "_timers", "_winner")

    _cases: Sequence[Case[object]]
    _pace: Pace
    _winner: int  # the index of the case chosen last

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []
        self._timers: list[Timer] = []
        self._clocks: dict[Clock, None] = {}
        self._alarm = None

    @staticmethod
    def among(cases: Sequence[Case[object]], pace: Pace) -> Choice:
        """Put the running task into the lines of these cases; await what this returns."""
        try:
            choice = spare_choices.pop()
        except IndexError:
            choice = Choice()
        choice._cases = cases
        choice._pace = pace
        choice.task = running.task
        choice.thread = get_ident()
        try:
            for index, case in enumerate(cases):
                case._join(choice, index)
        except BaseException:
            choice.withdraw()
            raise
        return choice

    def join(self, line: Line, index: int) -> None:
        """Wait in ``line`` on behalf of the case with that index."""
        if self in line:
            line[self].append(index)
        else:
            if line:
                first(line).check_thread()
            line[self] = [index]
            self._lines.append(line)

    def follow(self, clock: Clock) -> None:
        """Let ``clock`` wake this select."""
        self._clocks[clock] = None

    def start(self, timer: Timer) -> None:
        """Let ``timer`` wake this select, and be drawn when it is due."""
        self.follow(timer)
        self._timers.append(timer)

    def __await__(self) -> Generator[Any, Any, int]:
        if self._clocks:
            yield from self._sleep_by_the_clock()
        else:
            yield from self._sleep()
        self._pace.restart()
        return self._winner

    def conclude(self) -> object:
        """Return the value of the case that was served, or raise what became of it."""
        case, result, error = self._cases[self._winner], self.result, self.error
        if not self._clocks:
            self._cases = ()
            self.result = NOTHING
            self.error = None
            spare_choices.append(self)
        return case._conclude(result, error)

    def choose(self, *lines: Line) -> Case[object]:
        return self._choose([index for line in lines for index in line.get(self, ())])

    def serve(self, line: Line, result: object = None) -> Any:
        chosen = self._choose(line[self])
        self.finish(result)
        return chosen.value

    def withdraw(self) -> None:
        for line in self._lines:
            del line[self]
        self._lines.clear()
        for clock in self._clocks:
            clock._left()

    def _choose(self, among: Sequence[int]) -> Case[object]:
        self._winner = draw(self._cases, among)
        return self._cases[self._winner]

    def _look_at_clocks(self) -> None:
        assert self._alarm is not None
        rang = self._alarm.deadline
        super()._look_at_clocks()
        if self.result is NOTHING:
            due = {timer.index: timer for timer in self._timers if timer._due_for(self) <= rang}
            if due:
                self._choose([*due])
                self.finish(due[self._winner].take())


# Shared by all threads; each of its ends is changed in one step.
spare_choices: Final[deque[Choice]] = deque(maxlen=SPARES)


def register_with_hypothesis() -> None:
    """Let hypothesis seed `chance`; called when it is imported, by its entry point."""
    from hypothesis import register_random

    register_random(chance)
