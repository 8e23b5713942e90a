"""When a run will end, learnt from its recent past; in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

import pytest

from gochan._command.run.display._estimate import Estimate

TICK = 0.1


class Simulated:
    """A run of jobs that take a known time each, with a look at it ten times per second."""

    def __init__(self, seconds: Callable[[int], float], total: int, workers: int) -> None:
        self.estimate = Estimate()
        self.now = 0.0
        self.workers = workers
        self.every = 0.0  # the least time between two starts
        self.paused = False
        self._next_start = 0.0
        self._times = [seconds(number) for number in range(total)]
        self._started = 0
        self._running: list[tuple[float, float]] = []  # when it ends, when it began

    def run(self, seconds: float) -> Simulated:
        until = self.now + seconds
        while self.now < until - 1e-9 and self.left:
            self.now += TICK
            self._step()
        return self

    def _step(self) -> None:
        while self._running and self._running[0][0] <= self.now + 1e-9:
            end, start = heapq.heappop(self._running)
            self.estimate.ended(end - start)
        while (
            self.waiting
            and len(self._running) < self.workers
            and not self.paused
            and self._next_start <= self.now + 1e-9
        ):
            self._next_start = max(self._next_start, self.now - TICK) + self.every
            heapq.heappush(self._running, (self.now + self._times[self._started], self.now))
            self._started += 1
        self.estimate.look(
            self.now, len(self._running), self.waiting, self.workers, paused=self.paused
        )

    @property
    def waiting(self) -> int:
        return len(self._times) - self._started

    @property
    def left(self) -> int:
        return self.waiting + len(self._running)

    @property
    def estimated(self) -> float | None:
        ages = sorted((self.now - start for _, start in self._running), reverse=True)
        return self.estimate.seconds_left(self.waiting, ages, self.workers)

    def to_the_end(self) -> Iterator[tuple[float, float]]:
        """Go on to the end; yield what was estimated at each second, and what was true."""
        seen = []
        while self.left:
            seen.append((self.now, self.estimated))
            self.run(1)
        for moment, estimated in seen:
            assert estimated is not None
            yield estimated, self.now - moment


def test_there_is_no_estimate_before_a_job_has_ended() -> None:
    """There is nothing to estimate from; nor is there a rate."""
    run = Simulated(lambda _: 10.0, total=10, workers=2).run(9)
    assert run.estimated is None
    assert run.estimate.rate is None
    run.run(2)
    assert run.estimated == pytest.approx(39, abs=1)
    assert run.estimate.rate == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_jobs_that_all_take_the_same_time_end_when_they_are_said_to(workers: int) -> None:
    """From the first one on, within a tenth and the time of a job."""
    run = Simulated(lambda _: 1.0, total=50 * workers, workers=workers).run(1.2)
    for estimated, true in run.to_the_end():
        assert estimated == pytest.approx(true, rel=0.1, abs=1.2)


def test_jobs_of_very_different_times_are_estimated_by_their_mean() -> None:
    """One in ten takes fifty times as long as the others."""
    run = Simulated(lambda n: 5.0 if n % 10 == 9 else 0.1, total=2000, workers=4).run(30)
    for estimated, true in run.to_the_end():
        assert estimated == pytest.approx(true, rel=0.3, abs=6)


def test_the_estimate_learns_that_jobs_take_longer_now() -> None:
    """It forgets the quick ones within some ten seconds."""
    run = Simulated(lambda n: 0.1 if n < 1000 else 1.0, total=2000, workers=4)
    run.run(25 + 40)
    for estimated, true in run.to_the_end():
        assert estimated == pytest.approx(true, rel=0.15, abs=1.5)


def test_more_workers_count_at_once() -> None:
    """As do fewer."""
    run = Simulated(lambda _: 1.0, total=400, workers=2).run(20)
    assert run.estimated == pytest.approx(180, rel=0.05)
    run.workers = 4
    assert run.estimated == pytest.approx(90, rel=0.05)
    run.run(30)
    run.workers = 1
    assert run.estimated == pytest.approx(400 - 40 - 120, rel=0.1)


def test_jobs_that_may_start_seldom_are_estimated_by_that() -> None:
    """Though their workers are idle most of the time."""
    run = Simulated(lambda _: 0.2, total=300, workers=16)
    run.every = 0.5
    run.run(20)
    for estimated, true in run.to_the_end():
        assert estimated == pytest.approx(true, rel=0.25, abs=2)
    assert run.estimate.rate == pytest.approx(2, rel=0.1)


def test_time_that_is_paused_does_not_count() -> None:
    """Neither for the rate, nor for the estimate."""
    run = Simulated(lambda _: 1.0, total=100, workers=2).run(20)
    before, rate = run.estimated, run.estimate.rate
    run.paused = True
    run.run(1)
    paused = run.estimate.rate
    run.run(1000)
    run.paused = False
    assert rate == pytest.approx(2, rel=0.1)
    assert run.estimate.rate == pytest.approx(paused, rel=0.1)
    run.run(0.1)
    assert run.estimated == pytest.approx(before, rel=0.1)


def test_a_last_job_that_takes_longer_than_all_others_is_never_nearly_over() -> None:
    """It is said to take some more of its time so far; idle workers mean nothing then."""
    run = Simulated(lambda n: 300.0 if n == 99 else 1.0, total=100, workers=10).run(100)
    assert run.estimated == pytest.approx(20, abs=2)


def test_memory_does_not_grow_with_the_time() -> None:
    """Nor does the work for a look."""
    run = Simulated(lambda _: 0.5, total=100_000, workers=1).run(600)
    assert len(run.estimate._past) < 300
    slow = Simulated(lambda _: 3000.0, total=100_000, workers=1).run(9000)
    assert len(slow.estimate._past) < 600


def test_no_workers_never_end() -> None:
    """Nobody knows when there will be one."""
    run = Simulated(lambda _: 1.0, total=10, workers=1).run(3)
    assert run.estimate.seconds_left(3, [], 0) is None
