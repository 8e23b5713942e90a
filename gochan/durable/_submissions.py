"""Submissions: many tasks submit one job each, and the store gets them in few batches."""

# Theory of operation
# -------------------
# While a batch is on its way, further jobs gather; they are the next batch. So one task alone
# waits no longer than it must, and a hundred cost hardly more than one.
#
# While the store cannot be reached, it is asked again after growing pauses. Who does not want to
# wait for the store does not wait for the end of such a pause, either.
#
# A task that is cancelled while its job has not been sent takes it back. Once it has been sent,
# it will be stored, and the task does not hear of it.

from __future__ import annotations

from typing import Final, final

import trio
from trio.lowlevel import Abort, Task

from ._errors import StoreClosed, StoreUnavailable
from ._outage import Outages
from ._records import Enqueued, NewJob, Refusal
from ._store import Store

_MOST: Final = 1000  # jobs in a batch


@final
class _Submission:
    """A job, and the task that waits until it is stored."""

    __slots__ = ("answer", "error", "insists", "job", "task")

    def __init__(self, job: NewJob, task: Task, *, insists: bool) -> None:
        self.job = job
        self.task: Task | None = task
        self.insists = insists
        self.answer: Enqueued | Refusal | None = None
        self.error: Exception | None = None

    def end(self, answer: Enqueued | Refusal | None = None, error: Exception | None = None) -> None:
        """Wake the task, if it still waits."""
        self.answer, self.error = answer, error
        task, self.task = self.task, None
        if task is not None:
            trio.lowlevel.reschedule(task)


@final
class Submissions:
    """Jobs on their way to a store."""

    def __init__(self, store: Store, outages: Outages) -> None:
        self._store = store
        self._outages = outages
        self._pending: dict[_Submission, None] = {}
        self._arrival = trio.Event()
        self._backoff = outages.backoff()

    async def __call__(self, job: NewJob, *, insists: bool) -> Enqueued | Refusal:
        """Store a job together with others.

        Args:
            job: to be stored.
            insists: whether to wait for a store that cannot be reached.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        submission = _Submission(job, trio.lowlevel.current_task(), insists=insists)
        self._pending[submission] = None
        self._arrival.set()
        if not insists:
            self._backoff.hurry()

        def abort(raise_cancel: object) -> Abort:
            submission.task = None
            self._pending.pop(submission, None)
            return Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if submission.error is not None:
            raise submission.error
        assert submission.answer is not None
        return submission.answer

    async def run(self) -> None:
        """Send what gathers, for ever."""
        while True:
            await self._arrival.wait()
            batch = [*self._pending][:_MOST]
            try:
                if await self._send(batch):
                    self._backoff.end()
                else:
                    await self._backoff.pause()
            finally:
                if not self._pending:
                    self._arrival = trio.Event()

    def end(self, error: Exception) -> None:
        """Send nothing more; who waits gets ``error``."""
        pending, self._pending = self._pending, {}
        for submission in pending:
            submission.end(error=error)

    async def _send(self, batch: list[_Submission]) -> bool:
        """Send a batch; return whether the store could be reached."""
        for submission in batch:
            del self._pending[submission]
        try:
            with self._outages.calling("enqueue"):
                answers = await self._store.enqueue([submission.job for submission in batch])
        except StoreUnavailable as error:
            waiting = {one: None for one in batch if one.insists and one.task is not None}
            self._pending = {**waiting, **self._pending}
            for submission in batch:
                if not submission.insists:
                    submission.end(error=error)
            return False
        except Exception as error:
            for submission in batch:
                submission.end(error=error)
            return True
        except BaseException:
            unsure = StoreClosed("the queue ended before it was known whether the job is stored")
            for submission in batch:
                submission.end(error=unsure)
            raise
        for submission, answer in zip(batch, answers, strict=True):
            submission.end(answer)
        return True
