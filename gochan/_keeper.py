"""A strategy at work behind a channel: how it is asked, and what comes of its answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, final

import trio

from ._errors import Refused
from ._pacing import OUTSIDE
from ._strategy import ADMIT, WAIT, Empty, Refuse, Strategy
from ._waiting import NOTHING, Nothing, first

if TYPE_CHECKING:
    from ._channel import Chan

T = TypeVar("T")


@final
class Keeper(Generic[T]):
    """Asks one strategy on behalf of one channel."""

    __slots__ = ("_handed_back", "due", "on_admit", "strategy", "timed")

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
        self._handed_back: list[T] = []
        # Called with each item when it is admitted, also past the strategy.
        self.on_admit: Callable[[T], None] | None = None
        # Whether time alone may change the answers, and when it may do so next.
        self.timed = type(strategy).next_change is not Strategy.next_change
        self.due = math.inf

    def __len__(self) -> int:
        return len(self.strategy)

    # What the channel does

    def submit(self, channel: Chan[T], value: T) -> bool:
        """Send ``value`` now; return whether that was possible."""
        channel._check_thread()
        if self.timed:
            self.settle(channel)
        if channel._senders:
            return False
        if not self.strategy.capacity and channel._receivers:
            # A strategy that can hold nothing is passed by.
            self._admitted(value)
            first(channel._receivers).serve(channel._receivers, value)
            return True
        try:
            return self._offer(value)
        finally:
            self.settle(channel)

    def fetch(self, channel: Chan[T]) -> T | Nothing:
        """Receive now; return `NOTHING` if that is not possible."""
        channel._check_thread()
        if self.timed:
            self.settle(channel)
        if channel._receivers:
            return NOTHING
        if not self.strategy.capacity and channel._senders:
            sent: T = first(channel._senders).serve(channel._senders)
            self._admitted(sent)
            return sent
        value = self._take()
        self.settle(channel)
        if value is NOTHING and len(self.strategy):
            # Looking for it, the strategy has dropped others and made room for senders.
            value = self._take()
            self.settle(channel)
        if value is NOTHING and channel._closed and not len(self.strategy):
            raise channel._end()
        return value

    def settle(self, channel: Chan[T]) -> None:
        """Let waiting tasks and strategy meet, until neither can do more for the other."""
        senders, receivers = channel._senders, channel._receivers
        going_on = True
        while going_on:
            going_on = False
            while senders and self._admit_first(channel):
                going_on = True
            while receivers and (value := self._take()) is not NOTHING:
                first(receivers).serve(receivers, value)
                going_on = True
        channel._peak = max(channel._peak, len(self.strategy))
        if channel._closed and not len(self.strategy):
            channel._finish(receivers)
        if self.timed:
            change = self.strategy.next_change(self._now())
            self.due = math.inf if change is None else change
            channel._left()
        drops, self.strategy._dropped = self.strategy._dropped, []
        channel._report(drops)

    def close(self) -> None:
        """Let the strategy say which of the waiting items shall not be delivered."""
        self._handed_back += self.strategy.close()

    def take_handed_back(self) -> list[T]:
        """Return, once, what the strategy handed back at close."""
        items, self._handed_back = self._handed_back, []
        return items

    def clear(self) -> list[T]:
        """Take out everything that still waits."""
        strategy = self.strategy
        items: list[T] = []
        if len(strategy.items) == len(strategy):
            items += strategy.items
            strategy.items.clear()
        # A strategy that keeps its items elsewhere gives them out one by one; those
        # that it would hold back, it gives out at the end of time.
        for now in (self._now(), math.inf):
            while len(strategy):
                try:
                    items.append(strategy.take(now))
                except Empty:
                    break
        items += [item for item, _ in strategy._dropped]
        strategy._dropped.clear()
        return items

    def discard(self, channel: Chan[T], item: T) -> None:
        """Take one waiting item out, if the strategy keeps it where it can be found."""
        if type(self.strategy).take is Strategy.take and item in self.strategy.items:
            self.strategy.items.remove(item)
            self.settle(channel)

    # What the strategy says

    def _admitted(self, value: T) -> None:
        if self.on_admit is not None:
            self.on_admit(value)

    def _now(self) -> float:
        """Return the time on trio's clock; outside a run any time, if none matters."""
        try:
            return trio.current_time()
        except RuntimeError:
            if self.timed:
                raise RuntimeError(OUTSIDE) from None
            return 0.0

    def _offer(self, value: T) -> bool:
        verdict = self.strategy.offer(value, self._now())
        if verdict is ADMIT:
            self._admitted(value)
            return True
        if verdict is WAIT:
            return False
        if isinstance(verdict, Refuse):
            raise Refused(verdict.reason, verdict.retry_after, value)
        raise TypeError(
            f"{type(self.strategy).__name__}.offer must return ADMIT, WAIT or Refuse(...), "
            f"not {verdict!r}"
        )

    def _admit_first(self, channel: Chan[T]) -> bool:
        """Offer once more what the first waiting sender has; return whether it was served."""
        waiter = first(channel._senders)
        wish = waiter.choose(channel._senders)
        try:
            if not self._offer(wish.value):
                return False
        except Refused as refused:
            waiter.finish(error=refused)
        else:
            waiter.finish()
        return True

    def _take(self) -> T | Nothing:
        try:
            return self.strategy.take(self._now())
        except Empty:
            return NOTHING
