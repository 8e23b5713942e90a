"""Opening a store on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, get_args

import trio

from gochan.durable import Bells, Desk, StoreClock, beside
from gochan.strategies import check_seconds

from ._address import Address
from ._connection import Dialect
from ._desk import InlineDesk, ThreadDesk
from ._lane import Connector, Lane
from ._listener import hear
from ._postgres_store import PostgresStore
from ._queues import Names
from ._schema import Access, migrate
from ._server_clock import ServerClock

_LOOK: Final = 1.0  # seconds after which a queue looks itself, in case a bell was lost


def check(address: str, schema: str, timeout: float, access: Access) -> Address:
    """Check the arguments of `open_postgres_store`; return the address."""
    if not isinstance(schema, str):
        raise TypeError(f"schema must be a str, not {schema!r}")
    if not re.fullmatch("[a-z_][a-z0-9_]{0,47}", schema):
        raise ValueError(f"schema must be made of a-z, 0-9 and _, not {schema!r}")
    check_seconds("timeout", timeout, more_than=0, finite=True)
    if access not in get_args(Access):
        raise ValueError(f'access must be "create", "write" or "read", not {access!r}')
    return Address(address)


@asynccontextmanager
async def opened(
    place: Address, schema: str, timeout: float, access: Access
) -> AsyncIterator[PostgresStore]:
    """Open a store, and close it on the way out."""
    bells, names = Bells(), Names()
    prepare = partial(migrate, address=str(place), access=access)
    virtual = StoreClock()
    if virtual.virtual:
        connector = Connector(place, Dialect(schema, virtual.now), None, timeout)
        lane = Lane(connector, names)
        migration = lane.call(prepare)
        desk: Desk = InlineDesk(lane, bells)
        store = PostgresStore(str(place), desk, bells, virtual, _LOOK, connector)
        store.migration = migration
        try:
            yield store
        finally:
            with trio.CancelScope(shield=True):
                await store.aclose()
        return
    clock = ServerClock()
    connector = Connector(place, Dialect(schema), clock, timeout)
    storing, working = Lane(connector, names), Lane(connector, names)
    reading = Lane(connector, names, reading=True)
    threads = ThreadDesk(storing, working, reading, bells, timeout)
    store = PostgresStore(str(place), threads, bells, clock, _LOOK, connector)
    async with beside(threads.watch, partial(hear, connector, bells)):
        try:
            store.migration = await threads.open(prepare)
            yield store
        finally:
            with trio.CancelScope(shield=True):
                await store.aclose()
