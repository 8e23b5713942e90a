"""Agents that a server starts itself, and ends before it ends."""

# Theory of operation
# -------------------
# Each agent is a job of a queue in this process, which runs it as `gochan run` runs a command: it
# is ended with all that it has started, also if the server is killed. One that ends by itself is
# started again, with the secret that is the newest then: a rotation ends those that have an old
# one. The server goes on until all have ended, so that they can report.

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import trio

from gochan import JobQueue, open_job_queue
from gochan.durable import beside
from gochan.processes import ChildError, Children, Program, open_children

_DRAIN: Final = 15.0  # seconds that jobs may go on at the end
_GRACE: Final = 5.0  # seconds that a command then has to end
_SPARE: Final = 2.0  # seconds that an agent has for everything else
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


@final
@dataclass(frozen=True, slots=True)
class OwnAgents:
    """Which agents a server starts itself.

    Attributes:
        number: how many.
        queue: whose jobs they run.
        capacity: how many jobs each runs at the same time.
        command: what they run for a job.
        guardian: ends them if the server is killed.
    """

    number: int
    queue: str
    capacity: int
    command: Sequence[str]
    guardian: Any = None

    def program(self, url: str, secret: str) -> Program:
        """Return an agent as a program."""
        words = [
            sys.executable, "-m", "gochan", "agent", url, "--queue", self.queue,
            "--capacity", str(self.capacity), "--drain", f"{_DRAIN:g}", "--grace", f"{_GRACE:g}",
            "--", *self.command,
        ]  # fmt: skip
        environment = {**os.environb, b"GOCHAN_SECRET": secret.encode()}
        return Program([os.fsencode(word) for word in words], environment=environment)


@asynccontextmanager
async def running(
    wanted: OwnAgents, url: str, secret: Callable[[], str], hurry: trio.Event
) -> AsyncIterator[None]:
    """Keep agents running inside the block, and end them in order; at once after ``hurry``."""
    async with open_children(wanted.guardian) as children:

        async def keep(number: int) -> None:
            await _keep_running(lambda: wanted.program(url, secret()), children)

        grace = _DRAIN + _GRACE + _SPARE
        async with open_job_queue(keep, workers=wanted.number, grace=grace) as agents:
            for number in range(wanted.number):
                await agents.submit(number)
            async with beside(partial(_end_at_once, agents, hurry)):
                yield
                agents.stop_soon(drain=0, grace=grace)
                await agents.wait_stopped()


async def _end_at_once(agents: JobQueue[int, None], hurry: trio.Event) -> None:
    await hurry.wait()
    agents.stop_soon(drain=0, grace=0)


async def _keep_running(program: Callable[[], Program], children: Children) -> None:
    """Run an agent, and another one if it ends."""
    pause = _FIRST_PAUSE
    while True:
        began = trio.current_time()
        try:
            why = f"has ended with status {await children.run(program(), None)}"
        except ChildError as error:
            why = str(error)
        if trio.current_time() - began > _LONGEST_PAUSE:
            pause = _FIRST_PAUSE
        print(f"gochan: an agent {why}; another is started", file=sys.stderr, flush=True)
        await trio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
