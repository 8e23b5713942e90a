"""Choice: the one fair draw among cases, and the wait of a select for the first of them."""

# Theory of operation
# -------------------
# Among cases that are ready at once, the highest priority decides, and then chance: each
# case is as likely as any other.
#
# A select that waits stands once in each line, however many of its cases want something
# there; the task that serves it from that line draws the case at that moment. So a channel
# listed twice counts twice, and an event that makes several cases ready, such as a close,
# is followed by one fair draw among them.

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, final

import trio
from trio.lowlevel import Task, current_task

from _gochan_chance import chance

from ._cases import Case
from ._chooser import Chooser
from ._lines import NOTHING, Clock, Line, first
from ._observer import SLOT
from ._pacing import Pace
from ._threads import this_thread
from ._waiters import SPARES

# The indices under which most selects stand in a line, made once.
_ALONE: Final = tuple((index,) for index in range(100))


class HasPriority(Protocol):
    """A case, or a place that stands for one."""

    priority: int


def draw(cases: Sequence[HasPriority] | Mapping[int, HasPriority], among: Sequence[int]) -> int:
    """Return one index of ``among``: of the highest priority, otherwise at random."""
    if len(among) == 1:
        return among[0]
    top = max([cases[index].priority for index in among])
    return pick([index for index in among if cases[index].priority == top])


def pick(among: Sequence[int]) -> int:
    """Return one of ``among``, each of them as likely as any other."""
    return among[int(chance.random() * len(among))]


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
        choice.thread = thread = pace.thread if pace.thread._is_owned() else this_thread()
        choice.task = task if thread is pace.thread else current_task()
        try:
            for index, case in enumerate(cases):
                case._join(choice, index)
        except BaseException:
            choice.withdraw()
            raise
        if SLOT.observer is not None:
            SLOT.waits(choice)
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

    def move(self, old: Line, new: Line) -> None:
        self._lines = [new if line is old else line for line in self._lines]

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
        """Return the value of the case that was served, or raise its error."""
        case, result, error = self._cases[self._winner], self.result, self.error
        self._forget()
        try:
            if error is not None and not isinstance(error, case._not_raised):
                raise error
            return case._conclude(result, ended=error is not None)
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
        if SLOT.observer is not None:
            SLOT.served(self, chosen, (chosen.value,))
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
        # All that is due by now became ready at the same moment: draw until one has something.
        left = [*self._clocks]
        while left and self.result is NOTHING:
            index = draw(self._cases, left)
            left.remove(index)
            result = self._clocks[index]._strike(self)
            if result is not NOTHING:
                self._winner = index
                self.finish(result)

    def _served(self) -> Case[object]:
        return self._cases[self._winner]

    def _forget(self) -> None:
        """Let go of everything, and be kept for the next select."""
        self._cases = ()
        self._clocks.clear()
        self._alarm = self.task = self.error = None
        self.result = NOTHING
        spare_choices.append(self)


# Shared by all threads; each of its ends is changed in one step.
spare_choices: Final[deque[Choice]] = deque(maxlen=SPARES)
