"""Listeners: clients that hear the bells of a store from afar."""

# Theory of operation
# -------------------
# A client asks again and again what bells have rung. Between two questions they are kept for it,
# merged, so that nothing is missed. A client that is new here is told that anything may have
# happened; so is one that comes back to a server which was started again, or has waited too long.
#
# An answer may be lost, and a proxy may repeat a question, so that its answer goes nowhere. What
# an answer has told is kept until the client says that it has that answer, or a later one.
#
# Clients wait long before they look without having heard a bell, and there may be thousands. So the
# server looks for all of them: in a time of silence, a queue whose counts are not as they were has
# had a bell that was lost. In the first such time after bells nobody knows how they were.
#
# The bells of a queue are heard as long as somebody wants to hear them, and for a while after:
# clients can name any queue, and what nobody wants must not stay. Half of the room is for queues
# that there are, so that no client can take it from the others by names that it has made up; and
# half of it is for agents, so that no person can keep them from hearing of jobs.

from __future__ import annotations

import math
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Final, final

import trio

from gochan import Chan
from gochan.durable import Hint, QueueCounts, Store, StoreError

from ._canceller import Canceller

_MOST_NAMED: Final = 1000
_SWEEP: Final = 10.0
FORGOTTEN: Final = 150.0  # seconds after which a client that does not ask is forgotten
MOST: Final = 10_000  # clients, and queues


class TooMany(Exception):
    """There are so many clients, or queues, that no other one is taken."""


@final
class Ear:
    """The bells that a client has not been told of."""

    def __init__(self, of_people: bool = False) -> None:
        self.of_people = of_people
        self.queues: set[str] = set()
        self.asked: float = trio.current_time()
        self.rung = trio.Event()
        self.number = 0  # of the last answer
        self._hints: dict[str, dict[str, set[int] | None]] = {}
        self._told: dict[str, list[Hint]] = {}  # and perhaps not heard

    def ring(self, queue: str, hint: Hint) -> None:
        """Keep a hint; one that names no job may mean any."""
        named = self._hints.setdefault(queue, {})
        ids = named.setdefault(hint.what, set())
        if ids is not None:
            ids.update(hint.ids)
            if not hint.ids or len(ids) > _MOST_NAMED:
                named[hint.what] = None
        self.rung.set()

    def note_heard(self, number: int) -> None:
        """Hear which answer the client has as the last; what it may have missed rings again."""
        if number < self.number:
            for queue, hints in self._told.items():
                for hint in hints:
                    self.ring(queue, hint)
        self._told = {}

    def take(self) -> dict[str, list[Hint]]:
        """Return the hints, and forget them in time; a poll that waits here ends."""
        hints, self._hints = self._hints, {}
        self.rung.set()
        self.rung = trio.Event()
        self.number += 1
        self._told = {
            queue: [Hint(what, tuple(ids or ())) for what, ids in named.items()]  # type: ignore[arg-type]
            for queue, named in hints.items()
        }
        return self._told


@final
class _Followed:
    """A queue whose bells are heard."""

    def __init__(self) -> None:
        self.heard = trio.Event()
        self.scope = trio.CancelScope()
        self.wanted = trio.current_time()
        self.rings = 0


