"""A scaler: looks at a server and at a provider, decides, and acts, again and again."""

# Theory of operation
# -------------------
# An agent is known by the name that it was created with, to its provider and, as its label, to the
# server. Nothing else ties the three together, and nothing is written down: a scaler that is killed
# and started again finds what both sides know.
#
# The server hears an idle agent once in a minute or so. If the provider says that an agent has
# gone, and the server has not heard from it since, both agree; if it has, the provider is wrong.

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, final

import trio

from gochan.durable import StoreError, StoreUnavailable

from ._fleet import KnownAgent, Seen
from ._providers import Provider, ProviderError, is_of
from ._rates import ArrivalRate
from ._scaling import Scaling
from ._snapshot import ScaledAgent, ScalingDecision, ScalingSnapshot

_HEARD: Final = 100.0  # seconds after which the server does not hear from an agent any more
_MOST_PAUSE: Final = 60.0
_GOING: Final = 30.0  # seconds that destroyed agents have to go


class AnyFleet(Protocol):
    """What a scaler wants of a server."""

    async def look(self) -> Seen:
        """Ask for what there is now."""

    async def drain(self, agent: str, draining: bool) -> None:
        """Let an agent get no more jobs, or again."""


@final
@dataclass(slots=True)
class _Known:
    """What is remembered of an agent."""

    since: float
    """When it was asked for, or seen for the first time."""
    capacity: int
    listed: bool = False
    """Whether the provider has ever known it."""
    seen: bool = False
    """Whether anybody has; if not, it was just asked for."""
    heard: bool = False
    """Whether the server has ever heard from it."""
    latest: float = -math.inf
    """When it has done so last."""
    vanished: float | None = None
    """When the provider did not know it any more."""
    destroyed: bool = False
    """Whether the provider was told to destroy it."""

    @property
    def is_there(self) -> bool:
        """Whether it goes on, as far as is known."""
        return self.vanished is None and not self.destroyed


