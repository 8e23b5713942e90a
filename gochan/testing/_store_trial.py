"""A trial of a store: one history, step by step, beside the model."""

# Theory of operation
# -------------------
# Each step asks the store and the model the same, at the same time, and compares the answers.
# Then it looks at every job and at the counts of every queue, and compares these as well. So what
# goes wrong is found at the step that does it, and its rule can be named.
#
# Time passes only in `wait`, by a little more than was asked for, so that no two moments that
# have to be compared are equal: stores may round times to a thousandth of a second.

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, final

import trio
from trio.testing import MockClock

from ..durable import (
    Ending,
    EndKind,
    Enqueued,
    Explanation,
    JobRecord,
    NewJob,
    ProgressReport,
    QueueSettings,
    Refusal,
    Release,
    State,
    Store,
    Tended,
    Ticket,
    Worker,
)
from ._store_blame import NOTHING_STORED, blame_for_claim, blame_for_enqueue
from ._store_comparison import StoreComparison
from ._store_likeness import EXACT, same_answer
from ._store_rules import BrokenStore, StoreRule
from ._store_shown import shown

_LITTLE: Final = 0.001
_MOST_CALLS: Final = 200

ANYBODY: Final = Worker("anybody")


@final
class StoreTrial(StoreComparison):
    """Tries one store, which has to be fresh.

    Attributes:
        tickets: of all runs that there have been, those of stale ones included.
    """

    def __init__(self, store: Store, clock: MockClock) -> None:
        super().__init__(store)
        self.tickets: list[Ticket] = []
        self._clock = clock

    # Time

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        before = self.now
        self._clock.jump(seconds + _LITTLE)
        passed = self.now - before
        self.log.append(f"{self.now - self.begin:10.3f}  {seconds:g} seconds have passed")
        if abs(passed - seconds - _LITTLE) > EXACT:
            self.fail(
                StoreRule.CLOCK,
                f"The clock of trio went on by {seconds + _LITTLE:g} s, the one of the store by "
                f"{passed:g} s. In a run with a clock of its own, a store has to follow that.",
            )
        await trio.lowlevel.checkpoint()

    # Settings

    async def configure(
        self, queue: str, settings: QueueSettings | None = None, *, update: bool = False
    ) -> None:
        """Give a queue settings, or ask for them."""
        answer = await self._ask("configure", queue, settings, update=update)
        expected = self.model.configure(queue, settings, update=update)
        self._compare(StoreRule.SETTINGS, "configure", answer, expected)
        await self._look("configure", [])

    async def pause(self, queue: str, paused: bool = True) -> None:
        """Pause or resume a queue."""
        answer = await self._ask("pause", queue, paused)
        expected = self.model.pause(queue, paused=paused)
        self._compare(StoreRule.PAUSE, "pause", answer, expected)
        await self._look("pause", [])

    # Storing

    async def enqueue(self, *jobs: NewJob, whole: bool = False) -> list[int]:
        """Store jobs; return the id of each, 0 where one was refused."""
        answers = await self._ask_for_each("enqueue", jobs, whole=whole)
        ids = [answer.id if isinstance(answer, Enqueued) else None for answer in answers]
        last = self.model.last_id
        for id in (
            answer.id for answer in answers if isinstance(answer, Enqueued) and answer.created
        ):
            if id in self._gone or (id <= last and id not in self.model.jobs):
                self.fail(StoreRule.IDS, f"A new job has the id {id}, after one with {last}.")
        there = {*self.model.jobs}
        expected = self.model.enqueue(self.now, jobs, ids, whole=whole)
        for job, answer, wanted in zip(jobs, answers, expected, strict=True):
            if not same_answer(answer, wanted):
                rule = blame_for_enqueue(job, answer, wanted, whole=whole, drops=self._drops(job))
                self.fail(
                    rule, f"enqueue said {shown(answer)} to {shown(job)}; it has to say "
                    f"{shown(wanted)}."
                )  # fmt: skip
        new = [id for id in ids if id is not None and id not in there]
        undone = whole and any(isinstance(answer, Refusal) for answer in expected)
        await self._look(NOTHING_STORED if undone else "enqueue", new)
        return [id or 0 for id in ids]

    def _drops(self, job: NewJob) -> bool:
        return self.model.queue(job.queue).rules.when_full == "drop-oldest"

    # Leasing

    async def offer(self, queue: str, n: int = 1, worker: Worker = ANYBODY) -> list[Ticket]:
        """Ask which jobs a worker could have."""
        now = self.now
        tickets: list[Ticket] = [*await self._ask("offer", queue, n, worker)]
        expected = self.model.offer(now, queue, n, worker)
        self._compare_claimed("offer", tickets, expected, worker)
        for ticket in tickets:
            wanted = self.model.jobs[ticket.id].version
            self._compare(StoreRule.OFFER, "offer", ticket, Ticket(ticket.id, wanted))
        await self._look("offer", [])
        return tickets

    async def accept(
        self, tickets: Sequence[Ticket], worker: Worker = ANYBODY, lease: float = 30.0
    ) -> list[JobRecord | None]:
        """Lease jobs that were offered."""
        now = self.now
        records = await self._ask_for_each("accept", tickets, worker, lease)
        # Why each cannot be had, before any of them is.
        why = {id: self.model.obstacle(now, job, worker) for id, job in self.model.jobs.items()}
        stale = {
            ticket
            for ticket in tickets
            if (job := self.model.jobs.get(ticket.id)) is None or job.version != ticket.version
        }
        expected = self.model.accept(now, tickets, worker, lease)
        for ticket, record, id in zip(tickets, records, expected, strict=True):
            if (record and record.id) != id:
                rule = StoreRule.VERSION if ticket in stale else why[ticket.id] or StoreRule.OFFER
                self.fail(
                    rule, f"accept said {shown(record)} to {shown(ticket)}; it has to "
                    f"{'lease' if id else 'refuse'} it."
                )  # fmt: skip
        await self._hold([record for record in records if record is not None], "accept")
        return records

    async def claim(
        self, queue: str = "a", n: int = 1, worker: Worker = ANYBODY, lease: float = 30.0
    ) -> list[JobRecord]:
        """Lease the next jobs."""
        now = self.now
        records: list[JobRecord] = [*await self._ask("claim", queue, n, worker, lease)]
        before = {id: self.model.obstacle(now, job, worker) for id, job in self.model.jobs.items()}
        expected = self.model.claim(now, queue, n, worker, lease)
        self._compare_claimed("claim", records, expected, worker, before)
        await self._hold(records, "claim")
        return records

    def _compare_claimed(
        self,
        operation: str,
        got: Sequence[JobRecord | Ticket],
        expected: list[int],
        worker: Worker,
        before: dict[int, StoreRule | None] | None = None,
    ) -> None:
        ids = [one.id for one in got]
        if ids != expected:
            now = self.now
            if before is None:
                before = {
                    id: self.model.obstacle(now, job, worker) for id, job in self.model.jobs.items()
                }
            rule = blame_for_claim(ids, expected, before, self.model.jobs)
            self.fail(rule, f"{operation} gave the jobs {ids}; it has to give {expected}.")

    async def _hold(self, records: list[JobRecord], operation: str) -> None:
        """Check records of jobs that were leased, and note their tickets."""
        ids = [record.id for record in records]
        for record in records:
            self._check_record(record, self.model.jobs[record.id], operation, ids)
            self.tickets.append(record.ticket)
        await self._look(operation, ids)

    async def start(self, *tickets: Ticket) -> None:
        """Mark that handlers were called."""
        answers = await self._ask_for_each("start", tickets)
        expected = self.model.start(self.now, tickets)
        self._compare(StoreRule.VERSION, "start", answers, expected)
        await self._look("start", [ticket.id for ticket in tickets])

    async def extend(self, *tickets: Ticket, lease: float = 30.0) -> None:
        """Extend leases."""
        answers = await self._ask_for_each("extend", tickets, lease)
        expected = self.model.extend(self.now, tickets, lease)
        stale = any((a == "lost") != (b == "lost") for a, b in zip(answers, expected, strict=True))
        self._compare(StoreRule.VERSION if stale else StoreRule.CANCEL, "extend", answers, expected)
        await self._look("extend", [ticket.id for ticket in tickets])

    async def report(self, *reports: ProgressReport) -> None:
        """Tell how far runs have come."""
        answers = await self._ask_for_each("report", reports)
        expected = [self.model.report(r.id, r.version, r.done, r.total) for r in reports]
        self._compare(StoreRule.VERSION, "report", answers, expected)
        await self._look("report", [report.id for report in reports])

    # Ending

    async def finish(self, *endings: Ending) -> None:
        """End runs, and with them their jobs."""
        answers = await self._ask_for_each("finish", endings)
        now = self.now
        expected = [self.model.finish(now, ending) for ending in endings]
        self._compare(StoreRule.VERSION, "finish", answers, expected)
        await self._look("finish", [ending.id for ending in endings])

    async def release(self, *releases: Release) -> None:
        """Give jobs back."""
        answers = await self._ask_for_each("release", releases)
        now = self.now
        expected = [self.model.release(now, release) for release in releases]
        self._compare(StoreRule.VERSION, "release", answers, expected)
        await self._look("release", [release.id for release in releases])

    async def cancel(self, *ids: int, reason: str = "not needed") -> None:
        """Cancel jobs."""
        answers = await self._ask_for_each("cancel", ids, reason)
        expected = self.model.cancel(self.now, ids, reason)
        self._compare(StoreRule.CANCEL, "cancel", answers, expected)
        await self._look("cancel", ids)

    async def retry(self, *ids: int, attempts: int | None = None) -> None:
        """Let ended jobs run again."""
        answers = await self._ask_for_each("retry", ids, attempts)
        expected = self.model.retry(self.now, ids, attempts)
        taken = any(isinstance(answer, Enqueued) for answer in (*answers, *expected))
        self._compare(StoreRule.KEY if taken else StoreRule.RETRY, "retry", answers, expected)
        await self._look("retry", ids)

    # Keeping house

    async def tend(self, n: int = 500) -> Tended:
        """Do what time demands, until there is nothing more to do."""
        tended = await self._ask("tend", n)
        calls = 1
        while n < 500 and tended.changed:
            tended = await self._ask("tend", n)
            calls += 1
            if calls > _MOST_CALLS:
                self.fail(StoreRule.TEND, f"After {calls} calls it is not done.")
        before = {*self.model.jobs}
        self.model.tend(self.now)
        self._gone |= before - {*self.model.jobs}
        await self._look("tend", [])
        try:
            again: Tended = await self._ask("tend")
            if again.changed:
                self.fail(StoreRule.TEND, f"A second call moved {again.changed} more jobs.")
            await self._look("tend", [])
        except BrokenStore as broken:
            if broken.rule is StoreRule.TEND:
                raise
            what = str(broken).splitlines()[1]
            self.fail(StoreRule.TEND, f"A second call did more than the first. {what}")
        self._check_next(again)
        return again

    def _check_next(self, tended: Tended) -> None:
        """The next time must not be too late. It may be too early, but not now."""
        latest = self.model.next_change() - self.now
        if tended.next is None:
            if latest != float("inf"):
                self.fail(
                    StoreRule.TEND, f"It sees nothing to do, but there is, in {latest:.3f} s."
                )
        elif tended.next > latest + EXACT:
            self.fail(
                StoreRule.TEND,
                f"It wants to be called in {tended.next:.3f} s, which is too late: there is "
                f"something to do in {latest:.3f} s.",
            )
        elif tended.next <= 0 < latest:
            self.fail(StoreRule.TEND, "It is done, and yet wants to be called again at once.")

    async def purge(self, queue: str, *kinds: EndKind, n: int = 500) -> None:
        """Delete jobs that have ended."""
        answer = await self._ask("purge", queue, kinds, n)
        eligible = self.model.purgeable(self.now, queue, kinds)
        expected = min(n, len(eligible))
        self._compare(StoreRule.PURGE, "purge", answer, expected)
        records = await self.store.look([job.id for job in eligible])
        gone = [job for job, record in zip(eligible, records, strict=True) if record is None]
        self.expect(StoreRule.PURGE, len(gone), expected, "The number of jobs that are gone")
        for job in gone:
            self.model.delete(job)
            self._gone.add(job.id)
        await self._look("purge", [])

    # Looking

    async def list(
        self,
        queue: str,
        *,
        states: Collection[State] = (),
        kinds: Collection[EndKind] = (),
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
    ) -> None:
        """Have jobs listed."""
        records: Sequence[JobRecord] = await self._ask(
            "list", queue, states=states, kinds=kinds, limit=limit, before=before, after=after
        )
        expected = self.model.list(queue, states, kinds, limit, before, after)
        ids = [record.id for record in records]
        elsewhere = [record.id for record in records if record.queue != queue]
        if elsewhere:
            self.fail(StoreRule.QUEUES, f"list gave jobs of another queue: {elsewhere}.")
        if ids != expected:
            self.fail(StoreRule.LIST, f"list gave the jobs {ids}; it has to give {expected}.")
        for record in records:
            self._check_record(record, self.model.jobs[record.id], "list", [])

    async def names(self) -> None:
        """Ask for the names of the queues."""
        names = [*await self._ask("queues")]
        needed = {
            name
            for name, kept in self.model.queues.items()
            if kept.stored or kept.paused or kept.settings is not None
        }
        if names != sorted({*names}) or not needed <= {*names} <= self._named:
            self.fail(
                StoreRule.QUEUES, f"queues gave {names}; it has to give {sorted(needed)}, in order."
            )

    async def explain(self, id: int) -> Explanation | None:
        """Ask why a job waits, or has ended."""
        answer: Explanation | None = await self._ask("explain", id)
        job = self.model.jobs.get(id)
        if answer is None or job is None:
            self.expect(StoreRule.EXPLAIN, answer is None, job is None, "Whether it says nothing")
            return None
        self._check_record(answer.record, job, "explain", [])
        if not answer.reasons or not all(answer.reasons):
            self.fail(StoreRule.EXPLAIN, f"explain gave no reasons for job {id}.")
        if job.state == "waiting":
            ahead = self.model.ahead(job)
            self.expect(StoreRule.EXPLAIN, answer.ahead, ahead, f"The number ahead of job {id}")
        return answer
