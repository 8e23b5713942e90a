"""Opening a job queue, and leaving it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Final, Generic, Literal, NoReturn, TypeVar, final

import trio

from .._plugins import installed_plugins
from ..strategies import Strategy, check_bool, check_count, check_seconds
from ._handlers import check_handler, check_hook
from ._jobs import Job
from ._queue import JobQueue

P = TypeVar("P")
R = TypeVar("R")

_NOT_ENTERED: Final = (
    "open_job_queue(...) has to be entered: write "
    "`async with open_job_queue(...) as queue:` and use queue inside the block"
)
_NOT_IN_TRIO: Final = (
    "open_job_queue works only inside trio.run, and no trio runs here{}; "
    "start the program with trio.run(main)"
)


def open_job_queue(
    handler: Callable[[P], Awaitable[R]],
    *,
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
    if failures not in ("raise", "collect"):
        raise ValueError(f'failures must be "raise" or "collect", not {failures!r}')
    check_count("workers", workers, least=1)
    check_bool("results", results)
    check_seconds("grace", grace)
    check_hook("on_start", on_start)
    check_hook("on_end", on_end)
    chosen = _choose_strategy(strategy, capacity)

    def make() -> JobQueue[P, R]:
        return JobQueue(
            handler,
            chosen,
            failures,
            grace,
            on_start,
            on_end,
            keep_results=results,
            strategy_is_ours=isinstance(strategy, str),
        )

    return _Opening(make, workers)


@final
class _Opening(AbstractAsyncContextManager[JobQueue[P, R], None], Generic[P, R]):
    """A queue that will be open inside the block. Used in any other way, it says how to use it."""

    def __init__(self, make: Callable[[], JobQueue[P, R]], workers: int) -> None:
        self._make = make
        self._workers = workers

    async def __aenter__(self) -> JobQueue[P, R]:
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            raise RuntimeError(_NOT_IN_TRIO.format(_other_loop())) from None
        self._block = open_block(self._make(), self._workers)
        return await self._block.__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._block.__aexit__(exc_type, exc, traceback)

    def __await__(self) -> NoReturn:
        raise TypeError(_NOT_ENTERED)

    def __enter__(self) -> NoReturn:
        raise TypeError(_NOT_ENTERED)

    def __exit__(self, *_: object) -> None:
        """Never called, but without it Python would not look for ``__enter__``."""

    def __getattr__(self, name: str) -> Any:
        if name in dir(JobQueue):
            raise AttributeError(f"there is no {name} yet: {_NOT_ENTERED}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _other_loop() -> str:
    """Say, for an error, which other event loop runs."""
    import asyncio  # only needed when all is lost

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return ""
    return ", but asyncio does"


@asynccontextmanager
async def open_block(queue: JobQueue[P, R], workers: int) -> AsyncIterator[JobQueue[P, R]]:
    """Do what `open_job_queue` says, with a fresh queue."""
    lives, user_code = queue._lives, queue._user_code
    error: BaseException | None = None
    cancelled: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            queue._workers.nursery = nursery
            queue.resize(workers)
            # Otherwise the first jobs would be refused while all workers are free.
            while user_code.error is None and queue._intake.waiting_workers < workers:
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
        queue._end_stop()
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
