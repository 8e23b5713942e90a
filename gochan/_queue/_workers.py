"""The workers of a queue: tasks that take jobs and run them."""

# Theory of operation
# -------------------
# A worker takes a job, runs it, and takes the next one at once, until it is time to let other
# tasks run. Before it takes a job, and again before the job starts, it looks whether it may:
# so after a halt no further job starts, in any schedule. Idle workers wait in line for jobs.
#
# All jobs of a worker run in one cancel scope, since making one costs as much as all the
# rest. It is used up, and replaced, when it was cancelled, be it by its deadline, or when a
# handler has raised.
#
# A job that fails never breaks its worker. What the user has to hear of, the first failure
# or something worse than an Exception, is kept, and the queue is ended.

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from time import perf_counter
from typing import Any, Generic, Literal, TypeVar, final

import trio
from trio.lowlevel import Task, disable_ki_protection, enable_ki_protection

from .._core import NOTHING, EndOfChannel, brief
from ._errors import error_of
from ._handlers import is_async, not_async
from ._jobs import Job
from ._lifecycle import Lifecycle
from ._steps import Steps

P = TypeVar("P")
R = TypeVar("R")


@final
class Workers(Generic[P, R]):
    """Tasks that run the jobs of one queue."""

    def __init__(
        self,
        handler: Callable[[P], Awaitable[R]],
        lives: Lifecycle[P, R],
        failures: Literal["raise", "collect"],
    ) -> None:
        self.nursery: trio.Nursery
        self.count: int = 0
        self.over: bool = False  # whether the last of them has gone for good
        self._handler = handler
        self._is_async = is_async(handler)
        self._lives = lives
        self._user_code = lives.user_code
        self._failures = failures
        self._surplus = 0  # how many busy workers are to leave
        self._intake = lives.intake
        self._state = lives.intake.state

    def resize(self, count: int) -> None:
        """Change how many workers there are; those that leave finish their jobs first."""
        for _ in range(self.count, count):
            if self._surplus:
                self._surplus -= 1  # one that was to leave can stay
                continue
            self.start(self._work, name=f"worker of {self._lives.name}")
        for _ in range(count, self.count):
            if not self._intake.send_worker_away():
                self._surplus += 1
        self.count = count

    def start(self, async_fn: Callable[[], Awaitable[object]], *, name: str) -> None:
        """Start a task beside the workers, unless even the last of them has gone."""
        with suppress(RuntimeError):
            self.nursery.start_soon(async_fn, name=name)

    @enable_ki_protection
    async def _work(self) -> None:
        task = await self._state.enter()
        while await self._work_in_one_scope(task):
            pass

    async def _work_in_one_scope(self, task: Task) -> bool:
        """Run jobs until the cancel scope around them is used up; return whether to go on."""
        lives, state, on_start = self._lives, self._state, self._user_code.on_start
        job: Job[P, R] | None = None
        value: Any = None
        scope = trio.CancelScope()
        try:
            with scope:
                status = getattr(task, "_cancel_status", None)
                while True:
                    if status is None or status.effectively_cancelled:
                        await trio.lowlevel.checkpoint_if_cancelled()
                    if perf_counter() >= state.pace.due:
                        await state.pace.pass_turn()
                    taken, cancelled = self._take(), False
                    if taken is NOTHING:
                        taken = await self._wait_for_job(task)
                        cancelled = status is not None and status.effectively_cancelled
                    if taken is None:
                        return False
                    job, taken = taken, None
                    if job._kind is not None or lives.halting or cancelled:
                        self._put_aside(job)
                        job = None
                        continue
                    context = lives.start(job, task, scope)
                    if on_start is not None and not self._call_on_start(job):
                        job = None
                        return True
                    coroutine = self._handle(job.payload)
                    try:
                        message = context.run(coroutine.send, None)
                    except StopIteration as done:
                        value = done.value
                    else:
                        value = await Steps(context.run, coroutine, message)
                        del message
                    if job._cause is not None:
                        break
                    if job.timeout is not None:
                        if scope.cancel_called:
                            break  # its time was up just before it was done
                        scope.deadline = inf
                    if status is not None and task._cancel_status is not status:
                        break  # pragma: no cover  # the handler has left a scope open
                    ended, job = job, None
                    lives.end(ended, "done", value)
                    value = None
                    del ended, context, coroutine
        except BaseException as error:
            if job is None or not self._end_raised(job, error):
                raise
        else:
            self._end_last(job, scope, value)
        return True

    def _end_last(self, job: Job[P, R] | None, scope: trio.CancelScope, value: R) -> None:
        """End the job with which ``scope`` is used up, although its handler has not raised."""
        assert job is not None
        if scope.cancelled_caught:
            self._lives.end(job, *job._why())
        else:
            self._lives.end(job, "done", value)

    def _take(self) -> Any:
        """Return a job, `NOTHING` if there is none now, or ``None`` if this worker has to leave."""
        if self._lives.halting:
            return None
        if self._surplus:
            self._surplus -= 1
            return None
        try:
            return self._state.take()
        except EndOfChannel:
            return None
        except Exception as error:
            self._user_code.blame_strategy(error)
            return None

    async def _wait_for_job(self, task: Task) -> Job[P, R] | None:
        """Wait for a job, and return it; ``None`` if this worker has to leave."""
        try:
            job: Job[P, R] = await self._state.wait(task, "receive", None, self._intake.channel)
        except EndOfChannel:
            return None
        except Exception as error:
            self._user_code.blame_strategy(error)
            return None
        return job

    def _put_aside(self, job: Job[P, R]) -> None:
        """End a job that was taken and may not start, unless it was cancelled meanwhile."""
        why = "the queue was stopped" if self._lives.halting else "the queue was cancelled"
        self._lives.take_back([job], why)
        self._lives.tell_strategy(job, self._lives.now())

    def _call_on_start(self, job: Job[P, R]) -> bool:
        """Call the hook; return whether the handler is to be called, too."""
        self._user_code.call("on_start", job)
        if job._cause is None:
            return True
        self._lives.end(job, *job._why())  # it was cancelled there
        return False

    @disable_ki_protection
    async def _handle(self, payload: P) -> R:
        awaitable = self._handler(payload)
        if not (self._is_async or inspect.isawaitable(awaitable)):
            raise not_async(self._handler, brief(awaitable))
        result: R = await awaitable
        return result

    def _end_raised(self, job: Job[P, R], error: BaseException) -> bool:
        """End a job whose handler raised; return whether its worker can go on."""
        failure: BaseException | None = error
        if isinstance(error, BaseExceptionGroup):
            _, failure = error.split(trio.Cancelled)
        elif isinstance(error, trio.Cancelled):
            failure = None
        if failure is None:
            self._lives.end(job, *job._why())
            return False
        self._lives.end(job, "failed", failure)
        if not isinstance(failure, Exception):
            self._user_code.break_(failure, f"job {job.id} raised {failure!r}")
        elif self._failures == "raise" and self._user_code.error is None:
            raised = error_of(job)
            raised.__cause__ = failure
            self._user_code.break_(raised, f"job {job.id} failed: {failure!r}")
        return True
