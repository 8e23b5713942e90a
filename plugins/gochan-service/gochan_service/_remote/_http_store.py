"""A store behind a server."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, final

import httpx
import trio

from gochan import ReceiveChan
from gochan.durable import (
    Bells,
    BookStore,
    Ending,
    Enqueued,
    Hint,
    KnownWorker,
    NewJob,
    Refusal,
    Release,
    StoreError,
    Tended,
    Ticket,
    beside,
)

from .._wire import AgentSaid, Part, Parts, Sizes, decode, encode
from ._address import trust_of
from ._far_bells import FarBells
from ._far_clock import FarClock
from ._far_desk import COURIERS, LOAD, FarDesk
from ._loads import loads
from ._post import Post, open_post

# Seconds after which a queue looks itself. It hears when bells were lost on the way, and the server
# looks for those that it has lost.
_PATIENCE: Final = 300.0


def _encoded(data: bytes) -> int:
    """Return how long it is in a request, as base64."""
    return len(data) * 4 // 3


@final
class HttpStore(BookStore):
    """The store of a server, for those who have a secret or a token of it."""

    def __init__(self, address: str, post: Post) -> None:
        clock = FarClock()
        self._far_desk = FarDesk(address, post, clock, self._said)
        self._far_bells = FarBells(post, clock, self._said)
        super().__init__(address, self._far_desk, Bells(), clock, _PATIENCE)
        self._post = post
        self._agent: Callable[[], AgentSaid] | None = None
        self._before_ends: Callable[[Collection[Ticket]], Awaitable[object]] | None = None

    def introduce(self, agent: Callable[[], AgentSaid]) -> None:
        """Tell the server from now on who this is."""
        self._agent = agent

    def tell_before_ends(self, call: Callable[[Collection[Ticket]], Awaitable[object]]) -> None:
        """Make a call from now on before it is told how runs have ended; no end if it raises."""
        self._before_ends = call

    async def enqueue(
        self, jobs: Sequence[NewJob], *, whole: bool = False
    ) -> Sequence[Enqueued | Refusal]:
        """Do what `Store.enqueue` says."""
        if whole:
            return await super().enqueue(jobs, whole=True)
        answers: list[Enqueued | Refusal] = []
        for some in loads(jobs, lambda one: _encoded(one.payload), LOAD):
            answers += await super().enqueue(some)
        return answers

    async def finish(self, endings: Sequence[Ending]) -> Sequence[bool]:
        """Do what `Store.finish` says."""
        await self._prepare(endings)
        answers: list[bool] = []
        for some in loads(endings, lambda one: _encoded(one.result or b""), LOAD):
            answers += await super().finish(some)
        return answers

    async def release(self, releases: Sequence[Release]) -> Sequence[bool]:
        """Do what `Store.release` says."""
        await self._prepare(releases)
        return await super().release(releases)

    async def _prepare(self, ends: Sequence[Ending] | Sequence[Release]) -> None:
        if self._before_ends is not None:
            await self._before_ends({Ticket(one.id, one.version) for one in ends})

    def _said(self) -> AgentSaid | None:
        return None if self._agent is None else self._agent()

    async def tend(self, n: int = 500) -> Tended:
        """Do what `Store.tend` says; for an agent, nothing, since its server does that."""
        if self._agent is None:
            return await super().tend(n)
        await trio.lowlevel.checkpoint()
        return Tended()

    @property
    def loses_answers(self) -> bool:
        """Whether a call may have been made although it raised `StoreUnavailable`: it may."""
        return True

    def listen(self, queue: str) -> AbstractAsyncContextManager[ReceiveChan[Hint], bool | None]:
        """Do what `Store.listen` says."""
        return self._far_bells.listen(queue)

    @property
    def lease(self) -> float:
        """For how many seconds the server wants jobs to be leased; 0 if it has no wish."""
        return self._far_desk.lease

    async def workers(self) -> Sequence[KnownWorker]:
        """Return the agents that the server has heard of: see `gochan.durable.Roster`.

        Raises:
            StoreUnavailable: the server cannot be reached.
            StoreError: it does not tell this to agents.
        """
        found: Sequence[KnownWorker] = await self._far_desk("workers")
        return found

    # For whom opens it

    @property
    def tasks(self) -> list[Callable[[], Awaitable[object]]]:
        """What has to run as long as it is open."""
        return [*[self._far_desk.carry] * COURIERS, self._far_bells.run]

    async def greet(self) -> None:
        """Learn the server's time, and whether it lets us in."""
        await self._far_desk.greet()

    async def upload(self, parts: Sequence[Part]) -> Sequence[int | None]:
        """Add to logs and files of runs; return their sizes, ``None`` where the run is over.

        Raises:
            StoreUnavailable: the server cannot be reached.
            StoreError: it does not take one of them, as its name is no name, or it is too long.
        """
        raw = await self._post("upload", encode(Parts([*parts])), 0.0)
        try:
            return decode(raw, Sizes).sizes
        except ValueError as error:
            raise StoreError(f"the answer of {self.address} cannot be read: {error}") from None


@asynccontextmanager
async def open_far_store(address: str, post: Post) -> AsyncIterator[HttpStore]:
    """Open the store that is reached by ``post``, and close it on the way out."""
    store = HttpStore(address, post)
    async with beside(*store.tasks):
        try:
            await store.greet()
            yield store
        finally:
            # Who is cancelled has waited already: for what the block still had to say.
            is_cancelled = trio.current_effective_deadline() == -math.inf
            with trio.CancelScope(shield=not is_cancelled):
                await store.aclose()


@asynccontextmanager
async def open_http_store(
    url: str,
    credential: str,
    timeout: float,
    *,
    tls: ssl.SSLContext | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[HttpStore]:
    """Open the store of a server, and close it on the way out."""
    async with (
        open_post(url, credential, timeout, tls or trust_of(url), transport) as post,
        open_far_store(url, post) as store,
    ):
        yield store
