"""Opening a job queue: what it is made of, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, TypeVar

from .._plugins import strategy_for_jobs
from ..strategies import Strategy, check_bool, check_count, check_seconds
from ._block import open_block
from ._entering import Opening
from ._handlers import check_handler, check_hook, name_of
from ._jobs import Job
from ._lifecycle import Lifecycle
from ._queue import JobQueue
from ._workers import Workers

P = TypeVar("P")
R = TypeVar("R")


def open_job_queue(
    handler: Callable[[P], Awaitable[R]],
    *,
    name: str | None = None,
    workers: int = 1,
    strategy: str | Strategy[Job[P, R]] = "block",
    capacity: int | float | None = None,
    failures: Literal["raise", "collect"] = "raise",
    results: bool = False,
    grace: float = 5.0,
    on_start: Callable[[Job[P, R]], object] | None = None,
    on_end: Callable[[Job[P, R]], object] | None = None,
) -> AbstractAsyncContextManager[JobQueue[P, R], None]:
    """Open a job queue, and on the way out wait until all its jobs have ended.

    ::

        async with open_job_queue(fetch, workers=4, capacity=20) as queue:
            for url in urls:
                await queue.submit(url)

    Leaving the block normally closes the queue and lets waiting jobs run. If the block
    raises or is cancelled, running jobs are ``cancelled`` and waiting ones ``handed_back``.

    Args:
        handler: async, called with the payload of each job; what it returns is the value
            of the job's outcome. It runs in a copy of the context variables of the task
            that submitted the job.
        name: what reports, errors and the names of jobs and workers call the queue; by default
            the name of the handler.
        workers: how many jobs run at the same time, at least 1.
        strategy: decides about jobs that wait: a name or a chain of them (see
            `gochan.strategy`), or an instance.
        capacity: an option of a strategy given by name: how many jobs may wait; by default
            100, unless the strategy has a default of its own. With 0, a submit waits until
            a worker is free.
        failures: ``"raise"``: the first job that fails ends the queue and the block;
            ``"collect"``: a failure is an outcome like others.
        results: whether to keep all jobs that have ended, for calls of `JobQueue.results`
            that come later.
        grace: how many seconds `cleanup` allows a cancelled job, outside a stop.
        on_start: a plain function, called with each job that starts, before its handler.
        on_end: a plain function, called with each job that ends, whatever its outcome, as
            soon as it has one; also if it never ran, or was refused. Calls never overlap:
            a job that ends because of a call is told after it, in the order of the ends.

    The two hooks may submit and cancel jobs, and use `JobQueue.stop_soon`. Ctrl-C does not
    interrupt them. If one raises, or the strategy does, the queue ends as if the block had
    raised, and the error is raised from the block, with a note that says where it is from.

    Raises:
        JobFailed: a job failed, and ``failures`` is ``"raise"``. If the block raised, too,
            both come in an `ExceptionGroup`.
        TypeError, ValueError: an argument is of the wrong type, or out of range.
        RuntimeError: entered outside `trio.run`.
    """
    check_handler(handler)
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be a str, not {name!r}")
    if failures not in ("raise", "collect"):
        raise ValueError(f'failures must be "raise" or "collect", not {failures!r}')
    check_count("workers", workers, least=1)
    check_bool("results", results)
    check_seconds("grace", grace)
    check_hook("on_start", on_start)
    check_hook("on_end", on_end)
    chosen = _choose_strategy(strategy, capacity)

    def make() -> JobQueue[P, R]:
        lives = Lifecycle[P, R](
            name_of(handler),
            chosen,
            grace,
            on_start,
            on_end,
            name=name,
            keep_results=results,
            strategy_is_ours=isinstance(strategy, str),
        )
        return JobQueue(lives, Workers(handler, lives, failures))

    return Opening("open_job_queue", "queue", JobQueue, lambda: open_block(make(), workers))


def _choose_strategy(strategy: str | Strategy[Any], capacity: int | float | None) -> Strategy[Any]:
    if isinstance(strategy, str):
        return strategy_for_jobs(strategy, capacity)
    if capacity is not None:
        raise TypeError(
            "capacity goes with the name of a strategy; give it to the strategy instead, "
            f"as in strategy=Block({capacity!r})"
        )
    if not isinstance(strategy, Strategy):
        raise TypeError(f"strategy must be a name or an instance of a Strategy, not {strategy!r}")
    return strategy
