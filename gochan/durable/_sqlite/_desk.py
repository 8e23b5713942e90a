"""The desk of the store on SQLite: one thread that writes, one that reads, and group commit."""

# Theory of operation
# -------------------
# One thread owns the connection that writes. While it commits, more operations arrive; all of them
# are its next transaction, so that a hundred tasks cost hardly more than one (group commit). If an
# operation of a batch raises, the batch is undone, and each operation is made again in a
# transaction of its own: so a bad one fails alone.
#
# Claims are made last, so that they find the jobs that others of their batch store. For such jobs
# the bell is rung early, too: who waits for them claims them in the transaction that stores them.
#
# Another thread reads, by a connection of its own, so that a long list does not hold up the
# workers. An operation that was answered has been committed, so later readers see it.
#
# Who was just told something asks for more in the next turns of trio's loop: a job that ends lets
# its submitter send another one. So the first call of a batch waits until the writer is free, and
# then for a few turns, which take microseconds. Commits are fewer and fuller for that. It does not
# wait for turns while nobody else asks.
#
# A task that waits for an answer cannot be cancelled: the operation will be made, and the caller
# is told what came of it. It is a matter of milliseconds.
#
# If another process writes, a transaction cannot begin. SQLite's own way of waiting lets one of
# two processes starve; ours tries again after a random time.

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import SimpleQueue
from random import SystemRandom
from threading import Thread
from typing import Any, Final, TypeAlias, final

import trio
from trio.lowlevel import Abort, Task, enable_ki_protection

from .._bells import Bells
from .._clock import StoreClock
from .._errors import StoreClosed, StoreError, StoreUnavailable
from .._records import Hint, NewJob
from ._connection import Connection
from ._sqlite_book import SqliteBook
from ._storing import Undo

Hints: TypeAlias = Mapping[str, Sequence[Hint]]

# Tells whether another process has written. Not in a transaction, which would be one more.
VERSION: Final = "data_version"
READING: Final = frozenset({"look", "list", "queues", "statistics", "audit", "explain"})
_TURNS: Final = 5  # of trio's loop, for which the first call waits for others
_CROWDED: Final = 8  # batches for which it does so, after one call came while another waited
_PATIENCE: Final = 10.0  # seconds that another process may hold the file
_PAUSES: Final = SystemRandom()  # forked processes must not draw the same


@final
class _Call:
    """An operation that a task waits for."""

    __slots__ = ("answer", "arguments", "error", "operation", "task")

    def __init__(self, task: Task | None, operation: str, arguments: tuple[Any, ...]) -> None:
        self.task = task
        self.operation = operation
        self.arguments = arguments
        self.answer: Any = None
        self.error: Exception | None = None

    def unwrap(self) -> Any:
        """Return the answer, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.answer


@final
class Transactions:
    """Makes operations in transactions. Does not know about threads."""

    def __init__(
        self, connection: Connection, address: str, clock: StoreClock, *, reading: bool = False
    ) -> None:
        self.book = SqliteBook(connection)
        self._connection = connection
        self._address = address
        self._clock = clock
        self._reading = reading
        self._begin = connection.begin_to_read if reading else self._begin_to_write

    def make(self, calls: Sequence[_Call]) -> Hints:
        """Make operations, in one transaction if all goes well; return what they ring."""
        rung: dict[str, list[Hint]] = {}
        for call in calls:
            if call.operation == VERSION:
                self._look_at_version(call)
        calls = [call for call in calls if call.operation != VERSION]
        calls.sort(key=_is_claim)
        if not calls:
            return rung
        try:
            self._begin()
            for call in calls:
                call.answer = self._apply(call)
            self._connection.commit()
        except Exception as error:
            self._undo()
            if len(calls) == 1:
                self._note(calls[0], error)
                return {}
            for call in calls:
                for queue, hints in self.make([call]).items():
                    rung.setdefault(queue, []).extend(hints)
            return rung
        rung = dict(self.book.hints)
        self.book.hints.clear()
        return rung

    def _look_at_version(self, call: _Call) -> None:
        try:
            call.answer = self._connection.value("PRAGMA data_version")
        except sqlite3.Error as error:
            self._note(call, error)

    def _apply(self, call: _Call) -> Any:
        return getattr(self.book, call.operation)(self._clock.now(), *call.arguments)

    def _undo(self) -> None:
        self.book.forget()
        with suppress(sqlite3.Error):  # the next transaction says what is wrong
            self._connection.roll_back()

    def _note(self, call: _Call, error: Exception) -> None:
        """Note what the caller of an operation gets that raised."""
        if isinstance(error, Undo):
            call.answer = error.answer
            return
        call.error = error
        if self._reading and is_forbidden(error):
            call.error = StoreError(f"{self._address} is open for reading only")
        elif isinstance(error, sqlite3.OperationalError):
            call.error = StoreUnavailable(f"{self._address} cannot be used now: {error}")
        elif isinstance(error, sqlite3.DatabaseError):
            call.error = StoreError(f"{self._address} is damaged or no database: {error}")
        if call.error is not error:
            call.error.__cause__ = error

    def _begin_to_write(self) -> None:
        """Begin a transaction, after other processes if need be."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self._connection.begin()
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > until:
                    raise
                time.sleep(_PAUSES.uniform(0.0005, 0.0015))
            else:
                return


