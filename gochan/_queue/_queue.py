"""A job queue: workers that run jobs, with a strategy between them and the submitters."""

# Theory of operation
# -------------------
# Jobs wait in a channel whose strategy decides about them. Each worker is a task that
# selects between that channel and, in a higher tier, the word to halt; so after a halt
# no further job starts, in any schedule. A job that was already in a worker's hand is
# looked at once more before it starts.
#
# The ledger is kept where things happen, without a switch of tasks: a job is entered
# when the strategy admits it (or a worker takes it directly), moved when its handler
# starts, and closed by ``_end``, the only place that gives a job its outcome. A submit
# that still waits for room is not in it, nor is one that was cancelled.
#
# A job that fails never breaks its worker. What shall reach the user, the first failure
# or something worse than an Exception, is kept, the queue is ended, and the error is
# raised where the queue was opened. The same becomes of what the strategy raises, and
# the user's hooks, whoever was asking: their code is never called in the middle of a
# change to the books, and nothing that it raises gets any further than ``_break``.
#
# Invariants (``audit`` asserts them)
# -----------------------------------
# 1. submitted = waiting + running + all outcomes, at every instant.
# 2. Every job in the ledger is in the state under which it is entered there.
# 3. Every job that waits in the strategy is entered as waiting, or was cancelled there.

from __future__ import annotations

import inspect
import math
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from threading import get_ident
from typing import Any, Final, Generic, Literal, TypeVar, cast, final
from weakref import WeakSet

import trio
from trio.lowlevel import ParkingLot, Task, disable_ki_protection, enable_ki_protection

from .._core._channel import Chan
from .._core._choosing import check_priority
from .._core._errors import ChanClosedError, EndOfChannel, JobFailed, Refused
from .._core._pacing import OUTSIDE
from .._core._select import select
from .._plugins import installed_plugins
from ..strategies import overrides
from ..strategies._keeper import KeptState
from ..strategies._strategy import Strategy
from ._jobs import CURRENT, KINDS, Cause, Job, Kind, name_of
from ._stop import Finish, Phase, Stop, StopReport, check_plan, check_seconds

P = TypeVar("P")
R = TypeVar("R")

# How many jobs that have ended are kept until somebody first asks for the results.
EARLY_RESULTS: Final = 1000

# How many steps of the scheduler a stop leaves, at its very end, to jobs whose time for
# cleaning up is just over. Those that need more are stuck.
_LAST_STEPS: Final = 10


