"""A link: the way of one client to the server, and what is wrong with it."""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol, final

import trio


class Woken(Protocol):
    """What looks at a link again when that has changed."""

    def wake(self) -> None:
        """Let it look again."""


@final
class Link:
    """The way of one client.

    Attributes:
        delay: how many seconds bytes take in each direction.
        is_up: whether bytes arrive now; if not, they wait, as TCP sends them again.
        is_cut: whether the client was killed; nothing passes any more.
        drops: how many of the next answers do not arrive.
        repeats: after how many seconds the next requests arrive a second time.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.is_up = True
        self.is_cut = False
        self.drops = 0
        self.repeats: deque[float] = deque()
        self.pipes: dict[Woken, None] = {}
        self._trouble = -math.inf
        self._up = trio.Event()
        self._up.set()

    @property
    def trouble(self) -> float:
        """When something was wrong the last time."""
        return self._trouble if self.is_up else math.inf

    def note_trouble(self) -> None:
        """Note that something is wrong now."""
        self._trouble = trio.current_time()

    def change(self, *, up: bool | None = None, delay: float | None = None) -> None:
        """Be another one from now on."""
        self.note_trouble()
        if delay is not None:
            self.delay = delay
        if up is not None and up != self.is_up:
            self.is_up = up
            if up:
                self._up.set()
            else:
                self._up = trio.Event()
        self._wake()

    def cut(self) -> None:
        """Let nothing pass any more, as the client was killed."""
        self.is_cut = True
        self._up.set()
        self._wake()

    def _wake(self) -> None:
        for pipe in [*self.pipes]:
            pipe.wake()

    async def wait_up(self) -> None:
        """Wait until a connection can be made."""
        while not (self.is_up or self.is_cut):
            await self._up.wait()
        await trio.sleep(self.delay)
