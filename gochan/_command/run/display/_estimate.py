"""How fast a run is, and when it will end: learnt from its recent past."""

# Theory of operation
# -------------------
# Five sums only grow: time, jobs ended, the seconds these took, busy and possible
# worker-seconds. What they grew by in the recent past gives the mean time of a job and how
# busy the workers are. Work that is left, divided by the workers that will be busy, is the
# time left. So a change of the number of workers counts at once, and a run that something
# else holds back (a rate, little memory, a slow disk) has workers that are seldom busy.
#
# While a run is paused, its time stands still.
#
# The recent past is at least 10 seconds and 30 jobs, or the whole run as long as it has not
# had those.

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, final

_SECONDS: Final = 10.0
_JOBS: Final = 30

# How many moments of the recent past are kept, about.
_MOMENTS: Final = 50


class _Sums(NamedTuple):
    time: float = 0.0
    jobs: int = 0
    took: float = 0.0
    busy: float = 0.0
    possible: float = 0.0


@final
class Estimate:
    """The rate of a run, and the time that it has left."""

    def __init__(self) -> None:
        self._sums = _Sums()
        self._past = deque([self._sums])  # the first is where the recent past begins
        self._now: float | None = None  # when `look` was last called
        self._running = 0  # how many ran then

    def ended(self, seconds: float) -> None:
        """Count a job that has ended after it ran for so long."""
        sums = self._sums
        self._sums = sums._replace(jobs=sums.jobs + 1, took=sums.took + seconds)

    def look(
        self, now: float, running: int, waiting: int, workers: int, *, paused: bool = False
    ) -> None:
        """Count the time since the last call. A worker is idle only if there is a job for it."""
        if self._now is not None and not paused:
            passed = now - self._now
            sums = self._sums
            self._sums = sums._replace(
                time=sums.time + passed,
                busy=sums.busy + passed * (self._running + running) / 2,
                possible=sums.possible + passed * min(running + waiting, workers),
            )
            self._forget()
        self._now, self._running = now, running

    def _forget(self) -> None:
        """Let the recent past begin later, if it is long enough then."""
        past, sums = self._past, self._sums
        if sums.time - past[-1].time >= (sums.time - past[0].time) / _MOMENTS:
            past.append(sums)
        while (
            len(past) > 1
            and sums.time - past[1].time >= _SECONDS
            and sums.jobs - past[1].jobs >= _JOBS
        ):
            past.popleft()

    @property
    def rate(self) -> float | None:
        """How many jobs end per second; None as long as none has ended."""
        time, jobs = self._sums.time - self._past[0].time, self._sums.jobs - self._past[0].jobs
        return jobs / time if jobs and time > 0 else None

    def seconds_left(self, waiting: int, ages: Sequence[float], workers: int) -> float | None:
        """Return how long the jobs will take that wait and that run, or None if nobody can know.

        Args:
            waiting: how many jobs have not started.
            ages: for how long those that run have run.
            workers: how many jobs may run at the same time from now on.
        """
        first, sums = self._past[0], self._sums
        jobs = sums.jobs - first.jobs
        if not jobs or workers < 1:
            return None
        mean = (sums.took - first.took) / jobs
        possible = sums.possible - first.possible
        share = min(1.0, (sums.busy - first.busy) / possible) if possible > 0 else 1.0
        rest = [_rest(age, mean) for age in ages]
        at_once = min(workers * share, waiting + len(ages))
        work = waiting * mean + sum(rest)
        return max([work / max(at_once, 0.001), *rest])


def _rest(age: float, mean: float) -> float:
    """Return how long a job will still run: one that is late may take a fifth longer."""
    return max(mean - age, age / 5)