@final
class Scaler:
    """Keeps as many agents as are needed.

    Args:
        scaling: decides.
        fleet: is the server.
        provider: starts and ends agents.
        prefix: of their names.
        capacity: of a new agent.
        say: tells people.
        interval: seconds between looks.
        clock: tells the time.
    """

    def __init__(
        self,
        scaling: Scaling,
        fleet: AnyFleet,
        provider: Provider,
        prefix: str,
        *,
        capacity: int = 1,
        say: Callable[[str], None],
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scaling = scaling
        self._fleet = fleet
        self._provider = provider
        self._prefix = prefix
        self._capacity = capacity
        self._say = say
        self._interval = interval
        self._clock = clock
        self._rate = ArrivalRate()
        self._known: dict[str, _Known] = {}
        self._names: dict[str, str] = {}  # of agents, for the server
        self._failed = 0
        self._stillborn: list[str] = []  # who ended before the server heard from them
        self._told: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Look, decide and act, for ever; less often while that fails."""
        pause = self._interval
        while True:
            pause = self._interval if await self.step() else min(_MOST_PAUSE, 2 * pause)
            await trio.sleep(pause)

    async def step(self) -> bool:
        """Look, decide and act once; return whether both sides have answered.

        Raises:
            StoreError: the server refuses, as the token is wrong.
        """
        try:
            snapshot = await self._look()
        except (StoreUnavailable, ProviderError) as error:
            self._tell([f"nothing is decided, for {error}"])
            return False
        decision = self._scaling.decide(snapshot, self._clock())
        self._failed = 0
        problems = await self._act(decision, snapshot)
        ended = [f"{name} ended before the server heard from it" for name in self._stillborn]
        self._tell([*decision.notes, *ended, *problems])
        return True

    def _tell(self, sentences: Collection[str]) -> None:
        """Tell people what was not the case before."""
        for sentence in dict.fromkeys(sentences):
            if sentence not in self._told:
                self._say(sentence)
        self._told = frozenset(sentences)

    # Looking

    async def _look(self) -> ScalingSnapshot:
        listed = self._ours(await self._provider.list())
        seen = await self._fleet.look()
        now = self._clock()
        heard = self._newest(seen)
        self._remember(heard, listed, now)
        agents = [self._agent(name, heard.get(name), listed, now) for name in self._known]
        agents = [one for one in agents if one.heard or one.provided or not self._has_gone(one)]
        self._forget({one.name for one in agents} | {*heard})
        ours = {one.name for one in heard.values()}
        ages = [age for name, each in seen.ages.items() if name in ours for age in each]
        return ScalingSnapshot(
            waiting=seen.waiting,
            running=sum(one.busy for one in agents),
            agents=agents,
            duration=seen.duration,
            age=sum(ages) / len(ages) if ages else 0.0,
            rate=self._rate.note(seen.stored, now),
            failed=self._failed,
        )

    def _ours(self, listed: Collection[str] | None) -> Collection[str] | None:
        """Return those whom we have named, of what a provider lists."""
        return None if listed is None else {one for one in listed if is_of(self._prefix, one)}

    def _has_gone(self, agent: ScaledAgent) -> bool:
        """Whether an agent that neither side knows was there before, and not just asked for."""
        return self._known[agent.name].seen

    def _forget(self, there: Collection[str]) -> None:
        """Forget those of whom nobody says anything any more."""
        for name in self._known.keys() - there:
            del self._known[name]

    def _newest(self, seen: Seen) -> dict[str, KnownAgent]:
        """Return what the server says of ours that it hears; one that began anew is there twice."""
        newest: dict[str, KnownAgent] = {}
        for one in sorted(seen.agents, key=lambda one: -one.heard):
            if one.heard < _HEARD and is_of(self._prefix, one.instance):
                newest[one.instance] = one
        self._names = {name: one.name for name, one in newest.items()}
        return newest

    def _remember(
        self, heard: Mapping[str, KnownAgent], listed: Collection[str] | None, now: float
    ) -> None:
        for name in [*heard, *(listed or ())]:
            self._known.setdefault(name, _Known(now, self._capacity))
        self._stillborn = []
        for name, known in self._known.items():
            if name in heard:
                known.capacity, known.heard, known.seen = heard[name].capacity, True, True
                known.latest = now - heard[name].heard
            if listed is not None:
                self._compare(name, known, listed, now)

    def _compare(self, name: str, known: _Known, listed: Collection[str], now: float) -> None:
        """Note what the provider says of an agent."""
        if name in listed:
            known.listed, known.seen, known.vanished = True, True, None
        elif known.listed and known.vanished is None:
            known.vanished = now
            if not known.heard and not known.destroyed:
                self._stillborn.append(name)
                self._failed += 1

    def _agent(
        self, name: str, told: KnownAgent | None, listed: Collection[str] | None, now: float
    ) -> ScaledAgent:
        known = self._known[name]
        heard = told is not None
        if told is not None and known.vanished is not None:
            heard = now - told.heard > known.vanished
        # A server that has just begun does not know whom it has heard before.
        lately = heard or not known.seen or now - known.latest < _HEARD
        return ScaledAgent(
            name=name,
            capacity=known.capacity,
            busy=0 if told is None else told.busy,
            age=now - known.since,
            draining=told is not None and told.draining,
            heard=heard,
            provided=lately if listed is None else name in listed,
        )

    # Acting

    async def _act(self, decision: ScalingDecision, snapshot: ScalingSnapshot) -> list[str]:
        """Do what is decided; return what went wrong."""
        problems: list[str] = []
        for names, draining in ((decision.drain, True), (decision.undrain, False)):
            for name in names:
                await self._drain(name, draining, problems)
        new = [f"{self._prefix}-{secrets.token_hex(3)}" for _ in range(decision.create)]
        if new:
            jobs = f"{snapshot.waiting} jobs wait, {snapshot.running} run"
            self._say(f"creates {', '.join(new)}: {jobs}, {decision.wanted} slots are wanted")
        if decision.destroy:
            self._say(f"destroys {', '.join(decision.destroy)}")
        async with trio.open_nursery() as nursery:
            for name in new:
                self._known[name] = _Known(self._clock(), self._capacity)
                nursery.start_soon(partial(self._create, name, problems))
            for name in decision.destroy:
                nursery.start_soon(partial(self._destroy, name, problems))
        return problems

    async def _drain(self, name: str, draining: bool, problems: list[str]) -> None:
        try:
            await self._fleet.drain(self._names[name], draining)
        except StoreError as error:
            problems.append(f"{name} could not be told whether it drains: {error}")
        else:
            self._say(f"{'drains' if draining else 'wants again'} {name}")

    async def _create(self, name: str, problems: list[str]) -> None:
        try:
            await self._provider.create(name)
        except ProviderError as error:
            del self._known[name]
            self._failed += 1
            problems.append(str(error))

    async def _destroy(self, name: str, problems: list[str]) -> None:
        try:
            await self._provider.destroy(name)
        except ProviderError as error:
            problems.append(str(error))
        known = self._known[name]
        known.seen = known.destroyed = True  # it is forgotten once neither side knows it

    # The end

    async def end(self, patience: float) -> list[str]:
        """Let all agents drain, wait until they are idle, destroy them; return who is left."""
        problems: list[str] = []
        try:
            with trio.move_on_after(patience):
                while not await self._have_drained(problems):  # noqa: ASYNC110  # it has to be asked
                    await trio.sleep(min(1.0, self._interval))
            left = await self._destroy_all(problems)
        except (StoreError, ProviderError) as error:
            problems.append(f"agents are left, for {error}")
            left = self.names
        self._tell(problems)
        return left

    async def _have_drained(self, problems: list[str]) -> bool:
        snapshot = await self._look()
        for agent in snapshot.agents:
            if agent.heard and not agent.draining:
                await self._drain(agent.name, True, problems)
        return not snapshot.running and all(
            one.draining or not one.heard for one in snapshot.agents
        )

    async def _destroy_all(self, problems: list[str]) -> list[str]:
        """Destroy those without jobs, and wait until they have gone."""
        snapshot = await self._look()
        idle = [agent.name for agent in snapshot.agents if not agent.busy]
        async with trio.open_nursery() as nursery:
            for name in idle:
                nursery.start_soon(partial(self._destroy, name, problems))
        left = {agent.name for agent in snapshot.agents} - {*idle}
        with trio.move_on_after(_GOING):
            while listed := {*(await self._provider.list() or ())} & {*idle}:  # noqa: ASYNC110  # as above
                await trio.sleep(min(0.2, self._interval))
            listed = set()
        return sorted(left | listed)

    @property
    def names(self) -> list[str]:
        """The agents that are there, as far as is known."""
        return [name for name, known in self._known.items() if known.is_there]
