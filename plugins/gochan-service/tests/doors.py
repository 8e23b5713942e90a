"""A door in virtual time: no sockets, but all of the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from gochan_service._door import PROBES, Door, Files, Keyring, open_door
from gochan_service._door._limits import Application, Limited
from starlette.applications import Starlette

from gochan.durable import NewJob, Store, open_store

SECRET = "gochan_agent_0123456789abcdef"
QUEUE = "thumbnails"


@dataclass
class Near:
    """A door, and how it is reached."""

    door: Door
    store: Store
    files: Files
    application: Application

    async def ask(self, route: str, *, secret: str = SECRET, **said: Any) -> httpx.Response:
        """Send something to a route for agents; by default, as an agent called ``a``."""
        said = {"agent": {"name": "a"}} | said
        return await self.post(f"/rpc/v1/{route}", secret=secret, json=said)

    async def post(
        self, path: str, *, secret: str | None = SECRET, **options: Any
    ) -> httpx.Response:
        headers = options.pop("headers", {})
        if secret is not None:
            headers = {"authorization": f"Bearer {secret}"}
        transport = httpx.ASGITransport(app=self.application)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://near") as client:
            return await client.post(path, headers=headers, **options)

    async def get(self, path: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.application)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://near") as client:
            return await client.get(path)

    async def submit(self, *payloads: str, **options: Any) -> list[int]:
        """Store jobs, and return their ids."""
        options = {"queue": QUEUE} | options
        jobs = [NewJob(payload=one.encode(), **options) for one in payloads]
        return [one.id for one in await self.store.enqueue(jobs)]  # type: ignore[union-attr]

    async def request(self, name: str = "a", *, n: int = 1, wait: float = 30.0) -> list[Any]:
        """Return the tickets that an agent is offered."""
        agent = {"name": name}
        answer = await self.ask("request", agent=agent, queue=QUEUE, n=n, wait=wait)
        assert answer.status_code == 200
        return answer.json()["tickets"]

    async def accept(self, tickets: list[Any], name: str = "a") -> dict[str, Any]:
        """Return what becomes of these."""
        answer = await self.ask("accept", agent={"name": name}, queue=QUEUE, tickets=tickets)
        assert answer.status_code in (200, 409)
        return answer.json() | {"status": answer.status_code}

    async def run(self, name: str = "a", payload: str = "7", **options: Any) -> dict[str, Any]:
        """Let an agent run a new job, and return the ticket."""
        await self.submit(payload, **options)
        (run,) = (await self.accept(await self.request(name), name))["accepted"]
        return run

    async def report(self, *reports: dict[str, Any], name: str = "a") -> httpx.Response:
        """Report about runs."""
        return await self.ask("updateStatus", agent={"name": name}, reports=[*reports])

    async def record(self, id: int) -> Any:
        """Return what the store knows of a job."""
        (record,) = await self.store.look([id])
        return record


async def on_the_spot(function: Any, *arguments: Any) -> Any:
    """Call a function here: virtual time would pass while a thread works."""
    await trio.lowlevel.checkpoint()
    return function(*arguments)


@asynccontextmanager
async def open_near(
    folder: Path,
    *,
    store: Store | None = None,
    lease: float = 30.0,
    longest: int = 1000,
    drained: Path | None = None,
) -> AsyncIterator[Near]:
    """Open a door, by default of a store in memory."""
    files = Files(folder / "files", longest=longest, most=3)
    async with open_store("memory:") as memory:
        patch = pytest.MonkeyPatch()
        patch.setattr("trio.to_thread.run_sync", on_the_spot)
        near = memory if store is None else store
        async with open_door(near, Keyring(SECRET), files, lease=lease, drained=drained) as door:
            starlette = Starlette(routes=door.routes)
            starlette.router.redirect_slashes = False
            application = Limited(starlette, stopping=door.stopping, open=PROBES)
            try:
                yield Near(door, near, files, application)
            finally:
                patch.undo()
