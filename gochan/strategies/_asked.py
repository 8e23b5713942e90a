"""A strategy as a channel asks it: told the time, and with every answer checked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar, final

from .._core import NOTHING, OUTSIDE, Nothing, Refused, how_to_read
from ._guard import (
    checked_change,
    checked_item,
    checked_list,
    checked_removal,
    checked_rest,
    checked_verdict,
)
from ._questions import needs_time, overrides
from ._strategy import ADMIT, Empty, Refuse, Strategy, Verdict

T = TypeVar("T")

# A strategy whose next change is not in the future is asked again after this time at least.
_SOON: Final = 1e-3


@final
class Asked(Generic[T]):
    """A strategy, and the moment at which it is asked.

    In one operation that is always the same moment, or it could say "not yet" a moment before
    the change, and "no change to come" a moment after.

    Attributes:
        now: when it was asked last.
        timed: whether time alone may change the answers.
        picky: whether it may let in a later sender, but not the first one.
        needs_time: whether the moment may matter to it. To find out which it is costs as much
            as to ask a simple strategy.
    """

    __slots__ = (
        "_clock",
        "_offset",
        "_read",
        "_trouble",
        "needs_time",
        "now",
        "picky",
        "strategy",
        "timed",
    )

    def __init__(self, strategy: Strategy[T]) -> None:
        self.strategy = strategy
        self.now = 0.0
        self.timed = overrides(strategy, "next_change")
        self.picky = overrides(strategy, "offer")
        self.needs_time = needs_time(strategy)
        # How to read the clock of a run.
        self._clock: object = None
        self._read, self._offset = how_to_read(None)
        self._trouble: Exception | None = None  # what next_change has raised

    def look(self, home: dict[str, Any]) -> None:
        """Take the time on trio's clock; outside a run any time will do, if none matters.

        Args:
            home: what trio keeps about the calling thread.
        """
        try:
            clock = home["runner"].clock
        except (KeyError, AttributeError):
            clock = None
        if clock is not self._clock:
            self._clock = clock
            self._read, self._offset = how_to_read(clock)
        try:
            self.now = self._read() + self._offset
        except RuntimeError:
            if self.timed:
                raise RuntimeError(OUTSIDE) from None

    def offer(self, item: T) -> bool:
        """Offer an item; return whether it was admitted.

        Raises:
            Refused: it was turned away.
        """
        verdict = self.strategy.offer(item, self.now)
        return verdict is ADMIT or self.judge(verdict, item)

    def judge(self, verdict: Verdict, item: T) -> bool:
        """Do what follows from a verdict; return whether ``item`` was admitted."""
        answer = checked_verdict(self.strategy, verdict)
        if isinstance(answer, Refuse):
            raise Refused(answer.reason, answer.retry_after, item)
        return answer is ADMIT

    def take(self) -> T | Nothing:
        """Return what goes next; `NOTHING` if nothing may go now."""
        try:
            return checked_item(self.strategy, self.strategy.take(self.now))
        except Empty:
            return NOTHING

    def due(self) -> float:
        """Return when time may change an answer, ``inf`` if it cannot.

        This is asked where nothing may be raised. So an error is kept, and is due at once.
        """
        # From the moment when it was asked: the change may be due by now.
        try:
            change = self.strategy.next_change(self.now)
            change = checked_change(self.strategy, self.now, change)
        except Exception as error:
            self._trouble = error
            return -math.inf
        if change is None:
            return math.inf
        if change > self.now:
            return change
        # One that names a moment of the past is asked again, more and more seldom.
        return self.now + max(self.now - change, _SOON)

    def take_trouble(self) -> Exception | None:
        """Return, once, what `due` has kept."""
        trouble, self._trouble = self._trouble, None
        return trouble

    def take_drops(self) -> list[tuple[T, str]]:
        """Return, once, what the strategy has given up, with the reasons."""
        dropped = self.strategy._dropped  # stays the same list, which a chain shares
        drops = dropped.copy()
        dropped.clear()
        return drops

    def remove(self, item: T) -> bool:
        """Take out one waiting item; return whether the strategy could find it."""
        return checked_removal(self.strategy, self.strategy.remove(item))

    def close(self) -> list[T]:
        """Return what is not to be delivered after a close."""
        return checked_list(self.strategy, self.strategy.close())

    def rest(self) -> Iterator[T]:
        """Give out everything that waits."""
        return checked_rest(self.strategy, self.strategy.take_all(self.now))
