"""Places: where a selector stands in many lines, and what other tasks do to it there."""

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
# one that happened last. A served member goes to the end of its line, and keeps its places
# elsewhere. A member whose clock (see _clocks.py) is due goes into the urn although it stands
# in line; when it is drawn, the selector is there, not away, while the clock strikes.
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

from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, TypeVar

from trio.lowlevel import Task

from .._cases import Case
from .._choice import draw
from .._chooser import Chooser
from .._lines import NOTHING, CallingLine, Clock, Line
from .._pacing import now
from ._clocks import Clocks
from ._members import Member, Members
from ._urn import OUT, Urn

L = TypeVar("L", bound=Hashable)
T = TypeVar("T")


class Places(Chooser, Generic[L, T]):
    """A selector's places in the lines of its cases."""

    __slots__ = ("_followed", "_striking", "_urn", "_winner", "away", "members")

    keeps_places = True

    def __init__(self) -> None:
        super().__init__()
        self.away = True
        self.task: Task | None = None
        self._alarm = None
        self.members: Members[L, T] = Members()
        self._urn: Urn[Member[L, T]] = Urn()
        self._followed: Clocks[Member[L, T]] = Clocks()
        self._winner: Member[L, T] | None = None  # whose turn it is in the line chosen last
        self._striking: Clock | None = None

    # Members

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

    # As a waiter

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

    def _served(self) -> Case[T] | None:
        return None if self._winner is None else self._winner.case

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
