"""The store of a server keeps the rules for all stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio
from gochan_service._door._agents import Agents
from gochan_service._door._canceller import Canceller
from gochan_service._door._exchanges import Exchanges
from gochan_service._door._listeners import Listeners
from gochan_service._remote._http_store import HttpStore, open_far_store
from gochan_service._wire import Exchange, decode, encode

from gochan.durable import open_store
from gochan.testing import StoreTests


@asynccontextmanager
async def open_through_a_door() -> AsyncIterator[HttpStore]:
    async with open_store("memory:") as near, trio.open_nursery() as nursery:
        listeners = Listeners(near, Canceller())
        nursery.start_soon(listeners.run)
        exchanges = Exchanges(near, listeners, Agents(), trio.Event())

        async def post(route: str, body: bytes, wait: float) -> bytes:
            exchange = decode(body, Exchange)
            return encode(await exchanges(exchange, near, None, trio.sleep_forever))

        async with open_far_store("http://near", post) as far:
            yield far
        nursery.cancel_scope.cancel()


class TestHttpStore(StoreTests):
    """The tests that come with gochan, in virtual time, with all bytes but no network."""

    @pytest.fixture
    def store(self) -> Callable[[], AbstractAsyncContextManager[HttpStore, bool | None]]:
        return open_through_a_door
