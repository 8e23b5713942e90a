"""Networks that cut, and that swallow: a proxy between the processes of a fleet and a server."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import trio

from .fleet import open_fleet
from .ledger import Verdict


class Proxy:
    """Passes on what comes, unless it is told otherwise.

    Attributes:
        port: where it listens, once it runs.
        swallows: whether nothing is passed on, and nobody is told.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._connections: set[trio.CancelScope] = set()
        self._cuts = 0
        self.port = 0
        self.swallows = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen, for ever."""
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.port = listener.socket.getsockname()[1]
            task_status.started()
            await trio.serve_listeners(self._handle, [listener], handler_nursery=nursery)

    def cut_answers(self, n: int) -> None:
        """Pass the next requests on, and cut their connections instead of answering."""
        self._cuts = n

    def cut_all(self) -> None:
        """Cut all connections, wherever they are."""
        for scope in self._connections:
            scope.cancel()

    async def _handle(self, client: trio.SocketStream) -> None:
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self._server)
        except OSError:
            await client.aclose()
            return
        async with client, server:
            with trio.CancelScope() as scope:
                self._connections.add(scope)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._pass_on, client, server, scope, True)
                    nursery.start_soon(self._pass_on, server, client, scope, False)
            self._connections.discard(scope)

    async def _pass_on(
        self,
        source: trio.SocketStream,
        target: trio.SocketStream,
        scope: trio.CancelScope,
        asking: bool,
    ) -> None:
        try:
            async for data in source:
                while self.swallows:  # noqa: ASYNC110
                    await trio.sleep(0.01)
                if not asking and self._cuts:
                    self._cuts -= 1
                    break
                await target.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()


async def break_network(
    folder: Path, address: str, port: int, times: int, *, how: str, seed: int = 1, **options: Any
) -> Verdict:
    """Let a fleet work through a network that fails again and again.

    Args:
        folder, times, options: as everywhere here.
        address: of the server, with its port written ``{port}``.
        port: of the server.
        how: ``cut``: connections are cut, half of them between request and answer; ``swallow``:
            for longer than a lease, nothing comes through, and nobody is told.
        seed: of the dice.
    """
    dice = Random(seed)
    proxy = Proxy(port)
    async with trio.open_nursery() as nursery:
        await nursery.start(proxy.run)
        options = {**options, "timeout": 0.4}
        async with open_fleet(folder, address.format(port=proxy.port), **options) as fleet:
            await fleet.start("produce", ready=True)
            for _ in range(2):
                await fleet.start("work", ready=True, lease=0.7)
            for _ in range(times):
                await trio.sleep(dice.uniform(0.05, 0.2))
                if how == "swallow":
                    proxy.swallows = True
                    await trio.sleep(dice.uniform(0.8, 1.2))
                    proxy.swallows = False
                elif dice.random() < 0.5:
                    proxy.cut_answers(dice.randint(1, 3))
                else:
                    proxy.cut_all()
            await trio.sleep(0.5)
            verdict = await fleet.settle(times=times)
        nursery.cancel_scope.cancel()
    return verdict
