"""Requests to a server."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Self, TypeAlias

import httpx

from gochan.durable import StoreError, StoreUnavailable

from .._token import TOKEN
from ._address import described, reason_of

Post: TypeAlias = Callable[[str, bytes, float], Awaitable[bytes]]
"""Sends something to a route, and returns the answer; the number is how many seconds it may wait.

It raises `StoreUnavailable` if there is none, and `StoreError` if the server refuses.
"""

# Two for calls, one for bells; of an agent: one for logs, one for those of runs that end, one for
# files.
_CONNECTIONS: Final = 6


class _Body(httpx.AsyncByteStream):
    """The body of a request, in one piece.

    That of httpx is an asynchronous generator, which a request that is cancelled leaves behind.
    """

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        body, self._body = self._body, None
        if body is None:
            raise StopAsyncIteration
        return body


@asynccontextmanager
async def open_post(
    url: str,
    credential: str,
    timeout: float,
    verify: ssl.SSLContext | bool,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Post]:
    """Open the way to a server, and close it on the way out.

    Args:
        url: of the server.
        credential: a token or a secret.
        timeout: how many seconds a request may take, beside those for which it asks.
        verify: how the server is trusted.
        transport: sends the requests; by default, over the network.
    """
    door = "api" if credential.startswith(TOKEN) else "rpc"
    headers = {"authorization": f"Bearer {credential}", "content-type": "application/json"}
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    async with httpx.AsyncClient(
        headers=headers,
        limits=limits,
        verify=verify,
        trust_env=False,
        transport=transport,
    ) as client:

        async def post(route: str, body: bytes, wait: float) -> bytes:
            try:
                request = client.build_request(
                    "POST",
                    f"{url}/{door}/v1/{route}",
                    headers={"content-length": str(len(body))},
                    timeout=timeout + wait,
                )
                request.stream = _Body(body)
                response = await client.send(request)
            except httpx.HTTPError as error:
                raise StoreUnavailable(f"{url}: {reason_of(error)}") from None
            if response.status_code in (200, 409):  # the second if nothing was won
                return response.content
            if response.status_code in (401, 403):
                raise StoreError(f"{url} does not accept {described(credential)}")
            why = _words_of(response)
            if response.status_code >= 500 or response.status_code in (408, 429):
                raise StoreUnavailable(f"{url} answers {response.status_code}: {why}")
            raise StoreError(f"{url} answers {response.status_code}: {why}")

        yield post


def _words_of(response: httpx.Response) -> str:
    """Return why something is refused, in one line; the page of a proxy says no more than that."""
    if "html" in response.headers.get("content-type", ""):
        return response.reason_phrase
    return " ".join(response.text.split())[:200] or response.reason_phrase
