"""Settling: a strategy and the tasks that wait at its channel meet."""

# Theory of operation
# -------------------
# Nothing is decided by looking at a buffer here; the strategy has to be asked (see _asked.py),
# and asking may change it. ``settle`` asks on behalf of those who wait, the first of each line,
# until neither line can go on.
#
# A strategy that follows the clock may change its mind at any time. The first in each line has
# an alarm for the moment at which the strategy says that it may do so. Alarms are also set in
# the middle of things, where nothing may be raised. So an error of ``next_change`` is kept, and
# the first in line is woken to raise it.
#
# A waiter that leaves unserved may have been blocking others whose items are let in more easily,
# or may have been about to look at what time has brought. So those who are first now have their
# alarms set at once.
#
# To count what waits costs as much as to ask a simple strategy. So ``most`` goes up with each
# item that is admitted, and down with each that leaves in the usual way. What waits is counted
# only when ``most`` passes the peak.
#
# Invariants
# ----------
# 1. While nobody is in this room: if a receiver waits, the strategy had nothing to give when it
#    was asked last; if a sender waits, the strategy did not admit the first one. Or else the
#    alarm of the first in line is about to ring.
# 2. At most ``most`` items wait here.

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from trio.lowlevel import Task

from .._core import NOTHING, SLOT, ChanState, Chooser, Nothing, Role, TimedOffer, Waiter, first
from ._asked import Asked
from ._guard import checked_capacity, checked_length
from ._strategy import Strategy

T = TypeVar("T")


class Settling(ChanState[T]):
    """A channel whose values a strategy keeps, as those see it who wait there.

    Attributes:
        asked: the strategy.
        front: what was given out and could not be delivered; it goes next.
        most: see above.
        on_admit: called with each item when it is admitted, also past the strategy.
    """

    __slots__ = ("_unasked", "asked", "front", "most", "on_admit")

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
        self.asked = Asked(strategy)
        self.front: deque[T] = deque()
        self.most = 0
        self.on_admit: Callable[[T], None] | None = None
        self._unasked = False  # whether those who are first now have yet to look

    @property
    def max_size(self) -> int | float:
        """How many values may wait; the strategy may change that at any time."""
        return checked_capacity(self.asked.strategy)

    def held(self) -> int:
        """Return how many values wait here, not counting those of waiting senders."""
        return checked_length(self.asked.strategy) + len(self.front)

    def put_back(self, value: T) -> None:
        """Take in a value that was handed over and could not be delivered; it goes next."""
        self.front.appendleft(value)
        self.most += 1

    def settle(self) -> None:
        """Let waiting tasks and strategy meet, until neither can do more for the other."""
        dropped = self.asked.strategy._dropped
        going_on = True
        while going_on:
            going_on = False
            drops = len(dropped)
            while self.senders and self._admit_first():
                going_on = True
            while self.receivers and self._serve_first():
                going_on = True
            if self.senders and len(dropped) > drops:
                going_on = True  # there is room again
        self._unasked = False
        if self.most > self.peak:
            self._note_size()
        if self.closed and not self.held():
            self.finish(self.receivers)
        if self.asked.timed:
            self._set_alarms()  # it may change its mind at another moment than before

    def _note_size(self) -> None:
        """Count what waits, of which there may be more than ever."""
        self.most = self.held()
        self.peak = max(self.peak, self.most)

    # What the strategy says

    def ask_again(self) -> None:
        """Do what time allows by now, or what the strategy has learnt since it was asked."""
        trouble = self.asked.take_trouble()
        if self.senders or self.receivers:
            if trouble is not None:
                raise trouble
            self._look()
        self.settle()
        self._report()

    def discard(self, item: T) -> None:
        """Take one waiting item out, if the strategy can find it."""
        if self.asked.remove(item):
            self.ask_again()

    def _look(self) -> None:
        if self.asked.needs_time:
            self.asked.look(self.home)

    def _offer(self, value: T) -> bool:
        if not self.asked.offer(value):
            return False
        self.most += 1
        self._note_admitted(value)
        return True

    def _note_admitted(self, value: T) -> None:
        if self.on_admit is not None:
            self.on_admit(value)

    def _take(self) -> T | Nothing:
        value = self.front.popleft() if self.front else self.asked.take()
        if value is not NOTHING:
            self.most -= 1
        return value

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
        if not self.asked.strategy._dropped:
            return False
        self.report(self.asked.take_drops())
        return True

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
        return self.asked.timed or (self.asked.picky and role == "send")

    def _due_for(self, waiter: Waiter) -> float:
        heads = [first(line) for line in (self.senders, self.receivers) if line]
        if waiter in heads:
            return -math.inf if self._unasked else self.asked.due()
        for head in heads:
            head.note_follower(self)
        return math.inf

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
