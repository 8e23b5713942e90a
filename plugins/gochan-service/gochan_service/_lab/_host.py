"""Clocks and threads of a lab: nothing in it depends on how fast the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import trio

R = TypeVar("R")

SKEW: Final[ContextVar[Callable[[], float]]] = ContextVar("by how much a clock is wrong")


async def _on_the_spot(
    function: Callable[..., R], *arguments: Any, **options: Any
) -> R:  # virtual time would pass while a thread works
    await trio.lowlevel.checkpoint()
    return function(*arguments)


@contextmanager
def virtual_host() -> Iterator[None]:
    """Let threads take no time, and `time.time` follow trio's clock, inside the block.

    In tasks of an agent whose clock is wrong, `time.time` is wrong.
    """
    in_thread, real = trio.to_thread.run_sync, time.time
    base = real() - trio.current_time()

    def now() -> float:
        try:
            virtual = trio.current_time()
        except RuntimeError:  # another thread
            return real()
        return base + virtual + SKEW.get(float)()

    trio.to_thread.run_sync = _on_the_spot  # type: ignore[assignment]
    time.time = now
    try:
        yield
    finally:
        trio.to_thread.run_sync = in_thread
        time.time = real
