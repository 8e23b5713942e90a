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

from abc import abstractmethod
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from threading import get_ident
from typing import Any, Final, Generic, Protocol, TypeVar, final

import trio
from trio.lowlevel import Task

from _gochan_chance import chance

from ._alarm import TimedWaiter
from ._lines import NOTHING, Clock, Line, Role, first
from ._pacing import Pace
from ._waiters import SPARES

T_co = TypeVar("T_co", covariant=True)


def check_priority(priority: int) -> None:
    """Raise `TypeError` unless ``priority`` is a whole number."""
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise TypeError(f"priority must be an int, not {priority!r}")


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
    end: Any = None  # of the channel at which it waits

    def __init__(self, priority: int) -> None:
        if type(priority) is not int:
            check_priority(priority)
        self.priority = priority

    # As it stands, this is the case that never happens.

    def _ready(self) -> bool:
        """Whether `_commit` is worth trying. Changes nothing."""
        return False

    def _commit(self) -> T_co:
        """Do it now; raise `trio.WouldBlock`, with nothing done, if it cannot be."""
        raise trio.WouldBlock  # pragma: no cover  # one that is never ready is never tried

    def _join(self, chooser: Chooser, index: int) -> None:
        """Wait for it, as case number ``index`` of ``chooser``."""

    # How many values have been given up where it happens. Each may have made room, so if there
    # are more than when it was tried in vain, it is worth another try.
    _given_up: int = 0

    # The errors that are a value of this case, and not raised.
    _mild: tuple[type[BaseException], ...] = ()

    def _conclude(self, result: Any, *, mild: bool) -> T_co:
        """Turn what a waiting select was woken with, or a mild error, into the value."""
        return result  # type: ignore[no-any-return]  # whoever woke it has seen to that

    # In a selector, where a case outlives a wait.

    def _from_now(self) -> Case[T_co]:
        """Return the case that means from now on what this one means to a new select."""
        return self

    def _lasts(self, value: Any) -> bool:
        """Whether it may happen once more, after its value has been ``value``."""
        return False

    # In messages and reports

    @property
    def _thing(self) -> object:
        """What it waits at; ``None`` if that is time, or nothing."""
        return None

    def __str__(self) -> str:
        return "nothing"

    def __repr__(self) -> str:
        return f"<gochan.Case: {self}>"


# The indices under which most selects stand in a line, made once.
_ALONE: Final = tuple((index,) for index in range(100))

NEVER: Final = Case[Any](0)


class HasPriority(Protocol):
    """A case, or what stands for one."""

    priority: int


def draw(cases: Sequence[HasPriority] | Mapping[int, HasPriority], among: Sequence[int]) -> int:
    """Return one index of ``among``: of the highest priority, otherwise at random."""
    if len(among) == 1:
        return among[0]
    top = max([cases[index].priority for index in among])
    best = [index for index in among if cases[index].priority == top]
    return best[int(chance.random() * len(best))]


class Chooser(TimedWaiter):
    """Waits in the lines of several cases: in those of a select, or of a selector."""

    __slots__ = ()

    @abstractmethod
    def join(self, line: Line, index: int) -> None:
        """Wait in ``line`` on behalf of the case with that index."""

    @abstractmethod
    def follow(self, clock: Clock, index: int) -> None:
        """Let ``clock`` wake this on behalf of the case with that index."""


@final
class Choice(Chooser):
    """The wait of a select, in all the lines of its cases.

    Awaiting it returns the index of the case that was served. If the wait is
    cancelled, it has left all its lines and nothing has happened.
    """

    __slots__ = ("_cases", "_lines", "_pace", "_winner")

    _cases: Sequence[Case[object]]
    _pace: Pace
    _winner: int  # the index of the case chosen last

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []
        self._clocks = {}
        self._alarm = None

    @staticmethod
    def among(cases: Sequence[Case[object]], task: Task, pace: Pace) -> Choice:
        """Put ``task``, the running one, into the lines of these cases; await what this returns."""
        try:
            choice = spare_choices.pop()
        except IndexError:
            choice = Choice()
        choice._cases = cases
        choice._pace = pace
        choice.task = task
        choice.thread = get_ident()
        try:
            for index, case in enumerate(cases):
                case._join(choice, index)
        except BaseException:
            choice.withdraw()
            raise
        return choice

    def join(self, line: Line, index: int) -> None:
        here = _ALONE[index] if index < len(_ALONE) else (index,)
        if self in line:
            line[self] += here
        else:
            if line:
                first(line).check_thread()
            line[self] = here
            self._lines.append(line)

    def follow(self, clock: Clock, index: int) -> None:
        self._clocks[index] = clock

    def __await__(self) -> Generator[Any, Any, int]:
        try:
            if self._clocks:
                yield from self._sleep_by_the_clock()
            else:
                (yield self._sleep_message).unwrap()
        except (trio.Cancelled, KeyboardInterrupt):
            self._forget()
            raise
        self._pace.restart()
        return self._winner

    def conclude(self) -> object:
        """Return the value of the case that was served, or raise what became of it."""
        case, result, error = self._cases[self._winner], self.result, self.error
        self._forget()
        try:
            if error is not None and not isinstance(error, case._mild):
                raise error
            return case._conclude(result, mild=error is not None)
        finally:
            del error  # it would be in a cycle with its traceback

    def choose(self, *lines: Line) -> Case[object]:
        return self._choose([index for line in lines for index in line.get(self, ())])

    def wishes(self, line: Line) -> Iterator[Case[object]]:
        left = [*line[self]]
        while left:
            yield self._choose(left)
            left.remove(self._winner)

    def serve(self, line: Line, result: object = None) -> Any:
        chosen = self._choose(line[self])
        self.finish(result)
        return chosen.value

    def withdraw(self) -> None:
        for line in self._lines:
            del line[self]
        self._lines.clear()
        for clock in self._clocks.values():
            clock._left()

    def _choose(self, among: Sequence[int]) -> Case[object]:
        self._winner = draw(self._cases, among)
        return self._cases[self._winner]

    def _look_at_clocks(self) -> None:
        # What is due by now has become ready at once: draw, as long as nothing has come.
        left = [*self._clocks]
        while left and self.result is NOTHING:
            index = draw(self._cases, left)
            left.remove(index)
            result = self._clocks[index]._strike(self)
            if result is not NOTHING:
                self._winner = index
                self.finish(result)

    def _put_back(self) -> None:
        case = self._cases[self._winner]
        if case.role == "receive" and self.error is None:
            case.end._state.put_back(self.result)

    def _forget(self) -> None:
        """Let go of everything, and be kept for the next select."""
        self._cases = ()
        self._clocks.clear()
        self._alarm = self.task = self.error = None
        self.result = NOTHING
        spare_choices.append(self)


# Shared by all threads; each of its ends is changed in one step.
spare_choices: Final[deque[Choice]] = deque(maxlen=SPARES)
