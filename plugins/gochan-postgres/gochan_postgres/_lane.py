"""A lane: one connection, by which operations are made one after the other, in a thread."""

# Theory of operation
# -------------------
# A connection is made when it is first needed, and again when it was lost. After an attempt that
# failed, there is none for a while, which grows: whoever calls meanwhile hears at once that the
# server cannot be reached.
#
# A call that has begun cannot be cancelled: its caller is to know what came of it. But a network
# can swallow a request without a word, and a server can stop. So a call that takes too long is
# cut: the socket is shut down, and psycopg, which waits for it in a thread, raises.
#
# Before a call the connection is looked at, without waiting: a server that was restarted has
# closed it meanwhile, and a request must not be lost to that.

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from random import SystemRandom
from typing import Any, Final, Protocol, TypeVar, final

import psycopg

from gochan.durable import Hint, StoreError, StoreUnavailable

from ._address import Address
from ._connection import Connection, Dialect
from ._postgres_book import PostgresBook
from ._queues import Names

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.05  # seconds between attempts to connect
_LONGEST_PAUSE: Final = 2.0
_JITTER: Final = SystemRandom()  # forked processes must not draw the same

# So that a plan that was made for an empty table does no harm when it is full: all our statements
# are meant to go by indexes.
_SETTINGS: Final = (
    "SET enable_seqscan = off; SET jit = off; SET lock_timeout = '5s'; "
    "SET statement_timeout = {timeout}; "
    "SET idle_in_transaction_session_timeout = {timeout}"
)


class Learner(Protocol):
    """What is told what a new connection has seen."""

    def learn(self, told: float, asked: float) -> None:
        """Learn what the server's clock said, and when it was asked."""


@final
class Connector:
    """Makes connections.

    Attributes:
        pooled: whether a pooler is between us and the server, so that nothing can be kept in a
            session. Known after the first connection.
        pids: the server's processes that serve us.
    """

    def __init__(
        self, address: Address, dialect: Dialect, clock: Learner | None, timeout: float
    ) -> None:
        self.address = address
        self.dialect = dialect
        self.timeout = timeout
        self.pooled = False
        self.pids: set[int] = set()
        self._clock = clock

    def connect(self, *, reading: bool = False) -> psycopg.Connection[Any]:
        """Connect.

        Raises:
            psycopg.Error: that cannot be done.
        """
        said = self.address.parameters
        parameters: dict[str, Any] = {
            "application_name": "gochan",
            "connect_timeout": max(2, int(self.timeout)),
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            **said,
        }
        raw = psycopg.connect(autocommit=True, prepare_threshold=None, **parameters)
        try:
            asked = time.monotonic()
            row = raw.execute(
                "SELECT pg_backend_pid(), extract(epoch FROM clock_timestamp())::float8, "
                "pg_is_in_recovery()"
            ).fetchone()
            assert row is not None
            pid, told, standby = row
            if standby:  # pragma: no cover  # it takes two servers
                raise psycopg.OperationalError("the server is a standby, which cannot be written")
            if self._clock is not None:
                self._clock.learn(told, asked)
            self.pooled = pid != raw.info.backend_pid
            if not self.pooled:
                self.pids.add(pid)
                raw.prepare_threshold = 5
                if not reading:
                    settings = _SETTINGS.format(timeout=int(self.timeout * 1000))
                    raw.execute(settings.encode())
        except BaseException:
            raw.close()
            raise
        return raw

    def problem(self, error: psycopg.Error) -> StoreError:
        """Return what a caller gets for an error of psycopg's."""
        text = self.address.cleaned(error)
        if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
            problem: StoreError = StoreUnavailable(f"{self.address} cannot be used now: {text}")
        else:
            problem = StoreError(f"{self.address} refused what it was asked: {text}")
        # What psycopg raised may show a password, and its traceback the statement's parameters.
        return problem


@final
class Lane:
    """One connection, used by one thread at a time."""

    def __init__(self, connector: Connector, names: Names, *, reading: bool = False) -> None:
        self._connector = connector
        self._names = names
        self._reading = reading
        self._connection: Connection | None = None
        self._book: PostgresBook | None = None
        self._not_before = 0.0
        self._pause = _FIRST_PAUSE
        self._problem: StoreError | None = None
        self.busy_since: float | None = None

    def make(self, operation: str, arguments: tuple[Any, ...]) -> tuple[Any, dict[str, list[Hint]]]:
        """Make an operation; return its answer, and what it rings. Called in a thread.

        Raises:
            StoreError: it was not made, or nobody knows whether it was.
        """
        self.busy_since = time.monotonic()
        try:
            book = self._ready()
            answer = getattr(book, operation)(*arguments)
            return answer, book.take_hints()
        except psycopg.Error as error:
            raise self._broken(error) from None
        finally:
            self.busy_since = None

    def call(self, work: Callable[[Connection], T]) -> T:
        """Do something with the connection, and return its answer. Called in a thread."""
        with self.using() as connection:
            return work(connection)

    @contextlib.contextmanager
    def using(self) -> Iterator[Connection]:
        """Use the connection inside the block. Called in a thread.

        Raises:
            StoreError: psycopg has raised something.
        """
        self.busy_since = time.monotonic()
        try:
            self._ready()
            assert self._connection is not None
            yield self._connection
        except psycopg.Error as error:
            raise self._broken(error) from None
        finally:
            self.busy_since = None

    def _ready(self) -> PostgresBook:
        """Return the book, by a connection that is not known to be lost."""
        if self._connection is not None and _is_lost(self._connection.raw):
            self.close()
        if self._book is None:
            if self._problem is not None and time.monotonic() < self._not_before:
                raise type(self._problem)(str(self._problem))
            try:
                raw = self._connector.connect(reading=self._reading)
            except psycopg.Error as error:
                self._not_before = time.monotonic() + self._pause * _JITTER.uniform(0.5, 1.0)
                self._pause = min(_LONGEST_PAUSE, 2 * self._pause)
                self._problem = self._connector.problem(error)
                raise
            self._pause, self._problem = _FIRST_PAUSE, None
            self._connection = Connection(raw, self._connector.dialect)
            self._book = PostgresBook(self._connection, self._names)
        return self._book

    def _broken(self, error: psycopg.Error) -> StoreError:
        """Tidy up after an error; return what the caller gets."""
        if self._book is not None:
            self._book.take_hints()
        if self._connection is not None:
            raw = self._connection.raw
            if raw.closed or raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self.close()
        return self._connector.problem(error)

    def cut(self) -> None:
        """End the call that is under way, by shutting its socket down. Called in any thread."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError, psycopg.Error):
                number = os.dup(connection.raw.fileno())
                with socket.socket(fileno=number) as twin:
                    twin.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection, self._book = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connector.pids.discard(connection.raw.info.backend_pid)
            with contextlib.suppress(psycopg.Error):
                connection.close()


def _is_lost(raw: psycopg.Connection[Any]) -> bool:
    """Whether an idle connection is known to be lost."""
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    if not poll.poll(0):
        return False
    try:
        raw.pgconn.consume_input()  # a notice, or the end
    except psycopg.Error:
        return True
    return raw.pgconn.status != psycopg.pq.ConnStatus.OK
