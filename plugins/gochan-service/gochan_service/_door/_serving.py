"""Serving: sockets, as many connections as there may be, and the end of a server."""

# Theory of operation
# -------------------
# Hypercorn speaks HTTP; the loop around it is ours, so that the server can be stopped whatever its
# clients do. A stop is in steps: polls are answered at once, and nothing else is begun, but who
# asks is told so; what is in flight ends within the grace; then nobody is accepted any more, and
# what is left is cut.

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, final

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from ._connection import Connection
from ._limits import Application, Receive, Scope, Send

LOGGER: Final = logging.getLogger("gochan.service")

Listener: TypeAlias = trio.SocketListener | trio.SSLListener[trio.SocketStream]

MOST_CONNECTIONS: Final = 10_000
GRACE: Final = 20.0
_LAST_BYTES: Final = 2.0


@asynccontextmanager
async def serve(
    application: Application,
    listeners: Sequence[trio.abc.Listener[Any]],
    *,
    stopping: trio.Event,
    grace: float = GRACE,
    most: int = MOST_CONNECTIONS,
) -> AsyncIterator[None]:
    """Serve an application inside the block.

    Args:
        application: what answers.
        listeners: open ones; they are closed.
        stopping: set when the block ends, so that polls end.
        grace: how many seconds requests in flight have then.
        most: how many connections there may be; a further one is closed at once.
    """
    config = Config()
    config.keep_alive_max_requests = 10**9
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    context = WorkerContext(None)
    flights = _Flights(application)
    wrapper = ASGIWrapper(flights)  # type: ignore[arg-type]
    is_crowded = False
    open_now: set[Connection] = set()

    async def handle(stream: Any) -> None:
        nonlocal is_crowded
        if len(connections.child_tasks) > most:
            if not is_crowded:
                LOGGER.warning("there are %d connections; no more are taken for now", most)
            is_crowded = True
            await trio.aclose_forcefully(stream)
            return
        is_crowded = False
        connection = Connection(wrapper, config, context, stream)
        open_now.add(connection)
        try:
            await connection.run()
        finally:
            open_now.remove(connection)

    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            for listener in listeners:
                accepting.start_soon(_accept, handle, listener, connections)
            try:
                yield
            finally:
                stopping.set()
                with trio.move_on_after(grace):
                    await flights.none()
                accepting.cancel_scope.cancel()
        await context.terminated.set()
        for connection in open_now:
            connection.leave()
        connections.cancel_scope.deadline = trio.current_time() + _LAST_BYTES


async def _accept(handle: Any, listener: trio.abc.Listener[Any], connections: trio.Nursery) -> None:
    await trio.serve_listeners(handle, [listener], handler_nursery=connections)


@final
class _Flights:
    """An application whose requests in flight are counted."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._count = 0
        self._landed = trio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        self._count += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._count -= 1
            if not self._count:
                self._landed.set()
                self._landed = trio.Event()

    async def none(self) -> None:
        """Wait until no request is in flight."""
        while self._count:
            await self._landed.wait()
