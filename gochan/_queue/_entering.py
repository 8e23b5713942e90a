"""Entering: blocks that `async with` opens, and what is said where it is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, NoReturn, TypeVar, final

import trio

T = TypeVar("T")


@final
class Opening(AbstractAsyncContextManager[T, None], Generic[T]):
    """What will be open inside the block. Used in any other way, it says how to use it.

    Args:
        call: what users call, such as ``"open_job_queue"``.
        noun: what the thing is called in an example.
        kind: of the thing.
        make: makes the block.
    """

    def __init__(
        self,
        call: str,
        noun: str,
        kind: type,
        make: Callable[[], AbstractAsyncContextManager[T, bool | None]],
    ) -> None:
        self._call = call
        self._kind = kind
        self._make = make
        self._way_out = (
            f"{call}(...) has to be entered: write `async with {call}(...) as {noun}:` "
            f"and use {noun} inside the block"
        )

    async def __aenter__(self) -> T:
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            raise RuntimeError(
                f"{self._call} works only inside trio.run, and no trio runs here{_other_loop()}; "
                "start the program with trio.run(main)"
            ) from None
        self._block = self._make()
        return await self._block.__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._block.__aexit__(exc_type, exc, traceback)

    def __await__(self) -> NoReturn:
        raise TypeError(self._way_out)

    def __enter__(self) -> NoReturn:
        raise TypeError(self._way_out)

    def __exit__(self, *_: object) -> None:
        """Never called, but without it Python would not look for ``__enter__``."""

    def __getattr__(self, name: str) -> Any:
        if name in dir(self._kind):
            raise AttributeError(f"there is no {name} yet: {self._way_out}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _other_loop() -> str:
    """Say, for an error, which other event loop runs."""
    import asyncio  # only needed when all is lost

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return ""
    return ", but asyncio does"
