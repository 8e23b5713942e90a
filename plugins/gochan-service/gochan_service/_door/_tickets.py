"""Tickets: one step of a job after the other, for agents in any language."""

# Theory of operation
# -------------------
# These are the routes of the slides: request, accept, details, watch, updateStatus, upload, reset.
# Each takes and answers lists. A ticket is one run of a job, or the offer of one; its version
# fences off who comes too late. What a route decides, the store decides: here it is only put into
# words, and polls are held.
#
# A run belongs to the agent that has accepted it: to others, it is as if it were over. That keeps
# mistakes away, not malice: all agents have the same secret, and so they trust one another.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, final

import trio

from gochan.durable import Held, JobRecord, Release, Store

from .._wire import (
    Accept,
    Accepted,
    AgentSaid,
    Details,
    Heard,
    Heartbeat,
    Noted,
    Offered,
    Parts,
    Request,
    Run,
    Sizes,
    Statuses,
    Tickets,
    Watch,
    Watched,
)
from ._agents import Agent, Agents
from ._canceller import Canceller
from ._files import Files, check_name
from ._listeners import Listeners
from ._offers import LOOK, Offers
from ._reports import Reports, detail_of
from ._waiting import Wait, first_of

_CALM: Final = 1.0  # seconds that an agent waits for jobs which it does not get


