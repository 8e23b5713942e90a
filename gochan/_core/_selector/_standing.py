"""How a selector stands in many lines, and learns which of its cases to look at."""

# Theory of operation
# -------------------
# A select puts its task into the lines of all its cases, and takes it out of all of them
# when it is served. A selector keeps its places, for to leave and to join anew would cost
# as much as there are cases. But its task waits only now and then, and to everybody else
# it must be there only then: nobody may hand it a value while it cannot take one.
#
# So it is *away* except while its task waits. Whoever comes to one of its lines and looks
# for somebody to serve passes over those who are away, and takes them out of that line
# (see CallingLine). To lose its place is how a selector learns that something has happened
# there. To wait again takes one step, whatever the number of cases: it is not away any
# more. As nothing has happened in the lines in which it still stands, there is nothing to
# do there, exactly as if it had just joined them.
#
# The cases that stand in no line are in an urn: new ones, those that lost their place, the
# one that happened last. When the task comes back it draws from the urn until a case is
# ready, and does that one. A case that was drawn and is not ready joins its line, but only
# when the draw is over, for to look at a case is to call those in the opposite line, and a
# selector that sends and receives at one channel would be chasing itself. So the cost of
# an event is that of the cases at which something has happened since they were looked at,
# each of them looked at once. A draw among all in the urn, repeated while it yields one
# that is not ready, is a fair draw among those that are.
#
# Two selectors that never wait, and face each other across many channels, drive each other
# out of all of these lines. So there, and only there, silent channels do cost.
#
# A strategy can still say no to a case that is ready. That one is not tried again in the
# same draw, unless another try has made the strategy give up something, and joins its line too.
#
# Who has been served goes to the end of that line, and keeps its places in the others.
#
# Clocks. A place at a ticker, or at a channel whose strategy has to be asked again, comes
# with a moment at which to look. The moments are in a heap, so that an alarm needs only the
# earliest. What is due goes into the urn although it stands in line, and when it is drawn,
# the selector is there for as long as the clock strikes. Behind it there may be others who
# have set no alarm because the first in line has one. They let it know, and when it goes
# away it tells those clocks that it has left.
#
# Invariants (``check`` asserts them)
# -----------------------------------
# 1. Each case is in the urn, or waits in a line or for a clock, or for both. It is in the
#    urn, too, only if it follows a clock, and was due.
# 2. While the task waits, the urn is empty.
# 3. The lines know the same places as the cases, and all these lines call.
# 4. Without a strategy, a case that waits is not ready: whatever made it so would have taken
#    it out of its line.

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Hashable, Iterator, Mapping, Sequence
from itertools import count
from threading import get_ident
from typing import Any, Final, Generic, TypeVar, final

import trio
from trio.lowlevel import Task

from .._choosing import Case, Chooser, draw
from .._errors import ChanClosedError, EndOfChannel, Refused
from .._lines import NOTHING, CallingLine, Clock, Line
from .._pacing import Pace
from .._timers import now
from ._deadlines import Deadlines
from ._urn import OUT, Ball, Urn

L = TypeVar("L", bound=Hashable)
T = TypeVar("T")


@final
class Member(Ball, Generic[L, T]):
    """One case of a selector, and where it waits."""

    __slots__ = ("case", "clock", "label", "line", "number")

    def __init__(self, number: int, case: Case[T], label: L) -> None:
        super().__init__(case.priority)
        self.number = number
        self.case = case
        self.label = label
        self.line: Line | None = None
        self.clock: Clock | None = None


