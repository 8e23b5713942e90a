"""Simulating: what a scaling would do with a load, in virtual time."""

# Theory of operation
# -------------------
# It goes from event to event: a job comes, a job ends, a new agent is ready, a decision takes
# effect. Every few seconds the scaling looks, as the real scaler does. What it decides takes effect
# a second later, so that an agent may get a job between the look and its drain.
#
# A perfect scaler knows the future and has agents that start at once: each job starts when it
# comes, and there are exactly as many agents as that needs.

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from ._rates import ArrivalRate
from ._scaling import Scaling
from ._snapshot import ScaledAgent, ScalingDecision, ScalingSnapshot

_LATENCY: Final = 1.0
_ENDLESS: Final = 86_400.0
_RECENT: Final = 50  # jobs whose durations are known


@final
@dataclass(slots=True)
class ScalingRun:
    """What a scaling has done with a load; times are in seconds."""

    waits: list[float] = field(default_factory=list)
    """How long each job that has started had to wait, in the order of their starts."""
    agent_seconds: float = 0.0
    """How long agents were there, all together: what they cost."""
    perfect_seconds: float = 0.0
    """What they would cost if each job started at once, and no agent was there without one."""
    most: int = 0
    """How many agents there were at most."""
    stopped_busy: int = 0
    """How many agents were stopped while they had jobs."""
    created: int = 0
    """How many agents were asked for."""
    moments: list[float] = field(default_factory=list)
    """When it was looked; the next lists have a value for each."""
    agents: list[int] = field(default_factory=list)
    """How many agents there were, those included that start."""
    busy: list[int] = field(default_factory=list)
    """How many jobs ran."""
    waiting: list[int] = field(default_factory=list)
    """How many jobs waited."""

    def wait(self, share: float) -> float:
        """Return how long that share of the jobs waited at most; 0.5 is the median."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def simulate_scaling(
    scaling: Scaling,
    jobs: Iterable[tuple[float, float]],
    *,
    capacity: int = 1,
    start: float = 30.0,
    interval: float = 5.0,
    until: float = 0.0,
    lost: float = 0.0,
    seed: int = 0,
) -> ScalingRun:
    """Return what a scaling would do with a load.

    Args:
        scaling: decides; a new one for each call.
        jobs: when each comes, and how long it takes, in seconds.
        capacity: how many jobs an agent can run at the same time.
        start: seconds from when an agent is asked for until it is ready.
        interval: seconds between decisions.
        until: when to end, if jobs end before. Jobs that nobody takes are waited for for a day.
        lost: the share of agents that are asked for in vain; nobody says so.
        seed: of chance: which agent takes a job, and which are lost.
    """
    return _Simulation(scaling, sorted(jobs), capacity, start, interval, lost, seed).run(until)


@final
@dataclass(slots=True)
class _Agent:
    name: str
    since: float
    ready: bool = False
    lost: bool = False
    draining: bool = False
    jobs: int = 0


@final
class _Simulation:
    def __init__(
        self,
        scaling: Scaling,
        jobs: Sequence[tuple[float, float]],
        capacity: int,
        start: float,
        interval: float,
        lost: float,
        seed: int,
    ) -> None:
        self._scaling = scaling
        self._jobs = jobs
        self._capacity = capacity
        self._start = start
        self._interval = interval
        self._lost = lost
        self._chance = random.Random(seed)
        self._rate = ArrivalRate()
        self._durations: deque[float] = deque(maxlen=_RECENT)
        self._agents: dict[str, _Agent] = {}
        self._line: deque[tuple[float, float]] = deque()  # when they came, and how long they take
        self._ends: list[tuple[float, str, float]] = []  # of jobs: when, where, and since when
        self._ready: deque[tuple[float, str]] = deque()
        self._drains: deque[tuple[float, str, bool]] = deque()
        self._come = 0
        self._now = 0.0
        self._result = ScalingRun()

    def run(self, until: float) -> ScalingRun:
        tick = 0.0
        while self._is_under_way(until):
            moment = min(tick, self._next())
            self._go_to(moment)
            self._happen()
            self._hand_out()
            if moment >= tick:
                self._decide()
                tick += self._interval
        self._result.perfect_seconds = perfect_seconds(self._jobs, self._capacity)
        return self._result

    def _is_under_way(self, until: float) -> bool:
        if self._now < until or self._come < len(self._jobs) or self._ends:
            return True
        return bool(self._line) and self._now < max(until, self._line[-1][0]) + _ENDLESS

    def _next(self) -> float:
        """Return when the next thing happens."""
        return min(
            self._jobs[self._come][0] if self._come < len(self._jobs) else math.inf,
            self._ends[0][0] if self._ends else math.inf,
            self._ready[0][0] if self._ready else math.inf,
            self._drains[0][0] if self._drains else math.inf,
        )

    def _go_to(self, moment: float) -> None:
        there = sum(not agent.lost for agent in self._agents.values())
        self._result.agent_seconds += there * (moment - self._now)
        self._now = moment

    def _happen(self) -> None:
        """Let happen what is due now."""
        now = self._now
        while self._ends and self._ends[0][0] <= now:
            _, name, since = heapq.heappop(self._ends)
            self._agents[name].jobs -= 1
            self._durations.append(now - since)
        while self._come < len(self._jobs) and self._jobs[self._come][0] <= now:
            self._line.append(self._jobs[self._come])
            self._come += 1
        while self._ready and self._ready[0][0] <= now:
            agent = self._agents.get(self._ready.popleft()[1])
            if agent is not None:
                agent.ready = not agent.lost
        while self._drains and self._drains[0][0] <= now:
            _, name, draining = self._drains.popleft()
            if name in self._agents:
                self._agents[name].draining = draining

    def _hand_out(self) -> None:
        """Give jobs to agents that have room, each to any of them."""
        while self._line:
            room = [
                agent
                for agent in self._agents.values()
                if agent.ready and not agent.draining and agent.jobs < self._capacity
            ]
            if not room:
                return
            agent = self._chance.choice(room)
            came, duration = self._line.popleft()
            agent.jobs += 1
            self._result.waits.append(self._now - came)
            heapq.heappush(self._ends, (self._now + duration, agent.name, self._now))

    def _decide(self) -> None:
        seen = self._look()
        self._act(self._scaling.decide(seen, self._now))
        result = self._result
        result.most = max(result.most, len(self._agents))
        result.moments.append(self._now)
        result.agents.append(len(self._agents))
        result.busy.append(seen.running)
        result.waiting.append(seen.waiting)

    def _look(self) -> ScalingSnapshot:
        durations = self._durations
        return ScalingSnapshot(
            waiting=len(self._line),
            running=len(self._ends),
            agents=[
                ScaledAgent(
                    name=agent.name,
                    capacity=self._capacity,
                    busy=agent.jobs,
                    age=self._now - agent.since,
                    draining=agent.draining,
                    heard=agent.ready,
                    provided=not agent.lost,
                )
                for agent in self._agents.values()
            ],
            duration=sum(durations) / len(durations) if durations else None,
            age=sum(self._now - since for _, _, since in self._ends) / max(1, len(self._ends)),
            rate=self._rate.note(self._come, self._now),
        )

    def _act(self, decision: ScalingDecision) -> None:
        soon = self._now + _LATENCY
        self._drains += [(soon, name, True) for name in decision.drain]
        self._drains += [(soon, name, False) for name in decision.undrain]
        for name in decision.destroy:
            agent = self._agents.pop(name)
            self._result.stopped_busy += bool(agent.jobs)
        for _ in range(decision.create):
            self._result.created += 1
            name = f"agent-{self._result.created}"
            is_lost = self._chance.random() < self._lost
            self._agents[name] = _Agent(name, self._now, lost=is_lost)
            self._ready.append((self._now + self._start, name))


def perfect_seconds(jobs: Iterable[tuple[float, float]], capacity: int) -> float:
    """Return for how long agents are needed, all together, if each job starts when it comes."""
    changes = [(came, 1) for came, duration in jobs if duration > 0]
    changes += [(came + duration, -1) for came, duration in jobs if duration > 0]
    seconds, running, before = 0.0, 0, 0.0
    for moment, change in sorted(changes):
        seconds += -(-running // capacity) * (moment - before)
        running, before = running + change, moment
    return seconds
