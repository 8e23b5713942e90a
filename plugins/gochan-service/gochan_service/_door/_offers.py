"""Offers: which agent is told of which job."""

# Theory of operation
# -------------------
# An offer is no lease: several agents may be told of one job, and the first to accept it has it.
# But if all were told of the same one, all but one would come in vain. So a ticket is kept for whom
# it was offered to, for some seconds; others are told of it when that time is over, or when there
# is nothing else and they would have to leave with empty hands.
#
# A thousand agents may wait for the jobs of one queue, and each bell wakes all of them. They look
# one after the other, and who finds nothing leaves a note: until the next bell, others like it need
# not look. So a bell costs two looks at the store, not a thousand.

from __future__ import annotations

import math
from typing import Final, TypeAlias, final

import trio

from gochan.durable import Store, Ticket

from ._agents import Agent
from ._listeners import Listeners

KEPT: Final = 5.0  # seconds for which a ticket is kept for whom it was offered to
LOOK: Final = 10.0  # seconds after which it is looked again, in case a bell was lost

_MOST_PASSED_OVER: Final = 1000
_MOST_NOTES: Final = 10_000

# A queue, a machine, and labels: agents with the same ones can run the same jobs.
_Kind: TypeAlias = tuple[str, str | None, frozenset[tuple[str, str]]]


@final
class _Note:
    """Where agents of a kind look one after the other, and what the last one has found."""

    def __init__(self) -> None:
        self.lock = trio.StrictFIFOLock()
        self.rings = -1  # of the queue, when there was nothing
        self.until = -math.inf  # when there may be something without a bell


@final
class Offers:
    """The offers of a server."""

    def __init__(self, store: Store, listeners: Listeners) -> None:
        self._store = store
        self._listeners = listeners
        self._kept: dict[int, tuple[str, float]] = {}  # by job: for whom, and until when
        self._notes: dict[_Kind, _Note] = {}

    async def look(self, agent: Agent, queue: str, n: int) -> tuple[list[Ticket], float]:
        """Return tickets that are kept for nobody else, or else when to look again at the latest.

        Until then, a bell tells when there is something.
        """
        note = self._note(agent, queue)
        async with note.lock:
            rings = self._listeners.rings(queue)
            if rings == note.rings and trio.current_time() < note.until:
                return [], note.until
            tickets = await self._ask(agent, queue, n)
            free = [one for one in tickets if self._is_free(one.id, agent.name)]
            if free:
                return self._keep(agent, free[:n]), note.until
            lapses = [self._kept[one.id][1] for one in tickets]
            note.rings, note.until = rings, min(trio.current_time() + LOOK, *lapses, math.inf)
            return [], note.until

    async def any(self, agent: Agent, queue: str, n: int) -> list[Ticket]:
        """Return tickets, rather such as are kept for nobody else."""
        tickets = await self._ask(agent, queue, n)
        free = [one for one in tickets if self._is_free(one.id, agent.name)]
        return self._keep(agent, (free or tickets)[:n])

    def take(self, tickets: list[Ticket]) -> None:
        """Keep these for nobody any more."""
        for one in tickets:
            self._kept.pop(one.id, None)

    async def _ask(self, agent: Agent, queue: str, n: int) -> list[Ticket]:
        now = trio.current_time()
        self._kept = {id: one for id, one in self._kept.items() if one[1] > now}
        more = min(len(self._kept), _MOST_PASSED_OVER)
        return [*await self._store.offer(queue, n + more, agent.worker)]

    def _is_free(self, id: int, name: str) -> bool:
        whom, until = self._kept.get(id, (name, 0.0))
        return whom == name or until <= trio.current_time()

    def _keep(self, agent: Agent, tickets: list[Ticket]) -> list[Ticket]:
        until = trio.current_time() + KEPT
        for one in tickets:
            self._kept[one.id] = agent.name, until
        return tickets

    def _note(self, agent: Agent, queue: str) -> _Note:
        kind = queue, agent.machine, frozenset(agent.labels.items())
        note = self._notes.get(kind)
        if note is None:
            if len(self._notes) >= _MOST_NOTES:
                self._notes.clear()
            note = self._notes[kind] = _Note()
        return note
