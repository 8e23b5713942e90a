"""The block of `open_durable_queue`: how a queue begins to work, and how it ends."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Literal, TypeVar, final
from weakref import WeakKeyDictionary

import trio

from .._queue import open_job_queue
from ._beside import Beside, beside
from ._durable_queue import DurableQueue
from ._errors import StoreError
from ._feeder import Feeder
from ._store import Store

P = TypeVar("P")
R = TypeVar("R")

# More than a feeder ever leases, so that it need not wait.
_AT_HAND: Final = 2000

_HANDLERS: WeakKeyDictionary[Store, set[str]] = WeakKeyDictionary()


@asynccontextmanager
async def open_block(
    make: Callable[[], tuple[DurableQueue[P, R], Feeder[P, R] | None]],
    settle: Awaitable[object],
    *,
    workers: int,
    strategy: str,
    failures: Literal["raise", "collect"],
    grace: float,
) -> AsyncIterator[DurableQueue[P, R]]:
    """Do what `open_durable_queue` says.

    Args:
        make: makes the queue, and what leases its jobs if they are to run here.
        settle: has the store keep what holds for the whole fleet.
        workers: see `open_durable_queue`.
        strategy: see there.
        failures: see there.
        grace: see there.
    """
    await settle
    queue, feeder = make()
    # The bell is heard before anything is looked at, or something might happen in between.
    async with (
        queue.store.listen(queue.name) as bell,
        beside(queue._submissions.run, queue._watch.run) as background,
    ):
        try:
            if feeder is None:
                background.start_soon(queue._hear, bell, None)
                yield queue
                return
            with _only_handler(queue.store, queue.name):
                background.start_soon(queue._hear, bell, feeder)
                async with _working(queue, feeder, background, workers, strategy, failures, grace):
                    yield queue
        finally:
            queue._end(background.error)


@asynccontextmanager
async def _working(
    queue: DurableQueue[Any, Any],
    feeder: Feeder[Any, Any],
    background: Beside,
    workers: int,
    strategy: str,
    failures: Literal["raise", "collect"],
    grace: float,
) -> AsyncIterator[None]:
    """Run jobs inside the block; on the way out, let those end that run, and write that."""
    keepers = _Keepers()
    try:
        async with open_job_queue(
            feeder.handle,
            workers=workers,
            strategy=strategy,
            capacity=_AT_HAND if strategy == "block" else None,
            failures=failures,
            grace=grace,
            on_start=feeder.note_start,
            on_end=feeder.note_end,
        ) as jobs:
            feeder.queue = jobs
            queue._jobs, queue._feeder = jobs, feeder
            for keeper in (feeder.reporter.run, feeder.keep_leases, feeder.watch_leases):
                background.start_soon(keepers.run, keeper)
            for task in (feeder.reporter.run_progress, feeder.tender.run, feeder.run):
                background.start_soon(task)
            with jobs.watch_phases(feeder.halt):
                yield
                if jobs.phase == "run":
                    await queue.stop(drain=math.inf, grace=grace)
                else:
                    await jobs.wait_stopped()
    finally:
        feeder.halt()
        try:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + grace):
                await feeder.wait_idle()
                feeder.give_rest_back()
                await feeder.reporter.wait_written()
        finally:
            keepers.end()
            feeder.tell_unwritten()


@final
class _Keepers:
    """Tasks that are needed to the very end, also when the block is cancelled."""

    def __init__(self) -> None:
        self._scopes: list[trio.CancelScope] = []

    async def run(self, task: Callable[[], Awaitable[object]]) -> None:
        """Run such a task until `end`."""
        with trio.CancelScope(shield=True) as scope:
            self._scopes.append(scope)
            await task()

    def end(self) -> None:
        """End all of them."""
        for scope in self._scopes:
            scope.cancel()


@contextmanager
def _only_handler(store: Store, name: str) -> Iterator[None]:
    """See to it that one store object has one handler for a queue.

    Raises:
        StoreError: it has one already.
    """
    names = _HANDLERS.setdefault(store, set())
    if name in names:
        raise StoreError(
            f"queue {name!r} on {store.address} has a handler already in this process; "
            "open it once with a handler, and elsewhere without"
        )
    names.add(name)
    try:
        yield
    finally:
        names.discard(name)
