"""The block of `open_job_queue`: how a queue begins to work, and how it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from ._queue import JobQueue

P = TypeVar("P")
R = TypeVar("R")


@asynccontextmanager
async def open_block(queue: JobQueue[P, R], workers: int) -> AsyncIterator[JobQueue[P, R]]:
    """Do what `open_job_queue` says, with a fresh queue."""
    lives, user_code = queue._lives, queue._lives.user_code
    error: BaseException | None = None
    cancelled: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            queue._workers.nursery = nursery
            queue.resize(workers)
            # Otherwise the first jobs would be refused while all workers are free.
            while user_code.error is None and lives.intake.waiting_workers < workers:
                await trio.lowlevel.checkpoint()
            try:
                with lives.body:
                    yield queue
            except BaseException as raised:
                error = raised
                lives.abandon("the block of open_job_queue was left by an error")
            else:
                lives.close()
    except BaseException as raised:
        # Workers keep errors to themselves, so the nursery adds only that it was cancelled.
        cancelled = raised
    finally:
        queue._workers.over = True
        lives.abandon("the queue was cancelled")  # the jobs that no worker could end
        queue._stop.end()
    failure, user_code.error = user_code.error, None
    if failure is None and (error is None or isinstance(error, trio.Cancelled)):
        error = cancelled
    try:
        _raise_both(error, failure)
    finally:
        del error, cancelled, failure  # they would be in a cycle with their tracebacks


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
