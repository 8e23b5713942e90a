"""Figures: by hand, from jobs whose fates are known."""

from __future__ import annotations

import math

import pytest
from gochan_sim._figures import Course, Figures, average, average_course, follow, measure
from gochan_sim._loads import Arrival, BadPeriod, Load
from gochan_sim._simulation import Fate, SimulatedJob

BAD = BadPeriod(10, 20, service=1)


def job(
    arrival: float,
    left: float = math.inf,
    ended: float = math.inf,
    fate: Fate = "done",
    reason: str = "",
    patience: float = 2.0,
) -> SimulatedJob:
    one = SimulatedJob(1, Arrival(arrival, 1.0, patience))
    one.left, one.ended, one.fate, one.reason = left, ended, fate, reason
    return one


def figures_of(*jobs: SimulatedJob, bad: BadPeriod | None = None, workers: int = 1) -> Figures:
    arrivals = tuple(Arrival(one.arrival, 1.0) for one in jobs)
    return measure(Load(arrivals, bad), jobs, workers)


def test_every_job_is_counted_once() -> None:
    """By what became of it."""
    figures = figures_of(
        job(0, 0, 1),
        job(0, 0, 2),
        job(0, 0, 3),
        job(0, 0, 0, "refused", "full"),
        job(0, 0, 0, "refused", "rate"),
        job(0, 0, 0, "refused", "full"),
        job(0, 1, 1, "dropped", "oldest"),
        job(0, 1, 1, "handed_back"),
        job(0, fate="waiting"),
        job(0, fate="in line"),
    )
    assert (figures.jobs, figures.answered, figures.wasted) == (10, 2, 1)
    assert (figures.handed_back, figures.left) == (1, 2)
    assert figures.refused == {"full": 2, "rate": 1}
    assert figures.dropped == {"oldest": 1}
    assert figures.goodput == 20
    assert figures.recovery is None


def test_percentiles_are_those_of_useful_answers() -> None:
    """From arrival to end, the wait included."""
    jobs = [job(0, n, n + 1, patience=50.5) for n in range(100)]
    figures = figures_of(*jobs)
    assert (figures.p50, figures.p99) == (25, 50)
    assert (figures.answered, figures.wasted) == (50, 50)


def test_without_a_useful_answer_there_are_no_percentiles() -> None:
    """They would be of nothing."""
    figures = figures_of(job(0, 0, 0, "refused", "full"))
    assert (figures.p50, figures.p99, figures.goodput) == (None, None, 0)


def test_goodput_is_what_the_workers_could_do_in_the_bad_period() -> None:
    """Of the jobs that came in it; those before and after count for nothing."""
    calm = [job(n, n, n + 1) for n in range(5)]
    bad = [job(10 + n / 2, 0, 12 + n / 2 if n < 8 else 99) for n in range(20)]
    assert figures_of(*calm, *bad, bad=BAD).goodput == 80
    assert figures_of(*calm, *bad, bad=BAD, workers=2).goodput == 40


def test_goodput_is_never_compared_with_more_jobs_than_came() -> None:
    """With workers to spare, all of them is 100 percent; and so is none of none."""
    jobs = [job(10 + n, 0, 11 + n) for n in range(3)]
    assert figures_of(*jobs, bad=BAD, workers=50).goodput == 100
    assert figures_of(job(1, 1, 2), bad=BAD).goodput == 100


def test_recovery_is_when_nothing_waits_any_more() -> None:
    """Those that come meanwhile count, those that come afterwards do not."""
    before, meanwhile, after = job(18, 25, 26), job(24, 28, 29), job(29, 31, 32)
    assert figures_of(before, meanwhile, after, bad=BAD).recovery == 8
    assert figures_of(before, after, bad=BAD).recovery == 5
    assert figures_of(after, bad=BAD).recovery == 0
    assert figures_of(job(0, fate="waiting"), bad=BAD).recovery == math.inf


def test_means_leave_out_missing_values() -> None:
    """A reason that some loads do not know counts as none there."""
    mean = average(
        [
            figures_of(job(0, 0, 1), bad=BAD),
            figures_of(job(0, 5, 5, "dropped", "old"), job(0, 22, 22, "refused", "x"), bad=BAD),
        ]
    )
    assert (mean.jobs, mean.answered, mean.p50, mean.recovery) == (1.5, 0.5, 1, 1)
    assert (mean.refused, mean.dropped) == ({"x": 0.5}, {"old": 0.5})
    assert average([figures_of(job(0, 0, 9))]).p50 is None


def test_a_course_says_what_happened_when() -> None:
    """How many waited at the end of each span, and how many were answered in it."""
    jobs = [job(0, 0, 1), job(1, 5, 6, patience=9), job(2, 3, 3, "dropped", "x"), job(8, 8, 99)]
    chosen = Load(tuple(Arrival(one.arrival, 1) for one in jobs))
    course = follow(chosen, jobs, 4)
    assert course == Course((2, 4, 6, 8), (2, 1, 0, 0), (0.5, 0, 0.5, 0))


def test_a_course_may_be_of_one_moment() -> None:
    """It has no length, so it is given one."""
    jobs = [job(3, 3, 3.5)]
    course = follow(Load((Arrival(3, 1),)), jobs, 2)
    assert course.moments == (4, 5)
    assert course.answered == (1, 0)


def test_courses_are_averaged_span_by_span() -> None:
    """Each with each."""
    mean = average_course([Course((1, 2), (0, 4), (1, 1)), Course((3, 4), (2, 0), (0, 5))])
    assert mean == Course((2, 3), (1, 2), (0.5, 3))


def test_all_that_is_counted_adds_up() -> None:
    """Or else some jobs would be in no column."""
    jobs = [job(0, 0, 1), job(0, 0, 9), job(0, 0, 0, "refused", "a"), job(0, fate="in line")]
    one = figures_of(*jobs)
    shed = sum(one.refused.values()) + sum(one.dropped.values()) + one.handed_back + one.left
    assert one.jobs == one.answered + one.wasted + shed == pytest.approx(4)