def _is_claim(call: _Call) -> bool:
    return call.operation == "claim"


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether a statement failed because somebody else is at it."""
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_forbidden(error: Exception) -> bool:
    """Whether a statement failed because it would have written."""
    return (
        isinstance(error, sqlite3.OperationalError)
        and error.sqlite_errorcode == sqlite3.SQLITE_READONLY
    )


@final
class InlineDesk:
    """Makes each operation on the spot, for runs in virtual time, which wait for no thread."""

    def __init__(
        self, transactions: Transactions, bells: Bells, close: Callable[[], object]
    ) -> None:
        self._transactions: Transactions | None = transactions
        self._bells = bells
        self._close = close

    @enable_ki_protection
    async def __call__(self, operation: str, *arguments: Any) -> Any:
        """Make an operation."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._transactions is None:
            raise StoreClosed("the store is closed; use it inside `async with open_store(...)`")
        call = _Call(None, operation, arguments)
        self._bells.ring(self._transactions.make([call]))
        await trio.lowlevel.cancel_shielded_checkpoint()
        return call.unwrap()

    async def aclose(self) -> None:
        """Close the connection."""
        if self._transactions is not None:
            self._transactions = None
            self._close()
        await trio.lowlevel.checkpoint()


@final
class _Clerk:
    """A thread that makes operations, batch by batch.

    Args:
        name: of the thread.
        transactions: what makes them.
        ring: called with what they ring, in the run, before those are woken who wait for them.
        send: called with the same, in the thread, after that.
    """

    def __init__(
        self,
        name: str,
        transactions: Transactions,
        ring: Callable[[Hints], object],
        send: Callable[[Hints], object],
    ) -> None:
        self._asked: SimpleQueue[Sequence[_Call]] = SimpleQueue()  # the end: nothing is asked
        self._transactions = transactions
        self._ring = ring
        self._send = send
        self._token = trio.lowlevel.current_trio_token()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def ask(self, calls: Sequence[_Call]) -> None:
        """Have operations made; the tasks of the calls are woken when that is done."""
        self._asked.put(calls)

    def _work(self) -> None:
        while calls := self._asked.get():
            hints = self._transactions.make(calls)
            self._token.run_sync_soon(self._tell, calls, hints)
            if hints:
                self._send(hints)

    def _tell(self, calls: Sequence[_Call], hints: Hints) -> None:
        if hints:
            self._ring(hints)
        for call in calls:
            assert call.task is not None
            trio.lowlevel.reschedule(call.task)

    async def aclose(self) -> None:
        """Let the operations end that were asked for, and the thread with them."""
        self._asked.put(())
        await trio.to_thread.run_sync(self._thread.join)


@final
class ThreadDesk:
    """Makes operations in two threads: one that writes, and one that reads.

    Args:
        address: of the store.
        writing: what makes the operations that write.
        reading: what makes the others.
        ring: called in the run with what they ring.
        send: called in a thread with the same.
        close: closes the connections.
    """

    def __init__(
        self,
        address: str,
        writing: Transactions,
        reading: Transactions,
        ring: Callable[[Hints], object],
        send: Callable[[Hints], object],
        close: Callable[[], object],
    ) -> None:
        self._writer = _Clerk(f"writer of {address}", writing, ring, send)
        self._reader = _Clerk(f"reader of {address}", reading, ring, send)
        self._gathered: list[_Call] = []  # for the writer
        self._ring = ring
        self._free = trio.Event()  # the writer has nothing to do
        self._free.set()
        self._waiting = 0  # calls for the writer that have no answer yet
        self._crowded = 0  # for how many more batches others are expected
        self._close = close
        self._closed = False

    @enable_ki_protection
    async def __call__(self, operation: str, *arguments: Any) -> Any:
        """Make an operation."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise StoreClosed("the store is closed; use it inside `async with open_store(...)`")
        call = _Call(trio.lowlevel.current_task(), operation, arguments)
        if operation in READING:
            self._reader.ask([call])
            await trio.lowlevel.wait_task_rescheduled(_not_now)
        else:
            if operation == "enqueue":
                self._announce(arguments[0])
            await self._write(call)
        return call.unwrap()

    def _announce(self, jobs: Sequence[NewJob]) -> None:
        """Ring for jobs that are about to be stored."""
        self._ring({queue: [Hint("waiting")] for queue in {job.queue for job in jobs}})

    async def _write(self, call: _Call) -> None:
        """Have an operation made, together with others."""
        self._waiting += 1
        if self._waiting > 1:
            self._crowded = _CROWDED
        self._gathered.append(call)
        if len(self._gathered) == 1:
            await self._gather()
            await trio.lowlevel.wait_task_rescheduled(_not_now)
            self._free.set()
        else:
            await trio.lowlevel.wait_task_rescheduled(_not_now)
        self._waiting -= 1

    async def _gather(self) -> None:
        """Hand over the first call, together with those that come until the writer gets to it."""
        with trio.CancelScope(shield=True):
            await self._free.wait()
        for _ in range(_TURNS if self._crowded else 0):
            await trio.lowlevel.cancel_shielded_checkpoint()
        calls, self._gathered = self._gathered, []
        self._crowded -= bool(self._crowded)
        self._free = trio.Event()
        self._writer.ask(calls)

    async def aclose(self) -> None:
        """Let the operations end that were asked for, and close the connections."""
        if not self._closed:
            self._closed = True
            # Comes after all that others have asked for.
            await self._write(_Call(trio.lowlevel.current_task(), VERSION, ()))
            await self._writer.aclose()
            await self._reader.aclose()
            await trio.to_thread.run_sync(self._close)


def _not_now(raise_cancel: object) -> Abort:
    """An operation in flight cannot be cancelled: its caller is to know what came of it."""
    return Abort.FAILED
