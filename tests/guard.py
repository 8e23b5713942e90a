"""A guard for tests that wait: one that would hang fails instead, and so is known by its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import trio
from trio.testing import MockClock

P = ParamSpec("P")
T = TypeVar("T")


def guarded(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Return the same function, which fails when it has taken far too long.

    In virtual time that is at once when everybody waits and nothing is left to happen.
    """

    @wraps(function)
    async def in_time(*args: P.args, **kwargs: P.kwargs) -> T:
        with trio.fail_after(1e12 if isinstance(trio.lowlevel.current_clock(), MockClock) else 30):
            return await function(*args, **kwargs)

    return in_time


def run_in_virtual_time(
    function: Callable[[], Awaitable[T]], *, clock: trio.abc.Clock | None = None, **_: object
) -> T:
    """Run ``function`` with a clock that jumps to the next deadline when all tasks wait."""
    return trio.run(guarded(function), clock=clock or MockClock(autojump_threshold=0))
