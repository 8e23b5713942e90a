"""All pages."""

from __future__ import annotations

from importlib.resources import files as resources
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from gochan.durable import Store

from .._api import Visitors
from .._door import Agents, Files, Past
from ._fleet import FleetPages
from ._jobs import JobPages
from ._login import Login
from ._sessions import Sessions
from ._shell import Shell

_KINDS: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}


def page_routes(
    store: Store, visitors: Visitors, agents: Agents, past: Past, files: Files
) -> tuple[list[BaseRoute], ASGIApp]:
    """Return the routes of all pages, and what answers where there is no route."""
    shell = Shell(store, Sessions(visitors))
    login, jobs = Login(shell), JobPages(shell, visitors, agents, files)
    fleet = FleetPages(shell, visitors, agents, past)
    routes: list[BaseRoute] = [
        Route("/", jobs.find),
        Route("/jobs/{id}", jobs.show),
        Route("/jobs/{id}/cancel", jobs.cancel, methods=["POST"]),
        Route("/jobs/{id}/retry", jobs.retry, methods=["POST"]),
        Route("/queues", fleet.queues),
        Route("/queues/{name:path}/pause", fleet.pause, methods=["POST"]),
        Route("/agents", fleet.agents),
        Route("/agents/{name:path}/drain", fleet.drain, methods=["POST"]),
        Route("/people", fleet.people),
        Route("/login", login.show, methods=["GET"]),
        Route("/login", login.log_in, methods=["POST"]),
        Route("/logout", login.log_out, methods=["POST"]),
        *(_static(name, kind) for name, kind in _KINDS.items()),
    ]
    return routes, shell.missing


def _static(name: str, kind: str) -> Route:
    """Return the route of a file that is a part of the pages."""
    body = (resources("gochan_service._page") / "static" / name).read_bytes()
    headers = {"cache-control": "public, max-age=600", "x-content-type-options": "nosniff"}

    async def answer(request: Request) -> Response:
        return Response(body, headers=headers, media_type=kind)

    return Route(f"/static/{name}", answer)
