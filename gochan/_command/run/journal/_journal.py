"""A journal: each item is a row of a store before it starts, so that a run can go on later."""

# Theory of operation
# -------------------
# One task takes items from the source and stores them, some ahead; another one claims those that
# wait, in their order, for the queue. When an item has ended, that is written, and its worker waits
# until that lasts. So a run that is killed repeats the items whose commands ran, and no others.
#
# At the start the input is compared with the rows. It must begin with the same lines; those that
# follow are new. An input that is empty is fine: then the run is about the rows alone.
#
# Nobody else has the file, so each item that is running at the start is left from a run that was
# killed. It is given back, and that does not count: a run may be killed any number of times.
#
# Invariant: the rows are numbered from 1 in the order of their ids, with no number missing.

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, final

import trio

from ....durable import (
    END_KINDS,
    Ending,
    EndKind,
    JobRecord,
    Keep,
    QueueCounts,
    QueueSettings,
    Release,
    State,
    Store,
    StoreError,
    Ticket,
    Worker,
    open_store,
)
from ..items import Item, Source
from ._journal_error import JournalError
from ._journal_input import JournalInput
from ._journal_rows import QUEUE, header_of, item_of, row_of
from ._run_row import RunRow

# How many items are stored ahead of those that run, and how many bytes their blocks may have.
_AHEAD: Final = 10_000
_AHEAD_BYTES: Final = 1 << 26

# How many rows are read or written at a time.
_PAGE: Final = 1000

# So many seconds of work are claimed ahead.
_SOON: Final = 0.2

# Longer than any run: who holds the file decides whose the rows are.
_LEASE: Final = 10 * 365 * 86400.0

# How often we look for rows that somebody else has changed, in seconds.
_LOOK: Final = 1.0

# The ends of rows that are not done.
_FAILED: Final[tuple[EndKind, ...]] = ("failed", "timed_out", "cancelled", "dropped")

# Ends that say nothing about the item: it will run again.
_NO_END: Final = frozenset({"interrupted", "handed_back"})

# How a row ends.
_KINDS: Final[dict[str, EndKind]] = {
    **{kind: kind for kind in END_KINDS},
    "refused": "dropped",
}

_WORKER: Final = Worker("gochan run")

_PAUSED: Final = "paused in the journal; 'gochan resume' lets it go on"


