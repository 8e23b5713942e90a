"""What can be closed at once, and what a ``with`` block closes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from trio.lowlevel import checkpoint


class Closing(ABC):
    """What can be closed at once, and is at the end of a ``with`` or ``async with`` block."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Close it."""

    async def aclose(self) -> None:
        """Do as `close`, then run a checkpoint. It is closed even if that is cancelled."""
        self.close()
        await checkpoint()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
