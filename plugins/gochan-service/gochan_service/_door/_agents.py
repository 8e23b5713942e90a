"""The agents that a server has heard of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, final

import trio

from gochan.durable import KnownWorker, Worker

from .._wire import AgentSaid
from ._listeners import TooMany

MOST_POLLS: Final = 100
"""How many polls an agent may have under way; more would be a mistake of it."""

FORGOTTEN: Final = 86_400.0  # seconds without a word, whether it was drained or not
MOST: Final = 10_000
CROWDED: Final = 600.0
"""After how many seconds without a word agents are forgotten when there is no room for others."""

MOST_QUEUES: Final = 100
"""How many queues of an agent are remembered."""


@final
@dataclass(slots=True)
class Agent:
    """What an agent has said of itself."""

    name: str
    capacity: int = 1
    machine: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    seen: float = 0.0
    """When it was last heard of, by trio's clock."""
    held: int = 0
    """How many jobs it said it has."""
    polls: int = 0
    """How many of its requests wait now."""
    draining: bool = False
    """Whether it gets no more jobs."""
    phase: str = ""
    """Of its stop, as it says; empty if it does not stop."""
    queues: list[str] = field(default_factory=list)
    """Whose jobs it has asked for, the latest last."""
    woken: trio.Event = field(default_factory=trio.Event)
    """Set when it is drained, so that its polls end."""

    @property
    def worker(self) -> Worker:
        """Who it is for the store."""
        return Worker(self.name, self.machine, self.labels)

    @property
    def known(self) -> KnownWorker:
        """What is told of it."""
        return KnownWorker(
            name=self.name,
            machine=self.machine,
            labels=self.labels,
            capacity=self.capacity,
            silent=max(0.0, trio.current_time() - self.seen),
            phase=self.phase or ("drain" if self.draining else ""),
            queues=tuple(sorted(self.queues)),
        )

    def asks_for(self, queue: str) -> None:
        """Note whose jobs it wants."""
        if self.queues[-1:] != [queue]:
            others = [one for one in self.queues if one != queue]
            self.queues = [*others, queue][-MOST_QUEUES:]

    def drain(self, draining: bool) -> None:
        """Let it get no more jobs, or again; its polls end."""
        self.draining = draining
        self.woken.set()
        self.woken = trio.Event()

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Count a request that may wait, inside the block.

        Raises:
            TooMany: it has so many already.
        """
        if self.polls >= MOST_POLLS:
            raise TooMany(f"the agent {self.name!r} has {self.polls} polls under way")
        self.polls += 1
        try:
            yield
        finally:
            self.polls -= 1
            self.seen = trio.current_time()


@final
class Agents:
    """All of them, by name."""

    def __init__(self) -> None:
        self._agents: dict[str, Agent] = {}
        self.orders: dict[str, bool] = {}
        """Who was drained here, or not any more, which other servers have not been told yet."""
        self.news: set[str] = set()
        """Who was heard of here, which other servers have not been told yet."""
        self.on_order: Callable[[], None] = lambda: None
        """Called when somebody was drained here, or not any more."""
        self.on_undrain: Callable[[], None] = lambda: None
        """Called when somebody gets jobs again, wherever that was said."""

    def heard(self, said: AgentSaid) -> Agent:
        """Note that an agent has been heard of, and return it.

        Raises:
            TooMany: it is a new one, and there are too many.
        """
        agent = self._agents.get(said.name)
        if agent is None:
            if len(self._agents) >= MOST:
                self._forget(CROWDED)
            if len(self._agents) >= MOST:
                raise TooMany("too many agents work for this server")
            agent = self._agents[said.name] = Agent(said.name)
        agent.seen = trio.current_time()
        self.news.add(said.name)
        if said.capacity is not None:
            agent.capacity = said.capacity
        if said.machine is not None:
            agent.machine = said.machine
        if said.labels is not None:
            agent.labels = said.labels
        if said.phase is not None:
            agent.phase = said.phase
        if said.held is not None:
            agent.held = said.held
        return agent

    def _forget(self, silent: float) -> None:
        """Forget those that were silent for so many seconds.

        Drained ones, too: a fleet that grows and shrinks drains each agent before its end.
        """
        latest = trio.current_time() - silent
        for name, agent in [*self._agents.items()]:
            if agent.seen < latest and not agent.polls:
                del self._agents[name]
                self.news.discard(name)
                self.orders.pop(name, None)

    def all(self) -> list[Agent]:
        """Return them, but for those that were silent for a day."""
        self._forget(FORGOTTEN)
        return [*self._agents.values()]

    def known(self) -> list[KnownWorker]:
        """Return what is told of them, sorted by name."""
        return sorted((agent.known for agent in self.all()), key=lambda one: one.name)

    def drains(self, name: str) -> bool:
        """Whether an agent gets no more jobs."""
        agent = self._agents.get(name)
        return agent is not None and agent.draining

    def drain(self, name: str, draining: bool) -> bool:
        """Let an agent get no more jobs, or again; return whether it is known."""
        agent = self._agents.get(name)
        if agent is None:
            return False
        self.orders[name] = draining
        self._drain(agent, draining)
        self.on_order()
        return True

    def heard_elsewhere(
        self, name: str, said: Mapping[str, Any], seen: float, *, draining: bool
    ) -> None:
        """Note what another server knows of an agent."""
        agent = self._agents.setdefault(name, Agent(name, seen=-math.inf))
        if seen > agent.seen:
            agent.seen = seen
            for field_name, value in said.items():
                setattr(agent, field_name, value)
        if draining is not agent.draining and name not in self.orders:
            self._drain(agent, draining)

    def _drain(self, agent: Agent, draining: bool) -> None:
        was_draining = agent.draining
        agent.drain(draining)
        if was_draining and not draining:
            self.on_undrain()
