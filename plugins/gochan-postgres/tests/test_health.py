"""Health: what keeps the server from keeping its tables small is told."""

from __future__ import annotations

import psycopg
import trio

from .conftest import Open, Server


async def test_a_transaction_that_stays_open_is_told(server: Server, open_store: Open) -> None:
    """By its age; whoever it is, and whatever it does."""
    async with open_store() as store:
        with psycopg.connect(server.address) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT 1")
            await trio.sleep(0.05)
            health = await store.health()
        assert health.oldest_snapshot >= 0.05
        assert health.dead_rows >= 0
        assert 0.0 <= health.notify_usage < 1.0


async def test_the_plugin_has_the_names_that_it_promises() -> None:
    """Although it imports what they need only when they are used."""
    import gochan_postgres

    for name in gochan_postgres.__all__:
        assert getattr(gochan_postgres, name).__module__ == "gochan_postgres"
    assert not hasattr(gochan_postgres, "nonsense")
