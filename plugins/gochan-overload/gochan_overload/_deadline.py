"""Deadline: do not start what cannot be finished in time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Literal, TypeAlias, TypeVar, final

from gochan.strategies import ADMIT, Filter, Key, Verdict, by, check_seconds

T = TypeVar("T")

# When an item came, and its deadline.
_Times: TypeAlias = tuple[float, float]


@final
class Deadline(Filter[T]):
    """Give up an item that is about to go, if it would not be done in time.

    Its deadline is ``patience`` seconds after it was let in. To ask only whether that has
    passed would not help: under overload, what starts then has hardly any time left. So the
    time that the work is going to take, ``slack``, must be left, too. What does not leave it
    is given up, with the reason ``"too late"``. An item that has not waited at all always goes.

    The time matters, so it works only in a run.

    Source of the moving slack: the estimate of round trips in RFC 6298 (Jacobson and Karels,
    1988), with one deviation rather than four.

    Args:
        patience: seconds, > 0; or how to find them for each item, see `gochan.strategies.by`;
            then ``math.inf`` for no deadline.
        slack: seconds that must be left; ``"moving"`` for the mean time that jobs have run lately,
            plus their mean deviation from it. Only job queues tell that; in a plain
            channel it stays 0.
        capacity: see `gochan.strategies.Filter`.
    """

    def __init__(
        self,
        patience: float | Key,
        *,
        slack: float | Literal["moving"] = "moving",
        capacity: int | float | None = None,
    ) -> None:
        super().__init__(capacity=capacity)
        self._seconds: float | None = None
        if isinstance(patience, str) or callable(patience):
            self._find = by(patience, "patience")
        else:
            self._seconds = check_seconds("patience", patience, more_than=0, finite=True)
        self._moving = slack == "moving"
        self._mean: float | None = None
        self._deviation = 0.0
        self._slack = 0.0
        if not self._moving:
            self._slack = check_seconds(
                "slack", slack, less_than=self._seconds, finite=True, otherwise='"moving"'
            )
        # When each item came, and its deadline. By identity, since items may be equal, or of
        # no hash. What the same object has, when it waits several times, is in a line.
        self._waiting: dict[int, _Times] = {}
        self._more: dict[int, deque[_Times]] = {}

    @property
    def slack(self) -> float:
        """How many seconds must be left."""
        return self._slack

    def offer(self, item: T, now: float) -> Verdict:
        patience = self._seconds
        times = now, now + (self._patience(item) if patience is None else patience)
        dropped = self.dropped
        before = len(dropped)
        verdict = self.inner.offer(item, now)
        if verdict is ADMIT and self._waiting.setdefault(id(item), times) is not times:
            self._more.setdefault(id(item), deque()).append(times)
        if len(dropped) > before:
            self._forget_dropped(before)
        return verdict

    def take(self, now: float) -> T:
        dropped = self.dropped
        while True:
            before = len(dropped)
            try:
                item = self.inner.take(now)
            finally:
                if len(dropped) > before:
                    self._forget_dropped(before)
            came, deadline = self._forget(item)
            if came == now or now + self._slack <= deadline:
                return item
            self.drop(item, "too late")
            # What is behind gave it out, and shall not wait for its end.
            self.inner.finished(item, now, waited=now - came, ran=0.0, ok=False)

    def next_change(self, now: float) -> float | None:
        return super().next_change(now)  # said here, because the time does matter

    def finished(self, item: T, now: float, *, waited: float, ran: float, ok: bool) -> None:
        if self._moving and (ran or ok):
            if self._mean is None:
                self._mean, self._deviation = ran, ran / 2
            else:
                self._deviation += (abs(ran - self._mean) - self._deviation) / 4
                self._mean += (ran - self._mean) / 8
            self._slack = self._mean + self._deviation
        super().finished(item, now, waited=waited, ran=ran, ok=ok)

    # Those that leave in other ways

    def close(self) -> list[T]:
        before = len(self.dropped)
        handed_back = super().close()
        self._forget_dropped(before)
        for item in handed_back:
            self._forget(item)
        return handed_back

    def remove(self, item: T) -> bool:
        removed = super().remove(item)
        if removed:
            self._forget(item)
        return removed

    def take_all(self, now: float) -> Iterator[T]:
        for item in super().take_all(now):
            self._forget(item)
            yield item
        self._waiting.clear()  # what was dropped on the way
        self._more.clear()

    def _patience(self, item: T) -> float:
        try:
            return check_seconds("patience", self._find(item), more_than=0)
        except (TypeError, ValueError) as error:  # the item is put into words only now
            raise type(error)(f"of {item!r}, {error}") from None

    def _forget(self, item: T) -> tuple[float, float]:
        """Forget an item that waits no more; return when it came, and its deadline."""
        times = self._waiting.pop(id(item), None)
        if times is None:  # what is behind made it of others
            return -math.inf, math.inf
        more = self._more.get(id(item)) if self._more else None
        if more is not None:
            self._waiting[id(item)] = more.popleft()
            if not more:
                del self._more[id(item)]
        return times

    def _forget_dropped(self, before: int) -> None:
        """Forget what has been given up since there were so many of them."""
        for item, _ in self.dropped[before:]:
            self._forget(item)

    def check(self) -> None:
        super().check()
        assert all(self._more.values())
        assert self._more.keys() <= self._waiting.keys()
        assert len(self._waiting) + sum(map(len, self._more.values())) == len(self)
