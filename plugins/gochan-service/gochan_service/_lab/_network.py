"""The network: connections of clients to the server, in memory."""

# Theory of operation
# -------------------
# Real bytes flow: the server speaks HTTP on streams of memory, and the clients are httpx with
# another bottom. A partition holds bytes back, as TCP would send them again: they arrive when it is
# healed, also from a client that has given up meanwhile. So a report can come minutes too late, as
# it can in life.
#
# A request that is to arrive twice is sent again on a connection of its own, whose answer nobody
# reads: so do proxies, and clients that are not sure.

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final, final

import httpcore
import httpx
import trio

from gochan import Chan

from ._link import Link
from ._pipe import Pipe

URL: Final = "http://lab"

_PATIENCE: Final = 90.0  # seconds for the answer to a request that came twice


@final
class _Connection:
    """Two pipes, and which of the two sides is there."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.up = Pipe(link, ends_with_link=False)
        self.down = Pipe(link, ends_with_link=True)
        self.client_is_there = True
        self.server_is_there = True

    def leave(self, *, client: bool = False, server: bool = False) -> None:
        """Let a side close it."""
        if client:
            self.client_is_there = False
            self.up.end()
            self.down.forget()
        if server:
            self.server_is_there = False
            self.down.end()
            self.up.forget()


@final
class _ClientEnd(httpcore.AsyncNetworkStream):
    """What a client has of a connection."""

    def __init__(self, connection: _Connection, repeat: Callable[[bytes, float], None]) -> None:
        self._connection = connection
        self._repeat = repeat
        self._request = b""
        self._awaits_answer = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        link = self._connection.link
        if self._request and link.repeats:
            self._repeat(self._request, link.repeats.popleft())
        self._request = b""
        with trio.move_on_after(math.inf if timeout is None else timeout) as scope:
            data = await self._connection.down.take(max_bytes)
        if scope.cancelled_caught:
            raise httpcore.ReadTimeout("no answer in time")
        if data and self._awaits_answer and link.drops:
            link.drops -= 1
            link.note_trouble()
            raise httpcore.ReadError("the connection broke before the answer")
        self._awaits_answer = False
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await trio.lowlevel.checkpoint()
        connection = self._connection
        link = connection.link
        if link.is_cut or (link.is_up and not connection.server_is_there):
            raise httpcore.WriteError("the connection is broken")
        self._request += buffer
        self._awaits_answer = True
        connection.up.put(bytes(buffer))

    async def aclose(self) -> None:
        self._connection.leave(client=True)
        await trio.lowlevel.checkpoint()

    def get_extra_info(self, info: str) -> Any:
        return self._connection.down.is_readable if info == "is_readable" else None


@final
class _Socket:
    """What a server asks of a socket."""

    family: Final = socket.AF_INET

    def getpeername(self) -> tuple[str, int]:
        return "10.0.0.1", 50000

    def getsockname(self) -> tuple[str, int]:
        return "10.0.0.2", 80


@final
class ServerEnd(trio.abc.HalfCloseableStream):
    """What the server has of a connection."""

    socket: Final = _Socket()

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; nobody need be there to read them."""
        await trio.lowlevel.checkpoint()
        connection = self._connection
        if not connection.server_is_there:
            raise trio.ClosedResourceError
        if connection.link.is_up and not connection.client_is_there:
            raise trio.BrokenResourceError
        connection.down.put(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        """Return, as there is always room."""
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        """Send nothing more."""
        self._connection.down.end()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived."""
        if not self._connection.server_is_there:
            raise trio.ClosedResourceError
        return await self._connection.up.take(max_bytes or 2**16)

    async def aclose(self) -> None:
        """Close the connection."""
        self._connection.leave(server=True)
        await trio.lowlevel.checkpoint()


@final
class Listener(trio.abc.Listener[ServerEnd]):
    """Where a server takes connections."""

    def __init__(self) -> None:
        self.arrived = Chan[ServerEnd](math.inf, name="connections of a lab")

    async def accept(self) -> ServerEnd:
        """Return the next connection."""
        return await self.arrived.receive()

    async def aclose(self) -> None:
        """Take no more."""
        self.arrived.close()
        await trio.lowlevel.checkpoint()


@final
class Network:
    """All connections of a lab.

    Args:
        nursery: for requests that come twice.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._listener: Listener | None = None
        self._connections: list[_Connection] = []

    def listen(self) -> Listener:
        """Return where a server takes connections from now on."""
        self._listener = Listener()
        return self._listener

    def reset(self) -> None:
        """Break all connections, since the server was killed."""
        self._listener = None
        for connection in self._connections:
            connection.link.note_trouble()
            connection.leave(server=True)
        self._connections.clear()

    def cut(self, link: Link) -> None:
        """Break all connections of a client that was killed."""
        link.cut()
        for connection in self._connections:
            if connection.link is link:
                connection.leave(client=True)

    async def dial(self, link: Link, timeout: float | None) -> _ClientEnd:
        """Connect a client.

        Raises:
            httpcore.ConnectError, httpcore.ConnectTimeout: it cannot be.
        """
        with trio.move_on_after(math.inf if timeout is None else timeout):
            await link.wait_up()
            listener = self._listener
            if link.is_cut or listener is None or listener.arrived.closed:
                raise httpcore.ConnectError("connection refused")
            connection = _Connection(link)
            alive = [one for one in self._connections if one.server_is_there]
            self._connections = [*alive, connection]
            listener.arrived.send_nowait(ServerEnd(connection))
            return _ClientEnd(connection, self._repeat)
        raise httpcore.ConnectTimeout("no connection in time")

    def _repeat(self, request: bytes, after: float) -> None:
        self._nursery.start_soon(self._send_again, request, after)

    async def _send_again(self, request: bytes, after: float) -> None:
        await trio.sleep(after)
        with trio.move_on_after(_PATIENCE):
            try:
                end = await self.dial(Link(), None)
                await end.write(request)
                await end.read(2**20)
                await end.aclose()
            except httpcore.NetworkError:
                pass  # the server is down, so it has come once


@final
class _Backend(httpcore.AsyncNetworkBackend):
    """How a client connects."""

    def __init__(self, network: Network, link: Link) -> None:
        self._network = network
        self._link = link

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return await self._network.dial(self._link, timeout)


@final
class Transport(httpx.AsyncHTTPTransport):
    """What httpx sends requests by.

    Args:
        network: of the lab.
        link: of the client.
        connections: how many there may be.
    """

    def __init__(self, network: Network, link: Link, connections: int) -> None:
        # Not that of the superclass, which reads the certificates of the system.
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=None,  # it would be counted in real time
            network_backend=_Backend(network, link),
        )
