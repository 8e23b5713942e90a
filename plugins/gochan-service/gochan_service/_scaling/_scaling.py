"""Scaling: how many agents there should be, and which may go."""

# Theory of operation
# -------------------
# A decision is made from a snapshot and the time, and nothing else; others act on it, and look
# again. What is decided is not taken for done: only the next snapshot tells. So a provider that
# fails, forgets or lies changes what is seen, and nothing that is remembered here is wrong for
# ever.
#
# Up at once. Down in steps, each at a later look: an idle agent that nobody has wanted for a while
# is drained; when the server says that it drains, and it is idle still, it is destroyed. If it is
# wanted meanwhile, it gets jobs again.
#
# Invariants
# 1. An agent that is busy is neither drained nor destroyed.
# 2. What is destroyed was drained before, or the server has not heard from it for long.
# 3. No agent is created if there are ``max``; none is drained if that leaves fewer than ``min``.

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, final

from gochan.strategies import check_count, check_seconds

from ._backoff import Backoff
from ._demand import expected_wait, slots_wanted
from ._snapshot import ScaledAgent, ScalingDecision, ScalingSnapshot

_SETTLE: Final = 5.0
"""Seconds after which a drained agent has what it was offered before."""

_NAMED: Final = 3


@final
class Scaling:
    """Decides how many agents there should be.

    It knows neither a server nor a clock: call `decide` with what there is, every few seconds.

    Args:
        min: how few agents there may be; 0 lets the last one go.
        max: how many there may be.
        target: how many seconds the next job may have to wait.
        buffer: how many agents are kept beyond those that are needed.
        min_age: how many seconds an agent lives at least, and how long nobody must have wanted it.
        capacity: how many jobs a new agent can run at the same time.
        patience: after how many seconds an agent that the server does not hear from is given up.

    Raises:
        TypeError, ValueError: an argument is of the wrong type, or out of range.
    """

    def __init__(
        self,
        *,
        min: int = 0,
        max: int = 10,
        target: float = 30.0,
        buffer: int = 0,
        min_age: float = 300.0,
        capacity: int = 1,
        patience: float = 120.0,
    ) -> None:
        check_count("min", min)
        check_count("max", max)
        check_count("buffer", buffer)
        check_count("capacity", capacity, least=1)
        check_seconds("target", target, finite=True)
        check_seconds("min_age", min_age, finite=True)
        check_seconds("patience", patience, more_than=0, finite=True)
        if min > max:
            raise ValueError(f"min, {min}, is more than max, {max}")
        self._min = min
        self._max = max
        self._target = target
        self._buffer = buffer
        self._min_age = min_age
        self._capacity = capacity
        self._patience = patience
        self._backoff = Backoff()
        self._wanted: deque[tuple[float, int]] = deque()  # when so many slots were wanted
        self._heard: set[str] = set()  # whom the server has ever heard
        self._silent: dict[str, float] = {}  # whom it does not hear, and since when
        self._drained: set[str] = set()  # by us
        self._draining: dict[str, float] = {}  # whom the server lets drain, and since when
        self._destroyed: dict[str, float] = {}  # and when

    def decide(self, seen: ScalingSnapshot, now: float) -> ScalingDecision:
        """Return what is to be done.

        Args:
            seen: what there is.
            now: seconds, by a clock that does not go back.
        """
        self._remember(seen, now)
        lost = [agent for agent in seen.agents if self._is_lost(agent, now)]
        notes = [*self._oddities(seen, lost, now)]
        there = [agent for agent in seen.agents if not self._is_gone(agent, lost)]
        usable = [agent for agent in there if agent not in lost and not self._leaves(agent)]
        slots = _slots(usable)
        wanted = self._want(seen, now)
        again = [agent.name for agent in there if self._has_forgotten_to_drain(agent)]
        undrain = self._undrain(there, wanted - slots)
        usable += [agent for agent in there if agent.name in undrain]
        create = self._create(len(there), len(usable), wanted - _slots(usable))
        drain = [] if create or undrain else self._drain(usable, now)
        destroy = [agent.name for agent in there if self._may_go(agent, now)]
        destroy += [agent.name for agent in lost if self._may_ask(agent, now)]
        self._drained.update(drain)
        self._destroyed.update(dict.fromkeys(destroy, now))
        return ScalingDecision(
            create=self._backoff.allow(create, now),
            drain=(*drain, *(name for name in again if name not in undrain)),
            undrain=(*undrain,),
            destroy=(*destroy,),
            wanted=wanted,
            wait=expected_wait(seen, slots, self._target),
            notes=(*notes,),
        )

    # What is remembered

    def _remember(self, seen: ScalingSnapshot, now: float) -> None:
        there = {agent.name for agent in seen.agents}
        for remembered in (self._silent, self._draining, self._destroyed):
            for name in remembered.keys() - there:
                del remembered[name]
        self._drained &= there
        heard = {agent.name for agent in seen.agents if agent.heard}
        if heard - self._heard:
            self._backoff.succeed()
        self._heard = (self._heard & there) | heard
        for agent in seen.agents:
            # A new one is given time from when it was asked for.
            silent_since = now if agent.name in self._heard else now - agent.age
            _note(self._silent, agent.name, silent_since, not agent.heard)
            _note(self._draining, agent.name, now, agent.draining)

    def _is_lost(self, agent: ScaledAgent, now: float) -> bool:
        """Whether the server has not heard from an agent for long, and it has no jobs."""
        since = self._silent.get(agent.name, now)
        return not agent.busy and now - since >= self._patience

    def _is_gone(self, agent: ScaledAgent, lost: Sequence[ScaledAgent]) -> bool:
        """Whether both sides say that an agent is not there any more, or never was."""
        if agent.heard or agent.provided:
            return False
        return agent.name in self._heard or agent in lost

    def _may_ask(self, agent: ScaledAgent, now: float) -> bool:
        """Whether it was not destroyed yet, or so long ago that it should have gone."""
        return agent.name not in self._destroyed or self._is_stubborn(agent, now)

    def _is_stubborn(self, agent: ScaledAgent, now: float) -> bool:
        return now - self._destroyed.get(agent.name, now) >= self._patience

    # What is odd

    def _oddities(
        self, seen: ScalingSnapshot, lost: Sequence[ScaledAgent], now: float
    ) -> Iterable[str]:
        """Yield what people should know, and ask for less if it is the provider that fails."""
        forgotten = [agent.name for agent in seen.agents if agent.heard and not agent.provided]
        if forgotten:
            yield f"the provider does not know agents that work: {_some(forgotten)}"
        new = [agent.name for agent in lost if agent.name not in self._destroyed]
        if new:
            yield f"agents have not reached the server in {self._patience:g} s: {_some(new)}"
        stubborn = [agent.name for agent in seen.agents if self._is_stubborn(agent, now)]
        if stubborn:
            yield f"agents that were destroyed are still there: {_some(stubborn)}"
        if seen.failed or new:
            yield f"no agent is asked for in the next {self._backoff.fail(now):g} s"

    # What is wanted

    def _want(self, seen: ScalingSnapshot, now: float) -> int:
        """Return how many slots there should be."""
        slots = slots_wanted(seen, self._target)
        agents = -(-slots // self._capacity) + self._buffer
        wanted = max(self._min, min(self._max, agents)) * self._capacity
        self._wanted.append((now, wanted))
        while self._wanted[0][0] < now - self._min_age:
            self._wanted.popleft()
        return wanted

    def _leaves(self, agent: ScaledAgent) -> bool:
        return agent.draining or agent.name in self._drained or agent.name in self._destroyed

    # Up

    def _undrain(self, there: Sequence[ScaledAgent], missing: int) -> list[str]:
        """Return which of those that we have drained are needed again."""
        names: list[str] = []
        for agent in there:
            is_ours = agent.name in self._drained and agent.name not in self._destroyed
            if missing > 0 and is_ours and agent.heard:  # nobody else can be told
                names.append(agent.name)
                missing -= agent.capacity
        self._drained.difference_update(names)
        return names

    def _create(self, there: int, usable: int, missing: int) -> int:
        needed = max(-(-missing // self._capacity), self._min - usable)
        return max(0, min(needed, self._max - there))

    # Down

    def _drain(self, usable: Sequence[ScaledAgent], now: float) -> list[str]:
        """Return which agents nobody has wanted for a while, the oldest first."""
        spare = _slots(usable) - max(wanted for _, wanted in self._wanted)
        names: list[str] = []
        for agent in sorted(usable, key=lambda one: -one.age):
            fewer = len(usable) - len(names) - 1
            if self._is_idle(agent) and agent.capacity <= spare and fewer >= self._min:
                names.append(agent.name)
                spare -= agent.capacity
        return names

    def _is_idle(self, agent: ScaledAgent) -> bool:
        return agent.heard and not agent.busy and agent.age >= self._min_age

    def _has_forgotten_to_drain(self, agent: ScaledAgent) -> bool:
        """Whether the server does not know any more that an agent drains, as after a restart."""
        return agent.name in self._drained and agent.heard and not agent.draining

    def _may_go(self, agent: ScaledAgent, now: float) -> bool:
        """Whether an agent drains, has what it was offered before, and has nothing to do."""
        if agent.busy or not agent.heard or not agent.draining:
            return False
        return now - self._draining[agent.name] >= _SETTLE and self._may_ask(agent, now)


def _note(times: dict[str, float], name: str, now: float, holds: bool) -> None:
    """Keep since when something holds."""
    if holds:
        times.setdefault(name, now)
    else:
        times.pop(name, None)


def _slots(agents: Iterable[ScaledAgent]) -> int:
    return sum(agent.capacity for agent in agents)


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
