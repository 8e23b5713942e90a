"""Connections: HTTP/1.1 as hypercorn speaks it, but cut when the client is slow."""

# Theory of operation
# -------------------
# A connection of hypercorn waits for ever while a client does not read, since what is sent is
# shielded without a limit; it gives an unfinished head the time of an idle connection; and it
# changes to HTTP/2 when a client asks for it, whose limits nobody has tried here. This one has a
# deadline for all that it waits for.
#
# A client has 15 seconds for the handshake, for its first head, and for each further head from its
# first byte on; between two requests it may be idle longer. The limits for bodies are in _limits.

from __future__ import annotations

import logging
import math
import ssl
from contextlib import suppress
from typing import Any, Final, final

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState
from hypercorn.utils import parse_socket_addr

from ._inbox import Requests

LOGGER: Final = logging.getLogger("gochan.service")

SLOWEST: Final = 15.0  # seconds for a handshake, for a head, and for what is sent to be read
IDLE: Final = 75.0  # seconds between two requests: longer than a poll

_FAREWELL: Final = 1.0  # seconds for the last bytes, whatever happens
_CHUNK: Final = 2**16


@final
class _Http(H11Protocol):
    """HTTP/1.1 and nothing else."""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore a wish for HTTP/2, as a server may."""


@final
class Connection(TCPServer):
    """A connection of a client."""

    def __init__(
        self, app: AppWrapper, config: Config, context: WorkerContext, stream: Any
    ) -> None:
        super().__init__(app, config, context, ConnectionState({}), stream)
        self._reading = trio.CancelScope()
        self._latest = trio.current_time() + SLOWEST  # when a head has to be there

    async def run(self) -> None:
        """Answer what the client asks, until one of the two leaves."""
        try:
            if isinstance(self.stream, trio.SSLStream):
                with trio.fail_after(SLOWEST):
                    await self.stream.do_handshake()
            await self._converse()
        except* (OSError, ssl.SSLError, trio.BrokenResourceError, trio.TooSlowError):
            pass  # the client is gone, or was never a real one
        except* h11.LocalProtocolError:
            pass  # cut between the head of an answer and its body, where hypercorn starts another
        except* Exception:
            LOGGER.exception("a connection failed")
        finally:
            await trio.aclose_forcefully(self.stream)

    async def _converse(self) -> None:
        is_tls = isinstance(self.stream, trio.SSLStream)
        socket = (self.stream.transport_stream if is_tls else self.stream).socket
        async with Requests() as requests:
            self._task_group = requests
            protocol = _Http(
                self.app,
                self.config,
                self.context,
                requests,
                self.state,  # type: ignore[arg-type]
                is_tls,
                parse_socket_addr(socket.family, socket.getpeername()),
                parse_socket_addr(socket.family, socket.getsockname()),
                self.protocol_send,
            )
            self.protocol = protocol  # type: ignore[assignment]
            await self._read_data()

    async def _read_data(self) -> None:
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            while True:
                with trio.CancelScope(deadline=self._latest) as self._reading:
                    data = bytes(await self.stream.receive_some(_CHUNK))
                if self._reading.cancelled_caught:
                    await trio.aclose_forcefully(self.stream)
                    break
                if self._is_idle:  # this begins a head, and there is not much time for the rest
                    self._expect_head(min(self._latest, trio.current_time() + SLOWEST))
                await self.protocol.handle(RawData(data))
                if not data:
                    break
        await self.protocol.handle(Closed())

    def _expect_head(self, latest: float) -> None:
        self._latest = self._reading.deadline = latest

    def leave(self) -> None:
        """Close the connection, unless there is a request; then after that."""
        if self._is_idle:
            self._expect_head(-math.inf)

    @property
    def _is_idle(self) -> bool:
        return self._latest < math.inf

    async def protocol_send(self, event: Any) -> None:
        """Send what the protocol wants sent."""
        if isinstance(event, Updated):
            self._expect_head(trio.current_time() + IDLE if event.idle else math.inf)
            return
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        async with self.send_lock:
            with trio.move_on_after(SLOWEST) as scope:
                try:
                    await self.stream.send_all(event.data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
                else:
                    return
            if scope.cancelled_caught:
                await trio.aclose_forcefully(self.stream)
        await self.protocol.handle(Closed())

    async def _close(self) -> None:
        """Say that nothing more comes, after what is being sent, and close, but not for long."""
        with trio.move_on_after(_FAREWELL, shield=True):
            with suppress(
                trio.BrokenResourceError,
                trio.ClosedResourceError,
                AttributeError,  # TLS has no end of one direction
            ):
                async with self.send_lock:
                    await self.stream.send_eof()
            await self.stream.aclose()
            return
        await trio.aclose_forcefully(self.stream)
