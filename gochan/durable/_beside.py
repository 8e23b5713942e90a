"""Running tasks beside a block, so that what the block or a task raises comes out as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import final

import trio


@final
class Beside:
    """The tasks beside a block. The first that raises ends the block.

    Attributes:
        error: what it raised.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self.error: Exception | None = None
        self._nursery = nursery

    def start_soon(
        self, async_fn: Callable[..., Awaitable[object]], *args: object, name: object = None
    ) -> None:
        """Run another task until the block ends."""
        self._nursery.start_soon(self._run, async_fn, *args, name=name or async_fn)

    async def _run(self, async_fn: Callable[..., Awaitable[object]], *args: object) -> None:
        try:
            await async_fn(*args)
        except Exception as error:
            if self.error is None:
                self.error = error
            self._nursery.cancel_scope.cancel()


@asynccontextmanager
async def beside(*tasks: Callable[[], Awaitable[object]]) -> AsyncIterator[Beside]:
    """Run ``tasks`` while the block lasts, and cancel them on the way out.

    A nursery would put what the block raises into a group, which users of our blocks would have to
    take apart. If a task raises, the block is cancelled, and the error is raised from it; if the
    block raises, too, both come in a group.
    """
    error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        background = Beside(nursery)
        for task in tasks:
            background.start_soon(task)
        try:
            yield background
        except BaseException as raised:
            error = raised
        finally:
            nursery.cancel_scope.cancel()
    if background.error is not None:
        error = _both(background.error, error)
    try:
        if error is not None:
            raise error
    finally:
        del error, background  # they would be in a cycle with their tracebacks


def _both(failure: Exception, block: BaseException | None) -> BaseException:
    """Return what a task raised, together with what the block did that was cancelled for it."""
    if isinstance(block, BaseExceptionGroup):
        _, block = block.split(trio.Cancelled)
    if block is None or isinstance(block, trio.Cancelled):
        return failure
    return BaseExceptionGroup("a block and a task beside it failed", [failure, block])
