"""A durable queue for one test, on a store of its own."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias, TypeVar

from ..durable import (
    DurableQueue,
    Keep,
    Retry,
    Store,
    open_durable_queue,
    open_store,
)

P = TypeVar("P")
R = TypeVar("R")

OpenTestQueue: TypeAlias = Callable[
    ..., AbstractAsyncContextManager[DurableQueue[Any, Any], bool | None]
]
"""The type of the fixture ``durable_queue``, which is `open_test_queue`."""

# A test lives through months, and looks at the jobs afterwards.
_FOR_EVER: Final = Keep(math.inf, math.inf, math.inf)


@asynccontextmanager
async def open_test_queue(
    handler: Callable[[P], Awaitable[R]] | None = None,
    name: str = "test",
    *,
    store: Store | str = "memory:",
    **options: Any,
) -> AsyncIterator[DurableQueue[P, R]]:
    """Open a durable queue for one test; the fixture ``durable_queue`` of pytest is this function.

    ::

        async def test_a_report_is_sent(durable_queue, autojump_clock):
            async with durable_queue(send_report) as queue:
                job = await queue.submit({"month": 7})
                await run_until_idle(queue)
                assert (await outcome_of(queue, job)).kind == "done"

    It differs from `gochan.durable.open_durable_queue` in what suits tests. The store is opened
    here, and keeps ended jobs for ever. Waits before retries are exact, without jitter. When
    the block ends normally, the books are audited.

    Args:
        handler: runs the jobs; without one, they are only stored.
        name: of the queue.
        store: the address of a store to open, or an open store, for several queues on one. An open
            store keeps ended jobs as long as it is told.
        options: for `gochan.durable.open_durable_queue`.

    Raises:
        AssertionError: the books of the queue are wrong.
        TypeError, ValueError: as the two functions that open stores and queues raise them.
    """
    options.setdefault("retry", Retry(jitter=0))
    async with AsyncExitStack() as stack:
        if isinstance(store, str):
            options.setdefault("keep", _FOR_EVER)
            store = await stack.enter_async_context(open_store(store))
        opening = open_durable_queue(store, name, handler, **options)
        queue = await stack.enter_async_context(opening)
        yield queue
        await queue.audit()
