"""A job queue: workers that run jobs, with a strategy between them and the submitters."""

# Theory of operation
# -------------------
# This is the face of a queue. The work is done behind it: `_submitting` lets jobs in,
# `_lifecycle` changes jobs and books together, `_intake` is where jobs wait behind the
# strategy, `_workers` run them, `_user_code` calls the strategy and the hooks and keeps what
# they raise, `_results` passes ended jobs on, and `_stop` goes through the phases of a stop.

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Generic, TypeVar, final

import trio
from trio.lowlevel import enable_ki_protection

from .._core import SLOT, ChanState, Operation, Refused, told, told_now
from ..strategies import check_bool, check_count
from ._jobs import Job
from ._lifecycle import Lifecycle
from ._map import Map
from ._statistics import QueueStatistics
from ._stop import Finish, Phase, Stop, check_plan
from ._stop_report import StopReport
from ._submitting import Submitting, check_options
from ._workers import Workers

P = TypeVar("P")
R = TypeVar("R")


@final
class JobQueue(Generic[P, R]):
    """Runs jobs on a number of workers; made by `open_job_queue`."""

    def __init__(self, lives: Lifecycle[P, R], workers: Workers[P, R]) -> None:
        self._lives = lives
        self._workers = workers
        self._ledger = lives.ledger
        self._state: ChanState[Job[P, R]] = lives.intake.state
        self._submitting = Submitting(lives, self.__repr__)
        self._make = self._submitting.make
        self._opened = lives.now()
        self._stop = Stop(lives, workers)

    # Submitting

    @enable_ki_protection
    async def submit(
        self,
        payload: P,
        *,
        timeout: float | None = None,
        priority: int = 0,
        key: Hashable = None,
    ) -> Job[P, R]:
        """Submit a job, waiting for room if the strategy says so.

        If it is cancelled, no job was submitted.

        Args:
            payload: what the handler is called with.
            timeout: how many seconds the job may run, counted from its start.
            priority: for strategies that look at it; the higher goes first.
            key: for strategies that group jobs.

        Raises:
            Refused: the strategy turned the job away; it counts as ``refused``.
            ChanClosedError: the queue is closed or stopping.
            TypeError, ValueError: an option is of the wrong type, or out of range.

        Both of the first two have the payload in their attribute ``value``.
        """
        if SLOT.observer is not None and SLOT.begins():
            submitting = self.submit(payload, timeout=timeout, priority=priority, key=key)
            return await told(Operation("submit", self._lives, (payload,)), submitting)
        job = self._make(payload, timeout, priority, key)
        state = self._state
        pace = state.pace
        task = pace.here.get("task")
        if task is None or task._cancel_status.effectively_cancelled:
            await state.enter()
            pace = state.pace
        try:
            admitted = state.give(job)
        except Exception as error:
            refusal = self._submitting.turned_away(job, error)  # before other tasks run
            await pace.pass_turn_if_due()
            raise refusal from None
        if not admitted:
            await self._submitting.wait_for_room(job)
            return job
        if SLOT.observer is not None:
            SLOT.observer.admits(self._lives, job)
        if perf_counter() >= pace.due:
            await pace.pass_turn()
        return job

    @enable_ki_protection
    def submit_nowait(
        self,
        payload: P,
        *,
        timeout: float | None = None,
        priority: int = 0,
        key: Hashable = None,
    ) -> Job[P, R]:
        """Submit a job if there is room for it now. Otherwise the same as `submit`.

        Raises:
            trio.WouldBlock: the job would have to wait for room; it was not submitted.
        """
        if SLOT.observer is not None and SLOT.begins():
            submit = partial(
                self.submit_nowait, payload, timeout=timeout, priority=priority, key=key
            )
            return told_now(Operation("submit_nowait", self._lives, (payload,)), submit)
        job = self._make(payload, timeout, priority, key)
        if not self._submitting.give(job):
            raise trio.WouldBlock
        return job

    def try_submit(
        self,
        payload: P,
        *,
        timeout: float | None = None,
        priority: int = 0,
        key: Hashable = None,
    ) -> bool:
        """Submit a job if there is room for it now, and return whether there was.

        Raises:
            ChanClosedError: the queue is closed or stopping.
        """
        try:
            self.submit_nowait(payload, timeout=timeout, priority=priority, key=key)
        except (trio.WouldBlock, Refused):
            return False
        return True

    @property
    def closed(self) -> bool:
        """Whether the queue accepts no more jobs."""
        return self._lives.intake.closed

    @enable_ki_protection
    def close(self) -> None:
        """Accept no more jobs. Those that wait still run, unless the strategy hands them back."""
        if not self.closed:
            self._lives.check_run()
            if SLOT.observer is not None:
                told_now(Operation("close", self._lives), self._lives.close)
            else:
                self._lives.close()

    # Waiting

    async def join(self) -> None:
        """Wait until no job waits or runs, including jobs that running jobs submit."""
        await trio.lowlevel.checkpoint()
        await self._ledger.wait_idle()

    @enable_ki_protection
    def results(self) -> AsyncIterator[Job[P, R]]:
        """Iterate over ended jobs, in the order in which they end.

        Each call gives an iterator of its own, over all jobs of the queue. It ends when the
        queue is closed and its last job has ended. A queue keeps no jobs that have ended, so
        call this before the first submit, or open the queue with ``results=True``.

        Raises:
            RuntimeError: jobs have ended before, and were not kept.
        """
        return self._lives.follow_results()

    def map(
        self,
        payloads: Iterable[P],
        *,
        ordered: bool = False,
        timeout: float | None = None,
        priority: int = 0,
        key: Hashable = None,
    ) -> trio.abc.ReceiveChannel[R]:
        """Submit a job for each payload, and yield the results.

        ::

            async for page in queue.map(urls):
                print(len(page))

        Payloads are read and submitted as results are taken, so that at most twice as many
        jobs as there are workers are under way, or have ended without being yielded. If the
        loop is left early, or its wait is cancelled, the jobs that are left are cancelled.

        Args:
            payloads: any iterable, also an endless one.
            ordered: whether to yield the results in the order of the payloads; otherwise as
                the jobs end.
            timeout: of each job; see `submit`.
            priority: of each job; see `submit`.
            key: of each job; see `submit`.

        Raises:
            TypeError, ValueError: an argument is of the wrong type, or out of range.

        While it is iterated, it raises one of the following, and cancels the jobs that are left:

        Raises:
            JobError: a job did not end as done; see `Job.result`.
            ChanClosedError: the queue was closed before all payloads were submitted.
        """
        check_options(timeout, priority)
        return Map(
            iter(payloads),
            self._submitting,
            ordered=check_bool("ordered", ordered),
            make=partial(self._make, timeout=timeout, priority=priority, key=key),
            window=lambda: 2 * self._workers.count,
        )

    # Stopping

    @property
    def phase(self) -> Phase:
        """``run``, or the phase of the stop that is under way or over; see `stop`."""
        return self._stop.phase

    @property
    def seconds_left(self) -> float | None:
        """How long the current phase of a stop may still last; ``None`` if none is under way."""
        return self._stop.seconds_left()

    @property
    def report(self) -> StopReport | None:
        """What the stop brought about; ``None`` until it is over."""
        return self._stop.report

    async def stop(
        self,
        *,
        drain: float = 20.0,
        grace: float = 5.0,
        finish: Finish = "running",
    ) -> StopReport:
        """Stop in phases, within ``drain + grace`` seconds, and report on every job.

        ``quiet``: from the call on, no job is accepted and no further one starts.
        ``drain``: running jobs go on. ``cancel``: those left are cancelled, with the cause
        ``interrupted``. ``release``: those that never ran are handed back. ``report``.

        This returns in time even if a job ignores its cancellation; it is then listed as
        stuck. Calling it again can only speed it up. If the call is cancelled, the stop goes
        on. A job that calls this waits for itself; use `stop_soon` there.

        Args:
            drain: how many seconds running jobs may go on.
            grace: how many more seconds they have to clean up after their cancellation.
            finish: ``"queued"`` to let waiting jobs start during the drain.

        Raises:
            TypeError, ValueError: an argument is of the wrong type, or out of range.
            RuntimeError: called from another thread.
        """
        self.stop_soon(drain=drain, grace=grace, finish=finish)
        return await self.wait_stopped()

    @enable_ki_protection
    def stop_soon(
        self,
        *,
        drain: float = 20.0,
        grace: float = 5.0,
        finish: Finish = "running",
    ) -> None:
        """Begin to stop, or hasten the stop that is under way, and do not wait for its end.

        Otherwise the same as `stop`; for hooks, handlers and signals.
        """
        plan = check_plan(drain, grace, finish)
        self._lives.check_run()
        self._stop.ask(*plan)

    async def wait_stopped(self) -> StopReport:
        """Wait until the queue has stopped, for whatever reason, and return the report.

        If the call is cancelled, nothing has changed.
        """
        await self._stop.reported.wait()
        assert self.report is not None
        return self.report

    @enable_ki_protection
    def hasten(self) -> None:
        """Go on to the next phase of the stop that is under way; otherwise do nothing."""
        self._lives.check_run()
        self._stop.skip()

    @contextmanager
    def watch_phases(self, watcher: Callable[[], object]) -> Iterator[None]:
        """Have ``watcher`` called whenever a phase of a stop begins, inside the block."""
        self._stop.watchers.append(watcher)
        try:
            yield
        finally:
            self._stop.watchers.remove(watcher)

    # Workers

    @enable_ki_protection
    def resize(self, workers: int) -> None:
        """Change how many workers there are; those that leave finish their jobs first.

        Of a queue that has ended, this changes nothing.

        Raises:
            TypeError, ValueError: ``workers`` is not an ``int``, or less than 1.
        """
        self._lives.check_run()
        self._workers.resize(check_count("workers", workers, least=1))

    # Looking

    @property
    def name(self) -> str:
        """What reports and displays call the queue: its name, or else that of its handler."""
        return self._lives.name

    def running(self) -> tuple[Job[P, R], ...]:
        """Return the jobs that run at this moment, in the order in which they started.

        Each knows its `Job.name`, its `Job.age` and how far it has come, `Job.progressed`.
        """
        return tuple(self._ledger.running)

    def statistics(self) -> QueueStatistics:
        """Return the counts of jobs, and how fast they go, at this moment."""
        ledger, workers = self._ledger, self._workers.count
        seconds = trio.current_time() - self._opened
        mean = ledger.mean_seconds
        return QueueStatistics(
            submitted=ledger.submitted,
            waiting=len(ledger.waiting),
            running=len(ledger.running),
            **ledger.ended,
            workers=workers,
            jobs_per_second=ledger.worked / seconds if seconds else 0.0,
            worst_wait=None if mean is None else (len(ledger.waiting) + 1) * mean / workers,
        )

    def audit(self) -> QueueStatistics:
        """Check that no job is lost or counted twice, and return the counts.

        Raises:
            AssertionError: the law is broken: submitted = waiting + running + all outcomes.
        """
        counts = self.statistics()
        assert self._lives.audit(), counts
        return counts

    def __repr__(self) -> str:
        own_name = self._lives.own_name
        name = "" if own_name is None else f" {own_name!r}"
        return (
            f"<gochan.JobQueue{name}: {self.phase}, {len(self._ledger.waiting)} waiting, "
            f"{len(self._ledger.running)} running on {self._workers.count} workers>"
        )
