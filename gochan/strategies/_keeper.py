"""A strategy at work behind a channel: how it is asked, and what comes of its answers."""

# Theory of operation
# -------------------
# Behind such a channel nothing is decided by looking at a buffer; the strategy has to be
# asked, and asking may change it. ``submit`` and ``fetch`` ask on behalf of whoever sends
# or receives now; ``_settle`` asks on behalf of those who wait, the first of each line,
# until neither line can go on. A strategy that follows the clock may have changed its
# mind since it was asked last, so it is settled before anything else, and the first in
# each line has an alarm for the moment at which it says that it may change again.
#
# Alarms are also set in the middle of things, where nothing may be raised. So what the
# strategy raises when it is asked for its next change is kept, and whoever is first in
# line is woken to raise it.
#
# Whoever leaves a line uncalled may have blocked others whose items are let in more easily,
# or may have been about to look at what time has brought. So those who are first now have
# their alarms set at once.
#
# A strategy of capacity 0 can hold nothing, so it is passed by: sender and receiver meet.
#
# What the strategy gives up goes to ``on_drop``, which belongs to the user and may do
# anything, so it is called last, when the state is final; then what was to wait is
# decided once more. If it raises, which it must not, a value that was already taken is
# put back, in front.
#
# Invariants (``Chan.check`` asserts what can be seen from outside)
# -----------------------------------------------------------------
# 1. Whenever nobody is inside this file: if a receiver waits, the strategy had nothing to
#    give when it was asked last; if a sender waits, it did not admit the first one. Or else
#    the alarm of the first in line is about to ring.
# 2. Every item that was admitted is in exactly one place: in the strategy, in ``_front``,
#    among the handed back, reported as dropped, or with a receiver.

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

from trio import current_time

from .._core._errors import ChanClosedError, EndOfChannel, Refused
from .._core._pacing import OUTSIDE
from .._core._waiting import NOTHING, Nothing, Role, first
from ._questions import overrides, plain_order
from ._strategy import ADMIT, WAIT, Empty, Refuse, Strategy, Verdict

if TYPE_CHECKING:
    from .._core._channel import Chan

T = TypeVar("T")

# A strategy whose next change is not in the future is asked again after this time at least.
_SOON: Final = 1e-3