@final
@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """A job queue at one moment. The first is the sum of the ten counts that follow."""

    submitted: int
    """How many jobs there have been, each in one of the following counts."""
    waiting: int
    """How many wait for a worker now."""
    running: int
    """How many handlers run now."""
    done: int
    """How many handlers returned."""
    failed: int
    """How many handlers raised."""
    timed_out: int
    """How many ran longer than their ``timeout``."""
    cancelled: int
    """How many were ended by `Job.cancel`, or because the queue was left by an error."""
    interrupted: int
    """How many a stop cancelled because its time was up."""
    refused: int
    """How many the strategy turned away."""
    dropped: int
    """How many the strategy gave up while they waited."""
    handed_back: int
    """How many never ran, because the queue ended first."""
    workers: int
    """How many workers there are."""
    jobs_per_second: float
    """How many jobs ended after running, per second since the queue was opened."""
    worst_wait: float | None
    """Seconds that a job submitted now would wait, if all before it take as long as the
    jobs so far: (waiting + 1) x mean time / workers. ``None`` until a job has run."""


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
    ) -> None:
        self._handler = handler
        self._handler_name = name_of(handler)
        self._strategy = strategy
        # Whether its answers can change because a job has ended, and not only because of what
        # waits; the time to ask again for nothing can be saved.
        self._learns = any(
            overrides(strategy, question)
            for question in ("offer", "take", "next_change", "finished")
        )
        self._thread = get_ident()
        self._failures = failures
        self._grace = grace
        self._on_start = on_start
        self._on_end = on_end
        self._nursery: trio.Nursery
        self._channel = Chan[Job[P, R]](strategy=strategy, on_drop=self._drop, name="jobs")
        self._state = cast("KeptState[Job[P, R]]", self._channel._state)
        self._state.on_admit = self._enter
        self._halt = Chan[None]()  # closed when no further job shall start
        self._leave = Chan[None](math.inf)  # each value sends one worker away
        self._workers = 0
        self._opened = trio.current_time()
        self._phase: Phase = "run"
        self._phase_watchers: list[Callable[[], object]] = []
        self._stopping: Stop | None = None
        self._report: StopReport | None = None
        self._reported = trio.Event()
        self._over = False  # whether the block of open_job_queue has been left
        self._body = trio.CancelScope()
        self._cleanups: WeakSet[trio.CancelScope] = WeakSet()
        self._error: BaseException | None = None  # what the block has to raise at its end
        # The ledger
        self._submitted = 0
        self._waiting: dict[Job[P, R], None] = {}
        self._running: dict[Job[P, R], Task] = {}  # each with the task of its worker
        self._ended: Counter[Kind] = Counter()
        self._entering = 0  # how many submits are under way
        self._awaiting_idleness = ParkingLot()  # those who wait until nothing waits or runs
        self._awaiting_rest = ParkingLot()  # those who wait until nothing runs
        self._worked = 0  # how many jobs have run to an end, and how long in all
        self._worked_seconds = 0.0
        self._early_results: deque[Job[P, R]] | None = deque(maxlen=EARLY_RESULTS)
        self._streams: WeakSet[Chan[Job[P, R]]] = WeakSet()

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
        job = self._make(payload, timeout, priority, key)
        self._entering += 1
        try:
            await self._channel.send(job)
        except (Refused, ChanClosedError) as error:
            raise self._turned_away(job, error) from None
        except Exception as error:
            self._blame_strategy(error)
            raise
        finally:
            self._entering -= 1
            if self._idle:
                self._note_idleness()
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
        job = self._make(payload, timeout, priority, key)
        try:
            self._channel.send_nowait(job)
        except trio.WouldBlock:
            raise
        except (Refused, ChanClosedError) as error:
            raise self._turned_away(job, error) from None
        except Exception as error:
            self._blame_strategy(error)
            raise
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
        return self._channel.closed

    @enable_ki_protection
    def close(self) -> None:
        """Accept no more jobs. Those that wait still run, unless the strategy hands them back."""
        if self._channel.closed:
            return
        self._check_run()
        self._ask(self._close)
        if self._idle:
            self._note_idleness()

    def _close(self) -> None:
        self._channel.close()
        self._take_back(self._state.take_handed_back(), "the queue was closed")
        if self._strategy.hands_back and not len(self._strategy):
            # Then so do those that a worker has in its hand, but has not started.
            self._take_back(self._waiting, "the queue was closed")

    # Waiting

    async def join(self) -> None:
        """Wait until no job waits or runs, those included that running jobs submit."""
        await trio.lowlevel.checkpoint()
        while not self._idle:
            await self._awaiting_idleness.park()

    @enable_ki_protection
    def results(self) -> AsyncIterator[Job[P, R]]:
        """Iterate over ended jobs, in the order in which they end.

        Each call gives an iterator of its own, for every job that ends from now on; the
        first call also gets those that have ended before, up to the last 1,000. The
        iterator ends when the queue is closed and its last job has ended.
        """
        stream = Chan[Job[P, R]](math.inf, name="results")
        if self._early_results is not None:
            for job in self._early_results:
                stream.send_nowait(job)
            self._early_results = None
        self._streams.add(stream)
        if self._idle:
            self._note_idleness()
        return stream.receiver

    # Stopping

    @property
    def phase(self) -> Phase:
        """``run``, or the phase of the stop that is under way or over; see `stop`."""
        return self._phase

    @property
    def seconds_left(self) -> float | None:
        """How long the current phase of a stop may still last; ``None`` if none is under way."""
        if self._stopping is None or self._report is not None:
            return None
        return self._stopping.seconds_left()

    @property
    def _finishes_queued(self) -> bool:
        """Whether a stop is under way that lets jobs start which wait."""
        return self._stopping is not None and self._stopping.finish == "queued"

    @property
    def report(self) -> StopReport | None:
        """What the stop brought about; ``None`` until it is over."""
        return self._report

    async def stop(
        self,
        *,
        drain: float = 20.0,
        grace: float = 5.0,
        finish: Finish = "running",
    ) -> StopReport:
        """Stop in phases, within ``drain + grace`` seconds, and say what came of every job.

        ``quiet``: from the call on, no job is accepted and no further one starts.
        ``drain``: running jobs go on. ``cancel``: those left are cancelled, with the cause
        ``interrupted``. ``release``: those that never ran are handed back. ``report``.

        This returns in time even if a job ignores its cancellation; it is then listed as
        stuck. Calling it again can only speed it up. If the call is cancelled, the stop goes
        on. A job that calls this waits for itself; `stop_soon` is better there.

        Args:
            drain: how many seconds running jobs may go on.
            grace: how many more seconds they have to clean up after their cancellation.
            finish: ``"queued"`` to let jobs that wait start during the drain.

        Raises:
            TypeError, ValueError: an argument is of the wrong type, or out of range.
            RuntimeError: called from another thread.
        """
        self.stop_soon(drain=drain, grace=grace, finish=finish)
        return await self._stopped()

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
        self._check_run()
        if self._stopping is None:
            self._begin_stop(Stop(drain, grace, finish, self._cleanups))
        else:
            self._stopping.hasten(drain, grace)
            if finish == "running":
                self._halt.close()
                if self._stopping.finish == "queued":
                    self._release("the queue was stopped")

    def _begin_stop(self, stop: Stop) -> None:
        self._stopping = stop
        self._phase = "quiet"
        if stop.finish == "running":
            self._halt.close()
        self.close()
        self._tell_watchers()
        if self._over:
            self._report_stop(stop)
        else:
            # If even the last worker has gone, so will the block, and report.
            with suppress(RuntimeError):
                self._nursery.start_soon(self._stop_in_phases, stop)

    async def _stopped(self) -> StopReport:
        """Wait until the queue was stopped, and return the report."""
        await self._reported.wait()
        assert self._report is not None
        return self._report

    def _open_cleanup(self) -> trio.CancelScope:
        """Return a scope in which a job can clean up; a stop may bring its end forward."""
        if self._stopping is not None:
            end = self._stopping.hard_end
        else:
            end = trio.current_time() + self._grace
        scope = trio.CancelScope(shield=True, deadline=end)
        self._cleanups.add(scope)
        return scope

    @enable_ki_protection
    def hasten(self) -> None:
        """Go on to the next phase of the stop that is under way; otherwise do nothing."""
        self._check_run()
        if self._stopping is not None:
            self._stopping.skip()

    @enable_ki_protection
    async def _stop_in_phases(self, stop: Stop) -> None:
        """Stop, in time also if jobs take no notice, or the queue is cancelled meanwhile."""
        self._enter_phase("drain", stop)
        try:
            await stop.wait(self.join if stop.finish == "queued" else self._rest, stop.drain_end)
        finally:
            with trio.CancelScope(shield=True):
                self._halt.close()
                if self._running:
                    stop.end_by(trio.current_time() + stop.grace)
                    self._enter_phase("cancel", stop)
                    self._interrupt("interrupted", "the queue was stopped")
                    await stop.wait(self._rest, stop.hard_end)
                self._enter_phase("release", stop)
                stop.end_by(trio.current_time())
                self._release("the queue was stopped")
                for _ in range(_LAST_STEPS):
                    if self._running:
                        await trio.lowlevel.checkpoint()
                self._report_stop(stop)

    async def _rest(self) -> None:
        """Wait until no job runs."""
        while self._running:
            await self._awaiting_rest.park()

    def _report_stop(self, stop: Stop) -> None:
        if self._report is None:
            stop.note(self._phase)
            self._report = stop.report(self._running)
            self._phase = "report"
            self._reported.set()
            self._tell_watchers()

    def _enter_phase(self, phase: Phase, stop: Stop) -> None:
        stop.note(self._phase)
        self._phase = phase
        self._tell_watchers()

    def _tell_watchers(self) -> None:
        """Tell whoever watches the phases that another one has begun."""
        for watcher in [*self._phase_watchers]:
            try:
                watcher()
            except BaseException as error:
                self._break(error, f"what was told of the phases of a stop raised {error!r}")

    def _interrupt(self, cause: Cause, reason: str) -> None:
        """Cancel every job that runs."""
        for job in self._running:
            job._interrupt(cause, reason)

    def _release(self, reason: str) -> None:
        """Hand back every job that waits, also those in a worker's hand."""
        self._ask(self._channel.drain)
        self._take_back(self._waiting, reason)

    def _take_back(
        self, jobs: Iterable[Job[P, R]], reason: str, kind: Kind = "handed_back"
    ) -> None:
        """End jobs that will not run, except those that were cancelled where they waited."""
        for job in list(jobs):
            if job._outcome is None:
                self._end(job, kind, reason)

    @enable_ki_protection
    def _abandon(self, reason: str) -> None:
        """End everything: nobody is interested any more."""
        self._halt.close()
        self.close()
        self._release(reason)
        self._interrupt("cancelled", reason)

    # What the user's code does

    def _ask(self, question: Callable[..., object], *arguments: object) -> None:
        """Do something that asks the strategy; if that raises, end the queue instead."""
        try:
            question(*arguments)
        except BaseException as error:
            self._blame_strategy(error)

    def _blame_strategy(self, error: BaseException) -> None:
        """End the queue because its strategy is broken."""
        name = type(self._strategy).__qualname__
        if self._error is not error:
            error.add_note(f"raised by the strategy of a job queue, {name}; no further job starts")
        self._break(error, f"the strategy, {name}, raised {error!r}")

    def _call(self, name: str, hook: Callable[[Job[P, R]], object], job: Job[P, R]) -> None:
        """Call one of the user's hooks; if it raises, end the queue."""
        try:
            result = hook(job)
            if inspect.iscoroutine(result):
                result.close()  # lest Python complains, too, that it was never awaited
                raise TypeError(f"{name} must be a plain function, not an async one: {hook!r}")
        except BaseException as error:
            error.add_note(f"raised by {name} of a job queue, called with {job!r}")
            self._break(error, f"{name} raised {error!r}")

    def _break(self, error: BaseException, reason: str) -> None:
        """End everything, the block of `open_job_queue` included, because of ``error``."""
        first = self._error is None
        if first or (isinstance(self._error, Exception) and not isinstance(error, Exception)):
            self._error = error
        if first:
            self._body.cancel()  # before a submit that waits there sees a closed channel
            self._abandon(reason)

    # Workers

    @enable_ki_protection
    def resize(self, workers: int) -> None:
        """Change how many workers there are; those to go finish their jobs first.

        Of a queue that has ended, this changes nothing.

        Raises:
            TypeError, ValueError: ``workers`` is not an ``int``, or less than 1.
        """
        self._check_run()
        _check_workers(workers)
        for _ in range(self._workers, workers):
            try:
                self._leave.receive_nowait()  # one that was to leave can stay
            except trio.WouldBlock:
                # If even the last worker has gone, nothing is left to be done.
                with suppress(RuntimeError):
                    self._nursery.start_soon(self._work, name=f"worker of {self._handler_name}")
        for _ in range(workers, self._workers):
            self._leave.send_nowait(None)
        self._workers = workers

    @enable_ki_protection
    async def _work(self) -> None:
        task = trio.lowlevel.current_task()
        cases = (
            self._halt.on_close(priority=2),
            self._leave.on_receive(priority=1),
            self._channel.on_receive(),
        )
        while True:
            try:
                match await select(*cases):
                    case 2, job:
                        pass
                    case _:
                        return
            except EndOfChannel:
                return
            except Exception as error:
                self._blame_strategy(error)
                return
            await self._run(job, task)

    async def _run(self, job: Job[P, R], task: Task) -> None:
        """Run one job to its end, whatever its handler does."""
        if self._halt.closed:
            self._take_back([job], "the queue was stopped")
        elif self._cancelled:
            self._take_back([job], "the queue was cancelled")
        if job._outcome is not None:
            self._tell_strategy(job, trio.current_time())
            return
        scope = self._start(job, task)
        if self._on_start is not None:
            self._call("on_start", self._on_start, job)
            if job._cause is not None:  # it was cancelled there
                self._end(job, *self._why(job))
                return
        value: R | None = None
        try:
            with scope:
                token = CURRENT.set(job)
                try:
                    value = await self._handle(job.payload)
                finally:
                    CURRENT.reset(token)
        except BaseException as error:
            if not self._end_raised(job, error):
                raise
        else:
            if scope.cancelled_caught:
                self._end(job, *self._why(job))
            else:
                self._end(job, "done", value=value)

    @disable_ki_protection
    async def _handle(self, payload: P) -> R:
        return await self._handler(payload)

    def _why(self, job: Job[P, R]) -> tuple[Kind, str]:
        """Return how a job ends whose handler was cancelled, and the reason."""
        if job._cause is not None:
            return job._cause, job._reason
        if job.cause == "timed_out":
            return "timed_out", f"it ran longer than {job.timeout} s"
        return "cancelled", "the queue was cancelled"

    def _end_raised(self, job: Job[P, R], error: BaseException) -> bool:
        """End a job whose handler raised; return whether its worker can go on."""
        failure: BaseException | None = error
        if isinstance(error, BaseExceptionGroup):
            _, failure = error.split(trio.Cancelled)
        elif isinstance(error, trio.Cancelled):
            failure = None
        if failure is None:
            self._end(job, *self._why(job))
            return False
        self._end(job, "failed", error=failure)
        if not isinstance(failure, Exception):
            self._break(failure, f"job {job.id} raised {failure!r}")
        elif self._failures == "raise" and self._error is None:
            message = f"job {job.id} failed: {failure!r}"
            raised = JobFailed(message, job)
            raised.__cause__ = failure
            self._break(raised, message)
        return True

    # The ledger

    def _make(self, payload: P, timeout: float | None, priority: int, key: Hashable) -> Job[P, R]:
        self._check_run()
        if timeout is not None and not check_seconds("timeout", timeout) > 0:
            raise ValueError(f"timeout must be > 0 or None, not {timeout!r}")
        check_priority(priority)
        return Job(self, payload, timeout, priority, key)

    def _check_run(self) -> None:
        """Raise `RuntimeError` unless called in the run of the queue."""
        # A run keeps to its thread, and a thread has one run at a time.
        if get_ident() != self._thread:
            raise RuntimeError(OUTSIDE)

    @property
    def _cancelled(self) -> bool:
        """Whether the workers are cancelled from outside, as far as trio shows it."""
        status = getattr(self._nursery.cancel_scope, "_cancel_status", None)
        return bool(getattr(status, "effectively_cancelled", False))

    def _enter(self, job: Job[P, R]) -> None:
        """Enter a job that the strategy has admitted, or that a worker is about to get."""
        self._submitted += 1
        job.id = self._submitted
        self._waiting[job] = None

    def _turned_away(
        self, job: Job[P, R], error: Refused | ChanClosedError
    ) -> Refused | ChanClosedError:
        """Return what the submitter of a job gets that was not let in."""
        if isinstance(error, Refused):
            self._submitted += 1
            job.id = self._submitted
            self._end(job, "refused", error.reason)
            return Refused(error.reason, error.retry_after, job.payload)
        return ChanClosedError(f"{self!r} accepts no more jobs", job.payload)

    def _start(self, job: Job[P, R], task: Task) -> trio.CancelScope:
        del self._waiting[job]
        self._running[job] = task
        return job._start()

    def _drop(self, job: Job[P, R], reason: str) -> None:
        """End a job that the strategy has given up."""
        self._take_back([job], reason, "dropped")

    @enable_ki_protection
    def _cancel(self, job: Job[P, R], reason: str) -> None:
        """Do as `Job.cancel` says with a job that has not ended."""
        if job in self._running:
            job._interrupt("cancelled", reason)
        else:
            self._end(job, "cancelled", reason)

    def _end(
        self,
        job: Job[P, R],
        kind: Kind,
        reason: str = "",
        *,
        value: R | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Give a job its outcome, once, and tell whoever wants to know."""
        now = trio.current_time()
        outcome = job._end(now, kind, reason, value, error)
        self._ended[kind] += 1
        ran = job in self._running
        if ran:
            del self._running[job]
            self._worked += 1
            self._worked_seconds += outcome.ran
        else:
            self._waiting.pop(job, None)  # one that was refused never waited
        if self._stopping is not None:
            self._stopping.ended.append(job)
        if self._early_results is not None:
            self._early_results.append(job)
        if self._streams:
            for stream in self._streams:
                if not stream.closed:
                    stream.send_nowait(job)
        if not self._running:
            if self._awaiting_rest:
                self._awaiting_rest.unpark_all()
            if self._idle:
                self._note_idleness()
        # From here on the books are right, so the user's code can have its say.
        if ran:
            self._tell_strategy(job, now)
        elif kind == "cancelled":
            self._ask(self._state.discard, job)
        if self._on_end is not None:
            self._call("on_end", self._on_end, job)

    def _tell_strategy(self, job: Job[P, R], now: float) -> None:
        """Tell the strategy that a job which it gave out has ended."""
        outcome = job._outcome
        assert outcome is not None
        try:
            self._strategy.finished(
                job,
                now,
                waited=outcome.waited,
                ran=outcome.ran,
                ok=outcome.kind == "done",
            )
            if self._learns:
                self._state.ask_again()
        except BaseException as error:
            self._blame_strategy(error)

    @property
    def _idle(self) -> bool:
        """Whether nothing runs, waits, or is about to be submitted."""
        return not (self._running or self._waiting or self._entering)

    def _note_idleness(self) -> None:
        """Tell those who wait for it; and if it is for good, there are no more results."""
        if self._awaiting_idleness:
            self._awaiting_idleness.unpark_all()
        if self._channel.closed:
            for stream in self._streams:
                stream.close()

    # Looking

    def running(self) -> tuple[Job[P, R], ...]:
        """Return the jobs that run at this moment, in the order in which they started.

        Each knows its `Job.name`, its `Job.age` and how far it has come, `Job.progressed`.
        """
        return tuple(self._running)

    def statistics(self) -> QueueStatistics:
        """Return the counts of jobs, and how fast they go, at this moment."""
        seconds = trio.current_time() - self._opened
        mean = self._worked_seconds / self._worked if self._worked else None
        return QueueStatistics(
            submitted=self._submitted,
            waiting=len(self._waiting),
            running=len(self._running),
            **{kind: self._ended[kind] for kind in KINDS},
            workers=self._workers,
            jobs_per_second=self._worked / seconds if seconds else 0.0,
            worst_wait=None if mean is None else (len(self._waiting) + 1) * mean / self._workers,
        )

    def audit(self) -> QueueStatistics:
        """Check that no job is lost or counted twice, and return the counts.

        Raises:
            AssertionError: the law is broken: submitted = waiting + running + all outcomes.
        """
        counts = self.statistics()
        ended = sum(self._ended.values())
        assert counts.submitted == counts.waiting + counts.running + ended, counts
        assert all(job.state == "waiting" for job in self._waiting), counts
        assert all(job.state == "running" for job in self._running), counts
        waiting = [job for job in self._strategy.items if job.state != "ended"]
        assert all(job in self._waiting for job in waiting), counts
        return counts

    def __repr__(self) -> str:
        return (
            f"<gochan.JobQueue: {self._phase}, {len(self._waiting)} waiting, "
            f"{len(self._running)} running on {self._workers} workers>"
        )


@asynccontextmanager
async def open_job_queue(
    handler: Callable[[P], Awaitable[R]],
    *,
    workers: int = 1,
    strategy: str | Strategy[Job[P, R]] = "block",
    capacity: int | float | None = None,
    failures: Literal["raise", "collect"] = "raise",
    grace: float = 5.0,
    on_start: Callable[[Job[P, R]], object] | None = None,
    on_end: Callable[[Job[P, R]], object] | None = None,
) -> AsyncIterator[JobQueue[P, R]]:
    """Open a job queue, and on the way out wait until all its jobs have ended.

    ::

        async with open_job_queue(fetch, workers=4, capacity=20) as queue:
            for url in urls:
                await queue.submit(url)

    Leaving the block normally closes the queue and lets waiting jobs run. If the block
    raises or is cancelled, running jobs are ``cancelled`` and waiting ones ``handed_back``.

    Args:
        handler: async, called with the payload of each job; what it returns is the value
            of the job's outcome.
        workers: how many jobs run at the same time, at least 1.
        strategy: decides about jobs that wait: a name or a chain of them (see
            `gochan.strategy`), or an instance.
        capacity: an option of a strategy given by name: how many jobs may wait; by default
            100, unless the strategy has a default of its own. With 0, a submit waits until
            a worker is free.
        failures: ``"raise"``: the first job that fails ends the queue and the block;
            ``"collect"``: a failure is an outcome like others.
        grace: how many seconds `cleanup` allows a cancelled job, outside a stop.
        on_start: a plain function, called with each job that starts, before its handler.
        on_end: a plain function, called with each job that ends, whatever its outcome, as
            soon as it has one; also if it never ran, or was refused.

    The two hooks may submit and cancel jobs, and use `JobQueue.stop_soon`. Ctrl-C does not
    interrupt them. If one raises, or the strategy does, the queue ends as if the block had
    raised, and the error is raised from the block, with a note that says where it is from.

    Raises:
        JobFailed: a job failed, and ``failures`` is ``"raise"``. If the block raised, too,
            both come in an `ExceptionGroup`.
        TypeError, ValueError: an argument is of the wrong type, or out of range.
    """
    if not callable(handler):
        raise TypeError(f"handler must be an async function, not {handler!r}")
    if failures not in ("raise", "collect"):
        raise ValueError(f'failures must be "raise" or "collect", not {failures!r}')
    _check_workers(workers)
    check_seconds("grace", grace)
    _check_hook("on_start", on_start)
    _check_hook("on_end", on_end)
    chosen = _choose_strategy(strategy, capacity)
    error: BaseException | None = None
    cancelled: BaseException | None = None
    queue = JobQueue(handler, chosen, failures, grace, on_start, on_end)
    try:
        async with trio.open_nursery() as nursery:
            queue._nursery = nursery
            queue.resize(workers)
            # Otherwise the first jobs would be refused while all workers are free.
            while queue._error is None and len(queue._state.receivers) < workers:
                await trio.lowlevel.checkpoint()
            try:
                with queue._body:
                    yield queue
            except BaseException as raised:
                error = raised
                queue._abandon("the block of open_job_queue was left by an error")
            else:
                queue.close()
    except BaseException as raised:
        # Workers keep errors to themselves, so the nursery adds only that it was cancelled.
        cancelled = raised
    finally:
        queue._over = True
        queue._abandon("the queue was cancelled")  # those that no worker could end
        if queue._stopping is not None:
            queue._report_stop(queue._stopping)
    if queue._error is None and (error is None or isinstance(error, trio.Cancelled)):
        error = cancelled
    try:
        _raise_both(error, queue._error)
    finally:
        del error, cancelled  # they would be in a cycle with their tracebacks


def _raise_both(block: BaseException | None, queue: BaseException | None) -> None:
    """Raise what the block raised, what the queue has to raise, or both in a group."""
    if block is not None and queue is not None and not _contains(block, queue):
        raise BaseExceptionGroup("the block of a job queue and a job failed", [queue, block])
    for error in (block, queue):
        if error is not None:
            raise error


def _contains(block: BaseException, error: BaseException) -> bool:
    """Whether the block has raised this error itself, perhaps in a group."""
    if isinstance(block, BaseExceptionGroup):
        return any(_contains(part, error) for part in block.exceptions)
    return block is error


def _choose_strategy(strategy: str | Strategy[Any], capacity: int | float | None) -> Strategy[Any]:
    if isinstance(strategy, str):
        plugins = installed_plugins()
        plugins.warn(strategy)
        return plugins.strategy_for_jobs(strategy, capacity)
    if capacity is not None:
        raise TypeError(
            "capacity goes with the name of a strategy; give it to the strategy instead, "
            f"as in strategy=Block({capacity!r})"
        )
    if not isinstance(strategy, Strategy):
        raise TypeError(f"strategy must be a name or an instance of a Strategy, not {strategy!r}")
    return strategy


def _check_workers(workers: int) -> None:
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"workers must be an int, not {workers!r}")
    if workers < 1:
        raise ValueError(f"workers must be >= 1, not {workers!r}")


def _check_hook(name: str, hook: object) -> None:
    if hook is None:
        return
    if not callable(hook):
        raise TypeError(f"{name} must be a function of a job, not {hook!r}")
    for function in (hook, getattr(hook, "__call__", None)):  # noqa: B004  # it may be async
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} must be a plain function, not an async one: {hook!r}")
