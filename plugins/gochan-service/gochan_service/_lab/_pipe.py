"""A pipe: one direction of a connection."""

from __future__ import annotations

import math
from collections import deque
from typing import Final, final

import trio

from ._link import Link

_END: Final = b""


@final
class Pipe:
    """Bytes that arrive in order, when the link lets them.

    Args:
        link: which they pass.
        ends_with_link: whether nothing arrives any more once the link is cut.
    """

    def __init__(self, link: Link, *, ends_with_link: bool) -> None:
        self._link = link
        self._ends_with_link = ends_with_link
        self._parts: deque[tuple[float, bytes]] = deque()  # with the moments when they arrive
        self._woken = trio.Event()
        self._ended = False
        link.pipes[self] = None

    def put(self, data: bytes) -> None:
        """Send something."""
        if data:
            self._put(data)

    def end(self) -> None:
        """Say that nothing more comes."""
        self._put(_END)
        self._ended = True

    def _put(self, data: bytes) -> None:
        if not self._ended:
            earliest = self._parts[-1][0] if self._parts else -math.inf
            self._parts.append((max(earliest, trio.current_time() + self._link.delay), data))
            self.wake()

    def wake(self) -> None:
        """Let the reader look again."""
        self._woken.set()

    @property
    def is_readable(self) -> bool:
        """Whether something has arrived, or nothing ever will."""
        if self._ends_with_link and self._link.is_cut:
            return True
        is_there = self._parts and self._parts[0][0] <= trio.current_time()
        return bool(is_there and self._link.is_up)

    async def take(self, most: int) -> bytes:
        """Return what has arrived, as soon as there is something; nothing at the end."""
        await trio.lowlevel.checkpoint()
        while not self.is_readable:
            self._woken = trio.Event()
            is_held = not (self._parts and self._link.is_up)
            with trio.move_on_at(math.inf if is_held else self._parts[0][0]):
                await self._woken.wait()
        if self._ends_with_link and self._link.is_cut:
            return _END
        at, data = self._parts[0]
        if data == _END:
            return _END
        self._parts.popleft()
        if len(data) > most:
            self._parts.appendleft((at, data[most:]))
        return data[:most]

    def forget(self) -> None:
        """Be told of the link no more."""
        self._link.pipes.pop(self, None)
