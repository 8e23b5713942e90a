"""The store on PostgreSQL keeps the rules for all stores."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import count

import pytest
from gochan_postgres import PostgresStore, open_postgres_store

from gochan.testing import StoreTests

from .conftest import Server


class TestPostgres(StoreTests):
    """The tests that come with gochan, in virtual time, against a real server."""

    histories = 15

    @pytest.fixture
    def store(
        self, server: Server, request: pytest.FixtureRequest
    ) -> Callable[[], AbstractAsyncContextManager[PostgresStore, bool | None]]:
        """Open each in a schema of its own."""
        numbers, name = count(), abs(hash(request.node.name)) % 10**9
        return lambda: open_postgres_store(server.address, schema=f"kit_{name}_{next(numbers)}")
