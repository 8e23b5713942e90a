"""The desk: how operations reach the server, by few connections, in threads."""

# Theory of operation
# -------------------
# There are three lanes: one for new jobs, one for what reads, one for all else. So a batch with a
# key that is in a user's open transaction holds up no lease, and neither does a long list.
#
# A call waits for its lane, and can be cancelled meanwhile. Then it is made in a thread, and its
# caller is told what came of it, come what may.

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, final

import trio
from trio.lowlevel import enable_ki_protection

from gochan.durable import Bells, StoreClosed

from ._connection import Connection
from ._lane import Lane

T = TypeVar("T")

_READING: Final = frozenset({"look", "list", "queues", "statistics", "audit", "explain", "health"})
_CLOSED: Final = "the store is closed; use it inside `async with open_store(...)`"


@final
class ThreadDesk:
    """Makes operations in threads, one at a time in each lane."""

    def __init__(
        self, storing: Lane, working: Lane, reading: Lane, bells: Bells, timeout: float
    ) -> None:
        self._lanes = [storing, working, reading]
        self._turns = [trio.Lock() for _ in self._lanes]
        self._bells = bells
        self._timeout = timeout
        self._closed = False
        # Not trio's own, which users may fill with threads that wait for us.
        self._threads = trio.CapacityLimiter(len(self._lanes))

    async def open(self, prepare: Callable[[Connection], T]) -> T:
        """Connect, and do what comes first; return its answer."""
        with trio.CancelScope(shield=True):
            answer = await trio.to_thread.run_sync(
                self._lanes[1].call, prepare, limiter=self._threads
            )
        return answer  # noqa: RET504  # else mypy misses a return

    @enable_ki_protection
    async def __call__(self, operation: str, *arguments: Any) -> Any:
        """Make an operation."""
        await trio.lowlevel.checkpoint_if_cancelled()
        place = 0 if operation == "enqueue" else 2 if operation in _READING else 1
        async with self._turns[place]:
            if self._closed:
                raise StoreClosed(_CLOSED)
            answer, hints = await self._in_thread(place, operation, arguments)
        self._bells.ring(hints)
        return answer

    async def _in_thread(self, place: int, operation: str, arguments: tuple[Any, ...]) -> Any:
        with trio.CancelScope(shield=True):
            return await trio.to_thread.run_sync(
                self._lanes[place].make, operation, arguments, limiter=self._threads
            )

    async def watch(self) -> None:
        """Cut calls that take too long, for ever."""
        while True:
            await trio.sleep(self._timeout / 4)
            self.cut(time.monotonic() - self._timeout)

    def cut(self, before: float = math.inf) -> None:
        """Cut the calls that began before a moment."""
        for lane in self._lanes:
            if lane.busy_since is not None and lane.busy_since < before:
                lane.cut()

    async def aclose(self) -> None:
        """Let the operations that were asked for end, and close the connections."""
        if not self._closed:
            self._closed = True
            for lane, turn in zip(self._lanes, self._turns, strict=True):
                async with turn:
                    await trio.to_thread.run_sync(lane.close, limiter=self._threads)


@final
class InlineDesk:
    """Makes each operation on the spot, for runs in virtual time, which wait for no thread."""

    def __init__(self, lane: Lane, bells: Bells) -> None:
        self._lane: Lane | None = lane
        self._bells = bells

    @enable_ki_protection
    async def __call__(self, operation: str, *arguments: Any) -> Any:
        """Make an operation."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._lane is None:
            raise StoreClosed(_CLOSED)
        answer, hints = self._lane.make(operation, arguments)
        self._bells.ring(hints)
        await trio.lowlevel.cancel_shielded_checkpoint()
        return answer

    async def aclose(self) -> None:
        """Close the connection."""
        if self._lane is not None:
            lane, self._lane = self._lane, None
            lane.close()
        await trio.lowlevel.checkpoint()
