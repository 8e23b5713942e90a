"""A job queue: workers that run jobs, with a strategy between them and the submitters."""

# Theory of operation
# -------------------
# This is the face of a queue. The work is done behind it: `_lifecycle` changes jobs and
# books together, `_intake` is where jobs wait behind the strategy, `_workers` run them,
# `_user_code` calls the strategy and the hooks and keeps what they raise, `_results`
# passes ended jobs on, and `_stop` goes through the phases of a stop.

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable
from contextlib import suppress
from functools import partial
from threading import get_ident
from time import perf_counter
from typing import Generic, Literal, TypeVar, final

import trio
from trio.lowlevel import enable_ki_protection

from .._core import (
    SLOT,
    ChanClosedError,
    ChanState,
    Operation,
    Refused,
    check_priority,
    told,
    told_now,
)
from ..strategies import Strategy, check_bool, check_count, check_seconds
from ._handlers import name_of
from ._jobs import Job
from ._lifecycle import Lifecycle
from ._map import Map
from ._statistics import QueueStatistics
from ._stop import Finish, Phase, Stop, check_plan
from ._stop_report import StopReport
from ._workers import Workers

P = TypeVar("P")
R = TypeVar("R")


@final
class JobQueue(Generic[P, R]):
    """Runs jobs on a number of workers; made by `open_job_queue`."""

    def __init__(
        self,
        handler: Callable[[P], Awaitable[R]],
        strategy: Strategy[Job[P, R]],
        failures: Literal["raise", "collect"],
        grace: float,
        on_start: Callable[[Job[P, R]], object] | None,
        on_end: Callable[[Job[P, R]], object] | None,
        *,
        keep_results: bool,
        strategy_is_ours: bool,
    ) -> None:
        self._lives = Lifecycle[P, R](
            name_of(handler),
            strategy,
            grace,
            on_start,
            on_end,
            keep_results=keep_results,
            strategy_is_ours=strategy_is_ours,
        )
        self._ledger = self._lives.ledger
        self._intake = self._lives.intake
        self._user_code = self._lives.user_code
        self._workers = Workers(handler, self._lives, failures)
        self._state: ChanState[Job[P, R]] = self._intake.state
        self._thread = get_ident()
        self._now = self._lives.now
        self._opened = self._now()
        self._stop: Stop | None = None
        self._reported = trio.Event()
        self._phase_watchers: list[Callable[[], object]] = []

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
            refusal = self._turned_away(job, error)  # before other tasks run
            await pace.pass_turn_if_due()
            raise refusal from None
        if not admitted:
            await self._wait_for_room(job)
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
        if not self._give(job):
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

    def _make(
        self, payload: P, timeout: float | None = None, priority: int = 0, key: Hashable = None
    ) -> Job[P, R]:
        """Make a job; it is not submitted yet."""
        if get_ident() != self._thread:
            self._lives.check_run()
        if timeout is not None or type(priority) is not int:
            _check_options(timeout, priority)
        job: Job[P, R] = Job(self._lives, payload, timeout, priority, key, self._now())
        if SLOT.observer is not None:
            SLOT.submits(job)
        return job

    def _give(self, job: Job[P, R]) -> bool:
        """Submit a job if there is room for it now, and return whether there was."""
        try:
            admitted = self._state.give(job)
        except Exception as error:
            raise self._turned_away(job, error) from None
        if admitted and SLOT.observer is not None:
            SLOT.observer.admits(self._lives, job)
        return admitted

    async def _wait_for_room(self, job: Job[P, R]) -> None:
        """Submit a job for which there was no room."""
        self._ledger.entering += 1
        try:
            task = trio.lowlevel.current_task()
            await self._state.wait(task, "send", job, self._intake.channel)
            if SLOT.observer is not None:
                SLOT.observer.admits(self._lives, job)
        except Exception as error:
            raise self._turned_away(job, error) from None
        finally:
            self._ledger.entering -= 1
            self._lives.note_idleness()

    def _turned_away(self, job: Job[P, R], error: Exception) -> Exception:
        """Return what the submitter of a job gets that was not let in because of ``error``."""
        if isinstance(error, Refused):
            return self._lives.refuse(job, error)
        if isinstance(error, ChanClosedError):
            return ChanClosedError(f"{self!r} accepts no more jobs", job.payload)
        self._user_code.blame_strategy(error)
        return error

    @property
    def closed(self) -> bool:
        """Whether the queue accepts no more jobs."""
        return self._intake.closed

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

    @enable_ki_protection
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
        _check_options(timeout, priority)
        return Map(
            iter(payloads),
            ordered=check_bool("ordered", ordered),
            make=partial(self._make, timeout=timeout, priority=priority, key=key),
            give=self._give,
            wait_for_room=self._wait_for_room,
            window=lambda: 2 * self._workers.count,
        )

    # Stopping

    @property
    def phase(self) -> Phase:
        """``run``, or the phase of the stop that is under way or over; see `stop`."""
        return "run" if self._stop is None else self._stop.phase

    @property
    def seconds_left(self) -> float | None:
        """How long the current phase of a stop may still last; ``None`` if none is under way."""
        if self._stop is None or self._stop.report is not None:
            return None
        return self._stop.seconds_left()

    @property
    def _finishes_queued(self) -> bool:
        """Whether a stop is under way that lets waiting jobs start."""
        return self._stop is not None and self._stop.finish == "queued"

    @property
    def report(self) -> StopReport | None:
        """What the stop brought about; ``None`` until it is over."""
        return None if self._stop is None else self._stop.report

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
        drain, grace, finish = check_plan(drain, grace, finish)
        self._lives.check_run()
        if self._stop is None:
            self._begin_stop(drain, grace, finish)
        else:
            self._stop.hasten(drain, grace)
            if finish == "running":
                self._lives.halt()
                if self._stop.finish == "queued":
                    self._lives.release("the queue was stopped")

    def _begin_stop(self, drain: float, grace: float, finish: Finish) -> None:
        stop = Stop(drain, grace, finish, self._lives.cleanups, self._tell_phase)
        self._stop = stop
        self._lives.listeners.append(stop.ended.append)
        if finish == "running":
            self._lives.halt()
        self._lives.close()
        self._tell_phase()
        if self._workers.over:
            self._end_stop()
        else:
            # If even the last worker has gone, the block ends, and reports.
            with suppress(RuntimeError):
                self._workers.nursery.start_soon(stop.run, self._lives)

    def _end_stop(self) -> None:
        """Report, if a stop is under way that can go no further."""
        if self._stop is not None:
            self._stop.end(self._ledger.running)

    async def wait_stopped(self) -> StopReport:
        """Wait until the queue was stopped, whoever began it, and return the report.

        If the call is cancelled, nothing has changed.
        """
        await self._reported.wait()
        assert self.report is not None
        return self.report

    @enable_ki_protection
    def hasten(self) -> None:
        """Go on to the next phase of the stop that is under way; otherwise do nothing."""
        self._lives.check_run()
        if self._stop is not None:
            self._stop.skip()

    def _tell_phase(self) -> None:
        """Tell those who watch the phases that another one has begun."""
        observer = SLOT.observer
        if observer is not None:
            observer.enters_phase(self._lives, self.phase)
        if self.report is not None:
            self._reported.set()
        for watcher in [*self._phase_watchers]:
            try:
                watcher()
            except BaseException as error:
                self._user_code.break_(error, f"announcing a phase of a stop raised {error!r}")

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
        return (
            f"<gochan.JobQueue: {self.phase}, {len(self._ledger.waiting)} waiting, "
            f"{len(self._ledger.running)} running on {self._workers.count} workers>"
        )


def _check_options(timeout: float | None, priority: int) -> None:
    """Raise unless a job can have these options."""
    if timeout is not None:
        check_seconds("timeout", timeout, more_than=0, otherwise="None")
    check_priority(priority)
