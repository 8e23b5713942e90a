"""Stores: what a durable queue needs of the place where its jobs are kept."""

# Theory of operation
# -------------------
# A store holds one row for each job. The row is the truth: to change a job is to change its
# row, in a transaction, and to know about it is to look at the row. The bells that a store
# rings are only hints to look sooner.
#
# A lease gives a job to one worker for a time. It carries the version of the row, which
# moves whenever the job changes its state, and every later call must show it. So a worker
# that comes too late changes nothing (optimistic locking; a fencing token).
#
# All methods take batches, and answer in the order of the arguments. One bad job in a batch
# fails alone. A call that is cancelled was not made, or is made whole.

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from .._core import ReceiveChan
from ._queue_records import QueueCounts, QueueSettings
from ._records import (
    Ending,
    EndKind,
    Enqueued,
    Explanation,
    Held,
    Hint,
    JobRecord,
    NewJob,
    ProgressReport,
    Refusal,
    Release,
    State,
    Tended,
    Ticket,
    Worker,
)

Cancelling: TypeAlias = Literal["ended", "signalled", "unknown"]
"""What has become of a cancel: the job has ended, its worker will be told, there is none to end."""

Retrying: TypeAlias = Literal["retried", "live", "unknown"] | Enqueued
"""What has become of a retry; an `Enqueued` is another job that has the key."""