@final
class Journal:
    """The backlog of a run that keeps a journal.

    Args:
        store: that is the journal.
        source: of the items.
        end: what ends a line.
        attempts: how often a command is tried, for those who look at the store.
        workers: returns how many commands may run.
        keep: called with each item that is stored and has not ended.
        on_problem: called when it cannot go on.

    Attributes:
        problem: why it cannot go on, if so.
        held: why rows cannot be claimed that wait; empty if they can, or there are none.
        before: the counts of the rows when it was opened.
        after: and when it was closed.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        *,
        end: bytes,
        attempts: int,
        workers: Callable[[], int],
        keep: Callable[[Item], object],
        on_problem: Callable[[], object],
    ) -> None:
        self.problem = self.held = ""
        self.before = self.after = QueueCounts()
        self._store = store
        self._source = source
        self._input = JournalInput(source, end)
        self._row = RunRow(store, _WORKER, _LEASE, self._far)
        self._attempts = attempts
        self._workers = workers
        self._keep = keep
        self._on_problem = on_problem
        self._count = 0  # rows, as far as they were compared or written
        self._compared = False
        self._recorded = trio.Event()  # nothing more will be stored
        self._stopped = False
        self._waiting = 0  # rows that wait, and bytes of those that were stored here
        self._waiting_bytes = 0
        self._claimed: deque[Item] = deque()  # and not taken
        self._running: dict[int, Ticket] = {}  # claimed and not ended, by number
        self._over = 0  # how many rows have ended
        self._ended = 0  # for the rate
        self._since = trio.current_time()
        self._rate = 0.0
        self._news = trio.Event()  # for `read`
        self._room = trio.Event()  # for `record`
        self._endings: dict[int, Ending] = {}  # to be written
        self._pen = trio.Lock()  # held by who writes them
        self._written = trio.Event()
        self._ending = trio.Event()

    @property
    def done_before(self) -> int:
        """How many rows were done when it was opened."""
        return self.before.done

    @property
    def undone(self) -> int:
        """How many rows are not done, in whatever run they have ended."""
        return self._left() + self._failed()

    def _left(self) -> int:
        return self.after.scheduled + self.after.waiting + self.after.running

    def _failed(self) -> int:
        return sum(getattr(self.after, kind) for kind in _FAILED)

    def notes(self) -> Iterator[str]:
        """Yield how to go on."""
        if self.problem:
            return
        left, failed = self._left(), self._failed()
        if left:
            yield f"the journal has {left} more to do; the same command again goes on there"
        if failed:
            yield (
                f"the journal has {failed} that failed; "
                "the same command with --retry-failed tries again"
            )

    # The rows at the beginning

    async def prepare(self, *, retry_failed: bool) -> None:
        """Give back what an earlier run has left, and count the rows."""
        store = self._store
        keep = Keep(done=math.inf, others=math.inf, most_done=math.inf)
        await store.configure(QUEUE, QueueSettings(keep=keep), update=True)
        last = 0
        while page := await self._page(last, states=["running"]):
            last = page[-1].id
            await store.release(
                [Release(row.id, row.version, "interrupted", count=False) for row in page]
            )
        if retry_failed:
            last = 0
            while page := await self._page(last, kinds=_FAILED):
                last = page[-1].id
                await store.retry([row.id for row in page])
        self.before = await store.statistics(QUEUE)
        self._waiting = self.before.waiting + self.before.scheduled
        self._over = self.before.stored - self._waiting
        await self._row.begin()

    async def _page(
        self, after: int, states: Collection[State] = (), kinds: Collection[EndKind] = ()
    ) -> Sequence[JobRecord]:
        """Return the next rows of a sort, those with higher ids, in their order."""
        return await self._store.list(QUEUE, states=states, kinds=kinds, after=after, limit=_PAGE)

    # Recording: from the source to rows

    async def record(self) -> None:
        """Compare the input with the rows, then store what follows, to its end."""
        try:
            await self._compare()
            self._compared = True
            self._news.set()
            await self._store_fresh()
        except (JournalError, StoreError) as error:
            self._fail(str(error))
        finally:
            for item in self._input.fresh:
                self._keep(item)
            self._recorded.set()
            self._news.set()

    async def _compare(self) -> None:
        given = await self._input.next() is not None
        last = 0
        while not self._stopped and (page := await self._page(last)):
            last = page[-1].id
            for row in page:
                await self._compare_row(row, given=given)

    async def _compare_row(self, row: JobRecord, *, given: bool) -> None:
        item = item_of(row)
        self._count += 1
        if item.number != self._count:
            raise JournalError(f"item {self._count} is missing from the journal; it cannot go on")
        if given:
            if item.number == 1 and header_of(row) != self._input.header:
                raise JournalError("the header of the input is not that of the journal")
            await self._input.match(item)
        if row.state != "ended":
            self._keep(item)

    async def _store_fresh(self) -> None:
        while await self._input.next() is not None:
            while self._waiting >= _AHEAD or self._waiting_bytes >= _AHEAD_BYTES:
                self._room = trio.Event()
                if self._stopped:
                    return
                await self._room.wait()
            await self._store_some()

    async def _store_some(self) -> None:
        """Store some items, all or none."""
        header = self._input.header
        items = [
            item._replace(number=number)
            for number, item in zip(
                range(self._count + 1, self._count + 1 + _PAGE), self._input.fresh, strict=False
            )
        ]
        rows = [row_of(item, self._attempts, header) for item in items]
        await self._store.enqueue(rows, whole=True)
        for item, row in zip(items, rows, strict=True):
            self._input.fresh.popleft()
            self._keep(item)
            self._waiting_bytes += len(row.payload)
        self._count += len(items)
        self._waiting += len(items)
        self._news.set()

    # Running: from rows to the queue

    async def read(self) -> bool:
        """Wait for items; return False once there will be no more."""
        while not (self._stopped or self.problem):
            self._news = trio.Event()
            recorded = self._recorded.is_set()
            want = self._want()
            if want and self._compared:
                try:
                    rows = await self._store.claim(QUEUE, want, _WORKER, _LEASE)
                    left = not rows and await self._are_left()
                except StoreError as error:
                    self._fail(str(error))
                    break
                for row in rows:
                    self._note_claimed(row)
                if rows:
                    self.held = ""
                    return True
                if recorded and not (self._running or self._endings or left):
                    return False
            with trio.move_on_after(_LOOK):
                await self._news.wait()
        await self._recorded.wait()
        return False

    async def _are_left(self) -> bool:
        """Whether there are rows that nobody can claim now, and find out why."""
        if not self._waiting:
            return False
        counts = await self._store.statistics(QUEUE)
        self.held = _PAUSED if counts.paused and counts.waiting else ""
        return counts.waiting > 0

    def take(self) -> Iterator[Item]:
        """Take the items that there are, one by one."""
        while self._claimed:
            yield self._claimed.popleft()

    def _note_claimed(self, row: JobRecord) -> None:
        item = item_of(row)
        self._claimed.append(item)
        self._running[item.number] = row.ticket
        self._waiting -= 1
        self._waiting_bytes = max(0, self._waiting_bytes - len(row.payload))
        if self._waiting * 2 < _AHEAD:
            self._room.set()

    def _want(self) -> int:
        """Return how many items to claim."""
        now = trio.current_time()
        passed = now - self._since
        if passed > _SOON:
            self._rate = (self._rate + self._ended / passed) / 2
            self._ended, self._since = 0, now
        return max(0, self._workers() + self._soon() - len(self._running))

    def _soon(self) -> int:
        return min(_PAGE, int(self._rate * _SOON))

    # Ends

    def note_end(self, item: Item, kind: str, why: str = "") -> None:
        """Hear that an item has ended; the first call for an item counts."""
        if kind in _NO_END or item.number not in self._running:
            return
        ticket = self._running.pop(item.number)
        known = _KINDS[kind]
        self._endings[item.number] = Ending(
            ticket.id,
            ticket.version,
            known,
            b"null" if kind == "done" else None,
            why or None,
            started=known != "dropped",
        )
        self._ended += 1
        self._over += 1
        self._ending.set()
        if len(self._running) <= self._workers() + self._soon() // 2:
            self._news.set()

    async def wait_noted(self, item: Item) -> None:
        """Wait until it is written how an item has ended, if it has."""
        while item.number in self._endings and not self.problem:
            await self._written.wait()

    async def write(self) -> None:
        """Write how items end, for ever."""
        while True:
            await self._ending.wait()
            self._ending = trio.Event()
            await self._write_endings()

    async def _write_endings(self) -> None:
        async with self._pen:
            batch = [*self._endings.items()]
            if batch and not self.problem:
                try:
                    await self._store.finish([ending for _, ending in batch])
                except StoreError as error:
                    self._fail(str(error))
                for number, _ in batch:
                    del self._endings[number]
        written, self._written = self._written, trio.Event()
        written.set()
        if not self._running:
            self._news.set()

    async def tell(self) -> None:
        """Write how far the run has come, for ever."""
        await self._row.keep()

    def _far(self) -> tuple[int, int | None]:
        """Return how many items have ended, and of how many."""
        total = self._source.total
        if self._is_complete:
            total = self._count
        elif total is not None:
            total = max(total, self.before.stored)
        return self._over, total

    @property
    def _is_complete(self) -> bool:
        """Whether all items are rows."""
        return self._recorded.is_set() and not (self._stopped or self.problem)

    # The end

    def stop(self) -> None:
        """Store and claim nothing more."""
        self._stopped = True
        self._input.stop()
        self._news.set()
        self._room.set()

    async def close(self) -> None:
        """Write what is not written, and give back what has not ended."""
        if self.problem:
            return
        await self._write_endings()
        back = [
            Release(ticket.id, ticket.version, "interrupted", count=False)
            for ticket in self._running.values()
        ]
        try:
            await self._store.release(back)
            self.after = await self._store.statistics(QUEUE)
            await self._row.end(done=self._is_complete and not self.undone)
        except StoreError as error:
            self._fail(str(error))

    def _fail(self, problem: str) -> None:
        self.problem = self.problem or problem
        self._on_problem()
        self._news.set()
        self._written.set()


@asynccontextmanager
async def open_journal(
    path: str, make: Callable[[Store], Journal], *, retry_failed: bool
) -> AsyncIterator[Journal]:
    """Open the journal in a file, which is held already.

    Raises:
        JournalError: the file cannot be used.
    """
    address = f"sqlite:{os.path.realpath(path)}"  # noqa: ASYNC240  # nothing else runs yet
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(open_store(address))
            if (await store.statistics(QUEUE)).paused:
                hint = f"'gochan resume {path} {QUEUE}' lets it go on"
                raise JournalError(f"the journal {path} is paused; {hint}")
            journal = make(store)
            await journal.prepare(retry_failed=retry_failed)
        except StoreError as error:
            raise JournalError(f"the journal {path} cannot be used: {error}") from None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.write)
            nursery.start_soon(journal.tell)
            yield journal
            with trio.CancelScope(shield=True):
                await journal.close()
            nursery.cancel_scope.cancel()
