"""Places: where a selector stands in many lines, and how it learns which cases to look at."""

# Theory of operation
# -------------------
# A select joins the lines of all its cases and leaves them all when it is served. A selector
# keeps its places, because leaving and rejoining would cost O(cases). But its task waits only
# now and then, and nobody may hand it a value while it cannot take one. So it is *away* except
# while its task waits. A task that looks for a waiter to serve passes over those that are away,
# and takes them out of that line (see _lines.py). Losing a place is how a selector learns that
# something has happened there. To wait again takes one step, whatever the number of cases: it
# is not away any more. Nothing has happened in the lines in which it still stands.
#
# The members that stand in no line are in an urn: new ones, those that lost their place, the
# one that happened last. The task draws from the urn until a case is ready, and does that one.
# Those drawn in vain join their lines, but only when the draw is over: to look at a case is to
# call those in the opposite line, and a selector that sends and receives at one channel would
# be chasing itself. So an event costs as much as there are cases where something has happened
# since they were looked at. To draw again while the drawn one is not ready is a fair draw among
# those that are. Only two selectors that never wait, and face each other across many channels,
# drive each other out of all these lines; there, silent channels do cost.
#
# A strategy can still say no to a case that is ready. That case is not tried again in the same
# draw, unless another try made the strategy give up something. A served member goes to the end
# of its line, and keeps its places elsewhere. A member whose clock (see _clocks.py) is due goes
# into the urn although it stands in line; when it is drawn, the selector is there, not away,
# while the clock strikes.
#
# Invariants (``check`` asserts them)
# -----------------------------------
# 1. Each member is in the urn, or waits in a line or for a clock, or for both. It is in the
#    urn, too, only if it follows a clock, and was due.
# 2. While the task waits, the urn is empty.
# 3. The lines know the same places as the members, and all these lines call.
# 4. Without a strategy, a case that waits is not ready: whatever made it so would have taken
#    it out of its line.

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator, Mapping, Sequence
from threading import get_ident
from typing import Any, Generic, TypeVar, final

import trio
from trio.lowlevel import Task

from .._cases import FAILURES, Case
from .._choice import draw
from .._chooser import Chooser
from .._errors import EndOfChannel
from .._lines import NOTHING, CallingLine, Clock, Line
from .._observer import SLOT
from .._pacing import Pace
from .._timers import now
from ._abandoned import heap_here
from ._clocks import Clocks
from ._members import Member, Members
from ._urn import OUT, Urn

L = TypeVar("L", bound=Hashable)
T = TypeVar("T")


