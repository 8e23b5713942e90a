"""The user's own transaction: jobs that are stored, or ended, together with other data."""

# Theory of operation
# -------------------
# A connection of the user's to the same file does what the writing thread would have done. The
# rows and the tally change inside the transaction, so all of it lasts, or nothing. No bell is
# rung, since nobody is told when the user commits; the store sees within a second that somebody
# else has written.

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .._bells import Bells
from .._book_store import BookStore, Desk
from .._clock import StoreClock
from .._durable_job import DurableJob
from .._durable_queue import DurableQueue
from .._errors import LeaseLost, StoreError
from .._leases import RunningJob
from .._records import Ending
from ._library import Library
from ._sqlite_book import SqliteBook

if TYPE_CHECKING:
    import apsw

UserConnection: TypeAlias = "sqlite3.Connection | apsw.Connection"

P = TypeVar("P")
R = TypeVar("R")


class SqliteStore(BookStore):
    """The store on SQLite."""

    def __init__(
        self,
        address: str,
        desk: Desk,
        bells: Bells,
        clock: StoreClock,
        patience: float,
        library: Library,
    ) -> None:
        super().__init__(address, desk, bells, clock, patience)
        self._library = library

    def submit_in(
        self,
        connection: UserConnection,
        queue: DurableQueue[P, R],
        payload: P,
        **options: Any,
    ) -> DurableJob[R]:
        """Store a job in the transaction of the user's that is open on ``connection``.

        It is there if and when that is committed. Begin it by ``BEGIN IMMEDIATE``: a transaction
        that reads first cannot write any more once somebody else has written.

        Args:
            connection: to the same file, by the library that the store was opened with.
            queue: of this store.
            payload: what the handler is called with.
            options: as for `DurableQueue.submit`.

        Raises:
            StoreError: the queue is on another store, or the connection is to another file, or has
                no transaction open.
            QueueFull: there is no room.
            TypeError, ValueError: as for `DurableQueue.submit`.
        """
        if queue.store is not self:
            raise StoreError(f"{queue!r} is a queue of another store than this one")
        book = self._book(connection)
        (answer,) = book.enqueue(self.now(), [queue.new_job(payload, **options)], whole=False)
        return queue.stored(answer)

    def finish_in(self, connection: UserConnection, job: RunningJob, result: Any) -> None:
        """End a job as done, in the transaction of the user's that is open on ``connection``.

        So what the job has done and that it is done last together, or not at all: it is done once.
        What its handler returns afterwards is ignored. If the transaction is rolled back, this run
        has failed.

        Args:
            connection: to the same file, by the library that the store was opened with.
            job: the one that runs, as `current_job` gives it.
            result: its result.

        Raises:
            LeaseLost: the job runs elsewhere by now; roll back.
            StoreError: the connection is to another file, or has no transaction open.
        """
        book = self._book(connection)
        ending = Ending(job.id, job.record.version, "done", job.encode(result))
        if book.finish(self.now(), [ending]) != [True]:
            raise LeaseLost(f"job {job.id} is not this run's any more; roll the transaction back")
        job.note_finished_in()

    def _book(self, connection: UserConnection) -> SqliteBook:
        """Return the book that the connection is to.

        Raises:
            TypeError: it is no connection.
            StoreError: it is to another file, or has no transaction open.
        """
        library = self._library
        if not isinstance(connection, library.type):
            raise TypeError(
                f"connection must be {library.type_name}, as the store was opened with "
                f"library={library.name!r}, not {connection!r}; frameworks have one inside, such "
                "as SQLAlchemy's connection.connection.driver_connection"
            )
        if not connection.in_transaction:
            raise StoreError(
                "no transaction is open on this connection; execute BEGIN IMMEDIATE first"
            )
        wrapped, path = library.wrap(connection), self.address.removeprefix("sqlite:")
        if os.path.realpath(path) != os.path.realpath(wrapped.path or os.devnull):
            raise StoreError(f"this connection is to {wrapped.path or 'memory'}, not to {path}")
        return SqliteBook(wrapped)
