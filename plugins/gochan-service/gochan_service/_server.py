"""A server: all that it answers, and what it needs for that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

import trio
from starlette.routing import Router

from gochan.durable import Store

from ._api import Growth, Visitors, api_routes
from ._door import PROBES, Files, Lock, open_door
from ._door._limits import Application, Limited
from ._openapi import description_route
from ._page import page_routes
from ._people import Person, Register


@final
@dataclass(frozen=True)
class Server:
    """What a server answers, as an ASGI application; and what is set when it stops."""

    application: Application
    stopping: trio.Event


@asynccontextmanager
async def open_server(
    store: Store,
    secrets: Lock,
    register: Register,
    tokens: Mapping[str, Person],
    files: Files,
    *,
    lease: float = 30.0,
    drained: Path | None = None,
) -> AsyncIterator[Server]:
    """Open a server of a store inside the block; `serve` gives it sockets.

    Args:
        store: where the jobs are.
        secrets: of agents.
        register: the people.
        tokens: further tokens, and whose they are.
        files: of the jobs.
        lease: how many seconds a job is an agent's without a heartbeat.
        drained: the file which says who was drained, if this is the only server of the store.
    """
    growth = Growth()
    opening = open_door(store, secrets, files, lease=lease, on_upload=growth.ring, drained=drained)
    async with opening as door:
        visitors = Visitors(store, register, tokens)
        routes = [*door.routes, *api_routes(store, visitors, door, files, growth)]
        pages, missing = page_routes(store, visitors, door.agents, door.past, files)
        # Without the application of starlette, whose layers each take time and memory of a request.
        # What has another address, such as one with a slash more, is not there.
        every = [*routes, description_route(routes), *pages]
        router = Router(every, redirect_slashes=False, default=missing)
        limited = Limited(router, stopping=door.stopping, open=PROBES)
        yield Server(limited, door.stopping)
