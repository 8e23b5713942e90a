"""All routes for people and their programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gochan.durable import Store

from .._door._app import Door, exchange_for
from .._door._files import Files
from .._people import check_role
from ._fleet import Fleet
from ._follow import Growth
from ._jobs import Jobs
from ._visitors import Visitors, answering


def api_routes(
    store: Store, visitors: Visitors, door: Door, files: Files, growth: Growth
) -> list[BaseRoute]:
    """Return the routes below ``/api/v1``."""
    jobs = Jobs(store, visitors, door.agents, files, growth, door.cache, door.stopping)
    fleet = Fleet(store, visitors, door.agents, door.listeners, door.stopping)

    @answering
    async def exchange(_: object, request: Request) -> Response:
        person = await visitors.person(request)
        store = visitors.store_of(person, request)
        check = partial(check_role, person, "operator")  # as for a claim
        return await exchange_for(request, door.exchanges, store, check_agent=check)

    @answering
    async def metrics(_: object, request: Request) -> Response:
        """Tell Prometheus what is in the queues, and who works on them."""
        await visitors.person(request)
        text, kind = await door.meter.tell(request.headers.get("accept", ""))
        return Response(text, headers={"content-type": kind})

    table: list[tuple[str, str, Callable[..., Any]]] = [
        ("POST", "exchange", partial(exchange, None)),
        ("GET", "jobs", jobs.find),
        ("POST", "jobs", jobs.submit),
        ("GET", "jobs/{id}", jobs.look),
        ("GET", "jobs/{id}/explain", jobs.explain),
        ("POST", "jobs/{id}/cancel", jobs.cancel),
        ("POST", "jobs/{id}/retry", jobs.retry),
        ("GET", "jobs/{id}/log", jobs.log),
        ("GET", "jobs/{id}/files/{version}/{name}", jobs.file),
        ("GET", "queues", fleet.queues),
        ("POST", "queues/{name:path}/pause", fleet.pause),
        ("POST", "queues/{name:path}/resume", fleet.resume),
        ("GET", "queues/{name:path}", fleet.queue),
        ("GET", "agents", fleet.agents),
        ("POST", "agents/{name:path}/drain", fleet.drain),
        ("POST", "agents/{name:path}/undrain", fleet.undrain),
        ("GET", "events", fleet.events),
        ("GET", "metrics", partial(metrics, None)),
    ]
    return [Route(f"/api/v1/{path}", handler, methods=[method]) for method, path, handler in table]
