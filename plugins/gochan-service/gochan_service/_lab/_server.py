"""The server of a lab: the real one, on streams of memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

import httpx
import trio

from gochan.durable import Store, StoreUnavailable

from .._door import Files, Keyring, serve
from .._door._limits import Application
from .._people import Person, Register
from .._server import open_server
from ._agents import SECRET
from ._ledger import Ledger
from ._network import URL, Network

LOGGER: Final = logging.getLogger("gochan.service")


@final
class LabServer:
    """The server of a `Lab`.

    Attributes:
        is_alive: whether it answers.
    """

    name: Final = "lab.server"

    def __init__(
        self,
        store: Store,
        network: Network,
        ledger: Ledger,
        folder: Path,
        tokens: Mapping[str, Person],
        lease: float,
    ) -> None:
        self.is_alive = False
        self.begun = trio.Event()
        self._store = store
        self._network = network
        self._ledger = ledger
        self._tokens = tokens
        self._lease = lease
        self._register = Register(folder / "people")
        self._files = Files(folder / "files")
        self._drained = folder / "drained"
        self._application: Application | None = None
        self._scope = trio.CancelScope()
        self._stop = trio.Event()

    def start(self, nursery: trio.Nursery) -> None:
        """Run it from now on."""
        self.is_alive = True
        self.begun = trio.Event()
        self._scope, self._stop = trio.CancelScope(), trio.Event()
        nursery.start_soon(self._run, self._scope, self._stop, name="server")

    def kill(self) -> None:
        """End it now."""
        self.is_alive = False
        self._network.reset()
        self._scope.cancel("killed")

    def stop_soon(self) -> None:
        """Let it end in order."""
        self.is_alive = False
        self._stop.set()

    async def post(self, path: str, token: str) -> int:
        """Ask it at its own machine, where no network is in the way; return the status.

        Raises:
            StoreUnavailable: it does not run.
        """
        if self._application is None or not self.is_alive:
            raise StoreUnavailable("the server does not run")
        transport = httpx.ASGITransport(app=self._application)
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url=URL, headers=headers) as client:
            return (await client.post(path)).status_code

    def close(self) -> None:
        """Close its files."""
        self._register.close()

    async def _run(self, scope: trio.CancelScope, stop: trio.Event) -> None:
        try:
            with scope:
                await self._serve(stop)
        except Exception as error:
            LOGGER.exception("the server of a lab has ended")
            self._ledger.blame("alive", f"the server has ended: {error!r}")

    async def _serve(self, stop: trio.Event) -> None:
        await trio.lowlevel.checkpoint()  # it may have been killed before it began
        async with open_server(
            self._store,
            Keyring(SECRET),
            self._register,
            self._tokens,
            self._files,
            lease=self._lease,
            drained=self._drained,
        ) as server:
            listener = self._network.listen()
            async with serve(server.application, [listener], stopping=server.stopping):
                self._application = server.application
                self.begun.set()
                try:
                    await stop.wait()
                finally:
                    self._application = None

    def __repr__(self) -> str:
        return self.name
