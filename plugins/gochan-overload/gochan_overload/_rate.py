"""Rate: so many items per second, and no more."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Final, TypeVar, final

from gochan.strategies import (
    ADMIT,
    WAIT,
    Filter,
    Key,
    Refuse,
    Verdict,
    by,
    check_bool,
    check_number,
)

T = TypeVar("T")

# With a key: how many of its values are remembered. If more are in use at the same time,
# the one seen longest ago is forgotten, and may send as if it had never done so.
MOST_KEYS: Final = 10_000


@final
class Rate(Filter[T]):
    """Let in ``limit`` items per second on average, and ``burst`` at once after a pause.

    Others are refused with the reason ``"rate"`` and the exact number of seconds after which
    an item would be let in; or, with ``wait``, their senders wait until then. An item that is
    turned away, here or further down the chain, uses up nothing.

    It is a token bucket, told as the "generic cell rate algorithm" of ITU-T I.371 and the ATM
    Forum: all it keeps is when the bucket will be full again. No timer runs.

    Args:
        limit: items per second, > 0; it may be less than 1.
        burst: how many items the bucket holds, at least 1.
        key: limit items with different keys separately; see `gochan.strategies.by`. Keys
            must be hashable. The 10,000 that were seen last are remembered.
        wait: whether senders wait rather than be refused. They wait in one line, so one whose
            key is over the limit holds up those behind it.
        capacity: see `gochan.strategies.Filter`.
    """

    def __init__(
        self,
        limit: float,
        burst: float = 1,
        *,
        key: Key = None,
        wait: bool = False,
        capacity: int | float | None = None,
    ) -> None:
        super().__init__(capacity=capacity)
        self._limit = check_number("limit", limit, more_than=0, finite=True)
        self._burst = check_number("burst", burst, least=1, finite=True)
        self._key = None if key is None else by(key)
        self._wait = check_bool("wait", wait)
        # By key, the one seen longest ago first: since when, and how many items have come. The
        # next is expected after so many intervals: a count, or else roundings would add up.
        self._come: dict[Hashable, tuple[float, int]] = {}
        self._next = -math.inf  # when whoever waits may be let in

    def offer(self, item: T, now: float) -> Verdict:
        key = None if self._key is None else _hashable(self._key(item))
        since, count = self._come.pop(key, (now, 0))
        if self._expected(since, count) <= now:
            since, count = now, 0
        else:
            self._come[key] = since, count  # once more, as the last
        earliest = self._expected(since, count + 1 - self._burst)
        if now < earliest:
            if not self._wait:
                return Refuse("rate", _seconds_until(earliest, now))
            self._next = earliest
            return WAIT
        verdict = self.inner.offer(item, now)
        if verdict is ADMIT:
            self._come[key] = since, count + 1
            self._forget(now)
        return verdict

    def next_change(self, now: float) -> float | None:
        change = super().next_change(now)
        if self._next <= now:
            return change
        return self._next if change is None else min(change, self._next)

    def _expected(self, since: float, count: float) -> float:
        """Return when the next item comes that keeps to the rate exactly."""
        return since + count / self._limit

    def _forget(self, now: float) -> None:
        """Forget the keys seen longest ago that may send freely, or are too many."""
        while self._come:
            key, come = next(iter(self._come.items()))
            if self._expected(*come) > now and len(self._come) <= MOST_KEYS:
                break
            del self._come[key]


def _hashable(key: object) -> Hashable:
    try:
        hash(key)
    except TypeError as error:
        raise TypeError(f"a rate per key needs keys that are hashable: {error}") from None
    return key


def _seconds_until(moment: float, now: float) -> float:
    """Return how long to wait, such that rounding makes it no shorter than that."""
    seconds = moment - now
    while now + seconds < moment:
        seconds = math.nextafter(seconds, math.inf)
    return seconds
