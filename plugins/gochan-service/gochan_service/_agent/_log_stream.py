"""Log streams: what runs print goes to the server as it comes."""

# Theory of operation
# -------------------
# A run writes into its stream, and waits only if the server is far behind. One task sends what all
# streams have, in one request: as soon as there is much, or a run is to end, or a little later. A
# stream keeps what the server has not got, so a part whose answer was lost is sent again, from
# where the server says. The run ends when all it has printed has arrived, or when that takes too
# long: once its end is told, nobody may add to its log.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, final

import trio

from gochan.durable import StoreError, StoreUnavailable

from .._wire import Part

Send: TypeAlias = Callable[[Sequence[Part]], Awaitable[Sequence[int | None]]]
"""Sends parts, and returns how long each file is then; ``None`` where the run is over."""

LOG: Final = "log"
MUCH: Final = 16 * 2**10  # bytes that are sent at once
SOON: Final = 0.2  # seconds after which less is sent, too
_PART: Final = 256 * 2**10
_ROOM: Final = 2**20  # bytes that may wait before the run has to
_PAUSE: Final = 1.0  # after a request that could not be made
_FLUSH: Final = 10.0  # seconds that the end of a run waits


@final
class LogStream:
    """What one run prints."""

    def __init__(self, id: int, version: int, note: Callable[[LogStream], None]) -> None:
        self._id = id
        self._version = version
        self._note = note
        self._sent = 0  # how many bytes the server has
        self._rest = bytearray()  # what it has not
        self._over = False  # nobody takes it any more
        self._change = trio.Event()
        self.ends = False
        """Whether a run waits until the server has all."""

    async def write(self, data: bytes) -> None:
        """Add to the log; wait if the server is far behind."""
        if self._over:
            return
        self._rest += data
        self._note(self)
        while len(self._rest) > _ROOM and not self._over:
            await self._change.wait()

    async def flush(self) -> None:
        """Wait until the server has all, but not for long."""
        self.ends = True
        with trio.move_on_after(_FLUSH):
            while self._rest and not self._over:
                self._note(self)
                await self._change.wait()

    # For the courier

    @property
    def waiting(self) -> int:
        """How many bytes the server has not."""
        return len(self._rest)

    def part(self) -> Part:
        """Return what is to be sent next."""
        return Part(self._id, self._version, LOG, self._sent, bytes(self._rest[:_PART]))

    def hear(self, size: int | None) -> None:
        """Hear how long the log is on the server."""
        if size is None:
            self.end()
        else:
            del self._rest[: max(0, size - self._sent)]
            self._sent = max(size, self._sent)
        change, self._change = self._change, trio.Event()
        change.set()

    def end(self) -> None:
        """Send nothing any more."""
        self._over = True
        self._rest.clear()


@final
class LogCourier:
    """Sends what all streams have."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._streams: dict[LogStream, None] = {}  # those that have something to send
        self._news = trio.Event()
        self._hurry = trio.Event()

    def open(self, id: int, version: int) -> LogStream:
        """Begin the log of a run."""
        return LogStream(id, version, self._note)

    def _note(self, stream: LogStream) -> None:
        self._streams[stream] = None
        self._news.set()
        if stream.waiting >= MUCH or stream.ends:
            self._hurry.set()

    async def run(self) -> None:
        """Send what there is, for ever."""
        while True:
            await self._news.wait()
            with trio.move_on_after(SOON):
                await self._hurry.wait()
            self._news, self._hurry = trio.Event(), trio.Event()
            streams = [stream for stream in self._streams if stream.waiting]
            self._streams = {}
            if not streams:  # all was on its way already
                continue
            try:
                sizes = await self._send([stream.part() for stream in streams])
            except StoreUnavailable:
                await trio.sleep(_PAUSE)
                sizes = [0] * len(streams)
            except StoreError:  # a log that is too long, for one
                sizes = [None] * len(streams)
            for stream, size in zip(streams, sizes, strict=True):
                stream.hear(size)
                if stream.waiting:
                    self._note(stream)
