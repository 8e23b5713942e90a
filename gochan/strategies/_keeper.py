"""A strategy at work behind a channel: what its answers lead to."""

# Theory of operation
# -------------------
# ``give`` and ``take`` ask the strategy on behalf of a task that sends or receives now. If
# others wait, what time allows is settled first (see _settling.py), and then what follows from
# the answer. If nobody waits, nothing follows but the answer, which is by far the most frequent
# case, and therefore written out.
#
# A strategy of capacity 0 can hold nothing, so it is passed by: sender and receiver meet.
#
# What the strategy gives up goes to ``on_drop``, which belongs to the user and may do anything,
# so it is called last, when the state is final; then what was to wait is decided once more. If
# it raises, a value that was about to be received is put back, in front.
#
# Invariants (``check`` asserts what can be seen from outside)
# ------------------------------------------------------------
# 1. Every item that was admitted is in exactly one place: in the strategy, in ``front``, among
#    the handed back, reported as dropped, or with a receiver.
# 2. What _settling.py says.

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, final

from .._core import NOTHING, ChanClosedError, ChanState, EndOfChannel, Nothing, first, state_behind
from ._guard import checked_item
from ._settling import Settling
from ._strategy import ADMIT, Empty, Strategy

T = TypeVar("T")


@final
class KeptState(Settling[T]):
    """A channel whose values a strategy keeps."""

    __slots__ = ("handed_back",)

    def __init__(
        self,
        strategy: Strategy[T],
        name: str | None,
        on_drop: Callable[[T, str], object] | None,
    ) -> None:
        super().__init__(strategy, name, on_drop)
        self.handed_back: list[T] = []

    # Deciding

    def give(self, value: T) -> bool:
        """Send ``value`` now; return whether that was possible."""
        asked = self.asked
        while True:
            if self.closed:
                raise self.closed_error(value)
            if not self.thread._is_owned():
                self.check_caller()
            reported = False
            try:
                if self.senders or self.receivers:
                    admitted = self._give(value)
                else:
                    # Nobody waits, so the strategy alone decides.
                    if asked.needs_time:
                        asked.look(self.home)
                    verdict = asked.strategy.offer(value, asked.now)
                    admitted = verdict is ADMIT or asked.judge(verdict, value)
                    if admitted:
                        self.most += 1
                        if self.most > self.peak:
                            self._note_size()
                        if self.on_admit is not None:
                            self.on_admit(value)
            finally:
                if asked.strategy._dropped:
                    reported = self._report()
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
        self._begin()
        if self.receivers and not self.asked.strategy.capacity:
            self._note_admitted(value)
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
        if not self.thread._is_owned():
            self.check_caller()
        if not (self.senders or self.receivers or self.front):
            # What follows, when nobody waits and nothing is given up.
            asked = self.asked
            if asked.needs_time:
                asked.look(self.home)
            try:
                value: T | Nothing = asked.strategy.take(asked.now)
            except Empty:
                if not (asked.strategy._dropped or self.closed):
                    self._unasked = False
                    return NOTHING
            else:
                if value is Empty or type(value) is Empty:
                    checked_item(asked.strategy, value)
                self.most -= 1
                if not asked.strategy._dropped:
                    return value
                self.put_back(value)  # type: ignore[arg-type]
        while True:
            self.check_thread(self.receivers, self.senders)
            value = self._take_for_caller()
            try:
                reported = self._report()
            except BaseException:
                if value is not NOTHING:
                    self.put_back(value)
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
            while values:
                self.put_back(values.pop())
            self.settle()
            raise

    def _take_for_caller(self) -> T | Nothing:
        self._begin()
        if self.senders and not self.asked.strategy.capacity:
            sent: T = first(self.senders).serve(self.senders)
            self._note_admitted(sent)
            return sent
        if self.receivers:
            return NOTHING
        value = self._take()
        while value is NOTHING and self.senders and self._admit_first():
            # Looking for one, the strategy has dropped others, and so made room.
            value = self._take()
        self.settle()
        return value

    def _begin(self) -> None:
        """Do first what time allows by now, before anything is decided among several."""
        self._look()
        if self.asked.timed:
            self.settle()

    def may_give(self) -> bool:
        """Whether `give` is worth trying: only the strategy can tell."""
        return True

    def may_take(self) -> bool:
        """Whether `take` is worth trying; the strategy can still say no."""
        return bool(self.senders or self.closed or self.held())

    # Ending

    def _shut(self) -> None:
        """Ask the strategy first what is not to be delivered any more.

        So a select that waits here with several cases is told of all that ends at once.
        """
        self.closed = True
        try:
            self.handed_back += self.asked.close()
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
            self.asked.look(self.home)
        for item in self.asked.rest():
            kept += [dropped for dropped, _ in self.asked.take_drops()]
            kept.append(item)
        kept += [dropped for dropped, _ in self.asked.take_drops()]
        return self.take_handed_back()

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        used = self.held()
        self.check_lines()
        assert not (self.closed and self.receivers) or used
        assert not self.mark
        assert not self.buffer
        assert used <= self.most
        assert used <= self.peak


@state_behind.register(Strategy)
def _(
    strategy: Strategy[Any], name: str | None, on_drop: Callable[[Any, str], object] | None
) -> ChanState[Any]:
    return KeptState(strategy, name, on_drop)
