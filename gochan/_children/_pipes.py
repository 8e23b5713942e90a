"""The pipes from a child: read as it writes, and at last what they still hold."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TypeAlias, final

import trio

from ._enlarging import SMALL, enlarge_pipe
from ._watcher import Watcher

# What takes the output as it comes: the number of a descriptor, and some bytes. It returns
# whether it takes more. If not, the pipe is closed, as a reader would that has seen enough.
OnOutput: TypeAlias = Callable[[int, bytes], Awaitable[bool]]


def open_pipe() -> tuple[int, int]:
    """Return the two ends of a pipe; reading does not block, writing does."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    return read_end, write_end


@final
class Pipe:
    """A pipe whose content is given away at once.

    Attributes:
        ended: whether nobody can write to it any more.
        on_end: called then.
    """

    __slots__ = ("_descriptor", "_number", "_room", "_take", "_watcher", "ended", "on_end")

    def __init__(
        self,
        descriptor: int,
        number: int,
        take: Callable[[int, bytes], None],
        watcher: Watcher,
    ) -> None:
        self.ended = False
        self.on_end: Callable[[], None] = _ignore
        self._descriptor = descriptor
        self._room = SMALL
        self._number = number
        self._take = take
        self._watcher = watcher
        watcher.add_later(descriptor, self._read)

    def _read(self) -> bool:
        """Take what is there, or notice the end; return whether there may be more."""
        try:
            chunk = os.read(self._descriptor, self._room)
        except BlockingIOError:
            return False
        if not chunk:
            self._end()
            return False
        if len(chunk) == SMALL:
            self._room = enlarge_pipe(self._descriptor)
        self._take(self._number, chunk)
        return True

    def drain(self) -> None:
        """Take all that is there now."""
        while not self.ended and self._read():
            pass

    def hurry(self) -> None:
        """Take all that is there now, and nothing more."""
        self.drain()
        if not self.ended:
            self._end()

    def _end(self) -> None:
        self.close()
        self.on_end()

    def close(self) -> None:
        """Close it, whatever it holds."""
        if not self.ended:
            self.ended = True
            self._watcher.remove(self._descriptor)
            os.close(self._descriptor)


@final
class Stream:
    """A pipe whose content is passed on by a task, which may take its time.

    Attributes:
        ended: whether all of it was passed on.
        on_end: called then.
    """

    def __init__(self, descriptor: int, number: int, pass_on: OnOutput) -> None:
        self.ended = False
        self.on_end: Callable[[], None] = _ignore
        self._descriptor = descriptor
        self._room = SMALL
        self._number = number
        self._pass_on = pass_on
        self._all = trio.CancelScope(shield=True)
        self._waiting = trio.CancelScope()
        self._late = False

    async def run(self) -> None:
        """Pass on all that comes."""
        try:
            with self._all:
                more = True
                while more and (chunk := await self._read()):
                    more = await self._pass_on(self._number, chunk)
        finally:
            os.close(self._descriptor)
            self.ended = True
            self.on_end()

    async def _read(self) -> bytes:
        while True:
            try:
                chunk = os.read(self._descriptor, self._room)
                if len(chunk) == SMALL:
                    self._room = enlarge_pipe(self._descriptor)
                return chunk
            except BlockingIOError:
                if self._late:
                    return b""
            with trio.CancelScope() as self._waiting:
                await trio.lowlevel.wait_readable(self._descriptor)

    def drain(self) -> None:
        """Leave that to the task."""

    def hurry(self) -> None:
        """Wait no longer for what may come: pass on what is there, and end."""
        self._late = True
        self._waiting.cancel()

    def close(self) -> None:
        """Close it, whatever it holds."""
        self._all.cancel()


def _ignore() -> None:
    """Do nothing."""
