"""Exchanges: many calls of a store in one request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import Final, TypeAlias, final

import trio
from msgspec import Raw

from gochan.durable import Hint, Store, StoreClosed, StoreUnavailable

from .._people import NotAllowed
from .._wire import Answer, Call, Claim, Exchange, Exchanged, Trouble, Workers, encode
from ._agents import Agent, Agents
from ._listeners import Ear, Listeners
from ._waiting import Wait, first_of

LOGGER: Final = logging.getLogger("gochan.service")

# Whether a client may make a call; otherwise why not.
Permit: TypeAlias = Callable[[Call], str | None]


@final
class Exchanges:
    """Makes the calls of clients.

    Args:
        store: whose time it is.
        listeners: who hears its bells.
        agents: who has been heard of.
        stopping: set when the server stops; then nobody waits.
        lease: for how many seconds agents should lease jobs; 0 if that is up to them.
    """

    def __init__(
        self,
        store: Store,
        listeners: Listeners,
        agents: Agents,
        stopping: trio.Event,
        lease: float = 0.0,
    ) -> None:
        self._store = store
        self._listeners = listeners
        self._agents = agents
        self._stopping = stopping
        self._lease = lease

    async def __call__(
        self, exchange: Exchange, store: Store, permit: Permit | None, gone: Wait
    ) -> Exchanged:
        """Make all calls, then wait for a bell if that is wanted.

        Args:
            exchange: what was sent.
            store: as this client has it.
            permit: which calls this client may make, if it is an agent; else, the store knows.
            gone: returns when the client has left.

        Raises:
            TooMany: there are too many clients or queues.
        """
        calls: list[Call] = [*exchange.calls]
        agent = None if exchange.agent is None else self._agents.heard(exchange.agent)
        if agent is not None:
            for call in calls:
                if isinstance(call, Claim):
                    agent.asks_for(call.queue)
        answers = [Answer()] * len(calls)

        async def make(index: int) -> None:
            answers[index] = await self._make(calls[index], store, permit)

        async with trio.open_nursery() as nursery:
            for index in range(len(calls)):
                nursery.start_soon(make, index)
        hints, number = await self._hear(exchange, agent, gone, of_people=permit is None)
        word = self._listeners.word
        return Exchanged(self._store.now(), answers, hints, word, number, self._lease)

    async def _hear(
        self, exchange: Exchange, agent: Agent | None, gone: Wait, *, of_people: bool
    ) -> tuple[dict[str, list[Hint]], int]:
        """Return what bells have rung, if the client listens, and the number of the answer."""
        if exchange.listener is None:
            return {}, 0
        word, queues = exchange.listener, exchange.queues
        ear = await self._listeners.ear(word, queues, of_people=of_people)
        self._note_heard(exchange, ear)
        if exchange.wait and not ear.rung.is_set():
            waits = gone, self._stopping.wait, ear.rung.wait
            with nullcontext() if agent is None else agent.polling():
                first = await first_of(exchange.wait, *waits)
            if first is gone:
                return {}, ear.number  # they are kept for the next question, if there is one
            self._note_heard(exchange, ear)  # the same question may have been asked meanwhile
        hints = ear.take()
        return hints, ear.number

    def _note_heard(self, exchange: Exchange, ear: Ear) -> None:
        if exchange.heard is not None:
            ear.note_heard(exchange.heard.get(self._listeners.word, 0))

    async def _make(self, call: Call, store: Store, permit: Permit | None) -> Answer:
        if isinstance(call, Claim) and self._agents.drains(call.worker.name):
            return Answer(Raw(b"[]"))
        why = None if permit is None else permit(call)
        if why is not None:
            return Answer(trouble="refused", why=why)
        if isinstance(call, Workers):  # which is no call of the store
            return Answer(Raw(encode(self._agents.known())))
        trouble: Trouble
        try:
            call.check()
            return Answer(Raw(encode(await call.make(store))))
        except (StoreUnavailable, StoreClosed) as error:
            trouble, why = "unavailable", str(error)
        except AssertionError as error:
            trouble, why = "audit", str(error)
        except (NotAllowed, TypeError, ValueError, OverflowError) as error:
            trouble, why = "refused", str(error)
        except Exception as error:
            LOGGER.exception("a call of %s failed", type(call).__name__)
            trouble, why = "error", f"{type(error).__name__}: {error}"
        return Answer(trouble=trouble, why=why)
