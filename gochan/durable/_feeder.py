"""The feeder: leases jobs from the store for the workers of a job queue, and keeps the leases."""

# Theory of operation
# -------------------
# The store holds the jobs, the job queue runs them. The feeder claims no more jobs than the
# workers will start at once, plus what they end in a fifth of a second. So a slow fleet hoards
# nothing, and a fast one does not wait for the store.
#
# It looks for jobs when a bell rings, when the workers have nearly run out of jobs, and once in a
# while, since a bell may be lost.
#
# How many jobs are at hand is counted where they come and go, since it is asked at each end.
#
# A lease is extended when a third of it is over, until the job has ended and that is written,
# also while the queue stops. If the store cannot be reached, the job is cancelled before the lease
# can end elsewhere, with the cause ``lost_lease``.

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar, final

import trio

from .._core import ChanClosedError, Refused
from .._queue import Failed, HandedBack, Job, JobQueue, Outcome
from ._codec import Codecs
from ._errors import StoreUnavailable
from ._leases import CURRENT, Account, Lease, RunningJob, Written, account, text_of
from ._outage import Outages
from ._records import Ending, JobRecord, Release, Worker
from ._reporter import Reporter
from ._retry import Retry
from ._store import Store
from ._suspects import APART, is_marked_first, is_suspect
from ._telling import Telling
from ._tender import Tender
from ._tracing import Tracing

P = TypeVar("P")
R = TypeVar("R")

_AHEAD: Final = 0.2  # seconds of work to have at hand
_MOST: Final = 1000  # leases
_IN_A_ROW: Final = 50  # jobs that are handed over before other tasks run
_MARGIN: Final = 0.1  # the share of a lease that is left when it is given up


