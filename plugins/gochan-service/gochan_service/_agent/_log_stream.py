"""Log streams: what runs print goes to the server as it comes."""

# Theory of operation
# -------------------
# A run writes into its stream, and waits only if the server is far behind. One task sends what all
# streams have, in one request: as soon as there is much, or a run is to end, or a little later. A
# stream keeps what the server has not got, so a part whose answer was lost is sent again, from
# where the server says. If that is before what the server had, it has lost that part, as in a power
# cut, and what follows is sent in its place, since nobody has it any more. The run ends when all it
# has printed has arrived, or when that takes too long: once its end is told, nobody may add to its
# log. So what is left then, since the server is away, goes there right before the end of the run,
# which cannot be told either until it is back.

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, TypeAlias, final

import trio

from gochan.durable import StoreError, StoreUnavailable, Ticket

from .._remote import loads
from .._wire import Part

Send: TypeAlias = Callable[[Sequence[Part]], Awaitable[Sequence[int | None]]]
"""Sends parts, and returns how long each file is then; ``None`` where the run is over."""

LOG: Final = "log"
MUCH: Final = 16 * 2**10  # bytes that are sent at once
SOON: Final = 0.2  # seconds after which less is sent, too
_PART: Final = 256 * 2**10
_LOAD: Final = 8 * 2**20  # bytes in a request, before they are put into words
_MOST: Final = 1000  # parts in a request
_ROOM: Final = 2**20  # bytes that may wait before the run has to
PAUSE: Final = 1.0  # after a request that could not be made
_FLUSH: Final = 10.0  # seconds that the end of a run waits at most
_SHARE: Final = 4  # and that part of a lease, which must not be lost meanwhile
_HELD: Final = 60.0  # seconds that ends are held back by logs alone, as where files have no room


@final
class LogStream:
    """What one run prints."""

    def __init__(
        self,
        id: int,
        version: int,
        note: Callable[[LogStream], None],
        patience: Callable[[], float],
    ) -> None:
        self.run: Final = Ticket(id, version)
        """Which run it is."""
        self._note = note
        self._patience = patience
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
        with trio.move_on_after(self._patience()):
            while self._rest and not self._over:
                self._note(self)
                await self._change.wait()

    # For the courier

    @property
    def waiting(self) -> int:
        """How many bytes the server has not."""
        return len(self._rest)

    @property
    def place(self) -> tuple[int, int]:
        """How many bytes the server has, and has not."""
        return self._sent, len(self._rest)

    def part(self) -> Part:
        """Return what is to be sent next."""
        return Part(self.run.id, self.run.version, LOG, self._sent, bytes(self._rest[:_PART]))

    def hear(self, offset: int, size: int | None) -> None:
        """Hear how long the log is on the server, after a part that began at ``offset``."""
        if size is None:
            self.end()
        elif size < offset:  # it has lost what it had
            if offset == self._sent:  # and this is no old answer
                self._sent = size
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
    """Sends what all streams have.

    Attributes:
        lease: for how many seconds the jobs are leased.
    """

    def __init__(self, send: Send, *, lease: float = math.inf) -> None:
        self.lease = lease
        self._send = send
        self._streams: dict[LogStream, None] = {}  # those that have something to send
        self._sending: list[LogStream] = []  # those whose parts are on their way
        self._news = trio.Event()
        self._hurry = trio.Event()
        self._held_since = math.inf

    def open(self, id: int, version: int) -> LogStream:
        """Begin the log of a run."""
        return LogStream(id, version, self._note, lambda: min(_FLUSH, self.lease / _SHARE))

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
            self._sending = [stream for stream in self._streams if stream.waiting]
            self._streams = {}
            if not self._sending:  # all was on its way already
                continue
            try:
                await self._carry(self._sending)
            except StoreUnavailable:
                await trio.sleep(PAUSE)
            for stream in self._sending:
                if stream.waiting:
                    self._note(stream)

    async def bring(self, runs: Collection[Ticket]) -> None:
        """Send all that some runs have printed, whose ends are told next.

        Raises:
            StoreUnavailable: the server cannot be reached; so the ends have to wait.
        """
        late = [one for one in (*self._sending, *self._streams) if one.run in runs]
        try:
            await self._bring(late)
        except StoreUnavailable:
            self._held_since = min(self._held_since, trio.current_time())
            if trio.current_time() < self._held_since + _HELD:
                raise
        else:
            self._held_since = math.inf

    async def _bring(self, late: list[LogStream]) -> None:
        before: list[tuple[int, int]] = []
        while left := [stream.place for stream in late if stream.waiting]:
            if left == before:  # the server takes nothing; the ends are worth more
                return
            before = left
            await self._carry([stream for stream in late if stream.waiting])

    async def _carry(self, streams: Sequence[LogStream]) -> None:
        """Send the next part of each stream, in as many requests as that takes."""
        for some in loads(streams, lambda one: min(one.waiting, _PART), _LOAD, _MOST):
            await self._carry_load(some)

    async def _carry_load(self, streams: Sequence[LogStream]) -> None:
        parts = [stream.part() for stream in streams]
        sizes: Sequence[int | None]
        try:
            sizes = await self._send(parts)
        except StoreUnavailable:
            raise
        except StoreError:  # a log that is too long, for one
            sizes = [None] * len(streams)
        for stream, part, size in zip(streams, parts, sizes, strict=True):
            stream.hear(part.offset, size)
