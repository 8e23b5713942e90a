"""A store behind a server."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, final

import httpx
import trio

from gochan import ReceiveChan
from gochan.durable import Bells, BookStore, Hint, KnownWorker, StoreError, beside

from .._wire import AgentSaid, Part, Parts, Sizes, decode, encode
from ._address import trust_of
from ._far_bells import FarBells
from ._far_clock import FarClock
from ._far_desk import COURIERS, FarDesk
from ._post import Post, open_post

# Seconds after which a queue looks itself. A bell is lost only if a server is killed.
_PATIENCE: Final = 30.0


@final
class HttpStore(BookStore):
    """The store of a server, for those who have a secret or a token of it."""

    def __init__(
        self, address: str, desk: FarDesk, bells: FarBells, clock: FarClock, post: Post
    ) -> None:
        super().__init__(address, desk, Bells(), clock, _PATIENCE)
        self._far_desk = desk
        self._far_bells = bells
        self._post = post

    def introduce(self, agent: AgentSaid) -> None:
        """Tell the server from now on who this is."""
        self._far_desk.agent = agent

    @property
    def loses_answers(self) -> bool:
        """Whether a call may have been made although it raised `StoreUnavailable`: it may."""
        return True

    def listen(self, queue: str) -> AbstractAsyncContextManager[ReceiveChan[Hint], bool | None]:
        """Do what `Store.listen` says."""
        return self._far_bells.listen(queue)

    async def workers(self) -> Sequence[KnownWorker]:
        """Return the agents that the server has heard of: see `gochan.durable.Roster`.

        Raises:
            StoreUnavailable: the server cannot be reached.
            StoreError: it does not tell this to agents.
        """
        found: Sequence[KnownWorker] = await self._far_desk("workers")
        return found

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
    clock = FarClock()
    desk, bells = FarDesk(address, post, clock), FarBells(post, clock)
    store = HttpStore(address, desk, bells, clock, post)
    async with beside(*[desk.carry] * COURIERS, bells.run):
        try:
            await desk.greet()
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
