"""A storm: everything that can happen, at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, final

import trio

FAULTS: Final = (
    "kill",
    "restart",
    "stop",
    "partition",
    "heal",
    "delay",
    "drop_reply",
    "duplicate",
    "skew",
    "drain",
)
"""What can go wrong, by the names of the verbs."""

# How often each thing happens, in relation to the others.
_OFTEN: Final = {
    "submit": 10,
    "cancel": 4,
    "retry": 2,
    "kill": 1,
    "restart": 2,
    "stop": 1,
    "partition": 2,
    "heal": 4,
    "delay": 1,
    "drop_reply": 3,
    "duplicate": 3,
    "skew": 1,
    "drain": 2,
}

_AGENTS: Final = 3
_QUEUE: Final = "storm"


@final
class Storm:
    """Does something at random, again and again.

    Args:
        lab: a `Lab`, which uses this.
        payload: makes one.
        faults: what can go wrong.

    Raises:
        ValueError: a fault is none.
    """

    def __init__(
        self, lab: Any, payload: Callable[[Random], object], faults: Sequence[str]
    ) -> None:
        unknown = {*faults} - {*FAULTS}
        if unknown:
            raise ValueError(f"{min(unknown)!r} is not one of {', '.join(FAULTS)}")
        self._lab = lab
        self._payload = payload
        self._random = lab.random
        self._kinds = ["submit", "cancel", "retry", *faults]
        self._weights = [_OFTEN[kind] for kind in self._kinds]
        self._submitted = 0

    async def begin(self) -> None:
        """Start agents if there are none."""
        if not self._lab.agents:
            for _ in range(_AGENTS):
                await self._lab.start_agent(
                    _QUEUE, storm_handler(self._random), capacity=self._random.randint(1, 3)
                )

    def step(self) -> None:
        """Do one thing."""
        (kind,) = self._random.choices(self._kinds, self._weights)
        getattr(self, f"_{kind}")()

    def end(self) -> None:
        """Start the agents again that are dead."""
        for agent in self._lab.agents:
            if not agent.is_alive:
                self._lab.restart(agent)

    # Jobs

    def _submit(self) -> None:
        random = self._random
        options: dict[str, Any] = {}
        if random.random() < 0.2:
            options["delay"] = round(random.uniform(0, 20), 1)
        if random.random() < 0.2:
            options["priority"] = random.randint(-1, 1)
        if random.random() < 0.2:
            options["timeout"] = float(random.randint(1, 10))
        if random.random() < 0.1:
            options["key"] = random.choice("abc")
        queue = random.choice(self._lab.agents).queue
        for _ in range(random.randint(1, 3)):
            self._submitted += 1
            self._lab.submit_soon(queue, self._payload(random), **options)
            options.pop("key", None)

    def _cancel(self) -> None:
        if self._submitted:
            running = [id for agent in self._lab.agents for id in agent.running]
            newest = max(1, self._submitted - 5)
            id = self._random.choice([*running, self._random.randint(newest, self._submitted)])
            self._lab.cancel_soon(id, f"cancel {self._random.randrange(1000)}")

    def _retry(self) -> None:
        if self._submitted:
            self._lab.retry_soon(self._random.randint(1, self._submitted))

    # Faults

    def _kill(self) -> None:
        self._lab.kill(self._process())

    def _restart(self) -> None:
        lab = self._lab
        dead = [one for one in (lab.server, *lab.agents) if not one.is_alive]
        lab.restart(self._random.choice(dead) if dead else self._process())

    def _stop(self) -> None:
        self._lab.stop_soon(self._process())

    def _partition(self) -> None:
        self._lab.partition(self._client())

    def _heal(self) -> None:
        self._lab.heal(self._client())

    def _delay(self) -> None:
        self._lab.delay(self._client(), round(self._random.uniform(0, 2), 2))

    def _drop_reply(self) -> None:
        self._lab.drop_reply(self._client())

    def _duplicate(self) -> None:
        after = self._random.choice([0.0, 0.0, round(self._random.uniform(0, 60), 1)])
        self._lab.duplicate(self._client(), after)

    def _skew(self) -> None:
        self._lab.skew(
            self._random.choice(self._lab.agents), float(self._random.randint(-4000, 4000))
        )

    def _drain(self) -> None:
        agent = self._random.choice(self._lab.agents)
        if agent.is_drained:
            self._lab.undrain_soon(agent)
        else:
            self._lab.drain_soon(agent)

    def _process(self) -> Any:
        return self._random.choice([self._lab.server, *self._lab.agents])

    def _client(self) -> Any:
        return self._random.choice([self._lab.operator, *self._lab.agents, *self._lab.agents])


def storm_handler(random: Random) -> Callable[[Any], Any]:
    """Return a handler that takes its time, and fails now and then."""

    async def handler(payload: object) -> object:
        await trio.sleep(random.choice([0.0, random.uniform(0, 3), random.uniform(0, 20)]))
        if random.random() < 0.1:
            raise ValueError("a handler that fails")
        return payload

    return handler
