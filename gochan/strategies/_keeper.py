"""A strategy at work behind a channel: how it is asked, and what its answers lead to."""

# Theory of operation
# -------------------
# Nothing is decided by looking at a buffer here; the strategy has to be asked, and asking may
# change it. ``give`` and ``take`` ask on behalf of a task that sends or receives now; ``settle``
# asks on behalf of those who wait, the first of each line, until neither line can go on. A
# strategy that follows the clock may have changed its mind since it was asked last, so it is
# settled before anything else, and the first in each line has an alarm for the moment at which
# the strategy says that it may change again.
#
# Alarms are also set in the middle of things, where nothing may be raised. So an error of
# ``next_change`` is kept, and the first in line is woken to raise it.
#
# A waiter that leaves unserved may have been blocking others whose items are let in more easily,
# or may have been about to look at what time has brought. So those who are first now have their
# alarms set at once.
#
# A strategy of capacity 0 can hold nothing, so it is passed by: sender and receiver meet.
#
# What the strategy gives up goes to ``on_drop``, which belongs to the user and may do anything,
# so it is called last, when the state is final; then what was to wait is decided once more. If
# it raises, a value that was about to be received is put back, in front.
#
# Invariants (``check`` asserts what can be seen from outside)
# ------------------------------------------------------------
# 1. While nobody is inside this file: if a receiver waits, the strategy had nothing to give when
#    it was asked last; if a sender waits, the strategy did not admit the first one. Or else the
#    alarm of the first in line is about to ring.
# 2. Every item that was admitted is in exactly one place: in the strategy, in ``front``, among
#    the handed back, reported as dropped, or with a receiver.

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from threading import get_ident
from typing import Any, Final, TypeVar, final

from trio import current_time
from trio.lowlevel import Task

from .._core import (
    NOTHING,
    OUTSIDE,
    SLOT,
    ChanClosedError,
    ChanState,
    Chooser,
    EndOfChannel,
    Nothing,
    Refused,
    Role,
    TimedOffer,
    Waiter,
    first,
    state_behind,
)
from ._guard import (
    checked_change,
    checked_item,
    checked_list,
    checked_removal,
    checked_rest,
    checked_verdict,
)
from ._questions import overrides, plain_order
from ._strategy import ADMIT, WAIT, Empty, Refuse, Strategy, Verdict

T = TypeVar("T")

# A strategy whose next change is not in the future is asked again after this time at least.
_SOON: Final = 1e-3


