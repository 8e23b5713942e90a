"""The queue whose handler is running."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gochan.durable import Store, current_queue, open_durable_queue


async def split(name: str) -> str | None:
    """A handler that knows no queue but the one it is called by."""
    if name.startswith("part"):
        return name
    queue = await trio.to_thread.run_sync(current_queue)
    part = await queue.submit(f"part of {name}")
    outcome: str = (await part.wait()).value
    return outcome


async def test_a_handler_may_submit_to_its_queue(store: Store, autojump_clock: MockClock) -> None:
    """Also when it is a plain function that several queues have; and in threads."""
    async with (
        open_durable_queue(store, "films", split) as films,
        open_durable_queue(store, "songs", split) as songs,
    ):
        for queue in (films, songs):
            job = await queue.submit(queue.name)
            assert (await job.wait()).value == f"part of {queue.name}"
            assert (await queue.audit()).stored == 2


async def test_elsewhere_there_is_none(store: Store, autojump_clock: MockClock) -> None:
    """Not even in the block of the queue."""
    async with open_durable_queue(store, "q", split):
        with pytest.raises(RuntimeError, match="only inside a durable job's handler"):
            current_queue()
