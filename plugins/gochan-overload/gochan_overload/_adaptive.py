"""Adaptive: find out how many jobs can be in work at the same time."""

from __future__ import annotations

import math
from typing import Final, Literal, TypeVar, final

from gochan.strategies import Empty, Filter, check_count, check_seconds

T = TypeVar("T")

# A window has at least so many jobs, or else it says nothing.
_FEWEST: Final = 10
# It is a bad one if that part of its jobs went wrong; the limit then becomes that part of itself.
_BAD: Final = 0.1
_LESS: Final = 0.9
# Of Gradient2: how much slower than usual is still as usual, how fast the limit follows, how
# many windows make up what is usual, and how many the first guess.
_TOLERANCE: Final = 1.5
_SMOOTHING: Final = 0.2
_LONG: Final = 600
_WARM_UP: Final = 10


@final
class Adaptive(Filter[T]):
    """Limit how many jobs are in work, and learn the limit from how they end.

    For job queues whose handler uses something of unknown strength, such as a database: give
    the queue as many workers as there could ever be of use, and this finds out how many are.
    It judges by windows: as many jobs as the limit, at least 10. If a tenth of them went
    wrong, the limit becomes nine tenths of itself; those that began before count no more.
    If not, and at least half of the limit was in use:

    - ``"aimd"`` (additive increase, multiplicative decrease): it grows by 1. This needs to see
      something go wrong: give the jobs a timeout, or it a ``target``.
    - ``"gradient"``: it grows, by a fifth of its square root, as long as jobs run at most
      1.5 times as long as usual, and shrinks if they run longer. For jobs that are alike,
      and load that comes and goes: what lasts becomes usual, so if there always are more
      jobs than can be done, the limit creeps up.

    A job went wrong if it failed, timed out, was cancelled, or ran longer than ``target``; one
    that never started says nothing. Only job queues tell what became of a job, so in a plain
    channel nothing would go any more once the limit is reached.

    Source: Netflix, concurrency-limits: AIMDLimit, Gradient2Limit and WindowedLimit, whose
    windows are of time.

    Args:
        start: the first limit; rather too low than too high.
        least: the lowest limit, at least 1.
        most: the highest limit.
        by: ``"aimd"`` or ``"gradient"``.
        target: seconds; a job that ran longer went wrong.
        capacity: see `gochan.strategies.Filter`.
    """

    ignores_time = True

    def __init__(
        self,
        *,
        start: int = 20,
        least: int = 1,
        most: int = 200,
        by: Literal["aimd", "gradient"] = "aimd",
        target: float | None = None,
        capacity: int | float | None = None,
    ) -> None:
        super().__init__(capacity=capacity)
        for name, limit in {"start": start, "least": least, "most": most}.items():
            check_count(name, limit, least=1)
        if not least <= start <= most:
            raise ValueError(f"least <= start <= most does not hold: {least}, {start}, {most}")
        if by not in ("aimd", "gradient"):
            raise ValueError(f'by must be "aimd" or "gradient", not {by!r}')
        self._least, self._most, self._by = least, most, by
        self._target = math.inf
        if target is not None:
            self._target = check_seconds("target", target, more_than=0, finite=True)
        self._limit: float = start
        self._whole_limit = start
        self._in_work = 0
        self._usual = 0.0  # seconds that jobs run, over many windows
        self._windows = 0
        self._lowered = -math.inf  # when the limit was last, because jobs went wrong
        self._begin_window()

    @property
    def limit(self) -> int:
        """How many jobs may be in work now."""
        return self._whole_limit

    def take(self, now: float) -> T:
        if self._in_work >= self._whole_limit:
            raise Empty
        item = self.inner.take(now)
        self._in_work += 1
        return item

    def finished(self, item: T, now: float, *, waited: float, ran: float, ok: bool) -> None:
        # One that began before the limit was lowered says nothing about the limit that is now.
        if (ran or ok) and ran <= now - self._lowered:
            self._learn(now, ran, ok and ran <= self._target)
        self._in_work -= 1
        super().finished(item, now, waited=waited, ran=ran, ok=ok)

    def _begin_window(self) -> None:
        self._jobs = self._wrong = self._busiest = 0
        self._seconds = 0.0

    def _learn(self, now: float, ran: float, well: bool) -> None:
        self._jobs += 1
        self._wrong += not well
        self._seconds += ran
        self._busiest = max(self._busiest, self._in_work)
        size = max(self._limit, _FEWEST)
        if self._wrong >= _BAD * size:
            limit = self._limit * _LESS
            self._lowered = now
        elif self._jobs < size:
            return
        elif self._by == "gradient":
            limit = self._by_gradient(self._seconds / self._jobs)
        else:
            limit = self._limit + (self._busiest * 2 >= self._limit)
        self._limit = min(max(limit, self._least), self._most)
        self._whole_limit = int(self._limit)
        self._begin_window()

    def _by_gradient(self, lately: float) -> float:
        """Return the limit that follows from how long the jobs of a window have run."""
        self._windows += 1
        share = 1 / self._windows if self._windows <= _WARM_UP else 2 / (_LONG + 1)
        self._usual += (lately - self._usual) * share
        if self._usual > 2 * lately:
            self._usual *= 0.95  # an overload is over
        if self._busiest * 2 < self._limit or not lately:
            return self._limit
        gradient = min(max(_TOLERANCE * self._usual / lately, 0.5), 1)
        wanted = self._limit * gradient + math.sqrt(self._limit)
        return self._limit + (wanted - self._limit) * _SMOOTHING