@final
class TicketOffice:
    """Answers the routes for agents in any language."""

    def __init__(
        self,
        store: Store,
        listeners: Listeners,
        canceller: Canceller,
        agents: Agents,
        files: Files,
        *,
        lease: float,
        stopping: trio.Event,
        on_upload: Callable[[int], None],
    ) -> None:
        self._on_upload = on_upload
        self._store = store
        self._listeners = listeners
        self._canceller = canceller
        self._agents = agents
        self._offers = Offers(store, listeners)
        self._reports = Reports(store)
        self._files = files
        self._lease = lease
        self._stopping = stopping

    # Getting jobs

    async def healthz(self, asked: Heartbeat, gone: Wait) -> Heard:
        """Extend the leases of an agent that is there.

        To be sent at least three times in a lease, from the first accepted ticket to the end of the
        last run, also while the agent is being stopped; with all tickets that it has.
        """
        agent = self._agents.heard(asked.agent)
        agent.held = len(asked.tickets)
        owned = await self._owned(asked.agent, asked.tickets)
        mine = [record.ticket for record in owned if record is not None]
        answers = iter(await self._store.extend(mine, self._lease))
        held: list[Held] = ["lost" if record is None else next(answers) for record in owned]
        return Heard(held, self._lease, agent.draining)

    async def request(self, asked: Request, gone: Wait) -> Offered:
        """Offer jobs to an agent, waiting for some.

        The answer comes as soon as there is a job, or after ``wait`` seconds without tickets; then
        ask again. An agent that is draining gets none until it is told that it drains no more.
        """
        agent = self._agents.heard(asked.agent)
        agent.asks_for(asked.queue)
        with agent.polling():
            if agent.draining:
                # It need not ask; if it does so again and again, then not too often.
                calm = min(asked.wait, _CALM)
                await first_of(calm, gone, self._stopping.wait, agent.woken.wait)
            tickets = await self._wait_for_jobs(agent, asked, gone)
        return Offered(tickets, agent.draining)

    async def _wait_for_jobs(self, agent: Agent, asked: Request, gone: Wait) -> list[Run]:
        latest = trio.current_time() + asked.wait
        async with self._listeners.hearing(asked.queue) as ear:
            while not (agent.draining or self._stopping.is_set()):
                ear.take()
                tickets, until = await self._offers.look(agent, asked.queue, asked.n)
                now = trio.current_time()
                if not tickets and now >= latest:
                    tickets = await self._offers.any(agent, asked.queue, asked.n)
                if tickets or now >= latest:
                    return [Run(one.id, one.version) for one in tickets]
                waits = gone, self._stopping.wait, ear.rung.wait, agent.woken.wait
                if await first_of(max(0.0, min(latest, until) - now), *waits) is gone:
                    break
        return []

    async def accept(self, asked: Accept, gone: Wait) -> Accepted:
        """Give an agent the jobs that nobody else has accepted before.

        Each has another version from then on, which every later call about it has to show. If the
        answer is lost, so are the tickets: when the lease has ended, they are offered again.
        """
        agent = self._agents.heard(asked.agent)
        tickets = [run.ticket for run in asked.tickets]
        self._offers.take(tickets)
        wanted = [] if agent.draining or self._stopping.is_set() else tickets
        records = await self._store.accept(wanted, agent.worker, self._lease)
        won = [Run(record.id, record.version) for record in records if record is not None]
        owned = {run.id for run in won}
        lost = [run for run in asked.tickets if run.id not in owned]
        others = await self._offers.any(agent, asked.queue, len(lost)) if lost and wanted else []
        return Accepted(won, lost, [Run(one.id, one.version) for one in others], self._lease)

    async def details(self, asked: Tickets, gone: Wait) -> Details:
        """Tell what jobs are about.

        The runs have to be the agent's own.
        """
        records = await self._owned(asked.agent, asked.tickets)
        return Details([None if record is None else detail_of(record) for record in records])

    # Their ends

    async def update_status(self, asked: Statuses, gone: Wait) -> Noted:
        """Write how runs go, and how they have ended.

        First ``running``, before anything is done for the job: if the agent is lost later, that was
        an attempt. Then ``progress``, if there is any, and at the end one of the others. The same
        may be sent again if an answer is lost; it counts once.
        """
        self._agents.heard(asked.agent)
        return Noted(await self._reports.write(asked.agent.name, asked.reports))

    async def upload(self, asked: Parts, gone: Wait) -> Sizes:
        """Keep parts of logs and files of runs that are not over.

        A file that is named ``log`` is what a run prints; people can follow it. The same part may
        be sent again. To be sent before the end of the run is reported.
        """
        owned = await self._owned(asked.agent, [Run(one.id, one.version) for one in asked.parts])
        for part in asked.parts:
            check_name(part.name)  # nothing is written if one is wrong
        sizes: list[int | None] = []
        for part, record in zip(asked.parts, owned, strict=True):
            if record is None:
                sizes.append(None)
                continue
            arguments = part.id, part.version, part.name, part.offset, part.data
            sizes.append(await trio.to_thread.run_sync(self._files.append, *arguments))
            self._on_upload(part.id)
        return Sizes(sizes)

    async def reset(self, asked: Tickets, gone: Wait) -> Noted:
        """Put jobs back, for others; this burns no attempt.

        For an agent that has to stop before its runs have ended.
        """
        owned = await self._owned(asked.agent, asked.tickets)
        releases = [
            Release(run.id, run.version, "interrupted", count=False, error="put back by its agent")
            for run in asked.tickets
        ]
        mine = [one for one, record in zip(releases, owned, strict=True) if record is not None]
        answers = iter(await self._store.release(mine))
        return Noted([record is not None and next(answers) for record in owned])

    # Cancels

    async def watch(self, asked: Watch, gone: Wait) -> Watched:
        """Tell as soon as one of these runs is cancelled, or is over.

        The answer comes then, or after ``wait`` seconds; then ask again. A cancel between two
        questions is not missed. End the run that is cancelled, and report ``cancelled``.
        """
        latest = trio.current_time() + asked.wait
        ids = [run.id for run in asked.tickets]
        agent = self._agents.heard(asked.agent)
        with agent.polling():
            while True:
                with self._canceller.subscribed(ids) as cancelled:
                    records = await self._store.look(ids)
                    if await self._follow(records):
                        continue  # now a cancel is heard; what was before is looked at once more
                    watched = self._watched(asked, records)
                    left = latest - trio.current_time()
                    is_over = watched.cancelled or watched.lost or left <= 0
                    if is_over or self._stopping.is_set():
                        return watched
                    waits = gone, self._stopping.wait, cancelled.receive_ok
                    if await first_of(min(left, LOOK), *waits) is gone:
                        return watched

    async def _follow(self, records: Sequence[JobRecord | None]) -> bool:
        """Hear the bells of the queues of these jobs; return whether any was not heard before."""
        queues = {record.queue for record in records if record is not None}
        return any([await self._listeners.follow(queue) for queue in queues])

    def _watched(self, asked: Watch, records: Sequence[JobRecord | None]) -> Watched:
        """Tell which of these runs are cancelled, and which are over."""
        cancelled: dict[str, str] = {}
        lost: list[Run] = []
        for run, record in zip(asked.tickets, records, strict=True):
            reason = None
            if record is not None and _is_owned(record, run, asked.agent):
                reason = record.cancel_reason
            elif record is not None and _ended_cancelled(record, run):
                reason = record.error or "cancelled"
            elif self._canceller.remembers(run.id):
                reason = "cancelled"
            else:
                lost.append(run)
            if reason is not None:
                cancelled[str(run.id)] = reason
        return Watched(cancelled, lost)

    async def _owned(self, agent: AgentSaid | None, runs: list[Run]) -> list[JobRecord | None]:
        """Return the records of these runs; ``None`` for those that are over, or not its own."""
        if agent is not None:
            self._agents.heard(agent)
        records = await self._store.look([run.id for run in runs]) if runs else []
        return [
            record if record is not None and _is_owned(record, run, agent) else None
            for run, record in zip(runs, records, strict=True)
        ]


def _is_owned(record: JobRecord, run: Run, agent: AgentSaid | None) -> bool:
    """Whether a run goes on, and is this agent's."""
    is_on = record.state == "running" and record.version == run.version
    return is_on and (agent is None or record.worker == agent.name)


def _ended_cancelled(record: JobRecord, run: Run) -> bool:
    """Whether a run is over since its job was cancelled."""
    return record.kind == "cancelled" and record.version == run.version + 1
