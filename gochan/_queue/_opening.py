"""Opening a job queue, and leaving it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

import trio

from .._plugins._plugins import installed_plugins
from ..strategies import Strategy, check_count, check_seconds
from ._handlers import check_handler, check_hook
from ._jobs import Job
from ._queue import JobQueue

P = TypeVar("P")
R = TypeVar("R")


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
    check_handler(handler)
    if failures not in ("raise", "collect"):
        raise ValueError(f'failures must be "raise" or "collect", not {failures!r}')
    check_count("workers", workers, least=1)
    check_seconds("grace", grace)
    check_hook("on_start", on_start)
    check_hook("on_end", on_end)
    chosen = _choose_strategy(strategy, capacity)
    error: BaseException | None = None
    cancelled: BaseException | None = None
    queue = JobQueue(handler, chosen, failures, grace, on_start, on_end)
    try:
        async with trio.open_nursery() as nursery:
            queue._workers.nursery = nursery
            queue.resize(workers)
            # Otherwise the first jobs would be refused while all workers are free.
            while queue._user_code.error is None and queue._intake.waiting_workers < workers:
                await trio.lowlevel.checkpoint()
            try:
                with queue._lives.body:
                    yield queue
            except BaseException as raised:
                error = raised
                queue._lives.abandon("the block of open_job_queue was left by an error")
            else:
                queue.close()
    except BaseException as raised:
        # Workers keep errors to themselves, so the nursery adds only that it was cancelled.
        cancelled = raised
    finally:
        queue._workers.over = True
        queue._lives.abandon("the queue was cancelled")  # those that no worker could end
        queue._end_stop()
    if queue._user_code.error is None and (error is None or isinstance(error, trio.Cancelled)):
        error = cancelled
    try:
        _raise_both(error, queue._user_code.error)
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
        plugins.warn()
        return plugins.strategy_for_jobs(strategy, capacity)
    if capacity is not None:
        raise TypeError(
            "capacity goes with the name of a strategy; give it to the strategy instead, "
            f"as in strategy=Block({capacity!r})"
        )
    if not isinstance(strategy, Strategy):
        raise TypeError(f"strategy must be a name or an instance of a Strategy, not {strategy!r}")
    return strategy
