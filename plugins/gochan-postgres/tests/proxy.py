"""A proxy between a store and its server, which can do what networks do."""

from __future__ import annotations

import trio


class Proxy:
    """Passes on what comes, as long as it is not told otherwise.

    Attributes:
        port: where it listens, once it runs.
        swallows: whether nothing is passed on, in either direction, and nobody is told.
        cuts: cut each connection when this comes from a client, after it was passed on, and
            before the answer is.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self.port = 0
        self.swallows = False
        self.cuts: bytes | None = None
        self.refuses = False
        self.connections = 0

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Listen, for ever."""
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.port = listener.socket.getsockname()[1]
            task_status.started()
            await trio.serve_listeners(self._handle, [listener], handler_nursery=nursery)

    async def _handle(self, client: trio.SocketStream) -> None:
        self.connections += 1
        if self.refuses:
            await client.aclose()
            return
        server = await trio.open_tcp_stream("127.0.0.1", self._server)
        async with client, server, trio.open_nursery() as nursery:
            dumb = trio.Event()
            nursery.start_soon(self._pass_on, client, server, nursery.cancel_scope, dumb, True)
            nursery.start_soon(self._pass_on, server, client, nursery.cancel_scope, dumb, False)

    async def _pass_on(
        self,
        source: trio.SocketStream,
        target: trio.SocketStream,
        scope: trio.CancelScope,
        dumb: trio.Event,
        asking: bool,
    ) -> None:
        try:
            async for data in source:
                while self.swallows:  # noqa: ASYNC110
                    await trio.sleep(0.01)
                if asking and self.cuts is not None and self.cuts in data:
                    self.cuts = None
                    dumb.set()
                    await target.send_all(data)
                    await trio.sleep(0.2)  # until the server has done it
                    break
                if asking or not dumb.is_set():
                    await target.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()
