"""A job queue in virtual time: a real strategy, simulated workers, and no scheduler."""

# Theory of operation
# -------------------
# A strategy is passed the time, so it cannot tell a real queue from this simulation. There are
# three kinds of events: a job arrives, a worker finishes a job, and the strategy's next change
# is due. After each event, the simulation does what a queue does: it offers the first job in
# line again, and lets free workers take jobs, until neither succeeds. If several events are due
# at the same time, work ends before jobs arrive, so a new job finds the worker that is free.
#
# The loop of a real channel cannot be used here, because it wakes tasks, which need a
# scheduler. A test replays random loads on real queues, and compares every job.
#
# The caller of a job is only a number, its patience. A caller that has given up neither leaves
# the line nor cancels its job, because a real queue does not learn of it either. The work is
# then wasted.
#
# Once the last caller has been let in or turned away, the queue closes, as it does at the end
# of the block of ``open_job_queue``.
#
# Invariants (``Simulation.check`` asserts them)
# ----------------------------------------------
# 1. A job is in one place: in line, with the strategy, with a worker, or ended.
# 2. Time never goes back.
# 3. Between events, the strategy has no item for a free worker, and would not let in the first
#    job in line, as far as it has been asked.

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final, Literal, TypeAlias, final

from gochan.strategies import ADMIT, WAIT, Empty, Refuse, Strategy, overrides

from ._loads import Arrival, Load

Fate: TypeAlias = Literal[
    "to come", "in line", "waiting", "running", "done", "refused", "dropped", "handed_back"
]

# If a strategy names a moment in the past, it is asked again after at least this time.
_SOON: Final = 1e-3

# How often in a row a strategy may name a moment at which nothing changes.
MOST_LOOKS: Final = 1_000_000


class BrokenStrategy(Exception):
    """A strategy raised an error, or gave an answer that makes no sense."""


@final
class SimulatedJob:
    """One job, with the attributes that a strategy may look at, and how it ended.

    Attributes:
        id: counts up from 1, in the order of arrival.
        fate: where it is, or how it ended.
        reason: why it was refused or dropped.
        left: when it began to run, or ended without running; ``inf`` while it waits.
        ended: when it ended; ``inf`` until then.
    """

    __slots__ = (
        "arrival",
        "ended",
        "fate",
        "id",
        "key",
        "left",
        "patience",
        "payload",
        "priority",
        "reason",
        "service",
        "timeout",
    )

    def __init__(self, number: int, arrival: Arrival) -> None:
        self.id = number
        self.arrival = arrival.arrival
        self.service = arrival.service
        self.patience = arrival.patience
        self.key: Hashable = arrival.key
        self.priority = arrival.priority
        self.payload: Any = arrival.payload
        self.timeout: float | None = None
        self.fate: Fate = "to come"
        self.reason = ""
        self.left = math.inf
        self.ended = math.inf

    @property
    def useful(self) -> bool:
        """Whether it was done while its caller still wanted the answer."""
        return self.fate == "done" and self.ended - self.arrival <= self.patience

    def __repr__(self) -> str:
        return f"<simulated job {self.id}: {self.fate}>"


def simulate(load: Load, strategy: Strategy[SimulatedJob], workers: int) -> list[SimulatedJob]:
    """Replay a load against a strategy and workers; return all jobs, in the order of arrival.

    A job that ends as ``in line`` or ``waiting`` was never given out.

    Raises:
        BrokenStrategy: the strategy raised an error, or its answers make no sense.
    """
    simulation = Simulation(load, strategy, workers)
    try:
        simulation.run()
    except BrokenStrategy:
        raise
    except (Exception, SystemExit) as error:
        raise BrokenStrategy(repr(error)) from error
    return simulation.jobs


