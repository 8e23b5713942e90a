"""A job queue in virtual time: a real strategy, workers that only count, and no scheduler."""

# Theory of operation
# -------------------
# Strategies are told the time, so one cannot tell whether a queue asks it or this file.
# Three kinds of events follow each other: a job arrives, a worker ends one, and the moment
# comes that the strategy has named as its next change. After each event, callers in line and
# free workers are settled with the strategy as a queue does it: the first in line is offered
# again, free workers take, until neither can go on. At the same moment work ends first,
# then jobs arrive, so a job finds the worker that becomes free.
#
# The loop of a real channel cannot be used for this: it wakes tasks, which need a scheduler.
# A test replays random loads on real queues instead, and compares every job.
#
# The caller of a job is only a number, its patience: it neither leaves the line nor cancels
# the job when it has gone, because a queue is not told either. The work is then done in vain.
#
# After the last caller has been let in or turned away, the queue closes, as the block of
# ``open_job_queue`` does when the last submit in it has returned.
#
# Invariants (``Simulation.check`` asserts them)
# ----------------------------------------------
# 1. A job is in one place: in line, with the strategy, with a worker, or ended.
# 2. Jobs arrive, start and end at moments that never go back.
# 3. Between events, no worker is free for an item that the strategy would give, and the
#    strategy would not let in the first in line, as far as it has been asked.

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

# A strategy that names a moment of the past is asked again after this time at least.
_SOON: Final = 1e-3

# How often in a row a strategy may name a moment at which nothing changes.
MOST_LOOKS: Final = 1_000_000


class BrokenStrategy(Exception):
    """A strategy has raised, or has given an answer that makes no sense."""


@final
class SimulatedJob:
    """One job: what a strategy may look at, as in a queue, and how it ended.

    Attributes:
        id: counts up from 1, in the order of arrival.
        fate: where it is, or how it ended.
        reason: why it was refused or dropped.
        left: when it began to run, or else ended; ``inf`` while it waits.
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
        """Whether it was done while somebody still wanted the answer."""
        return self.fate == "done" and self.ended - self.arrival <= self.patience

    def __repr__(self) -> str:
        return f"<simulated job {self.id}: {self.fate}>"


def simulate(load: Load, strategy: Strategy[SimulatedJob], workers: int) -> list[SimulatedJob]:
    """Replay a load against a strategy and workers; return all jobs, in the order of arrival.

    A job that ends as ``in line`` or ``waiting`` was never given out.

    Raises:
        BrokenStrategy: the strategy has raised, or its answers make no sense.
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
        self._reported = 0  # how many of its drops have been dealt with
        self._timed = overrides(strategy, "next_change")
        self._line: deque[SimulatedJob] = deque()
        self._workers = self._free = workers
        self._running: list[tuple[float, int, SimulatedJob]] = []  # a heap, by when they end
        self._starts = count()  # tells those that end at the same moment apart
        self._now = -math.inf
        self._change = math.inf  # when the strategy wants to be asked again
        self._vain_looks = 0  # how often it has been, in a row, because of the time alone

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
        """Deal with the next event, if there is one until then; return whether there was."""
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
        # The handler has returned, so it is ``ok``, even if nobody wants the answer any more.
        waited, ran = job.left - job.arrival, now - job.left
        self._strategy.finished(job, now, waited=waited, ran=ran, ok=True)
        self._free += 1
        self._settle()

    def _look(self, now: float) -> None:
        """Ask the strategy again, because it has said that time changes its answers."""
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
        """Let callers in line, workers and strategy meet, until neither can do more.

        Returns:
            Whether the strategy has dropped anything, and so may answer differently now.
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
        """Offer a job that has just come; return whether its caller need not wait."""
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
        """Return whether the strategy has taken a job in, or turned it away."""
        # Before it is asked, because it may drop at once what it takes in.
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
        """Deal with what the strategy has dropped; return whether there was anything."""
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