@final
class Places(Chooser, Generic[L, T]):
    """A selector's places in the lines of its cases, and the wait of its task.

    ``decide`` does what can be done now; if that is nothing, awaiting what ``wait`` returns
    yields what has happened, or ``None`` if it is time to decide once more.
    """

    __slots__ = (
        "_busy",
        "_closed",
        "_followed",
        "_heap",
        "_pace",
        "_striking",
        "_urn",
        "_winner",
        "away",
        "members",
        "title",
    )

    keeps_places = True

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.away = True
        self.task: Task | None = None
        self._alarm = None
        self.members: Members[L, T] = Members()
        self._urn: Urn[Member[L, T]] = Urn()
        self._followed: Clocks[Member[L, T]] = Clocks()
        self._winner: Member[L, T] | None = None  # whose turn it is in the line chosen last
        self._striking: Clock | None = None
        self._pace: Pace | None = None
        self._busy = False  # whether a task waits, or was woken and has not run yet
        self._closed = False
        self._move_here()

    def _move_here(self) -> None:
        self.thread = get_ident()
        self._heap = heap_here()

    # The members

    def add(self, cases: Sequence[Case[T]], label: L) -> None:
        """Add cases in place of those that have this label, if any."""
        self.check_open()
        self._check_caller()
        hash(label)  # or it might be found out too late
        ready = not self.away and any(case._ready() for case in cases)
        self._forget_label(label)
        members = self.members.add(cases, label)
        if self.away or ready:
            for member in members:
                self._urn.put(member)
        else:
            try:
                self._join_lines(members)
            except BaseException:
                self._forget_label(label)
                self._look_again()
                raise
        if ready or (self._alarm is None and any(member.clock for member in members)):
            self._look_again()

    def remove(self, label: L) -> bool:
        """Forget the cases with this label; return whether there were any."""
        self._check_caller()
        known = self._forget_label(label)
        if known and not self.members:
            self._look_again()
        return known

    def close(self) -> None:
        """Leave all lines for good; a task that waits is told."""
        self._check_caller()
        self._closed = True
        for label in [*self.members.by_label]:
            self._forget_label(label)
        if not self.away:
            self._winner = None
            self.finish(error=self._closed_error())
        self._sleep_message = None  # which knows this, as this knows the message

    def check_open(self) -> None:
        """Raise `trio.ClosedResourceError` if this is closed."""
        if self._closed:
            raise self._closed_error()

    def _closed_error(self) -> trio.ClosedResourceError:
        return trio.ClosedResourceError(f"{self.title} is closed")

    def _check_caller(self) -> None:
        if self._busy:
            self.check_thread()

    def _forget_label(self, label: L) -> bool:
        """Forget the members with this label; return whether there were any."""
        members = self.members.remove_label(label)
        for member in members:
            self._leave(member)
        return bool(members)

    def _leave(self, member: Member[L, T]) -> None:
        """Take ``member``, which is forgotten, from where it waits."""
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
            raise trio.BusyResourceError(f"another task waits with {self.title}")
        if self.thread != get_ident():
            # The places are those of a run that is over, or that goes on without this.
            for member in self.members:
                if member.line is not None:
                    self.lose_place(member.line)
            self._move_here()

    def decide(self) -> tuple[L, T] | None:
        """Do what can be done now, and return its label and value; ``None`` if nothing can."""
        if self.result is not NOTHING:
            return self._conclude()  # left since a strategy or ``on_drop`` raised an error
        self._put_due()
        tried: dict[Member[L, T], int] = {}  # and how much had been given up there by then
        while (member := self._draw(tried)) is not None:
            try:
                event = (
                    self._commit(member) if member.clock is None else self._look_at_clock(member)
                )
            except trio.WouldBlock:
                tried[member] = member.case._given_up
                self._go_on(member)
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
        """Be there while the clock of ``member`` strikes; return what happens, if anything."""
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
            if member is not None and (error is None or isinstance(error, member.case._not_raised)):
                try:
                    value = member.case._conclude(result, ended=error is not None)
                except trio.WouldBlock:  # it has not happened after all
                    self._go_on(member)
                    return None
                return self._report(member, value)
            if member is not None and error is not None:
                self._note_error(member, error)
            if error is not None and not isinstance(error, EndOfChannel):
                raise error
            return None
        finally:
            del error  # it would be in a cycle with its traceback

    def _report(self, member: Member[L, T], value: T) -> tuple[L, T]:
        if SLOT.observer is not None:
            SLOT.decided(member.case, member.label, value)
        if member in self.members:
            if member.case._lasts(value):
                self._urn.put(member)
            else:
                self._forget_label(member.label)
        return member.label, value

    def _note_error(self, member: Member[L, T], error: BaseException) -> None:
        """Let go of ``member`` if it has ended, or could not be done; say which it was."""
        if not isinstance(error, FAILURES):
            self._go_on(member)
            return
        error.case = member.label
        if member in self.members:  # pragma: no branch  # it may have been removed meanwhile
            self.members.remove(member)
            self._leave(member)

    def _go_on(self, member: Member[L, T]) -> None:
        """Let ``member`` be drawn again, unless it was removed meanwhile."""
        if member in self.members:
            self._urn.put(member)

    # Waiting

    def wait(self, task: Task, pace: Pace) -> Places[L, T]:
        """Let ``task``, the running one, wait; await what this returns."""
        self.task = task
        self._pace = pace
        if SLOT.observer is not None:
            SLOT.waits(self)
        return self

    def __await__(self) -> Generator[Any, Any, tuple[L, T] | None]:
        self._winner = None
        self._busy = True
        self.away = False
        try:
            if self._followed:
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
        self._followed.leave()

    def choose(self, *lines: Line) -> Case[T]:
        return self._choose([number for line in lines for number in line.get(self, ())]).case

    def wishes(self, line: Line) -> Iterator[Case[T]]:
        left = [*line[self]]
        while left:
            member = self._choose(left)
            yield member.case
            left.remove(member.number)

    def _choose(self, among: Sequence[int]) -> Member[L, T]:
        self._winner = self.members.by_number[draw(self.members.by_number, among)]
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

    # Lines

    def _join_lines(self, members: Sequence[Member[L, T]]) -> None:
        """Let ``members``, which wait nowhere, wait."""
        for member in members:
            member.case._join(self, member.number)
            if member.clock is not None:
                self._set_deadline(member.clock)
        if self._alarm is not None:
            self._alarm.deadline = self._followed.earliest()

    def join(self, line: Line, index: int) -> None:
        here = line.get(self)
        if here is None:
            # Not by asking whether anybody is there: other selectors may keep their places.
            front = next(iter(line), None)
            if front is not None and not front.away:
                front.check_thread()
            line[self] = (index,)
        else:
            line[self] = (*here, index)
        self.members.by_number[index].line = line

    def lose_place(self, line: Line) -> None:
        for number in line.pop(self):
            member = self.members.by_number[number]
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

    def follow(self, clock: Clock, index: int) -> None:
        member = self.members.by_number[index]
        member.clock = clock
        self._followed.follow(clock, member)

    def _unfollow(self, member: Member[L, T], clock: Clock) -> None:
        member.clock = None
        self._followed.unfollow(clock, member)

    def note_follower(self, clock: Clock) -> None:
        self._followed.share(clock)

    def set_alarm(self, clock: Clock | None = None) -> None:
        if clock is not None and clock is not self._striking:
            # It may be the first in line by now, with others behind it that rely on it.
            self._followed.share(clock)
            self._set_deadline(clock)
        if self._alarm is not None:
            self._alarm.deadline = self._followed.earliest()

    def _set_deadline(self, clock: Clock) -> None:
        away, self.away = self.away, False  # a clock looks only at those that are there
        try:
            self._followed.set(clock, clock._due_for(self))
        finally:
            self.away = away

    def _put_due(self) -> None:
        """Put the members that are due into the urn, whether they wait or not."""
        if self._followed.is_any_set():
            for member in self._followed.take_due(now()):
                self._urn.put(member)

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
            if clock in self._followed:
                self._set_deadline(clock)

    def _look_at_clocks(self) -> None:
        self._put_due()
        while self.result is NOTHING and (member := self._urn.draw()) is not None:
            self._strike(member)

    # Garbage

    def abandon(self) -> None:
        """Be forgotten by the selector, which may be at any time and in any thread."""
        if self.members:
            self._heap.append(self)

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        self._urn.check()
        self._followed.check()
        self.members.check()
        for member in self.members:
            waits = member.line is not None or member.clock is not None
            assert waits or member.spot != OUT
            assert member.spot == OUT or not waits or member.clock is not None
            if member.line is not None:
                assert isinstance(member.line, CallingLine)
                assert member.number in member.line[self]
            assert member.clock is None or member.clock in self._followed
        assert self.away or not len(self._urn)
