"""The store in memory: for tests, and for programs of one process whose jobs need not survive."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, final

import trio
from trio.lowlevel import enable_ki_protection

from .._bells import Bells
from .._book_store import BookStore
from .._clock import StoreClock
from .._errors import StoreClosed
from .._store import Store
from ._memory_book import MemoryBook


@final
class _MemoryDesk:
    """Calls the operations on the spot."""

    def __init__(self, book: MemoryBook, bells: Bells, clock: StoreClock) -> None:
        self._book: MemoryBook | None = book
        self._bells = bells
        self._clock = clock

    @enable_ki_protection
    async def __call__(self, operation: str, *arguments: Any) -> Any:
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._book is None:
            raise StoreClosed("the store memory: is closed")
        answer = getattr(self._book, operation)(self._clock.now(), *arguments)
        if self._book.hints:
            self._bells.ring(self._book.hints)
            self._book.hints.clear()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return answer

    async def aclose(self) -> None:
        """Forget everything."""
        self._book = None
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def open_memory_store() -> AsyncIterator[Store]:
    """Open a store in memory, and forget all that is in it on the way out."""
    bells, clock = Bells(), StoreClock()
    store = BookStore(
        "memory:", _MemoryDesk(MemoryBook(), bells, clock), bells, clock, patience=math.inf
    )
    try:
        yield store
    finally:
        with trio.CancelScope(shield=True):
            await store.aclose()
