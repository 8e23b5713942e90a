"""The bells of a server, heard here: polls that wait until one rings."""

# Theory of operation
# -------------------
# One poll is always under way while anybody listens here. The server keeps what rings between two
# polls, under a word that this process has drawn; if it does not know the word, since it was
# started again, it says that anything may have happened. So does this, when a poll has failed, and
# when the next one succeeds: who waits until the server is back hears of that at once.
# A poll says which answer came last, so the server tells again what was lost on the way, though no
# poll has failed: a proxy may repeat one.
#
# A poll is broken off when somebody begins to listen to another queue.

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, final

import trio

from _gochan_chance import chance
from gochan import ReceiveChan
from gochan.durable import Bells, Hint, StoreError, StoreUnavailable

from .._wire import AgentSaid, Exchange, Exchanged, decode, encode
from ._far_clock import FarClock
from ._post import Post

_WAIT: Final = 30.0
_SERVERS: Final = 16  # whose answers are remembered
_PAUSE: Final = 1.0  # before the next poll at the latest, when one has failed


@final
class FarBells:
    """Hears the bells of a server, for those who listen in this process.

    Args:
        post: the way there.
        clock: told the server's time.
        said: returns who the server is told listens.
    """

    def __init__(
        self, post: Post, clock: FarClock, said: Callable[[], AgentSaid | None] = lambda: None
    ) -> None:
        self._said = said
        self._bells = Bells()
        self._post = post
        self._clock = clock
        self._word = secrets.token_urlsafe(16)
        self._changed = trio.Event()
        self._answers: dict[str, int] = {}  # the number of the last one of each server
        self._heard: dict[str, trio.Event] = {}  # set when the server knows that we listen
        self._fails = False

    @asynccontextmanager
    async def listen(self, queue: str) -> AsyncIterator[ReceiveChan[Hint]]:
        """Receive the hints about a queue, inside the block."""
        try:
            async with self._bells.listen(queue) as hints:
                heard = self._heard.get(queue)
                if heard is None:
                    heard = self._heard[queue] = trio.Event()
                    self._changed.set()
                await heard.wait()
                yield hints
        finally:
            if queue not in self._bells.queues:  # the next poll leaves it out
                del self._heard[queue]

    async def run(self) -> None:
        """Hear bells, for ever."""
        while True:
            queues = self._bells.queues
            self._changed = trio.Event()
            if not queues:
                await self._changed.wait()
                continue
            new = [queue for queue in queues if not self._heard[queue].is_set()]
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._break_off, scope)
                    await self._poll(queues, 0.0 if new or self._fails else _WAIT)
                    nursery.cancel_scope.cancel()
            if scope.cancelled_caught:  # the answer may have been on its way, with hints in it
                self._ring_all(queues)

    def _ring_all(self, queues: list[str]) -> None:
        """Say that anything may have happened."""
        self._bells.ring({queue: [Hint("changed")] for queue in queues})

    async def _break_off(self, scope: trio.CancelScope) -> None:
        await self._changed.wait()
        scope.cancel()

    async def _poll(self, queues: list[str], wait: float) -> None:
        exchange = Exchange(
            self._said(), listener=self._word, queues=queues, wait=wait, heard=self._answers
        )
        try:
            exchanged = decode(await self._post("exchange", encode(exchange), wait), Exchanged)
        except (StoreUnavailable, StoreError, ValueError):
            if not self._fails:
                self._fails = True
                self._ring_all(queues)
            await trio.sleep(_PAUSE * chance.uniform(0.5, 1.0))  # not all at the same moments
            return
        self._clock.hear(exchanged.now)
        self._note_answer(exchanged)
        self._bells.ring(exchanged.hints)
        if self._fails:
            self._fails = False
            self._ring_all(queues)
        for queue in queues:
            if queue in self._heard:  # nobody may want to hear it any more
                self._heard[queue].set()

    def _note_answer(self, exchanged: Exchanged) -> None:
        self._answers.pop(exchanged.server, None)
        self._answers[exchanged.server] = exchanged.number
        if len(self._answers) > _SERVERS:  # each start of a server makes another one
            del self._answers[next(iter(self._answers))]
