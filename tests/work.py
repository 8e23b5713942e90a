"""What the tests of the job queue share: work for jobs, and a queue audited at every instant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeAlias

import trio

from gochan import Job, JobQueue, open_job_queue
from gochan.strategies import ADMIT, WAIT, Empty, Strategy, Verdict

Work: TypeAlias = Callable[[], Awaitable[Any]]


async def perform(work: Work) -> Any:
    """The handler in most tests: the payload of a job is what the job does."""
    return await work()


def sleep(seconds: float = 0, value: object = None) -> Work:
    """Sleep, and return the value."""

    async def work() -> object:
        await trio.sleep(seconds)
        return value

    return work


def fail(error: BaseException, after: float = 0) -> Work:
    async def work() -> NoReturn:
        await trio.sleep(after)
        raise error

    return work


def insist(seconds: float, value: object = None) -> Work:
    """Sleep, ignoring cancellation, and return the value."""

    async def work() -> object:
        with trio.CancelScope(shield=True):
            await trio.sleep(seconds)
        return value

    return work


def tidy_up(seconds: float) -> Work:
    """Go on for ever; when cancelled, take so long to put things in order."""

    async def work() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(seconds)

    return work


class Stack(Strategy[Any]):
    """Newest first, and not in ``items``, so that a queue cannot take one out from the middle."""

    def __init__(self, capacity: int | float) -> None:
        super().__init__(capacity)
        self.pile: list[Any] = []

    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.pile) >= self.capacity:
            return WAIT
        self.pile.append(item)
        return ADMIT

    def take(self, now: float) -> Any:
        if not self.pile:
            raise Empty
        return self.pile.pop()

    def __len__(self) -> int:
        return len(self.pile)


class Auditor(trio.abc.Instrument):
    """Audits a queue after every step of every task."""

    def __init__(self) -> None:
        self.queue: JobQueue[Any, Any] | None = None
        self.error: BaseException | None = None
        self.steps = 0
        self.limit = 200_000  # a program with more steps goes in circles
        self.scope = trio.CancelScope()

    def after_task_step(self, task: object) -> None:
        # Trio only logs what an instrument raises, so it is kept for later.
        self.steps += 1
        try:
            assert self.steps < self.limit, "tasks go in circles"
            if self.queue is not None:
                self.queue.audit()
        except AssertionError as error:
            self.error = error
            self.scope.cancel()
            trio.lowlevel.remove_instrument(self)


@asynccontextmanager
async def auditing() -> AsyncIterator[Auditor]:
    """Audit the queue that the auditor is given, and raise what it has found."""
    auditor = Auditor()
    trio.lowlevel.add_instrument(auditor)
    try:
        with auditor.scope:
            yield auditor
    finally:
        if auditor.error is not None:
            raise auditor.error
        trio.lowlevel.remove_instrument(auditor)


@asynccontextmanager
async def open_audited(
    handler: Callable[[Any], Awaitable[Any]] = perform, **options: Any
) -> AsyncIterator[JobQueue[Any, Any]]:
    """Open a job queue whose books are audited at every instant."""
    with trio.fail_after(100_000):  # rather than hang
        async with auditing() as auditor, open_job_queue(handler, **options) as queue:
            auditor.queue = queue
            yield queue


def kinds(*jobs: Job[Any, Any]) -> list[str]:
    """How these jobs have ended; the state of those that have not."""
    return [job.state if job.outcome is None else job.outcome.kind for job in jobs]
