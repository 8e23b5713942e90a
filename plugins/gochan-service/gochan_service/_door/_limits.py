"""Limits: bodies that are too long or come too slowly, and heads that are odd."""

# Theory of operation
# -------------------
# Hypercorn waits for a body for ever, takes any number of headers, and accepts a request that has
# two lengths, which proxies in front of it may read in two ways (request smuggling). This stands in
# front of the application. It also says when something unexpected has happened, which hypercorn
# keeps to itself.

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, Final, TypeAlias, final

import trio
from starlette.requests import ClientDisconnect

LOGGER: Final = logging.getLogger("gochan.service")

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_BODY: Final = 64 * 2**20
LONGEST_TARGET: Final = 8 * 2**10
MOST_HEADERS: Final = 100
SLOWEST: Final = 15.0  # seconds that bring less than so many bytes
LEAST: Final = 1000


class Refused(Exception):
    """A request that is not answered as it wants: its status, the reason, further headers."""

    def __init__(
        self, status: int, reason: str, headers: Mapping[bytes, bytes] | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


@final
class Limited:
    """An application behind limits.

    Args:
        application: what answers.
        longest: how many bytes a body may have.
        stopping: once it is set, nothing is begun that is not in `open`.
        open: the paths that are answered all the same.
    """

    def __init__(
        self,
        application: Application,
        *,
        longest: int = LONGEST_BODY,
        stopping: trio.Event | None = None,
        open: Collection[str] = (),
    ) -> None:
        self._application = application
        self._longest = longest
        self._stopping = stopping
        self._open = open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its head is refused."""
        if scope["type"] != "http":
            await send({"type": "websocket.close"})  # which is answered with 403
            return
        answering = _Answering(send)
        body = _Body(receive, self._longest)
        try:
            _check_head(scope, self._longest)
            if self._stopping is not None and self._stopping.is_set():
                self._check_open(scope)
            await self._application(scope, body.receive, answering.send)
        except Refused as refused:
            await answering.refuse(refused)
        except ClientDisconnect:
            pass  # in the middle of the body
        except Exception:
            LOGGER.exception("%s %s failed", scope["method"], scope["path"])
            await answering.refuse(Refused(500, "an error of the server; its log has more"))

    def _check_open(self, scope: Scope) -> None:
        if scope["path"] not in self._open:
            raise Refused(503, "the server stops; come again later", {b"retry-after": b"1"})


@final
class _Answering:
    """The answer to a request, as it is sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send a part of the answer."""
        self._begun = True
        await self._send(message)

    async def refuse(self, refused: Refused) -> None:
        """Answer a request that is refused, if nothing was said yet; have the connection closed."""
        if self._begun:
            return
        body = refused.reason.encode() + b"\n"
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *refused.headers.items(),
        ]
        start = {"type": "http.response.start", "status": refused.status, "headers": headers}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


@final
class _Body:
    """The body of a request, as it arrives."""

    def __init__(self, receive: Receive, longest: int) -> None:
        self._receive = receive
        self._longest = longest
        self._length = 0
        self._whole = False
        self._since = trio.current_time()
        self._recent = 0

    async def receive(self) -> MutableMapping[str, Any]:
        """Return what comes next; once the body is whole, wait as long as the client is there."""
        if self._whole:
            return await self._receive()
        with trio.move_on_at(self._since + SLOWEST) as scope:
            part = await self._receive()
        if scope.cancelled_caught:
            raise Refused(408, "the body came too slowly")
        if part["type"] == "http.request":
            self._note(len(part.get("body", b"")))
            self._whole = not part.get("more_body", False)
        return part

    def _note(self, size: int) -> None:
        self._length += size
        if self._length > self._longest:
            raise _too_long(self._longest)
        self._recent += size
        if self._recent >= LEAST:
            self._since, self._recent = trio.current_time(), 0


def _too_long(longest: int) -> Refused:
    return Refused(413, f"a body may have {longest} bytes")


def _check_head(scope: Scope, longest: int) -> None:
    """Look at the head of a request, whose body may have so many bytes.

    Raises:
        Refused: something is wrong with it.
    """
    headers = dict(scope["headers"])
    if len(scope["headers"]) > MOST_HEADERS:
        raise Refused(431, f"a request may have {MOST_HEADERS} headers")
    if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_TARGET:
        raise Refused(414, f"a target may have {LONGEST_TARGET} bytes")
    if b"content-length" in headers and b"transfer-encoding" in headers:
        raise Refused(400, "a request has one length")
    if int(headers.get(b"content-length", 0)) > longest:
        raise _too_long(longest)
