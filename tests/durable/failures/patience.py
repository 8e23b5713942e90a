"""Patience: waiting until something is so, but not for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio


async def until(
    condition: Callable[[], Awaitable[object] | object], *, seconds: float = 30.0
) -> None:
    """Look again and again until a condition holds.

    Raises:
        trio.TooSlowError: it does not.
    """
    with trio.fail_after(seconds):
        while True:
            answer = condition()
            if isinstance(answer, Awaitable):
                answer = await answer
            if answer:
                return
            await trio.sleep(0.01)
