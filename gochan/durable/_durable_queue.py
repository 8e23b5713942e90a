"""A durable queue: a store, and a job queue that runs what is in it."""

# Theory of operation
# -------------------
# The store holds the jobs. This is the face of one of its queues: it stores jobs, looks at them
# (`StoredQueue`), and, if there is a handler, has them run. Behind it, `Submissions` sends jobs in
# batches, `Feeder` leases jobs for an ordinary job queue, its `Reporter` writes what became of
# them, and `Watch` tells those who wait. What the bells of the store say is passed on to all.

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, Literal, TypeVar, final
from weakref import WeakSet

import trio

from .._core import Chan, ChanClosedError, ReceiveChan
from .._queue import Done, Finish, JobQueue, StopReport
from ._codec import Codecs
from ._counters import ProcessCounters
from ._durable_job import DurableJob
from ._errors import StoreClosed
from ._feeder import Feeder
from ._leases import Account, Lease, Written, end_after
from ._making import JobMaker
from ._outage import Outages
from ._records import Ending, Enqueued, Hint, NewJob, Refusal
from ._store import Store
from ._stored_queue import StoredQueue, refused
from ._submissions import Submissions
from ._telling import EndedRun, Telling
from ._tracing import Tracing

P = TypeVar("P")
R = TypeVar("R")


