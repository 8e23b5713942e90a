"""The figures of a simulated run, in numbers and over time."""

# Theory of operation
# -------------------
# All figures follow from the times at which each job arrived, left the queue, and ended. They
# are averaged over several loads of the same kind, because one random load proves little.
#
# The bad period is the one in which there is too much work. Only scenarios have one.

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import final

from ._loads import BadPeriod, Load
from ._simulation import Fate, SimulatedJob


@final
@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one strategy. Times are in seconds; counts are means over loads."""

    jobs: float
    answered: float
    """How many were done in time."""
    goodput: float
    """The percentage of jobs that were done in time. With a bad period, only its jobs count, as a
    percentage of those that the workers could do in it; otherwise all jobs count."""
    p50: float | None
    """Half of the jobs done in time took at most this long, from their arrival on."""
    p99: float | None
    """The same for 99 of 100 jobs."""
    refused: dict[str, float]
    """How many were refused, by reason."""
    dropped: dict[str, float]
    """How many were dropped, by reason."""
    handed_back: float
    """How many were waiting when the queue closed, and were handed back."""
    left: float
    """How many the strategy never gave out, or never let in."""
    wasted: float
    """How many were done too late."""
    recovery: float | None
    """The time from the end of the bad period until no job waited; ``inf`` for never."""


def measure(load: Load, jobs: Sequence[SimulatedJob], workers: int) -> Figures:
    """Return the figures of one load."""
    useful = [job for job in jobs if job.useful]
    seconds = sorted(job.ended - job.arrival for job in useful)
    fates = Counter(job.fate for job in jobs)
    return Figures(
        jobs=len(jobs),
        answered=len(useful),
        goodput=100 * _goodput(load.bad, jobs, workers),
        p50=_percentile(seconds, 0.5),
        p99=_percentile(seconds, 0.99),
        refused=_reasons(jobs, "refused"),
        dropped=_reasons(jobs, "dropped"),
        handed_back=fates["handed_back"],
        left=fates["waiting"] + fates["in line"],
        wasted=fates["done"] - len(useful),
        recovery=None if load.bad is None else _recovery(jobs, load.bad.end),
    )


def _goodput(bad: BadPeriod | None, jobs: Sequence[SimulatedJob], workers: int) -> float:
    possible: float = len(jobs)
    if bad is not None:
        jobs = [job for job in jobs if job.arrival in bad]
        possible = min(bad.possible(workers), len(jobs))
    return sum(job.useful for job in jobs) / possible if possible else 1.0


def _percentile(ordered: Sequence[float], part: float) -> float | None:
    return ordered[math.ceil(len(ordered) * part) - 1] if ordered else None


def _reasons(jobs: Iterable[SimulatedJob], fate: Fate) -> dict[str, float]:
    counts = Counter(job.reason for job in jobs if job.fate == fate)
    return {reason: float(number) for reason, number in sorted(counts.items())}


def _recovery(jobs: Iterable[SimulatedJob], end: float) -> float:
    """Return how long after ``end`` there were still waiting jobs, without a gap."""
    reach = end
    for job in jobs:
        if job.arrival > reach:
            break
        reach = max(reach, job.left)
    return reach - end


def average(figures: Sequence[Figures]) -> Figures:
    """Return the means over several loads."""
    return Figures(
        jobs=fmean(one.jobs for one in figures),
        answered=fmean(one.answered for one in figures),
        goodput=fmean(one.goodput for one in figures),
        p50=_mean(one.p50 for one in figures),
        p99=_mean(one.p99 for one in figures),
        refused=_mean_counts([one.refused for one in figures]),
        dropped=_mean_counts([one.dropped for one in figures]),
        handed_back=fmean(one.handed_back for one in figures),
        left=fmean(one.left for one in figures),
        wasted=fmean(one.wasted for one in figures),
        recovery=_mean(one.recovery for one in figures),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the known values."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _mean_counts(counts: Sequence[dict[str, float]]) -> dict[str, float]:
    reasons = sorted({reason for one in counts for reason in one})
    return {reason: fmean(one.get(reason, 0) for one in counts) for reason in reasons}


# Over time


@final
@dataclass(frozen=True, slots=True)
class Course:
    """What happened over time, from the first arrival to the last."""

    moments: tuple[float, ...]
    """The ends of spans of equal length."""
    waiting: tuple[float, ...]
    """How many jobs waited at each of these moments, including those of callers in line."""
    answered: tuple[float, ...]
    """How many jobs per second were done in time, in each span."""


def follow(load: Load, jobs: Sequence[SimulatedJob], spans: int) -> Course:
    """Return the course of one load, cut into this many spans."""
    first, last = load.arrivals[0].arrival, load.arrivals[-1].arrival
    length = (last - first) / spans or 1.0
    moments = tuple(first + length * number for number in range(1, spans + 1))
    came = [job.arrival for job in jobs]
    left = sorted(job.left for job in jobs)
    ended = sorted(job.ended for job in jobs if job.useful)
    counts = [0, *(bisect_right(ended, moment) for moment in moments)]
    return Course(
        moments,
        tuple(bisect_right(came, moment) - bisect_right(left, moment) for moment in moments),
        tuple((after - before) / length for before, after in pairwise(counts)),
    )


def average_course(courses: Sequence[Course]) -> Course:
    """Return the means over several loads of about the same length."""
    return Course(
        _mean_of_each([one.moments for one in courses]),
        _mean_of_each([one.waiting for one in courses]),
        _mean_of_each([one.answered for one in courses]),
    )


def _mean_of_each(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(map(fmean, zip(*rows, strict=True)))
