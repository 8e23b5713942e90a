"""The decider: what a selector does now, and the wait of its task if that is nothing."""

# Theory of operation
# -------------------
# The task draws from the urn until a case is ready, and does that one. Those drawn in vain join
# their lines, but only when the draw is over: to look at a case is to call those in the opposite
# line, and a selector that sends and receives at one channel would be chasing itself. So an
# event costs as much as there are cases where something has happened since they were looked at.
# To draw again while the drawn one is not ready is a fair draw among those that are. Only two
# selectors that never wait, and face each other across many channels, drive each other out of
# all these lines; there, silent channels do cost.
#
# A strategy can still say no to a case that is ready. That case is not tried again in the same
# draw, unless another try made the strategy give up something.

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping, Sequence
from typing import Any, TypeVar, final

import trio
from trio.lowlevel import Task

from .._cases import FAILURES, Case
from .._errors import EndOfChannel
from .._lines import NOTHING
from .._observer import SLOT
from .._pacing import Pace
from .._threads import this_thread
from ._abandoned import heap_here
from ._members import Member
from ._places import Places

L = TypeVar("L", bound=Hashable)
T = TypeVar("T")


@final
class Decider(Places[L, T]):
    """The places of a selector, as its own task uses them.

    ``decide`` does what can be done now; if that is nothing, awaiting what ``wait`` returns
    yields what has happened, or ``None`` if it is time to decide once more.
    """

    __slots__ = ("_busy", "_closed", "_heap", "_pace", "title")

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self._pace: Pace | None = None
        self._busy = False  # whether a task waits, or was woken and has not run yet
        self._closed = False
        self._move_here()

    def _move_here(self) -> None:
        self.thread = this_thread()
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

    # Deciding

    def take_turn(self) -> None:
        """Begin an operation of the running task; raise if another task is at it."""
        self.check_open()
        if self._busy:
            self.check_thread()
            raise trio.BusyResourceError(f"another task waits with {self.title}")
        if not self.thread._is_owned():
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

    def wait(self, task: Task, pace: Pace) -> Decider[L, T]:
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

    # Garbage

    def abandon(self) -> None:
        """Be forgotten by the selector, which may be at any time and in any thread."""
        if self.members:
            self._heap.append(self)
