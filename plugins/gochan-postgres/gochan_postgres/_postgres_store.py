"""The store on PostgreSQL, and what it can do besides: the user's own transaction, and health."""

# Theory of operation
# -------------------
# By a connection of the user's to the same database, the same statements are made as by our own.
# The rows, the tally and the bell are part of the transaction, so all of it lasts, or nothing.
#
# What a transaction has not committed must not hold up others. A job that is ended in it is
# locked, and whoever renews leases leaves it out. No lock is taken for a capacity, so that may be
# passed by the jobs of transactions that are open at the same time.

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, final

import psycopg

from gochan.durable import (
    Bells,
    BookStore,
    Desk,
    DurableJob,
    DurableQueue,
    Ending,
    LeaseLost,
    RunningJob,
    StoreError,
)

from ._connection import Connection
from ._health import Health
from ._lane import Connector
from ._postgres_book import PostgresBook
from ._queues import Names
from ._tables import Tables, opened_tables

P = TypeVar("P")
R = TypeVar("R")


@final
class PostgresStore(BookStore):
    """The store on PostgreSQL: a `gochan.durable.Store` that can do more.

    `gochan.durable.open_store` opens it, as does `open_postgres_store`.
    """

    def __init__(
        self,
        address: str,
        desk: Desk,
        bells: Bells,
        clock: Any,
        patience: float,
        connector: Connector,
    ) -> None:
        super().__init__(address, desk, bells, clock, patience)
        self._connector = connector

    @property
    def loses_answers(self) -> bool:
        """True: the network may."""
        return True

    async def health(self) -> Health:
        """Return what says whether the server can keep its tables small."""
        health: Health = await self._desk("health")
        return health

    def open_tables(
        self, name: str, scripts: Sequence[str]
    ) -> AbstractAsyncContextManager[Tables, bool | None]:
        """Open tables of one's own in the schema of this store, and close them on the way out.

        For plugins that keep something beside the jobs, for all processes that use the store.

        Args:
            name: a word for these tables; begin the names of the tables with it.
            scripts: each makes the next version of the tables from the one before, the first one
                from nothing. ``{s}`` stands for the schema. What is published stays as it is.

        Raises:
            StoreUnavailable: the server cannot be reached. Raised on entering, as is the next.
            StoreError: the tables are of a newer version, or the server refuses a script.
        """
        return opened_tables(self._connector, name, scripts)

    def submit_in(
        self,
        connection: psycopg.Connection[Any],
        queue: DurableQueue[P, R],
        payload: P,
        **options: Any,
    ) -> DurableJob[R]:
        """Store a job in the transaction of the user's that is open on ``connection``.

        It is there if and when that is committed. The statements wait for the server, so call this
        where the other statements of the transaction are, in a thread.

        Args:
            connection: to the same database: psycopg's own, such as SQLAlchemy has in
                ``connection.connection.driver_connection``, and Django in
                ``connection.connection``.
            queue: of this store.
            payload: what the handler is called with.
            options: as for `gochan.durable.DurableQueue.submit`.

        Raises:
            StoreError: the queue is on another store, or the connection has no transaction open, or
                the job cannot be stored.
            QueueFull: there is no room.
            TypeError, ValueError: as for `gochan.durable.DurableQueue.submit`.
        """
        if queue.store is not self:
            raise StoreError(f"{queue!r} is a queue of another store than this one")
        book = self._book(connection)
        (answer,) = book.enqueue([queue.new_job(payload, **options)], whole=False)
        return queue.stored(answer)

    def finish_in(self, connection: psycopg.Connection[Any], job: RunningJob, result: Any) -> None:
        """End a job as done, in the transaction of the user's that is open on ``connection``.

        So what the job has done and that it is done last together, or not at all: it is done once.
        What its handler returns afterwards is ignored. If the transaction is rolled back, this run
        has failed.

        Args:
            connection: as for `submit_in`.
            job: the one that runs, as `current_job` gives it.
            result: its result.

        Raises:
            LeaseLost: the job runs elsewhere by now; roll back.
            StoreError: the connection has no transaction open.
        """
        book = self._book(connection)
        ending = Ending(job.id, job.record.version, "done", job.encode(result))
        if book.finish([ending]) != [True]:
            raise LeaseLost(f"job {job.id} is not this run's any more; roll the transaction back")
        job.note_finished_in()

    def _book(self, connection: psycopg.Connection[Any]) -> PostgresBook:
        """Return a book by a connection of the user's.

        Raises:
            TypeError: it is none of psycopg's.
            StoreError: it has no transaction open, or cannot go on with it.
        """
        if not isinstance(connection, psycopg.Connection):
            raise TypeError(
                f"connection must be a psycopg.Connection, not {type(connection).__name__}; "
                "frameworks have one inside, such as SQLAlchemy's "
                "connection.connection.driver_connection"
            )
        status = connection.info.transaction_status
        if connection.autocommit and status == psycopg.pq.TransactionStatus.IDLE:
            raise StoreError(
                "no transaction is open on this connection, and it commits each statement; use "
                "`with connection.transaction()`"
            )
        # What is learnt in a transaction may be undone with it, so it is forgotten.
        return PostgresBook(Connection(connection, self._connector.dialect, own=False), Names())


PostgresStore.__module__ = "gochan_postgres"