@final
class Listeners:
    """The clients that listen to a store.

    Args:
        store: whose bells they hear.
        canceller: told of cancelled jobs.

    Attributes:
        word: by which clients tell the numbers of this server from those of others.
    """

    def __init__(self, store: Store, canceller: Canceller) -> None:
        self.word: str = secrets.token_urlsafe(9)
        self._store = store
        self._canceller = canceller
        self._wanted = Chan[str](math.inf, name="queues to be heard")
        self._ears: dict[str | int, Ear] = {}  # by a client's word, or a number for one of ours
        self._numbers = count()
        self._followed: dict[str, _Followed] = {}
        self._swept = trio.current_time()

    async def ear(self, name: str | int, queues: Iterable[str], *, of_people: bool = False) -> Ear:
        """Return the ear of a client, which hears these queues from now on.

        Args:
            name: the word that it has drawn.
            queues: which it hears.
            of_people: whether it has the token of a person, not the secret of agents.

        Raises:
            TooMany: there are too many.
        """
        self._forget()
        ear = self._ears.get(name)
        if ear is None:
            if len(self._ears) >= MOST:
                raise TooMany("too many clients listen to this server")
            if of_people and sum(one.of_people for one in self._ears.values()) >= MOST // 2:
                raise TooMany("too many programs of people listen to this server")
            ear = self._ears[name] = Ear(of_people)
        ear.asked = trio.current_time()
        for queue in queues:
            if queue not in ear.queues:
                await self.follow(queue)
                ear.queues.add(queue)
                ear.ring(queue, Hint("changed"))
        return ear

    def _forget(self) -> None:
        """Forget clients that do not ask any more, and queues that nobody wants to hear."""
        now = trio.current_time()
        if now < self._swept + _SWEEP:
            return
        self._swept, latest = now, now - FORGOTTEN
        for name, ear in [*self._ears.items()]:
            if ear.asked < latest:
                del self._ears[name]
        old = {queue for queue, one in self._followed.items() if one.wanted < latest}
        for queue in old.difference(*(ear.queues for ear in self._ears.values())):
            self._followed.pop(queue).scope.cancel()

    @asynccontextmanager
    async def hearing(self, *queues: str) -> AsyncIterator[Ear]:
        """Return an ear for the bells of queues, inside the block."""
        name = next(self._numbers)
        ear = await self.ear(name, queues)
        ear.asked = math.inf
        try:
            yield ear
        finally:
            del self._ears[name]

    async def follow(self, queue: str) -> bool:
        """Hear the bells of a queue from now on, and for a while; return whether that is new.

        Raises:
            TooMany: there are too many queues, or too many for one that is not there.
        """
        if len(self._followed) >= MOST // 2 and queue not in self._followed:
            await self._refuse_unknown(queue)
        followed = self._followed.get(queue)
        if followed is None:
            if len(self._followed) >= MOST:
                raise TooMany("too many queues are listened to")
            followed = self._followed[queue] = _Followed()
            self._wanted.send_nowait(queue)
        followed.wanted = trio.current_time()
        is_new = not followed.heard.is_set()
        await followed.heard.wait()
        return is_new

    async def _refuse_unknown(self, queue: str) -> None:
        with suppress(StoreError):
            if queue in await self._store.queues():
                return
        raise TooMany(f"too many queues are listened to for one that is not there: {queue!r}")

    def rings(self, queue: str) -> int:
        """Return how often the bells of a queue have rung."""
        followed = self._followed.get(queue)
        return 0 if followed is None else followed.rings

    async def run(self) -> None:
        """Hear the bells of all queues that somebody wants to hear, for ever."""
        async with trio.open_nursery() as nursery:
            async for queue in self._wanted:
                nursery.start_soon(self._follow, queue, name=f"bells of {queue}")

    async def _follow(self, queue: str) -> None:
        followed = self._followed[queue]
        with followed.scope:
            async with self._store.listen(queue) as hints, trio.open_nursery() as nursery:
                followed.heard.set()
                nursery.start_soon(self._doubt, queue, followed)
                while True:
                    self._hear(queue, followed, await hints.receive())

    def wake(self) -> None:
        """Let everybody look for jobs, since there may be some for them now."""
        for ear in self._ears.values():
            for queue in ear.queues:
                ear.ring(queue, Hint("resumed"))

    async def _doubt(self, queue: str, followed: _Followed) -> None:
        """Look for what happens without a bell, for ever."""
        rings, counts = followed.rings, await self._counts(queue)
        while True:
            await trio.sleep(self._store.patience)
            seen, counts = counts, None
            if rings == followed.rings:
                counts = await self._counts(queue)
                if counts is not None and counts != seen:
                    self._hear(queue, followed, Hint("changed"))
            rings = followed.rings

    async def _counts(self, queue: str) -> QueueCounts | None:
        with suppress(StoreError):
            return await self._store.statistics(queue)
        return None

    def _hear(self, queue: str, followed: _Followed, hint: Hint) -> None:
        followed.rings += 1
        if hint.what == "cancel":
            self._canceller.cancel(hint.ids)
        elif hint.what == "changed":
            self._canceller.wake(hint.ids)
        for ear in self._ears.values():
            if queue in ear.queues:
                ear.ring(queue, hint)
