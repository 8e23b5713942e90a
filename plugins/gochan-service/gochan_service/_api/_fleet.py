"""Queues and agents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, final

import trio
from starlette.requests import Request
from starlette.responses import Response

from gochan.durable import Store

from .._door._agents import Agent, Agents
from .._door._listeners import Listeners, TooMany
from .._door._waiting import first_of
from .._people import check_role
from ._events import COMMENT, GREETING, QUIET, event, stream
from ._shown import answer
from ._visitors import AGAIN, Problem, Visitors, Welcome, answering, check_questions

_GATHER: Final = 0.1  # seconds for which bells are gathered into one event


@final
class Fleet:
    """Answers what concerns queues and agents."""

    def __init__(
        self,
        store: Store,
        visitors: Visitors,
        agents: Agents,
        listeners: Listeners,
        stopping: trio.Event,
    ) -> None:
        self._store = store
        self._visitors = visitors
        self._agents = agents
        self._listeners = listeners
        self._stopping = stopping

    @answering
    async def queues(self, request: Request) -> Response:
        """Return the counts of all queues."""
        store = await self._visitors.ask(request)
        names = await store.queues()
        return answer({"queues": {name: await store.statistics(name) for name in names}})

    @answering
    async def queue(self, request: Request) -> Response:
        """Return the counts of a queue."""
        store = await self._visitors.ask(request)
        name = request.path_params["name"]
        if name not in await store.queues():
            raise Problem(404, f"there is no queue {name!r}")
        return answer({"name": name, "counts": await store.statistics(name)})

    @answering
    async def pause(self, request: Request) -> Response:
        """Let no job of a queue start."""
        store = await self._visitors.ask(request)
        return answer({"changed": await store.pause(request.path_params["name"], True)})

    @answering
    async def resume(self, request: Request) -> Response:
        """Let jobs of a queue start again."""
        store = await self._visitors.ask(request)
        return answer({"changed": await store.pause(request.path_params["name"], False)})

    @answering
    async def agents(self, request: Request) -> Response:
        """Return the agents that have been heard of."""
        await self._visitors.person(request)
        return answer({"agents": [shown_agent(agent) for agent in self._agents.all()]})

    @answering
    async def drain(self, request: Request) -> Response:
        """Let an agent get no more jobs."""
        return await self._drain(request, draining=True)

    @answering
    async def undrain(self, request: Request) -> Response:
        """Let an agent get jobs again."""
        return await self._drain(request, draining=False)

    async def _drain(self, request: Request, *, draining: bool) -> Response:
        person = await self._visitors.person(request)
        check_role(person, "operator")
        name = request.path_params["name"]
        if not self._agents.drain(name, draining):
            raise Problem(404, f"no agent {name!r} has been heard of")
        return answer({"draining": draining})

    @answering
    async def events(self, request: Request) -> Response:
        """Return a stream of events: something has happened to jobs of a queue."""
        store = await self._visitors.ask(request)
        check_questions(request, "queue")
        queues = request.query_params.getlist("queue") or [*await store.queues()]
        try:
            for queue in queues:
                await self._listeners.follow(queue)
        except TooMany as error:
            raise Problem(429, str(error), retry_after="1") from None
        return stream(self._events(queues, Welcome(self._visitors, request)))

    async def _events(self, queues: list[str], welcome: Welcome) -> AsyncIterator[bytes]:
        yield GREETING
        quiet_until = trio.current_time() + QUIET
        async with self._listeners.hearing(*queues) as ear:
            while not self._stopping.is_set() and await welcome():
                rung = await first_of(AGAIN, ear.rung.wait, self._stopping.wait)
                if rung is None:
                    if trio.current_time() >= quiet_until:
                        quiet_until = trio.current_time() + QUIET
                        yield COMMENT
                    continue
                await trio.sleep(_GATHER)
                for queue in ear.take():
                    yield event(queue, kind="queue")


def shown_agent(agent: Agent) -> dict[str, Any]:
    """Return what is told of an agent."""
    return {
        "name": agent.name,
        "capacity": agent.capacity,
        "machine": agent.machine,
        "labels": dict(agent.labels),
        "heard": max(0.0, trio.current_time() - agent.seen),
        "draining": agent.draining,
        "phase": agent.known.phase,
        "queues": sorted(agent.queues),
        "jobs": agent.held,
    }