@final
class Feeder(Generic[P, R]):
    """Leases jobs for one job queue, which it is given as soon as that is open."""

    def __init__(
        self,
        store: Store,
        name: str,
        handler: Callable[[P], Awaitable[R]],
        *,
        worker: Worker,
        workers: int,
        lease: float,
        retry: Retry,
        timeout: float | None,
        codecs: Codecs,
        outages: Outages,
        telling: Telling,
        tracing: Tracing | None,
        on_written: Callable[[Lease, Account, Written], object],
        owner: object,
    ) -> None:
        self.queue: JobQueue[Lease, bytes]
        self.reporter = Reporter(store, outages, self._note_written)
        self.leases: dict[int, Lease] = {}  # by id, until their end is written
        self.halted = False
        self._store = store
        self._name = name
        self._handler = handler
        self._worker = worker
        self._workers = workers
        self._lease = lease
        self._retry = retry
        self._timeout = timeout
        self._codecs = codecs
        self._outages = outages
        self._telling = telling
        self._tracing = tracing
        self._on_written = on_written
        self._owner = owner
        self._bell = trio.Event()
        self._idle = trio.Event()  # nothing is being claimed
        self._idle.set()
        self._at_hand = 0  # leased jobs that have not ended
        self._unstarted = 0  # and those of them that have not started
        self._ended = 0
        self._rate = 0.0  # jobs per second
        self._since = trio.current_time()
        self._first_lease = trio.Event()
        self._next_end = math.inf  # when a lease is looked at that may be over soon
        self._sooner = trio.Event()  # another one may be over before that
        self.tender = Tender(store, outages, lease, self.leases)

    # In the job queue

    async def handle(self, lease: Lease) -> bytes:
        """Run a job: the handler of the job queue."""
        if self.reporter.pending:
            await self.reporter.wait_for_room()
        if is_marked_first(lease.record):
            await self.reporter.wait_marked(lease)
        if self._gives_up_at(lease) <= trio.current_time():  # the process was stopped meanwhile
            self._lose(lease)
            await trio.lowlevel.checkpoint()
        CURRENT.set(lease)
        if self._tracing is None:
            value = await self._handler(lease.payload)
        else:
            with self._tracing.running(self._name, RunningJob(lease)):
                value = await self._handler(lease.payload)
        if self._telling.wants_values:
            lease.value = value
        return lease.encode(value)

    def note_start(self, job: Job[Lease, bytes]) -> None:
        """Hear that a job starts."""
        lease = job.payload
        job.name = f"job {lease.record.id} ({self._name})"  # as those know it who look at the store
        lease.job, lease.started = job, True
        self._unstarted -= 1
        self.reporter.note_start(lease)
        self._telling.starts(lease)

    def note_end(self, job: Job[Lease, bytes]) -> None:
        """Hear that a job has ended, whatever its outcome."""
        lease, outcome = job.payload, job.outcome
        assert outcome is not None
        lease.job = None
        lease.times = outcome.waited, outcome.ran
        self._ended += 1
        self._end(lease, outcome, account(lease, outcome, self._retry))

    def _end(self, lease: Lease, outcome: Outcome[Any], written: Account | None) -> None:
        """End a job here, and have that written."""
        self._put_down(lease)
        if written is None:
            self._let_go(lease)
        else:
            self.reporter.note_end(lease, written)
        if self._unstarted * 2 <= self._workers:
            self._bell.set()
        self._telling.ends(lease, outcome, written)

    def _put_down(self, lease: Lease) -> None:
        """Have a job no longer at hand."""
        lease.ended = True
        self._at_hand -= 1
        self._unstarted -= not lease.started

    def _note_written(self, lease: Lease, written: Account, taken: Written) -> None:
        self._let_go(lease)
        self._telling.written(lease, written, taken)
        self._on_written(lease, written, taken)

    def _let_go(self, lease: Lease) -> None:
        self.reporter.forget(lease)
        # After a lost lease, this process may have the job once more.
        if self.leases.get(lease.record.id) is lease:  # pragma: no branch
            del self.leases[lease.record.id]

    def give_rest_back(self) -> None:
        """Give the jobs back that were claimed and not handed over, since the queue was ended."""
        for lease in [*self.leases.values()]:
            if not lease.ended:
                self._give_back(lease)

    def unwritten(self) -> tuple[int, ...]:
        """Return the jobs that have ended here, and whose end is not written."""
        return tuple([id for id, lease in self.leases.items() if lease.ended])

    def tell_unwritten(self) -> None:
        """Tell of the jobs that have ended here, and whose end nobody will write."""
        for lease in self.leases.values():
            self._telling.leaves_unwritten(lease)

    # Claiming

    def ring(self) -> None:
        """Have the store looked at."""
        self._bell.set()

    def halt(self) -> None:
        """Claim no more jobs, and give those back at once that have not started."""
        self.halted = True
        self._bell.set()
        self.reporter.hurry()
        for lease in [*self.leases.values()]:
            if lease.job is not None and not lease.started:
                lease.returned = True
                lease.cancel("the queue was stopped")

    async def wait_idle(self) -> None:
        """Wait until what was claimed last is written down; called when it halts."""
        await self._idle.wait()

    async def run(self) -> None:
        """Claim jobs and hand them over, until the queue halts."""
        self._idle = trio.Event()
        try:
            await self._claim_all()
        finally:
            self._idle.set()

    async def _claim_all(self) -> None:
        backoff = self._outages.backoff()
        while not self.halted:
            self._bell = trio.Event()
            want = self._want()
            found = 0
            if want:
                try:
                    found = await self._claim(want)
                except StoreUnavailable:
                    await backoff.pause()
                    continue
                backoff.end()
            if not want or found < want:
                with trio.move_on_after(self._store.patience):
                    await self._bell.wait()

    def _want(self) -> int:
        """Return how many jobs to claim."""
        now = trio.current_time()
        passed = now - self._since
        if passed > _AHEAD / 2:
            self._rate = (self._rate + self._ended / passed) / 2
            self._ended, self._since = 0, now
        hold = min(_MOST, self._workers + int(self._rate * _AHEAD))
        return max(0, hold - self._at_hand)

    async def _claim(self, want: int) -> int:
        asked = trio.current_time()
        with self._outages.calling("claim"):
            records = await self._store.claim(self._name, want, self._worker, self._lease)
        self._telling.counting.claimed += len(records)
        # Nothing is awaited before all are written down: whatever happens, they are given back.
        leases = [self._take(record, asked) for record in records]
        for count, lease in enumerate(leases, 1):
            await self._hand_over(lease)
            if count % _IN_A_ROW == 0:
                await trio.lowlevel.checkpoint()
        return len(leases)

    def _take(self, record: JobRecord, asked: float) -> Lease:
        lease = Lease(
            record,
            asked + self._lease,
            self.reporter.note_progress,
            self._codecs,
            self._owner,
        )
        self.leases[record.id] = lease
        self._at_hand += 1
        self._unstarted += 1
        if self._gives_up_at(lease) < self._next_end:  # to claim it may have taken long
            self._sooner.set()
        if not self._first_lease.is_set():
            self._first_lease.set()
            self.tender.ring()
        return lease

    async def _hand_over(self, lease: Lease) -> None:
        """Give a job to the job queue, unless it cannot be decoded or the queue halts."""
        record = lease.record
        if lease.lost:  # pragma: no cover  # to hand over the others took longer than the lease
            self._put_down(lease)
            self._let_go(lease)
            return
        if self.halted or self.queue.closed:
            self._give_back(lease)
            return
        if is_suspect(record) and self._has_suspect():
            self._give_back(lease, delay=APART)
            return
        try:
            lease.payload = self._codecs.decode(record.codec, record.payload)
        except Exception as error:
            reason = f"its payload cannot be decoded as {record.codec}: {text_of(error)}"
            ending = Ending(record.id, record.version, "failed", error=reason, started=False)
            self._end(lease, Failed(error), ending)
            return
        timeout = self._timeout if record.timeout is None else record.timeout
        try:
            try:  # which lets no other task run, as each turn of trio's loop costs as much as a job
                job = self.queue.submit_nowait(
                    lease, timeout=timeout, priority=record.priority, key=record.group
                )
            except trio.WouldBlock:
                job = await self.queue.submit(
                    lease, timeout=timeout, priority=record.priority, key=record.group
                )
            if not lease.ended:  # which may have happened meanwhile
                lease.job = job
        except Refused:
            pass  # the hook has heard of it
        except ChanClosedError:  # pragma: no cover  # it stopped while this waited for room
            self._give_back(lease)

    def _has_suspect(self) -> bool:
        """Whether a suspect has been handed over, and has not ended."""
        return any(one.job is not None and is_suspect(one.record) for one in self.leases.values())

    def _give_back(self, lease: Lease, delay: float = 0.0) -> None:
        """Give a job back that the job queue never had."""
        id, version = lease.record.id, lease.record.version
        written = Release(id, version, "unstarted", delay, count=False)
        self._end(lease, HandedBack("it is given back"), written)

    # Keeping

    async def keep_leases(self) -> None:
        """Extend the leases in time, for ever."""
        while True:
            await self._first_lease.wait()
            await trio.sleep(self._lease / 3)
            await self._outages.insist("extend", self._extend_all)
            if not self.leases:
                self._first_lease = trio.Event()

    async def _extend_all(self) -> None:
        leases = [lease for lease in self.leases.values() if not lease.lost]
        asked = trio.current_time()
        answers = await self._store.extend([lease.ticket for lease in leases], self._lease)
        for lease, answer in zip(leases, answers, strict=True):
            if answer == "lost":
                self._lose(lease)
            else:
                lease.until = asked + self._lease
        wished = [
            lease
            for lease, answer in zip(leases, answers, strict=True)
            if answer == "cancelled" and lease.wish is None
        ]
        if wished:
            await self.look_for_wishes(wished)

    async def watch_leases(self) -> None:
        """Cancel the jobs whose lease may soon be over elsewhere, for ever."""
        while True:
            self._sooner = trio.Event()
            ends = (self._gives_up_at(lease) for lease in self._lively())
            self._next_end = min(ends, default=math.inf)
            with trio.move_on_at(self._next_end):
                await self._sooner.wait()
            now = trio.current_time()
            for lease in self._lively():
                if self._gives_up_at(lease) <= now:
                    self._lose(lease)

    def _gives_up_at(self, lease: Lease) -> float:
        """Return when a job must end here, as it may run elsewhere soon after."""
        return lease.until - self._lease * _MARGIN

    def _lively(self) -> list[Lease]:
        """Return the leases of jobs that have not ended here."""
        return [one for one in self.leases.values() if not (one.ended or one.lost)]

    def _lose(self, lease: Lease) -> None:
        """Cancel a job that may run elsewhere by now. What has ended here is still written."""
        if not lease.ended:  # pragma: no branch
            lease.lost = True
            self._telling.loses(lease)
            lease.cancel("its lease was lost")

    async def look_for_wishes(self, leases: list[Lease]) -> None:
        """Cancel those of these jobs that somebody wants cancelled."""
        try:
            with self._outages.calling("look"):
                records = await self._store.look([lease.record.id for lease in leases])
        except StoreUnavailable:
            return  # the next renewal of the leases tells, too
        for lease, record in zip(leases, records, strict=True):
            if record is None or record.ticket != lease.ticket or lease.wish is not None:
                continue  # its run is over, or it has been told already
            wish = record.cancel_reason
            if wish is not None:
                lease.wish = wish
                lease.cancel(wish)

    def held(self, ids: tuple[int, ...]) -> list[Lease]:
        """Return the leases of these jobs; of all if none is named."""
        if not ids:
            return [*self.leases.values()]
        return [self.leases[id] for id in ids if id in self.leases]