@final
class Simulation:
    """One run of a load against a strategy, which must be a fresh one."""

    def __init__(self, load: Load, strategy: Strategy[SimulatedJob], workers: int) -> None:
        self.jobs = [SimulatedJob(*numbered) for numbered in enumerate(load.arrivals, 1)]
        self._bad = load.bad
        self._strategy = strategy
        self._reported = 0  # how many of its drops have been handled
        self._timed = overrides(strategy, "next_change")
        self._line: deque[SimulatedJob] = deque()
        self._workers = self._free = workers
        self._running: list[tuple[float, int, SimulatedJob]] = []  # a heap, ordered by end
        self._starts = count()  # orders jobs that end at the same moment
        self._now = -math.inf
        self._change = math.inf  # when the strategy wants to be asked again
        self._vain_looks = 0  # how often in a row that changed nothing

    def run(self) -> None:
        """Run to the end."""
        for job in self.jobs:
            while self._step(job.arrival):
                pass
            self._arrive(job)
        while self._line and self._step(math.inf):
            pass
        if not self._line:
            self._close()
        while self._step(math.inf):
            pass

    # Events

    def _step(self, until: float) -> bool:
        """Handle the next event up to ``until``; return whether there was one."""
        end = self._running[0][0] if self._running else math.inf
        if self._change < min(end, until):
            self._look(self._change)
        elif self._running and end <= until:
            self._finish(end)
        else:
            return False
        return True

    def _arrive(self, job: SimulatedJob) -> None:
        self._now = job.arrival
        self._vain_looks = 0
        if self._timed:
            self._settle()
        if self._line or not self._enter(job):
            job.fate = "in line"
            self._line.append(job)
            self._set_alarm()
        else:
            self._settle()

    def _finish(self, now: float) -> None:
        self._now = now
        self._vain_looks = 0
        _, _, job = heappop(self._running)
        job.fate = "done"
        job.ended = now
        # The handler returned, so the job is ``ok``, even if its caller has given up.
        waited, ran = job.left - job.arrival, now - job.left
        self._strategy.finished(job, now, waited=waited, ran=ran, ok=True)
        self._free += 1
        self._settle()

    def _look(self, now: float) -> None:
        """Ask the strategy again at the moment that it named as its next change."""
        self._now = now
        before = len(self._line), len(self._strategy), self._free
        self._settle()
        changed = before != (len(self._line), len(self._strategy), self._free)
        self._vain_looks = 0 if changed else self._vain_looks + 1
        if self._vain_looks > MOST_LOOKS:
            raise BrokenStrategy(
                f"next_change has named {MOST_LOOKS:,} moments in a row at which nothing changed"
            )

    def _close(self) -> None:
        for job in self._strategy.close():
            self._leave(job, "handed_back", "the queue was closed")
        self._settle()

    # Settling, as a ``Keeper`` does

    def _settle(self) -> bool:
        """Let jobs in line in and workers take, until neither succeeds any more.

        Returns:
            Whether the strategy dropped anything, and so may answer differently now.
        """
        gave_up = False
        while True:
            while self._line and self._admit_first():
                pass
            served = False
            while self._free and self._serve():
                served = True
            if self._report():
                gave_up = True
            elif not (served and self._line):
                break
        self._set_alarm()
        return gave_up

    def _set_alarm(self) -> None:
        self._change = self._due() if self._timed and (self._line or self._free) else math.inf

    def _admit_first(self) -> bool:
        """Offer the first in line again; return whether its wait is over."""
        job = self._line[0]
        if self._meet(job) or self._offer(job):
            self._line.popleft()
            return True
        return False

    def _enter(self, job: SimulatedJob) -> bool:
        """Offer a job that has just arrived; return whether its caller need not wait."""
        if self._meet(job):
            return True
        while not self._offer(job):
            if not self._settle():
                return False
        return True

    def _meet(self, job: SimulatedJob) -> bool:
        """Hand a job to a free worker if the strategy can hold nothing."""
        if self._strategy.capacity or not self._free:
            return False
        self._start(job)
        return True

    def _offer(self, job: SimulatedJob) -> bool:
        """Offer a job; return whether the strategy admitted it or turned it away."""
        # This comes first, because the strategy may drop at once what it admits.
        job.fate = "waiting"
        verdict = self._strategy.offer(job, self._now)
        if verdict is ADMIT:
            return True
        if verdict is WAIT:
            job.fate = "in line"
            return False
        if not isinstance(verdict, Refuse):
            raise BrokenStrategy(f"offer must return ADMIT, WAIT or Refuse(...), not {verdict!r}")
        self._end(job, "refused", verdict.reason)
        return True

    def _serve(self) -> bool:
        """Let a free worker start the next job, if the strategy gives one."""
        try:
            job = self._strategy.take(self._now)
        except Empty:
            return False
        if not isinstance(job, SimulatedJob) or job.fate != "waiting":
            raise BrokenStrategy(f"take gave out {job!r}, which does not wait")
        self._start(job)
        return True

    def _start(self, job: SimulatedJob) -> None:
        self._free -= 1
        job.fate = "running"
        job.left = self._now
        seconds = job.service
        if self._bad is not None and self._now in self._bad:
            seconds *= self._bad.slowdown
        heappush(self._running, (self._now + seconds, next(self._starts), job))

    def _report(self) -> bool:
        """Handle what the strategy has dropped; return whether there was anything."""
        drops = self._strategy.dropped[self._reported :]
        self._reported += len(drops)
        for job, reason in drops:
            self._leave(job, "dropped", reason)
        return bool(drops)

    def _leave(self, job: SimulatedJob, fate: Fate, reason: str) -> None:
        """End a job that the strategy gives up."""
        if not isinstance(job, SimulatedJob) or job.fate != "waiting":
            raise BrokenStrategy(f"it gave up {job!r}, which does not wait")
        self._end(job, fate, reason)

    def _end(self, job: SimulatedJob, fate: Fate, reason: str) -> None:
        job.fate = fate
        job.reason = reason
        job.left = job.ended = self._now

    def _due(self) -> float:
        """Return when the strategy must be asked again; ``inf`` for never."""
        change = self._strategy.next_change(self._now)
        if change is None:
            return math.inf
        if change > self._now:
            return change
        return self._now + max(self._now - change, _SOON)

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        fates = Counter(job.fate for job in self.jobs)
        assert fates["in line"] == len(self._line)
        assert all(job.fate == "in line" for job in self._line)
        assert fates["waiting"] == len(self._strategy)
        assert fates["running"] == len(self._running) == self._workers - self._free >= 0
        assert all(job.fate == "running" for _, _, job in self._running)
        for job in self.jobs:
            assert job.arrival <= job.left <= job.ended
            assert (job.left < math.inf) == (job.fate not in ("to come", "in line", "waiting"))
            assert job.left <= self._now or job.left == math.inf
