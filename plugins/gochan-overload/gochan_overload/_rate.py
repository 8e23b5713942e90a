"""Rate: so many items per second, and no more."""

from __future__ import annotations

import math
from collections import OrderedDict
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


# Since when so many items have come, if none has.
_NEVER: Final = (-math.inf, 0)


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
        # Since when so many items have come, in all or by key, the one seen longest ago first. The
        # next is expected after so many intervals: a count, or else roundings would add up.
        self._all = _NEVER
        self._come: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()
        self._next = -math.inf  # the earliest moment at which a waiting sender may be let in

    def offer(self, item: T, now: float) -> Verdict:
        if self._key is None:
            since, count = self._all
        else:
            key = self._key(item)
            come = self._seen(key)
            since, count = _NEVER if come is None else come
        if since + count / self._limit <= now:  # the bucket is full again
            since, count = now, 0
        earliest = since + (count + 1 - self._burst) / self._limit
        if now < earliest:
            return self._turn_away(earliest, now)
        verdict = self.inner.offer(item, now)
        if verdict is ADMIT:
            if self._key is None:
                self._all = since, count + 1
            else:
                self._come[key] = since, count + 1
                if come is None:
                    self._forget(now)
        return verdict

    def _seen(self, key: Hashable) -> tuple[float, int] | None:
        """Return since when so many items of a key have come, if any; it was seen last now."""
        try:
            self._come.move_to_end(key)
        except KeyError:
            return None
        except TypeError as error:
            raise TypeError(f"a rate per key needs keys that are hashable: {error}") from None
        return self._come[key]

    def next_change(self, now: float) -> float | None:
        change = super().next_change(now)
        if self._next <= now:
            return change
        return self._next if change is None else min(change, self._next)

    def _turn_away(self, earliest: float, now: float) -> Verdict:
        """Return the verdict for an item that comes before its time."""
        if not self._wait:
            return Refuse("rate", _seconds_until(earliest, now))
        # A select may wait with items of several keys; the first of them counts.
        if not now < self._next < earliest:
            self._next = earliest
        return WAIT

    def _forget(self, now: float) -> None:
        """Forget the keys seen longest ago that may send freely, or are too many."""
        while self._come:  # pragma: no branch  # the key that has just come is among them
            key, (since, count) = next(iter(self._come.items()))
            if since + count / self._limit > now and len(self._come) <= MOST_KEYS:
                break
            del self._come[key]


def _seconds_until(moment: float, now: float) -> float:
    """Return how long to wait, such that rounding makes it no shorter than that."""
    seconds = moment - now
    while now + seconds < moment:
        seconds = math.nextafter(seconds, math.inf)
    return seconds