@runtime_checkable
class Store(Protocol):
    """Keeps the jobs of durable queues.

    A class that does what is said here, and in the records, is a store;
    `gochan.testing.check_store` tells whether it does. Each method may raise `StoreUnavailable`, if
    the store cannot be reached, and `StoreClosed`.

    **States.** A new job is ``scheduled`` if it is held by others or its time has not come,
    otherwise ``waiting``. A lease makes it ``running``. `finish`, `cancel`, the last attempt,
    `tend`, a lack of room or the end of a job that it needs make it ``ended``; `retry` starts it
    again. The version grows with each change of the state, and with nothing else.

    **Runs.** A ticket, an ending, a release or a report is about one run: the job has to be
    running, and to have the same version. Otherwise that run is over, and the answer says so
    (False, or ``lost``), and nothing changes. A lease that has ended is good until `tend` takes the
    job back.

    **Batches.** What a call does is as if it did one thing after the other, in the order of the
    arguments; others see all of it or nothing. An empty batch is fine.

    **Time** is that of the store, read once for each call. In a run of trio that has another clock,
    as tests have, it is trio's: see `StoreClock`.
    """

    @property
    def address(self) -> str:
        """Where it is, without a password, for people."""

    @property
    def patience(self) -> float:
        """After how many seconds without a bell a queue looks itself; infinite if none is lost."""

    @property
    def loses_answers(self) -> bool:
        """Whether a call may have been made although it raised `StoreUnavailable`.

        Jobs for such a store get receipts, so that one that is sent again is stored once.
        """

    def now(self) -> float:
        """Return the time by the store's clock, or the best guess, in seconds since the epoch."""

    async def configure(
        self, queue: str, settings: QueueSettings | None = None, *, update: bool = False
    ) -> QueueSettings:
        """Keep the settings of a queue, if it has none or shall get others; return what holds.

        Args:
            queue: the name of the queue.
            settings: all of them; ``None`` to ask only. A queue without any has the defaults.
            update: whether they replace others. Then they hold from now on; no job is dropped for
                a lower capacity, and no lease ends for a lower limit.
        """

    async def enqueue(
        self, jobs: Sequence[NewJob], *, whole: bool = False
    ) -> Sequence[Enqueued | Refusal]:
        """Store jobs.

        These are looked at for each job, in this order:

        1. If a job with its receipt is kept, in whatever queue, that is the answer, as ``created``.
        2. If another job of its queue has its key, that is the answer, as not ``created``. A job
           has its key until it has ended, and for its ``once_for`` seconds after.
        3. If one of ``after`` is not in the store, it is refused.
        4. If as many jobs of its queue are scheduled or waiting as the capacity says, it is refused
           as ``full``. Where ``when_full`` is ``drop-oldest``, another one is dropped for it: of
           those that are scheduled or waiting, have no attempt in their log, and have no higher
           priority than the new job, the one of the lowest priority, and of these the oldest.
        5. Otherwise it is stored. If one of ``after`` has ended, and not as done, it ends at once
           as cancelled, unless ``after_all`` is ``ended``. It is held by those that have not ended.

        Args:
            jobs: perhaps of several queues.
            whole: whether none is stored if one of them is refused. Then nothing is dropped either,
                and each job that could have been stored is refused, too, and the refusal
                ``follows`` from another one.
        """

    async def offer(self, queue: str, n: int, worker: Worker) -> Sequence[Ticket]:
        """Return the jobs that `claim` would lease; they are not the worker's yet."""

    async def accept(
        self, tickets: Sequence[Ticket], worker: Worker, lease: float
    ) -> Sequence[JobRecord | None]:
        """Lease jobs that were offered; ``None`` for those that `claim` would not lease now."""

    async def claim(self, queue: str, n: int, worker: Worker, lease: float) -> Sequence[JobRecord]:
        """Lease the next jobs, at most ``n``, for ``lease`` seconds.

        These are the waiting jobs of the highest priority, and of these the oldest, but for those
        that have expired, that do not suit the worker, and whose group has as many running jobs as
        it may. None while the queue is paused. The cost must not grow with the number of jobs that
        wait, only with the number of their machines, labels and groups.

        The records are those after the lease began: with the worker, ``started`` as now, no wish
        and no progress.
        """

    async def start(self, tickets: Sequence[Ticket]) -> Sequence[bool]:
        """Mark that handlers were called, so that these attempts count, each once.

        ``attempt`` grows by one, and ``started`` is now. The end of a run without a mark does the
        same for ``attempt`` if it says that the handler was called.
        """

    async def extend(self, tickets: Sequence[Ticket], lease: float) -> Sequence[Held]:
        """Let leases end in ``lease`` seconds from now; tell whether a cancel is wished."""

    async def report(self, reports: Sequence[ProgressReport]) -> Sequence[bool]:
        """Keep how far runs have come, until the next run of the job begins."""

    async def finish(self, endings: Sequence[Ending]) -> Sequence[bool]:
        """End runs, and with them their jobs; False where the run was over.

        If a cancel is wished, and the kind is not ``done``, the job ends as cancelled, and its
        error is the reason of the wish. The log gets a line with the kind and the error of the
        ending, unless the handler was not called. See also `after_ending`.

        When a job ends, in this way or another, each job that it held is held by one less; or, if
        it ended otherwise than as done and ``after_all`` of that job is ``done``, that job ends as
        cancelled. Chains of such jobs may be long.
        """

    async def release(self, releases: Sequence[Release]) -> Sequence[bool]:
        """End runs, but not their jobs, as long as these have attempts left; False as in `finish`.

        What becomes of a job is said at `Release`; see also `after_release`. If it goes on, it
        waits again, or is scheduled if there is a delay.
        """

    async def cancel(self, ids: Sequence[int], reason: str) -> Sequence[Cancelling]:
        """End jobs as cancelled: at once if they do not run, otherwise by telling their workers.

        For one that runs, the reason is kept as a wish, and a bell is rung. A second wish changes
        nothing. A wish is over when its run is.
        """

    async def retry(self, ids: Sequence[int], attempts: int | None = None) -> Sequence[Retrying]:
        """Let ended jobs run again.

        Such a job waits, whether its queue has room or not, and is held by nobody. It does not
        expire any more, and its counts of crashes and lost leases begin again; its log, its
        attempts and its last error are kept. If another job has its key, that is the answer, and
        nothing happens.

        Args:
            ids: of the jobs.
            attempts: how often each may start from now on; by default, as often as at first.
        """

    async def look(self, ids: Sequence[int]) -> Sequence[JobRecord | None]:
        """Return what is known about jobs; ``None`` where nothing is."""

    async def list(
        self,
        queue: str,
        *,
        states: Collection[State] = (),
        kinds: Collection[EndKind] = (),
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
    ) -> Sequence[JobRecord]:
        """Return jobs, those with higher ids first; but if ``after`` is given, last.

        Args:
            queue: the name of the queue.
            states: only those in one of these states; any state if empty.
            kinds: only those that ended in one of these ways; any way if empty.
            limit: at most so many.
            before: only jobs with a lower id.
            after: only jobs with a higher id.
        """

    async def queues(self) -> Sequence[str]:
        """Return the names of the queues, sorted.

        These are the queues that have settings, are paused, or have ever had a job. A store may add
        others that were named in a call.
        """

    async def statistics(self, queue: str) -> QueueCounts:
        """Return the counts that the store keeps."""

    async def audit(self, queue: str) -> QueueCounts:
        """Count the rows in one snapshot, and compare with what the store keeps.

        Raises:
            AssertionError: the two are not equal, or the law is broken.
        """

    async def explain(self, id: int) -> Explanation | None:
        """Say why a job waits, or why it ended so; ``None`` if the store does not know it.

        `gochan.durable.explain` makes the sentences.
        """

    async def pause(self, queue: str, paused: bool) -> bool:
        """Let no job of a queue start until it is resumed; return whether that changes anything.

        Jobs that run go on. What time demands is done all the same.
        """

    async def purge(self, queue: str, kinds: Collection[EndKind], n: int) -> int:
        """Delete jobs that ended in these ways, at most ``n``; return how many there were.

        Those that still have their key stay. Which ones go first is left to the store.
        """

    async def tend(self, n: int = 500) -> Tended:
        """Do what time demands, for at most ``n`` jobs of each sort.

        Those come first whose time came first.

        1. A job whose lease has ended gets a line ``lost`` in its log, and waits again, or ends:
           see `after_loss`.
        2. A job that is scheduled or waiting, and has expired, ends: as failed, with its last
           error, if there is an attempt in its log, otherwise as dropped.
        3. A job that is scheduled, is held by nobody, and whose time has come, waits.
        4. Jobs that have ended long enough ago are deleted; so are the oldest that are done, as
           long as there are too many. Those that still have their key stay.

        A second call at the same moment finds nothing to do. Anybody may call this at any time.
        """

    def listen(self, queue: str) -> AbstractAsyncContextManager[ReceiveChan[Hint], bool | None]:
        """Receive the bells of a queue, inside the block.

        A bell is rung after what it tells of has happened, for everybody who listens to the queue
        of the job, in other processes, too. `Hint` says what for. Several may become one, and
        ``changed`` may stand for all. If bells can be lost, `patience` is finite.
        """

    async def aclose(self) -> None:
        """Close the store. Calls in flight end as they would have; later ones raise `StoreClosed`.

        To close it twice is no error.
        """
