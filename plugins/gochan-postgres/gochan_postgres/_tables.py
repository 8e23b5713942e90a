"""Tables of another plugin, in the database of a store."""

# Theory of operation
# -------------------
# A plugin that keeps something beside the jobs, such as who may see them, has tables of its own in
# the schema of the store. They have a connection of their own, so what is kept there never waits
# for a job, nor a job for it. Which version each plugin's tables have is in the table ``beside``.
# As for the tables of jobs, all migrations that are needed are one transaction, under a lock.

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from threading import Lock
from typing import Any, Final, final

import trio

from gochan.durable import StoreError, beside

from ._connection import Connection
from ._lane import Connector, Lane
from ._queues import Names
from ._schema import LOCK

_ALONE: Final = "SELECT pg_advisory_xact_lock(%(lock)s, hashtext(%(name)s))"


@final
class TableWork:
    """What is done to tables in one transaction.

    In statements, ``{s}`` stands for the schema, and ``%s`` for each value.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        cursor = self._execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def run(self, statement: str, *values: Any) -> int:
        """Run a statement, and return how many rows it has changed."""
        count: int = self._execute(statement, values).rowcount
        return count

    def _execute(self, statement: str, values: Sequence[Any]) -> Any:
        text = self._connection.dialect.sql(statement).encode()
        return self._connection.raw.execute(text, values)


@final
class Tables:
    """Tables that a plugin has beside the jobs of a store; see `PostgresStore.open_tables`.

    The methods wait for the server: call them in a thread. Threads take turns.
    """

    def __init__(self, lane: Lane, name: str) -> None:
        self._lane = lane
        self._name = name
        self._turn = Lock()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a statement.

        Raises:
            StoreUnavailable: the server cannot be reached.
            StoreError: it refuses the statement.
        """
        with self._turn, self._lane.using() as connection:
            return TableWork(connection).rows(statement, *values)

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator[TableWork]:
        """Make what is done inside the block one step; an error undoes it.

        Args:
            alone: whether to wait until nobody else is inside such a block, in any process.

        Raises:
            StoreUnavailable: the server cannot be reached; if that is found out at the end of the
                block, nobody knows whether it was done.
            StoreError: it refuses a statement.
        """
        with self._turn, self._lane.using() as connection, connection.transaction():
            if alone:
                connection.run(_ALONE, {"lock": LOCK, "name": self._name})
            yield TableWork(connection)

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            self._lane.close()

    def migrate(self, scripts: Sequence[str]) -> None:
        """Bring the tables up to date.

        Raises:
            StoreError: they are of a newer version, or the server cannot do it.
        """
        with self._turn, self._lane.using() as connection:
            found = self._version(connection)
            if found > len(scripts):
                raise StoreError(
                    f"the tables {self._name!r} have version {found}, and this knows versions up "
                    f"to {len(scripts)}; use a newer one"
                )
            if found == len(scripts):
                return
            with connection.transaction():
                connection.run(_ALONE, {"lock": LOCK, "name": "beside"})
                connection.script(
                    "CREATE TABLE IF NOT EXISTS {s}.beside(name text PRIMARY KEY, version int)"
                )
                for script in scripts[self._version(connection) :]:
                    connection.script(script)
                connection.run(
                    "INSERT INTO {s}.beside VALUES (%(name)s, %(version)s) "
                    "ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version",
                    {"name": self._name, "version": len(scripts)},
                )

    def _version(self, connection: Connection) -> int:
        """Return the version of the tables that are there; 0 if there are none."""
        table = f"{connection.dialect.schema}.beside"
        if connection.value("SELECT to_regclass(%(name)s)", {"name": table}) is None:
            return 0
        version = connection.value(
            "SELECT version FROM {s}.beside WHERE name = %(name)s", {"name": self._name}
        )
        return int(version or 0)

    def cut_slow(self, before: float) -> None:
        """End a call that began before a moment."""
        if self._lane.busy_since is not None and self._lane.busy_since < before:
            self._lane.cut()


@asynccontextmanager
async def opened_tables(
    connector: Connector, name: str, scripts: Sequence[str]
) -> AsyncIterator[Tables]:
    """Open tables, and close them on the way out."""
    tables = Tables(Lane(connector, Names()), name)
    async with beside(partial(_watch, tables, connector.timeout)):
        try:
            await _in_thread(partial(tables.migrate, scripts))
            yield tables
        finally:
            with trio.CancelScope(shield=True):
                await _in_thread(tables.close)


async def _in_thread(step: Any) -> None:
    with trio.CancelScope(shield=True):
        await trio.to_thread.run_sync(step)


async def _watch(tables: Tables, timeout: float) -> None:
    """Cut calls that take too long, for ever."""
    while True:
        await trio.sleep(timeout / 4)
        tables.cut_slow(time.monotonic() - timeout)


Tables.__module__ = TableWork.__module__ = "gochan_postgres"
