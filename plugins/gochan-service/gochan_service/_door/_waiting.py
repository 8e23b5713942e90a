"""Waiting for the first of several things."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

Wait: TypeAlias = Callable[[], Awaitable[object]]


async def first_of(seconds: float, *waits: Wait) -> Wait | None:
    """Wait until one of these returns, and return which; ``None`` if none has in time."""
    done: Wait | None = None
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:

            async def wait_for(one: Wait) -> None:
                nonlocal done
                await one()
                done = done or one
                nursery.cancel_scope.cancel()

            for one in waits[1:]:
                nursery.start_soon(wait_for, one)
            await wait_for(waits[0])  # without a task of its own: thousands may wait here
    return done
