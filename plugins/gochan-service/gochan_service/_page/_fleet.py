"""The pages of queues, agents and people."""

from __future__ import annotations

from typing import Final, final

import trio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .._api import Problem, Visitors
from .._door import Agents, Moment, Past
from .._people import Person, check_role
from ._chart import Chart
from ._shell import HEADERS, Shell, for_people

PATIENCE: Final = 90.0
"""After how many seconds without a word an agent is called silent."""


@final
class FleetPages:
    """Shows queues, agents and people, and steers the first two."""

    def __init__(self, shell: Shell, visitors: Visitors, agents: Agents, past: Past) -> None:
        self.shell = shell
        self._visitors = visitors
        self._agents = agents
        self._past = past

    @for_people
    async def queues(self, request: Request, person: Person) -> Response:
        """Show all queues."""
        store = self._visitors.store_of(person, request)
        counts = {name: await store.statistics(name) for name in await store.queues()}
        now = trio.current_time()
        charts = {
            name: Chart([*self._past.of(name), Moment(now, count.waiting, count.running)])
            for name, count in counts.items()
        }
        return self.shell.page(
            request, "queues", person, counts=counts, charts=charts, events="/api/v1/events"
        )

    @for_people
    async def pause(self, request: Request, person: Person) -> Response:
        """Pause a queue, or resume it."""
        form = await self.shell.sessions.form(request)
        store = self._visitors.store_of(person, request)
        await store.pause(request.path_params["name"], form.get("paused") == "yes")
        return RedirectResponse("/queues", 303, HEADERS)

    @for_people
    async def agents(self, request: Request, person: Person) -> Response:
        """Show the agents that have been heard of."""
        now = trio.current_time()
        agents = [(agent, now - agent.seen) for agent in self._agents.all()]
        agents.sort(key=lambda one: (one[1] > PATIENCE, one[0].name))
        return self.shell.page(
            request,
            "agents",
            person,
            agents=agents,
            patience=PATIENCE,
            events="/api/v1/events",
        )

    @for_people
    async def drain(self, request: Request, person: Person) -> Response:
        """Let an agent get no more jobs, or some again."""
        form = await self.shell.sessions.form(request)
        check_role(person, "operator")
        if not self._agents.drain(request.path_params["name"], form.get("draining") == "yes"):
            raise Problem(404, "this agent has not been heard of")
        return RedirectResponse("/agents", 303, HEADERS)

    @for_people
    async def people(self, request: Request, person: Person) -> Response:
        """Show the people, and what was done; for operators."""
        check_role(person, "operator")
        register = self._visitors.register
        people = await trio.to_thread.run_sync(register.people)
        entries = await trio.to_thread.run_sync(register.audit)
        return self.shell.page(request, "people", person, people=people, entries=entries)