@final
class KeptState(ChanState[T]):
    """A channel whose values a strategy keeps."""

    __slots__ = (
        "_picky",
        "_plain",
        "_time",
        "_times_offer",
        "_times_take",
        "_trouble",
        "_unasked",
        "front",
        "handed_back",
        "on_admit",
        "strategy",
        "timed",
    )

    def __init__(
        self,
        strategy: Strategy[T],
        name: str | None,
        on_drop: Callable[[T, str], object] | None,
    ) -> None:
        if not hasattr(strategy, "_dropped"):
            raise TypeError(
                f"{type(strategy).__name__}.__init__ must call super().__init__(capacity)"
            )
        if strategy._in_use:
            raise ValueError(
                f"{strategy!r} already serves another channel; make a new one for each"
            )
        strategy._in_use = True
        super().__init__(0, name, on_drop)
        self.strategy = strategy
        self.front: deque[T] = deque()
        self.handed_back: list[T] = []
        # Called with each item when it is admitted, also past the strategy.
        self.on_admit: Callable[[T], None] | None = None
        # Whether time alone may change the answers.
        self.timed = overrides(strategy, "next_change")
        # Whether it may let in a later sender, but not the first one.
        self._picky = overrides(strategy, "offer")
        # Whether the moment may matter to it; finding out costs as much as all else here.
        self._times_offer = self.timed or self._picky
        self._times_take = self.timed or overrides(strategy, "take")
        self._plain = plain_order(strategy)
        # When it was asked last: in one operation always at the same moment, or it could say
        # "not yet" a moment before the change, and "no change to come" a moment after.
        self._time = 0.0
        self._trouble: Exception | None = None  # what next_change has raised
        self._unasked = False  # whether those who are first now have yet to look

    @property
    def max_size(self) -> int | float:
        """How many values may wait; the strategy may change that at any time."""
        return self.strategy.capacity

    def held(self) -> int:
        """Return how many values wait here, not counting those of waiting senders."""
        return len(self.strategy) + len(self.front)

    # Deciding

    def give(self, value: T) -> bool:
        """Send ``value`` now; return whether that was possible."""
        while True:
            if self.closed:
                raise self.closed_error(value)
            if self.thread != get_ident():
                self.check_caller()
            try:
                if self.senders or self.receivers:
                    admitted = self._give(value)
                else:
                    # Nobody waits, so the strategy alone decides.
                    if self._times_offer:
                        self._look_at_clock()
                    verdict = self.strategy.offer(value, self._time)
                    if verdict is ADMIT and self.on_admit is None:
                        admitted = True
                    else:
                        admitted = self._judge(verdict, value)
                    plain = self._plain
                    used = len(self.front) + len(self.strategy if plain is None else plain.items)
                    if used > self.peak:
                        self.peak = used
            finally:
                reported = bool(self.strategy._dropped) and self._report()
            if admitted or not reported:
                return admitted

    def give_many(self, values: list[T]) -> None:
        """Send as many of ``values`` now as possible; those that were sent are taken out."""
        going_on = True
        while going_on and values:
            if self.closed:
                raise self.closed_error(values[0])
            self.check_caller()
            going_on = False
            try:
                if self._give(values[0]):
                    del values[0]
                    going_on = True
            finally:
                # Last, so that what is raised here leaves no doubt about what was sent.
                going_on |= self._report()

    def _give(self, value: T) -> bool:
        self.check_thread(self.receivers, self.senders)
        self._look_at_clock()
        if self.timed:
            self.settle()
        if not self.strategy.capacity and self.receivers:
            self._admitted(value)
            first(self.receivers).serve(self.receivers, value)
            return True
        if self.senders:
            return False
        try:
            return self._offer(value)
        finally:
            self.settle()

    def room(self, *, ahead: bool) -> int:
        """Return how many values `give_many` should be given: the strategy judges each alone."""
        return 1

    def take(self) -> T | Nothing:
        """Receive now; return `NOTHING` if that is not possible."""
        if self.thread != get_ident():
            self.check_caller()
        if not (self.senders or self.receivers or self.front):
            # What follows, when nobody waits and nothing is given up.
            if self._times_take:
                self._look_at_clock()
            try:
                value: T | Nothing = self.strategy.take(self._time)
                if value is Empty or type(value) is Empty:
                    checked_item(self.strategy, value)
            except Empty:
                pass
            else:
                if not self.strategy._dropped:
                    return value
                self.front.append(value)  # type: ignore[arg-type]
        while True:
            self.check_thread(self.receivers, self.senders)
            value = self._take_for_caller()
            try:
                reported = self._report()
            except BaseException:
                if value is not NOTHING:
                    self.front.appendleft(value)
                raise
            if value is not NOTHING:
                return value
            if self.closed and not self.held():
                raise self.end()
            if not reported:
                return NOTHING

    def take_many(self, values: list[T], size: int) -> None:
        """Move values that are here now into ``values``, until it has that size.

        If the strategy or ``on_drop`` fails, all of them are put back, in front.
        """
        # What ``on_drop`` sends meanwhile is not there now; it might go on for ever.
        there = max(1, self.held() + len(self.senders))
        try:
            for _ in range(min(size - len(values), there)):
                value = self.take()
                if value is NOTHING:
                    break
                values.append(value)
        except BaseException as error:
            ended = isinstance(error, (ChanClosedError, EndOfChannel))
            if values and ended and self.closed and not self.held():
                return  # the next receive will meet it
            self.front.extendleft(reversed(values))
            values.clear()
            self.settle()
            raise

    def _take_for_caller(self) -> T | Nothing:
        self._look_at_clock()
        if self.timed:
            self.settle()
        if not self.strategy.capacity and self.senders:
            sent: T = first(self.senders).serve(self.senders)
            self._admitted(sent)
            return sent
        if self.receivers:
            return NOTHING
        value = self._take()
        while value is NOTHING and self.senders and self._admit_first():
            # Looking for one, the strategy has dropped others, and so made room.
            value = self._take()
        self.settle()
        return value

    def put_back(self, value: T) -> None:
        """Take in a value that was handed over and could not be delivered; it goes next."""
        self.front.appendleft(value)

    def may_give(self) -> bool:
        """Whether `give` is worth trying: only the strategy can tell."""
        return True

    def may_take(self) -> bool:
        """Whether `take` is worth trying; the strategy can still say no."""
        return bool(self.senders or self.closed or self.held())

    def settle(self) -> None:
        """Let waiting tasks and strategy meet, until neither can do more for the other."""
        going_on = True
        while going_on:
            going_on = False
            dropped = len(self.strategy._dropped)
            while self.senders and self._admit_first():
                going_on = True
            while self.receivers and self._serve_first():
                going_on = True
            if self.senders and len(self.strategy._dropped) > dropped:
                going_on = True  # there is room again
        self._unasked = False
        self.peak = max(self.peak, self.held())
        if self.closed and not self.held():
            self.finish(self.receivers)
        if self.timed:
            self._set_alarms()  # it may change its mind at another moment than before

    # What the strategy says

    def ask_again(self) -> None:
        """Do what time allows by now, or what the strategy has learnt since it was asked."""
        trouble, self._trouble = self._trouble, None
        if self.senders or self.receivers:
            if trouble is not None:
                raise trouble
            self._look_at_clock()
        self.settle()
        self._report()

    def discard(self, item: T) -> None:
        """Take one waiting item out, if the strategy can find it."""
        if checked_removal(self.strategy, self.strategy.remove(item)):
            self.ask_again()

    def _look_at_clock(self) -> None:
        """Take the time on trio's clock; outside a run any time will do, if none matters."""
        clock = getattr(self.home.get("runner"), "clock", None)
        if clock is not None:
            self._time = clock.current_time()
            return
        try:
            self._time = current_time()
        except RuntimeError:
            if self.timed:
                raise RuntimeError(OUTSIDE) from None

    def _offer(self, value: T) -> bool:
        return self._judge(self.strategy.offer(value, self._time), value)

    def _judge(self, verdict: Verdict, value: T) -> bool:
        """Do what follows from a verdict; return whether ``value`` was admitted."""
        if verdict is ADMIT:
            if self.on_admit is not None:
                self.on_admit(value)
            return True
        if verdict is WAIT:
            return False
        refusal = checked_verdict(self.strategy, verdict)
        assert isinstance(refusal, Refuse)
        raise Refused(refusal.reason, refusal.retry_after, value)

    def _admitted(self, value: T) -> None:
        if self.on_admit is not None:
            self.on_admit(value)

    def _take(self) -> T | Nothing:
        if self.front:
            return self.front.popleft()
        try:
            return checked_item(self.strategy, self.strategy.take(self._time))
        except Empty:
            return NOTHING

    def _admit_first(self) -> bool:
        """Offer what the first waiting sender has; return whether its wait is over.

        A select may have several things to send there; only one of them is let in.
        """
        waiter = first(self.senders)
        for wish in waiter.wishes(self.senders):
            try:
                if not self._offer(wish.value):
                    continue
            except Exception as error:  # refused, or the strategy is broken: it is told
                waiter.finish(error=error)
            else:
                if SLOT.observer is not None:
                    SLOT.served(waiter, wish, (wish.value,))
                waiter.finish()
            return True
        return False

    def _serve_first(self) -> bool:
        """Give the first waiting receiver what goes next; return whether its wait is over."""
        try:
            value = self._take()
        except Exception as error:  # the strategy is broken: the receiver is told
            first(self.receivers).finish(error=error)
            return True
        if value is NOTHING:
            return False
        first(self.receivers).serve(self.receivers, value)
        return True

    def _report(self) -> bool:
        """Tell of what the strategy has given up; return whether there was anything."""
        if not self.strategy._dropped:
            return False
        self.report(self._take_drops())
        return True

    def _take_drops(self) -> list[tuple[T, str]]:
        """Return, once, what the strategy has given up, with the reasons."""
        dropped = self.strategy._dropped  # stays the same list, which a chain shares
        drops = dropped.copy()
        dropped.clear()
        return drops

    # Ending

    def _shut(self) -> None:
        """Ask the strategy first what is not to be delivered any more.

        So a select that waits here with several cases is told of all that ends at once.
        """
        self.closed = True
        try:
            self.handed_back += checked_list(self.strategy, self.strategy.close())
        finally:
            super()._shut()
            self.ask_again()

    def abandon(self) -> None:
        """Close the receiving end: what waits here will never be received."""
        # What was handed back at an earlier close is still there to be drained.
        earlier, self.handed_back = self.handed_back, []
        try:
            super().abandon()
        finally:
            self.handed_back[:0] = earlier

    def take_handed_back(self) -> list[T]:
        """Return, once, what the strategy handed back at close."""
        items, self.handed_back = self.handed_back, []
        return items

    def clear(self) -> list[T]:
        """Take out everything that waits: what was handed back at close comes first.

        If the strategy raises, what it has given out until then is kept for the next call.
        """
        kept = self.handed_back
        kept += self.front
        self.front.clear()
        with suppress(RuntimeError):  # outside a run, any moment will do
            self._look_at_clock()
        for item in checked_rest(self.strategy, self.strategy.take_all(self._time)):
            kept += [dropped for dropped, _ in self._take_drops()]
            kept.append(item)
        kept += [dropped for dropped, _ in self._take_drops()]
        return self.take_handed_back()

    # Being a clock, for those who wait here and may have to look

    def wait(self, task: Task, role: Role, value: Any, end: object) -> Awaitable[Any]:
        """Put ``task``, the running one, into line, and return what it has to await."""
        if self._wants_alarm(role):
            return TimedOffer(self, self.line_up(role), role, value, end, self.pace)
        return super().wait(task, role, value, end)

    def join(self, chooser: Chooser, index: int, role: Role) -> None:
        """Put a select or a selector into line, on behalf of its case with that index."""
        super().join(chooser, index, role)
        if self._wants_alarm(role):
            chooser.follow(self, index)

    def _wants_alarm(self, role: Role) -> bool:
        """Whether those who wait to do that may have to be woken for a look."""
        return self.timed or (self._picky and role == "send")

    def _due_for(self, waiter: Waiter) -> float:
        heads = [first(line) for line in (self.senders, self.receivers) if line]
        if waiter in heads:
            return self._due()
        for head in heads:
            head.note_follower(self)
        return math.inf

    def _due(self) -> float:
        """Return when the first in each line must look again, ``inf`` if it need not."""
        if self._unasked:
            return -math.inf
        # From the moment when it was asked: the change may be due by now.
        try:
            change = self.strategy.next_change(self._time)
            change = checked_change(self.strategy, self._time, change)
        except Exception as error:
            self._trouble = error
            return -math.inf
        if change is None:
            return math.inf
        if change > self._time:
            return change
        # One that names a moment of the past is asked again, more and more seldom.
        return self._time + max(self._time - change, _SOON)

    def _strike(self, waiter: Waiter) -> Nothing:
        self.ask_again()
        return NOTHING

    def _left(self) -> None:
        self._unasked = True  # the one that has left may have been about to ask for all
        self._set_alarms()

    def _set_alarms(self) -> None:
        for line in (self.senders, self.receivers):
            if line:
                first(line).set_alarm(self)

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        used = self.held()
        self.check_lines()
        assert not (self.closed and self.receivers) or used
        assert not self.mark
        assert not self.buffer
        assert used <= self.peak


@state_behind.register(Strategy)
def _(
    strategy: Strategy[Any], name: str | None, on_drop: Callable[[Any, str], object] | None
) -> ChanState[Any]:
    return KeptState(strategy, name, on_drop)