@final
class DurableQueue(StoredQueue[R], Generic[P, R]):
    """One queue of a store; made by `open_durable_queue`.

    What concerns the whole fleet is asked of the store, in one call unless said otherwise. Such a
    method raises `StoreUnavailable` if the store cannot be reached (but `submit`, `submit_many` and
    `join` try again), and `StoreClosed` after its block. If it is cancelled, what it asks for has
    not been done, or has been done whole.

    Attributes:
        name: its name in the store.
        store: where its jobs are.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        codecs: Codecs,
        max_attempts: int,
        waits_for_room: bool,
        grace: float,
        tracing: Tracing | None,
        telling: Telling,
    ) -> None:
        self._outages = Outages(name, store.address)
        super().__init__(store, name, codecs, self._outages)
        self._token = trio.lowlevel.current_trio_token()
        self._make = JobMaker(store, name, codecs, max_attempts, tracing)
        self._waits_for_room = waits_for_room
        self._grace = grace
        self._telling = telling
        self._submissions = Submissions(store, self._outages)
        self._changes = trio.Event()
        self._closed = False
        self._over = False
        self._feeder: Feeder[Any, Any] | None = None
        self._jobs: JobQueue[Lease, bytes] | None = None
        self._followers: WeakSet[Chan[DurableJob[R]]] = WeakSet()
        self._followed = False  # whether there was ever any

    # Submitting

    async def submit(
        self,
        payload: P,
        *,
        key: str | None = None,
        once_for: float = 0.0,
        priority: int = 0,
        delay: float | None = None,
        run_at: datetime | None = None,
        expires: datetime | float | None = None,
        timeout: float | None = None,
        max_attempts: int | None = None,
        group: str | None = None,
        labels: Mapping[str, str] | None = None,
        machine: str | None = None,
        after: Iterable[DurableJob[Any] | int] = (),
        after_all: Literal["done", "ended"] = "done",
        headers: Mapping[str, str] | None = None,
        wait_for_store: bool = True,
    ) -> DurableJob[R]:
        """Store a job, and return as soon as that will last.

        If the call is cancelled, the job was not stored, or it was sent already and will be. With a
        ``key`` it can be submitted again without harm.

        Args:
            payload: what the handler is called with.
            key: if a job with this key is in the queue that has not ended, that one is returned
                instead, with ``created`` False.
            once_for: how many seconds the key stays taken after the end of the job.
            priority: the higher goes first; equal ones go in the order of their ids.
            delay: how many seconds it must wait before it can start.
            run_at: when it can start.
            expires: it must not start later than that: a moment, or seconds from now.
            timeout: how many seconds an attempt may take; by default, what the worker says.
            max_attempts: how often it may be started; by default, what ``retry`` of the queue says.
            group: of which only so many may run as ``group_limit`` says.
            labels: that a worker must have.
            machine: on which alone it may run.
            after: jobs of the same store that have to end first, or their ids.
            after_all: whether these have to be done, or just have to end. If one ends otherwise,
                this job ends as cancelled.
            headers: what travels with the job, such as a ``traceparent``.
            wait_for_store: whether to try again for as long as the store cannot be reached.

        Raises:
            QueueFull: there is no room, and the queue refuses what does not fit.
            StoreUnavailable: the store cannot be reached, and ``wait_for_store`` is False.
            StoreError: a job of ``after`` is not in the store.
            ChanClosedError: the queue is closed.
            TypeError, ValueError: the payload cannot be encoded, or an option is of the wrong type,
                or out of range.
        """
        template = self._make.template(
            key=key,
            once_for=once_for,
            priority=priority,
            delay=delay,
            run_at=run_at,
            expires=expires,
            timeout=timeout,
            max_attempts=max_attempts,
            group=group,
            labels=labels,
            machine=machine,
            after=after,
            after_all=after_all,
            headers=headers,
        )
        job = self._make(payload, template)
        while True:
            self._check_open()
            changes = self._changes
            answer = await self._submissions(job, insists=wait_for_store)
            if isinstance(answer, Enqueued):
                self._ring_feeder()
                return self._stored(answer)
            if not (answer.full and self._waits_for_room):
                raise refused(answer)
            await self._wait_for_changes(changes)

    async def submit_many(
        self, payloads: Iterable[P], *, wait_for_store: bool = True, **options: Any
    ) -> list[DurableJob[R]]:
        """Store many jobs by one write: all, or none.

        Args:
            payloads: one for each job.
            wait_for_store: whether to try again for as long as the store cannot be reached.
            options: for all of them, as for `submit`.

        Raises:
            QueueFull: there is no room for all, and the queue refuses what does not fit.
            ValueError: the queue waits for room, and there are more jobs than it ever has room for.

        Otherwise the same as `submit`.
        """
        template = self._make.template(**options)
        jobs = [self._make(payload, template) for payload in payloads]
        while True:
            self._check_open()
            changes = self._changes
            answers = await self._enqueue_whole(jobs, insists=wait_for_store)
            refusals = [answer for answer in answers if isinstance(answer, Refusal)]
            if not refusals:
                self._ring_feeder()
                return [self._stored(answer) for answer in answers]
            for refusal in refusals:
                if not (refusal.follows or (refusal.full and self._waits_for_room)):
                    raise refused(refusal)
            capacity = (await self.store.configure(self.name)).capacity
            if len(refusals) > capacity:
                raise ValueError(
                    f"queue {self.name!r} has room for {capacity} jobs, so {len(refusals)} can "
                    "never be stored at once; submit fewer at a time, or one by one"
                )
            await self._wait_for_changes(changes)

    async def _enqueue_whole(
        self, jobs: list[NewJob], *, insists: bool
    ) -> Sequence[Enqueued | Refusal]:
        async def enqueue() -> Sequence[Enqueued | Refusal]:
            return await self.store.enqueue(jobs, whole=True)

        if insists:
            return await self._outages.insist("enqueue", enqueue)
        with self._outages.calling("enqueue"):
            return await enqueue()

    async def _wait_for_changes(self, changes: trio.Event) -> None:
        """Wait until something has changed since ``changes`` was there, or might have."""
        with trio.move_on_after(self.store.patience):
            await changes.wait()

    def new_job(self, payload: P, **options: Any) -> NewJob:
        """Check and encode what a job is made of, and do not store it. For stores.

        The options are those of `submit`.
        """
        return self._make(payload, self._make.template(**options))

    def stored(self, answer: Enqueued | Refusal) -> DurableJob[R]:
        """Return the job that is stored if the user commits. For stores; in any thread.

        Raises:
            QueueFull, StoreError: it was refused.
        """
        job = self._stored(answer, followed=False)
        if self._feeder is not None:
            self._token.run_sync_soon(self._feeder.ring)
        return job

    def _stored(self, answer: Enqueued | Refusal, *, followed: bool = True) -> DurableJob[R]:
        if isinstance(answer, Refusal):
            raise refused(answer)
        self._telling.counting.submitted += followed and answer.created
        fate = self._watch.fate(answer.id, followed=followed and answer.created)
        return DurableJob(self.store, self.name, self._watch, fate, created=answer.created)

    def _check_open(self) -> None:
        if self._closed:
            raise ChanClosedError(f"{self!r} accepts no more jobs", None)

    # Looking at this process

    def counters(self) -> ProcessCounters:
        """Return what this process has done with the queue so far: plain numbers, at once."""
        held = 0 if self._feeder is None else len(self._feeder.leases)
        return self._telling.counting.read(held=held, outages=self._outages.count)

    @contextmanager
    def watch_runs(self, watcher: Callable[[EndedRun], object]) -> Iterator[None]:
        """Have ``watcher`` called with each run that ends here, as ``on_end``, inside the block."""
        self._telling.listeners.append(watcher)
        try:
            yield
        finally:
            self._telling.listeners.remove(watcher)

    # Waiting

    async def join(self) -> None:
        """Wait until no job is scheduled, waits or runs in the whole fleet.

        Raises:
            StoreClosed: the block of the queue was left before.
        """
        while True:
            changes = self._changes
            counts = await self._outages.insist("statistics", self.statistics)
            if not counts.scheduled + counts.waiting + counts.running:
                return
            if self._over:
                raise StoreClosed(f"{self!r} was left while there were jobs in it")
            await self._wait_for_changes(changes)

    def results(self) -> AsyncIterator[DurableJob[R]]:
        """Iterate over the jobs that end here from now on, in whatever way, as that is written.

        ``await job.wait()`` has the outcome of each. A job that is tried again has not ended. The
        iteration ends with the block of the queue; each call of this method is an iteration of its
        own, over all of the jobs.
        """
        results = Chan[DurableJob[R]](math.inf, name=f"results of {self.name}")
        self._followers.add(results)
        self._followed = True
        if self._closed:
            results.close()
        return results

    # Stopping

    @property
    def job_queue(self) -> JobQueue[Any, Any]:
        """The job queue that runs the jobs here; `gochan.stop_on_signals` uses it.

        Raises:
            RuntimeError: the queue has no handler here.
        """
        if self._jobs is None:
            raise RuntimeError(f"{self!r} has no handler here, so nothing runs that could stop")
        return self._jobs

    async def stop(
        self, *, drain: float = 20.0, grace: float = 5.0, finish: Finish = "running"
    ) -> StopReport:
        """Stop in phases, as `gochan.JobQueue.stop` does; nothing is lost.

        Jobs that were leased and have not started are given back at once; those that are
        interrupted are given back, and the attempt does not count. Before this returns, every
        outcome is written, as far as the store can be reached within ``grace``; ``unwritten`` of
        the report has the numbers of the jobs for which it could not.

        Args:
            drain: how many seconds running jobs may go on.
            grace: how many more seconds they have to clean up after their cancellation.
            finish: as in `gochan.JobQueue.stop`. It makes no difference here: what waits stays in
                the store, and other processes run it.

        Raises:
            TypeError, ValueError: an argument is of the wrong type, or out of range.
            RuntimeError: the queue has no handler here.
        """
        self.job_queue.stop_soon(drain=drain, grace=grace, finish=finish)
        return await self._wait_written(grace)

    async def wait_stopped(self) -> StopReport:
        """Wait until it has stopped, for whatever reason, and return the report.

        Every outcome is written then, as far as the store could be reached within the ``grace``
        that the queue was opened with. If the call is cancelled, nothing has changed.

        Raises:
            RuntimeError: the queue has no handler here.
        """
        return await self._wait_written(self._grace)

    async def _wait_written(self, grace: float) -> StopReport:
        report = await self.job_queue.wait_stopped()
        assert self._feeder is not None
        with trio.move_on_after(grace):
            await self._feeder.wait_idle()
            await self._feeder.reporter.wait_written()
        return replace(report, unwritten=self._feeder.unwritten())

    def close(self) -> None:
        """Accept no more jobs here: `submit` raises `ChanClosedError`. What is stored runs on."""
        self._closed = True
        self._ring_changes()  # who waits for room need not wait any more

    def _end(self, error: Exception | None) -> None:
        """Let go of everything: the block is left, perhaps since a task beside it has raised."""
        self._over = True
        self.close()
        self._submissions.end(ChanClosedError(f"{self!r} accepts no more jobs", None))
        why = f"by {error!r}" if error is not None else "by its block"
        self._watch.end(f"queue {self.name!r} was ended {why}")
        for results in [*self._followers]:
            results.close()

    # Bells

    async def _hear(self, bell: ReceiveChan[Hint], feeder: Feeder[Any, Any] | None) -> None:
        """Pass on what the bells of the store say, for ever."""
        async for hint in bell:
            what = hint.what
            if what == "changed":
                self._outages.hurry()  # it is told, too, after an outage
            if what in ("waiting", "resumed", "changed") and feeder is not None:
                feeder.ring()
            if what in ("scheduled", "changed") and feeder is not None:
                feeder.tender.ring()
            if what == "ended":
                mine = {} if feeder is None else feeder.leases
                self._watch.hear(id for id in hint.ids if id not in mine)
            if what == "changed" or (what == "ended" and not hint.ids):
                self._watch.hear_of_any()
            if what in ("cancel", "changed") and feeder is not None:
                await feeder.look_for_wishes(feeder.held(hint.ids))
            if what in ("room", "ended", "changed"):
                self._ring_changes()

    def _ring_feeder(self) -> None:
        if self._feeder is not None:
            self._feeder.ring()

    def _ring_changes(self) -> None:
        changes, self._changes = self._changes, trio.Event()
        changes.set()

    def _note_written(self, lease: Lease, account: Account, taken: Written) -> None:
        """Hear that the end of a job that ran here is written, or was refused."""
        id = lease.record.id
        if taken == "yes" and isinstance(account, Ending) and account.kind == "done":
            self._watch.settle(id, partial(self._done, lease, account))
        else:
            self._watch.hear([id])
        if self._followed and end_after(lease, account, taken) is not None:
            for results in [*self._followers]:
                fate = self._watch.fate(id)
                results.send_nowait(DurableJob(self.store, self.name, self._watch, fate))
        self._ring_changes()

    def _done(self, lease: Lease, ending: Ending) -> Done[Any]:
        assert ending.result is not None
        value = self._codecs.decode_result(lease.record.codec, ending.result)
        return Done(value, lease.waited, lease.times[1])

    def __repr__(self) -> str:
        return f"<gochan.durable.DurableQueue {self.name!r} on {self.store.address}>"