@final
class Standing(Chooser, Generic[L, T]):
    """A selector's places in the lines of its cases, and the wait of its task.

    ``decide`` does what can be done now; if that is nothing, awaiting what ``wait`` returns
    yields what has happened, or ``None`` if it is time to decide once more.
    """

    __slots__ = (
        "_busy",
        "_closed",
        "_deadlines",
        "_followed",
        "_followers",
        "_labels",
        "_members",
        "_numbers",
        "_pace",
        "_striking",
        "_title",
        "_urn",
        "_winner",
        "away",
    )

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.away = True
        self.task: Task | None = None
        self.thread = get_ident()
        self._alarm = None
        self._clocks = {}
        self._members: dict[int, Member[L, T]] = {}
        self._labels: dict[L, Member[L, T]] = {}
        self._numbers = count()
        self._urn: Urn[Member[L, T]] = Urn()
        self._deadlines: Deadlines[Clock] = Deadlines()
        self._followers: dict[Clock, set[int]] = {}
        self._followed: set[Clock] = set()  # by others too, who stand behind this
        self._winner: Member[L, T] | None = None  # whose turn it is in the line chosen last
        self._striking: Clock | None = None
        self._pace: Pace | None = None
        self._busy = False  # whether a task waits, or was woken and has not run yet
        self._closed = False

    # The cases

    @property
    def labels(self) -> dict[L, Member[L, T]]:
        """What there is, by label, oldest first."""
        return self._labels

    def add(self, case: Case[T], label: L) -> None:
        """Add a case, in place of the one that has this label, if any."""
        self.check_open()
        self._check_caller()
        known = self._labels.get(label)
        ready = not self.away and case._ready()
        member = Member(next(self._numbers), case, label)
        self._members[member.number] = member
        if known is not None:
            self._drop(known)
        self._labels[label] = member
        if self.away or ready:
            self._urn.put(member)
        else:
            try:
                self._join_lines([member])
            except BaseException:
                self._drop(member)
                self._look_again()
                raise
        if ready or (member.clock is not None and self._alarm is None):
            self._look_again()

    def remove(self, label: L) -> bool:
        """Forget a case; return whether there was one with this label."""
        self._check_caller()
        known = self._labels.get(label)
        if known is None:
            return False
        self._drop(known)
        if not self._members:
            self._look_again()
        return True

    def close(self) -> None:
        """Leave all lines for good; a task that waits is told."""
        self._check_caller()
        self._closed = True
        for member in [*self._members.values()]:
            self._drop(member)
        if not self.away:
            self._winner = None
            self.finish(error=self._closed_error())
        self._sleep_message = None  # which knows this, as this knows the message

    def check_open(self) -> None:
        """Raise `trio.ClosedResourceError` if this is closed."""
        if self._closed:
            raise self._closed_error()

    def _closed_error(self) -> trio.ClosedResourceError:
        return trio.ClosedResourceError(f"{self._title} is closed")

    def _check_caller(self) -> None:
        if self._busy:
            self.check_thread()

    def _drop(self, member: Member[L, T]) -> None:
        """Forget ``member``, which may wait somewhere."""
        del self._members[member.number]
        del self._labels[member.label]
        self._urn.take_out(member)
        line, clock = member.line, member.clock
        if line is not None:
            others = tuple(number for number in line[self] if number != member.number)
            if others:
                line[self] = others
            else:
                del line[self]
            member.line = None
        if clock is not None:
            self._unfollow(member, clock)
            clock._left()

    # Deciding

    def take_turn(self) -> None:
        """Begin an operation of the running task; raise if another task is at it."""
        self.check_open()
        if self._busy:
            self.check_thread()
            raise trio.BusyResourceError(f"another task waits with {self._title}")
        if self.thread != get_ident():
            # The places are those of a run that is over, or of one that has to do without.
            for member in self._members.values():
                if member.line is not None:
                    self.lose_place(member.line)
            self.thread = get_ident()

    def decide(self) -> tuple[L, T] | None:
        """Do what can be done now, and return its label and value; ``None`` if nothing can."""
        if self.result is not NOTHING:
            return self._conclude()  # there since a strategy or ``on_drop`` raised an error
        self._put_due()
        tried: dict[Member[L, T], int] = {}  # and how much had been given up there by then
        while (member := self._draw(tried)) is not None:
            try:
                event = (
                    self._commit(member) if member.clock is None else self._look_at_clock(member)
                )
            except trio.WouldBlock:
                tried[member] = member.case._given_up
                self._go_on(member, lasts=True)
            else:
                if event is not None:
                    return event
        return None

    def _draw(self, tried: Mapping[Member[L, T], int]) -> Member[L, T] | None:
        """Draw one that is worth trying; those drawn before it join their lines."""
        idle: list[Member[L, T]] = []
        drawn = None
        try:
            while (drawn := self._urn.draw()) is not None:
                in_vain = tried.get(drawn) == drawn.case._given_up
                if drawn.clock is not None or (not in_vain and drawn.case._ready()):
                    break
                idle.append(drawn)
            if idle:
                self._join_lines(idle)
        except BaseException:
            for member in idle if drawn is None else [*idle, drawn]:
                self._return(member)
            raise
        return drawn

    def _commit(self, member: Member[L, T]) -> tuple[L, T] | None:
        """Do what ``member`` wants; return ``None`` if that has ended."""
        try:
            value = member.case._commit()
        except trio.WouldBlock:
            raise
        except BaseException as error:
            self._note_error(member, error)
            if not isinstance(error, EndOfChannel):
                raise
            return None
        return self._report(member, value)

    def _look_at_clock(self, member: Member[L, T]) -> tuple[L, T] | None:
        """Be there while the clock of ``member`` strikes; return what comes of it, if anything."""
        self._winner = None
        self.away = False
        try:
            self._strike(member)
        finally:
            self.withdraw()
        return None if self.result is NOTHING else self._conclude()

    def _conclude(self) -> tuple[L, T] | None:
        """Return what somebody has served this with; ``None`` if it is to decide once more."""
        member, result, error = self._winner, self.result, self.error
        self._winner = self.error = None
        self.result = NOTHING
        try:
            if member is not None and (error is None or isinstance(error, member.case._mild)):
                value = member.case._conclude(result, mild=error is not None)
                return self._report(member, value)
            if member is not None and error is not None:
                self._note_error(member, error)
            if error is not None and not isinstance(error, EndOfChannel):
                raise error
            return None
        finally:
            del error  # it would be in a cycle with its traceback

    def _report(self, member: Member[L, T], value: T) -> tuple[L, T]:
        self._go_on(member, lasts=member.case._lasts(value))
        return member.label, value

    def _note_error(self, member: Member[L, T], error: BaseException) -> None:
        """Let go of ``member`` if it has ended, or could not be done; say which it was."""
        over = isinstance(error, (EndOfChannel, ChanClosedError, Refused))
        self._go_on(member, lasts=not over)
        if isinstance(error, (ChanClosedError, Refused)):
            error.case = member.label

    def _go_on(self, member: Member[L, T], *, lasts: bool) -> None:
        """Let ``member`` be drawn again, or not; it may have been removed meanwhile."""
        if member.number in self._members:
            if lasts:
                self._urn.put(member)
            else:
                self._drop(member)

    # Waiting

    def wait(self, task: Task, pace: Pace) -> Standing[L, T]:
        """Let ``task``, the running one, wait; await what this returns."""
        self.task = task
        self._pace = pace
        return self

    def __await__(self) -> Generator[Any, Any, tuple[L, T] | None]:
        self._winner = None
        self._busy = True
        self.away = False
        try:
            if self._clocks:
                yield from self._sleep_by_the_clock()
            else:
                (yield self._sleep_message).unwrap()
        except BaseException:
            self.withdraw()
            raise
        finally:
            self.task = self._alarm = None
            self._busy = False
        assert self._pace is not None
        self._pace.restart()
        return self._conclude()

    def withdraw(self) -> None:
        self.away = True
        while self._followed:
            self._followed.pop()._left()

    def choose(self, *lines: Line) -> Case[T]:
        return self._choose([number for line in lines for number in line.get(self, ())]).case

    def wishes(self, line: Line) -> Iterator[Case[T]]:
        left = [*line[self]]
        while left:
            member = self._choose(left)
            yield member.case
            left.remove(member.number)

    def _choose(self, among: Sequence[int]) -> Member[L, T]:
        self._winner = self._members[draw(self._members, among)]
        return self._winner

    def finish(self, result: object = None, error: BaseException | None = None) -> None:
        super().finish(result, error)
        if self._winner is not None and self._winner.line is not None:
            self.lose_place(self._winner.line)

    def _look_again(self) -> None:
        """Wake the task to decide once more, if it waits."""
        if not self.away:
            self._winner = None
            self.finish()

    def _put_back(self) -> None:
        member = self._winner
        if member is not None and member.case.role == "receive" and self.error is None:
            member.case.end._state.put_back(self.result)
            self.result = NOTHING

    def _look_at_clocks(self) -> None:
        self._put_due()
        while self.result is NOTHING and (member := self._urn.draw()) is not None:
            self._strike(member)

    # Places

    def _join_lines(self, members: list[Member[L, T]]) -> None:
        """Let ``members``, which wait nowhere, wait."""
        for member in members:
            member.case._join(self, member.number)
            if member.clock is not None:
                self._set_deadline(member.clock)
        if self._alarm is not None:
            self._alarm.deadline = self._deadlines.earliest()

    def join(self, line: Line, index: int) -> None:
        here = line.get(self)
        if here is None:
            # Not by asking whether anybody is there: other selectors may keep their places.
            front = next(iter(line), None)
            if front is not None and not front.away:
                front.check_thread()
            line.__class__ = CallingLine
            line[self] = (index,)
        else:
            line[self] = (*here, index)
        self._members[index].line = line

    def lose_place(self, line: Line) -> None:
        for number in line.pop(self):
            member = self._members[number]
            member.line = None
            self._return(member)

    def _return(self, member: Member[L, T]) -> None:
        """Take ``member`` from wherever it waits, and put it into the urn."""
        if member.line is not None:
            self.lose_place(member.line)
        if member.clock is not None:
            self._unfollow(member, member.clock)
        self._urn.put(member)

    # Clocks

    def _put_due(self) -> None:
        """Put what is due into the urn, where it waits or not."""
        if self._deadlines:
            for clock in self._deadlines.take_due(now()):
                for number in self._followers[clock]:
                    self._urn.put(self._members[number])

    def _strike(self, member: Member[L, T]) -> None:
        """Let the clock of ``member``, which is due, do what it can, and look when it is next."""
        clock = self._striking = member.clock
        assert clock is not None
        try:
            result = clock._strike(self)
            if result is not NOTHING:
                self._winner = member
                self.finish(result)
        finally:
            self._striking = None
            if clock in self._followers:
                self._set_deadline(clock)

    def follow(self, clock: Clock, index: int) -> None:
        self._members[index].clock = clock
        self._clocks[index] = clock
        self._followers.setdefault(clock, set()).add(index)

    def _unfollow(self, member: Member[L, T], clock: Clock) -> None:
        member.clock = None
        del self._clocks[member.number]
        followers = self._followers[clock]
        followers.remove(member.number)
        if not followers:
            del self._followers[clock]
            self._deadlines.discard(clock)
            self._followed.discard(clock)

    def note_follower(self, clock: Clock) -> None:
        self._followed.add(clock)

    def set_alarm(self, clock: Clock | None = None) -> None:
        if clock is not None and clock is not self._striking:
            # It may be the first in line by now, with others behind it who did not tell it so.
            self._followed.add(clock)
            self._set_deadline(clock)
        if self._alarm is not None:
            self._alarm.deadline = self._deadlines.earliest()

    def _set_deadline(self, clock: Clock) -> None:
        away, self.away = self.away, False  # a clock looks only at those who are there
        try:
            self._deadlines.set(clock, clock._due_for(self))
        finally:
            self.away = away

    # Garbage

    def abandon(self) -> None:
        """Be forgotten by the selector, which may be at any time and in any thread."""
        if self._members:
            abandoned.append(self)

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        self._urn.check()
        self._deadlines.check()
        for number, member in self._members.items():
            was_due = member.clock is not None
            waits = member.line is not None or member.clock is not None
            assert waits or member.spot != OUT
            assert member.spot == OUT or not waits or was_due
            assert self._labels[member.label] is member
            if member.line is not None:
                assert isinstance(member.line, CallingLine)
                assert number in member.line[self]
            assert self._clocks.get(number) is member.clock
        assert len(self._labels) == len(self._members)
        assert self.away or not len(self._urn)


# Of selectors that nobody has any more; their places wait for somebody to clear them.
abandoned: Final[deque[Standing[Any, Any]]] = deque()


def clear_abandoned() -> None:
    """Clear the places of those that were abandoned in this thread."""
    for _ in range(len(abandoned)):
        standing = abandoned.popleft()
        if standing.thread == get_ident():
            standing.close()
        else:
            abandoned.append(standing)
