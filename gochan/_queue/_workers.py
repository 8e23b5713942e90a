"""The workers of a queue: tasks that take jobs and run them."""

# Theory of operation
# -------------------
# Each worker selects between the jobs and, in higher tiers, the word to halt and the word
# to leave. So after a halt no further job starts, in any schedule. A job that a worker
# already had in its hand is looked at once more before it starts.
#
# A job that fails never breaks its worker. What the user has to hear of, the first failure
# or something worse than an Exception, is kept, and the queue is ended.

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, Literal, TypeVar, final

import trio
from trio.lowlevel import Task, disable_ki_protection, enable_ki_protection

from .._core import Chan, EndOfChannel, brief, select
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
        self.count = 0
        self.over = False  # whether the last of them has gone for good
        self._handler = handler
        self._is_async = is_async(handler)
        self._lives = lives
        self._user_code = lives.user_code
        self._failures = failures
        self._leave = Chan[None](math.inf)  # each value sends one worker away

    def resize(self, count: int) -> None:
        """Change how many workers there are; those that leave finish their jobs first."""
        for _ in range(self.count, count):
            try:
                self._leave.receive_nowait()  # one that was to leave can stay
            except trio.WouldBlock:
                # If even the last worker has gone, nothing is left to be done.
                with suppress(RuntimeError):
                    name = f"worker of {self._lives.handler_name}"
                    self.nursery.start_soon(self._work, name=name)
        for _ in range(count, self.count):
            self._leave.send_nowait(None)
        self.count = count

    @enable_ki_protection
    async def _work(self) -> None:
        task = trio.lowlevel.current_task()
        while await self._work_in_one_scope(task):
            pass

    async def _work_in_one_scope(self, task: Task) -> bool:
        """Run jobs until the cancel scope around them is used up; return whether to go on."""
        lives = self._lives
        job: Job[P, R] | None = None
        value: R | None = None
        scope = trio.CancelScope()
        try:
            with scope:
                status = getattr(task, "_cancel_status", None)
                while True:
                    job = await self._next()
                    if job is None:
                        return False
                    if not self._begin(job, task, scope):
                        if scope.cancel_called:
                            return True
                        job = None
                        continue
                    value = await self._run(job)
                    if job._cause is not None or job.timeout is not None:
                        break
                    if getattr(task, "_cancel_status", None) is not status:
                        break  # the handler has left a scope of its own open
                    ended, job = job, None
                    lives.end(ended, "done", value=value)
                    del ended
                    value = None
        except BaseException as error:
            if job is None or not self._end_raised(job, error):
                raise
        else:
            assert job is not None
            if scope.cancelled_caught:
                lives.end(job, *job._why())
            else:
                lives.end(job, "done", value=value)
        return True

    async def _next(self) -> Job[P, R] | None:
        """Wait for a job, and return it; ``None`` if this worker has to leave."""
        try:
            match await select(
                self._lives.halted.on_close(priority=2),
                self._leave.on_receive(priority=1),
                self._lives.intake.channel.on_receive(),
            ):
                case 2, job:
                    return job
        except EndOfChannel:
            pass
        except Exception as error:
            self._user_code.blame_strategy(error)
        return None

    def _begin(self, job: Job[P, R], task: Task, scope: trio.CancelScope) -> bool:
        """Let a job begin to run, and return whether its handler is to be called."""
        lives = self._lives
        if lives.halted.closed:
            lives.take_back([job], "the queue was stopped")
        elif self._cancelled:
            lives.take_back([job], "the queue was cancelled")
        if job._outcome is not None:
            lives.tell_strategy(job, trio.current_time())
            return False
        lives.start(job, task, scope)
        if self._user_code.on_start is not None:
            self._user_code.call_on_start(job)
            if job._cause is not None:  # it was cancelled there
                lives.end(job, *job._why())
                return False
        return True

    @property
    def _cancelled(self) -> bool:
        """Whether the workers are cancelled from outside, as far as trio shows it."""
        status = getattr(self.nursery.cancel_scope, "_cancel_status", None)
        return bool(getattr(status, "effectively_cancelled", False))

    async def _run(self, job: Job[P, R]) -> R:
        """Call the handler in the context of its job."""
        context = job._context
        assert context is not None
        coroutine = self._handle(job.payload)
        try:
            message = context.run(coroutine.send, None)
        except StopIteration as done:
            result: R = done.value
            return result
        value: R = await Steps(context.run, coroutine, message)
        return value

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
        self._lives.end(job, "failed", error=failure)
        if not isinstance(failure, Exception):
            self._user_code.break_(failure, f"job {job.id} raised {failure!r}")
        elif self._failures == "raise" and self._user_code.error is None:
            raised = error_of(job)
            raised.__cause__ = failure
            self._user_code.break_(raised, f"job {job.id} failed: {failure!r}")
        return True
