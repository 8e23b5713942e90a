"""What a request has brought and the application has not taken."""

# Theory of operation
# -------------------
# Hypercorn puts the parts of a body into a channel that holds ten. If the application has answered
# without reading them all, as it does to whom it does not know, nobody takes the eleventh: the task
# of the connection would wait for ever, and anybody could fill the server with such connections.
# Here, what comes after the answer is dropped.

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, final

import trio
from hypercorn.config import Config
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.typing import AppWrapper

_ROOM: Final = 10  # parts, each of at most 64 KiB


@final
class Inbox:
    """The messages for the application about one request."""

    def __init__(self) -> None:
        self._messages: deque[Any] = deque()
        self._over = False
        self._change = trio.Event()

    async def put(self, message: Any) -> None:
        """Add a message; wait while there are many that nobody has taken."""
        if message["type"] == "http.disconnect":
            self.end()
        while len(self._messages) >= _ROOM and not self._over:
            await self._change.wait()
        if not self._over or message["type"] == "http.disconnect":
            self._messages.append(message)
            self._changed()

    async def take(self) -> Any:
        """Return the next message, as soon as there is one."""
        await trio.lowlevel.checkpoint()
        while not self._messages:
            await self._change.wait()
        message = self._messages.popleft()
        self._changed()
        return message

    def end(self) -> None:
        """Drop what comes from now on."""
        self._over = True
        self._changed()

    def _changed(self) -> None:
        change, self._change = self._change, trio.Event()
        change.set()


@final
class Requests(TaskGroup):
    """The requests of a connection, each with an inbox."""

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,
        scope: Any,
        send: Callable[[Any], Awaitable[None]],
    ) -> Callable[[Any], Awaitable[None]]:
        """Start the application for a request; return what takes messages for it."""
        inbox = Inbox()

        async def answer() -> None:
            try:
                await _handle(app, config, scope, inbox.take, send, None, None)  # type: ignore[arg-type]
            finally:
                inbox.end()

        self.spawn(answer)
        return inbox.put
