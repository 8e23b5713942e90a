"""When the left-over file is written: once while a run comes to its end, and at the end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Final, final

import trio

from .... import JobQueue
from ..._ignored_signals import is_ignored
from ..files import GoOn
from ._left_over import LeftOver, Saved
from ._source import Source

# How many seconds a stop may last until the file is written for the first time.
_SOON: Final = 0.2

# How many seconds we wait at most for the end of a pipe, and at least.
_MOST: Final = 10.0
_LEAST: Final = 1.0

# With so many Ctrl-Cs, all commands are told to end, one way or another.
_PHASES: Final = 3


@final
class Saving:
    """Writes the left-over file of a run.

    Attributes:
        problem: why it is not complete, if so.
        notes: what else the user should know about it.
    """

    def __init__(self, left_over: LeftOver, source: Source, patience: float) -> None:
        self.problem = ""
        self.notes: list[str] = []
        self._left_over = left_over
        self._source = source
        self._patience = min(_MOST, max(_LEAST, patience))
        self._interrupts = 0
        self._over = trio.Event()  # nothing runs any more
        self._idle = trio.Event()  # the file is not being written
        self._idle.set()
        self._saved = False

    async def save_early(self, queue: JobQueue[Any, Any]) -> None:
        """Write the file soon after a stop has begun, unless everything has ended by then."""
        stopping = trio.Event()
        with queue.watch_phases(stopping.set):
            await stopping.wait()
        await trio.sleep(_SOON)
        if self._left_over.can_be_written_twice and not self._over.is_set():
            self._idle = trio.Event()
            try:
                saved = await self._write(lambda: not self._over.is_set(), keep_part=False)
                self.notes += saved.notes
            finally:
                self._idle.set()

    async def save(self) -> None:
        """Write the file, now that nothing runs any more."""
        if self._left_over.wanted:
            await self._source.wait_for_rest(self._patience)
        self._over.set()
        await self._idle.wait()
        interrupts = self._interrupts
        saved = await self._write(lambda: self._interrupts == interrupts)
        self._saved = True
        self.problem = saved.problem
        self.notes += saved.notes
        await self._source.wait_counted()

    async def _write(self, go_on: GoOn, *, keep_part: bool = True) -> Saved:
        content = self._left_over.content(self._source.rest())
        save = partial(self._left_over.save, content, go_on, keep_part=keep_part)
        return await trio.to_thread.run_sync(save)

    def save_now(self) -> None:
        """Write the file if that has not been done, whatever has happened.

        If a Ctrl-C has brought us here, no other one breaks this off.
        """
        if not self._saved:
            self._saved = True
            earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
            content = self._left_over.content(self._source.rest())
            self.problem = self._left_over.save(content).problem
            signal.signal(signal.SIGINT, earlier)

    @contextmanager
    def hear_interrupts(self, queue: JobQueue[Any, Any]) -> Iterator[None]:
        """Let a Ctrl-C that has nothing else to hasten hasten the writing."""
        token = trio.lowlevel.current_trio_token()
        earlier: Any = signal.getsignal(signal.SIGINT)

        if is_ignored(signal.SIGINT):
            yield
            return

        def hear(number: int, frame: FrameType | None) -> None:
            self._interrupts += 1
            if self._interrupts > _PHASES or queue.phase == "report":
                token.run_sync_soon(self._source.hurry, idempotent=True)
            earlier(number, frame)

        signal.signal(signal.SIGINT, hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, earlier)
