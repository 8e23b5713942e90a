"""A server in the process of a test, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import trio
from gochan_service._door import Keyring, serve
from gochan_service._door._files import Files
from gochan_service._people import ROLES, Person, Register
from gochan_service._server import Server, open_server

from gochan.durable import Store, open_store

SECRET = "gochan_agent_0123456789abcdef"
TOKENS = {f"gochan_token_of_{role}": Person(role, role) for role in ROLES}


@dataclass
class Service:
    """A server that runs, and how it is reached."""

    server: Server
    store: Store
    register: Register
    files: Files
    url: str

    def client(self, credential: str | None = "gochan_token_of_operator") -> httpx.AsyncClient:
        headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=10)

    async def ask(
        self, method: str, path: str, *, who: str | None = "operator", **options: Any
    ) -> httpx.Response:
        """Send a request as somebody with this role."""
        token = None if who is None else f"gochan_token_of_{who}"
        async with self.client(token) as client:
            return await client.request(method, path, **options)


@asynccontextmanager
async def open_service(
    folder: Path, *, store: Store | None = None, lease: float = 30.0
) -> AsyncIterator[Service]:
    """Serve a store, by default one in memory, at a port of this machine."""
    register, files = Register(folder / "people"), Files(folder / "files")
    async with open_store("memory:") as memory:
        jobs = memory if store is None else store
        opening = open_server(jobs, Keyring(SECRET), register, TOKENS, files, lease=lease)
        async with opening as server:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            async with serve(server.application, listeners, stopping=server.stopping):
                yield Service(server, jobs, register, files, url)
    register.close()