@final
class Keeper(Generic[T]):
    """Asks one strategy on behalf of one channel."""

    __slots__ = (
        "_front",
        "_handed_back",
        "_picky",
        "_plain",
        "_time",
        "_times_offer",
        "_times_take",
        "_trouble",
        "_unasked",
        "on_admit",
        "strategy",
        "timed",
    )

    def __init__(self, strategy: Strategy[T]) -> None:
        if not isinstance(strategy, Strategy):
            raise TypeError(
                f"strategy must be an instance of gochan.strategies.Strategy, such as "
                f"strategies.Block(20) or gochan.strategy('block', capacity=20), "
                f"not {strategy!r}"
            )
        if not hasattr(strategy, "_dropped"):
            raise TypeError(
                f"{type(strategy).__name__}.__init__ must call super().__init__(capacity)"
            )
        if strategy._in_use:
            raise ValueError(
                f"{strategy!r} already serves another channel; make a new one for each"
            )
        strategy._in_use = True
        self.strategy = strategy
        self._front: deque[T] = deque()
        self._handed_back: list[T] = []
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

    def __len__(self) -> int:
        return len(self.strategy) + len(self._front)

    # What the channel does

    def submit(self, channel: Chan[T], value: T) -> bool:
        """Send ``value`` now; return whether that was possible."""
        while True:
            if channel._closed:
                raise channel._closed_error(value)
            try:
                if channel._senders or channel._receivers:
                    channel._check_thread(channel._receivers, channel._senders)
                    admitted = self._submit(channel, value)
                else:
                    # Nobody waits, so the strategy alone decides.
                    if self._times_offer:
                        self._look_at_clock()
                    verdict = self.strategy.offer(value, self._time)
                    admitted = self._judge(verdict, value)
                    used = len(self) if self._plain is None else len(self._plain.items)
                    if used > channel._peak:
                        channel._peak = used
            finally:
                reported = bool(self.strategy._dropped) and self._report(channel)
            if admitted or not reported:
                return admitted

    def submit_many(self, channel: Chan[T], values: list[T]) -> None:
        """Send as many of ``values`` now as possible; those that were sent are taken out."""
        going_on = True
        while going_on and values:
            if channel._closed:
                raise channel._closed_error(values[0])
            channel._check_thread(channel._receivers, channel._senders)
            going_on = False
            try:
                if self._submit(channel, values[0]):
                    del values[0]
                    going_on = True
            finally:
                # Last, so that what is raised here leaves no doubt about what was sent.
                going_on |= self._report(channel)

    def _submit(self, channel: Chan[T], value: T) -> bool:
        self._look_at_clock()
        if self.timed:
            self._settle(channel)
        if not self.strategy.capacity and channel._receivers:
            self._admitted(value)
            first(channel._receivers).serve(channel._receivers, value)
            return True
        if channel._senders:
            return False
        try:
            return self._offer(value)
        finally:
            self._settle(channel)

    def fetch(self, channel: Chan[T]) -> T | Nothing:
        """Receive now; return `NOTHING` if that is not possible."""
        if not (channel._senders or channel._receivers or self._front):
            # What follows, when nobody waits and nothing is given up.
            if self._times_take:
                self._look_at_clock()
            try:
                value: T | Nothing = self.strategy.take(self._time)
            except Empty:
                pass
            else:
                if not self.strategy._dropped:
                    return value
                self._front.append(value)  # type: ignore[arg-type]
        while True:
            channel._check_thread(channel._receivers, channel._senders)
            value = self._fetch(channel)
            try:
                reported = self._report(channel)
            except BaseException:
                if value is not NOTHING:
                    self._front.appendleft(value)
                raise
            if value is not NOTHING:
                return value
            if channel._closed and not len(self):
                raise channel._end()
            if not reported:
                return NOTHING

    def fetch_many(self, channel: Chan[T], values: list[T], size: int) -> None:
        """Receive into ``values`` what there is now, until it has that size.

        If the strategy or ``on_drop`` fails, all of them are put back, in front.
        """
        # What ``on_drop`` sends meanwhile is not there now; it might go on for ever.
        there = max(1, len(self) + len(channel._senders))
        try:
            for _ in range(min(size - len(values), there)):
                value = self.fetch(channel)
                if value is NOTHING:
                    break
                values.append(value)
        except BaseException as error:
            ended = isinstance(error, (ChanClosedError, EndOfChannel))
            if values and ended and channel._closed and not len(self):
                return  # whoever comes next will meet it
            self._front.extendleft(reversed(values))
            values.clear()
            self._settle(channel)
            raise

    def _fetch(self, channel: Chan[T]) -> T | Nothing:
        self._look_at_clock()
        if self.timed:
            self._settle(channel)
        if not self.strategy.capacity and channel._senders:
            sent: T = first(channel._senders).serve(channel._senders)
            self._admitted(sent)
            return sent
        if channel._receivers:
            return NOTHING
        value = self._take()
        while value is NOTHING and channel._senders and self._admit_first(channel):
            # Looking for one, the strategy has dropped others, and so made room.
            value = self._take()
        self._settle(channel)
        return value

    def strike(self, channel: Chan[T]) -> None:
        """Do what time allows by now, or what the strategy has learnt since it was asked."""
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        if channel._senders or channel._receivers:
            self._look_at_clock()
        self._settle(channel)
        self._report(channel)

    def _settle(self, channel: Chan[T]) -> None:
        """Let waiting tasks and strategy meet, until neither can do more for the other."""
        senders, receivers = channel._senders, channel._receivers
        going_on = True
        while going_on:
            going_on = False
            dropped = len(self.strategy._dropped)
            while senders and self._admit_first(channel):
                going_on = True
            while receivers and self._serve_first(channel):
                going_on = True
            if senders and len(self.strategy._dropped) > dropped:
                going_on = True  # there is room again
        self._unasked = False
        channel._peak = max(channel._peak, len(self))
        if channel._closed and not len(self):
            channel._finish(receivers)
        if self.timed:
            channel._set_alarms()  # it may change its mind at another moment than before

    def close(self, channel: Chan[T]) -> None:
        """Let the strategy say what shall not be delivered any more."""
        try:
            self._handed_back += self.strategy.close()
        finally:
            self.strike(channel)

    def hand_back(self, items: list[T]) -> None:
        """Keep items to be drained."""
        self._handed_back[:0] = items

    def take_handed_back(self) -> list[T]:
        """Return, once, what the strategy handed back at close."""
        items, self._handed_back = self._handed_back, []
        return items

    def clear(self) -> list[T]:
        """Take out everything that waits: what was handed back at close comes first.

        If the strategy raises, what it has given out until then is kept for the next call.
        """
        kept = self._handed_back
        kept += self._front
        self._front.clear()
        with suppress(RuntimeError):  # outside a run; it goes on to whatever moment it takes
            self._look_at_clock()
        for item in self.strategy.take_all(self._time):
            kept += self._take_dropped()
            kept.append(item)
        kept += self._take_dropped()
        return self.take_handed_back()

    def _take_dropped(self) -> list[T]:
        """Return, once, what the strategy has given up."""
        return [item for item, _ in self._take_drops()]

    def _take_drops(self) -> list[tuple[T, str]]:
        """The same, with the reasons."""
        dropped = self.strategy._dropped  # stays the same list, which a chain shares
        drops = dropped.copy()
        dropped.clear()
        return drops

    def discard(self, channel: Chan[T], item: T) -> None:
        """Take one waiting item out, if the strategy can find it."""
        if self.strategy.remove(item):
            self.strike(channel)

    # What the strategy says

    def _look_at_clock(self) -> None:
        """Take the time on trio's clock; outside a run any time will do, if none matters."""
        try:
            self._time = current_time()
        except RuntimeError:
            if self.timed:
                raise RuntimeError(OUTSIDE) from None

    def wants_alarm(self, role: Role) -> bool:
        """Whether those who wait to do that may have to be woken for a look."""
        return self.timed or (self._picky and role == "send")

    def note_departure(self) -> None:
        """Note that somebody has left who may have been about to ask on behalf of all."""
        self._unasked = True

    def due(self) -> float:
        """Return when the first in each line must look again, ``inf`` if it need not."""
        if self._unasked:
            return -math.inf
        # From the moment when it was asked: the change may be due by now.
        try:
            change = self.strategy.next_change(self._time)
        except Exception as error:
            self._trouble = error
            return -math.inf
        if change is None:
            return math.inf
        if change > self._time:
            return change
        # One that names a moment of the past is asked again, more and more seldom.
        return self._time + max(self._time - change, _SOON)

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
        if isinstance(verdict, Refuse):
            raise Refused(verdict.reason, verdict.retry_after, value)
        raise TypeError(
            f"{type(self.strategy).__name__}.offer must return ADMIT, WAIT or Refuse(...), "
            f"not {verdict!r}"
        )

    def _admitted(self, value: T) -> None:
        if self.on_admit is not None:
            self.on_admit(value)

    def _take(self) -> T | Nothing:
        if self._front:
            return self._front.popleft()
        try:
            return self.strategy.take(self._time)
        except Empty:
            return NOTHING

    def _admit_first(self, channel: Chan[T]) -> bool:
        """Offer what the first waiting sender has; return whether its wait is over.

        That may be several things, if it is a select, of which only one is let in.
        """
        waiter = first(channel._senders)
        for wish in waiter.wishes(channel._senders):
            try:
                if not self._offer(wish.value):
                    continue
            except Exception as error:  # refused, or the strategy is broken: it is told
                waiter.finish(error=error)
            else:
                waiter.finish()
            return True
        return False

    def _serve_first(self, channel: Chan[T]) -> bool:
        """Give the first waiting receiver what goes next; return whether its wait is over."""
        try:
            value = self._take()
        except Exception as error:  # the strategy is broken: whoever wanted something is told
            first(channel._receivers).finish(error=error)
            return True
        if value is NOTHING:
            return False
        first(channel._receivers).serve(channel._receivers, value)
        return True

    def _report(self, channel: Chan[T]) -> bool:
        """Tell of what the strategy has given up; return whether anybody was told."""
        if not self.strategy._dropped:
            return False
        channel._report(self._take_drops())
        return True
