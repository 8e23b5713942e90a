"""The ledger: what everybody in a lab has said and done, and which laws that breaks."""

# Theory of operation
# -------------------
# The ledger believes nobody. It counts leases itself, from what the store has answered; it knows of
# each run when it began and how it ended, from a wrapper around the handlers; and it knows what
# was acknowledged to people. It does not ask the store what is true, but blames it, too.
#
# Each law has a name, which each breach of it begins with:
#
#   one lease      a job is leased to one agent at a time, for as long as was said
#   late report    what is said about a run that is over is not taken
#   one outcome    a job ends once, until somebody lets it run again
#   one run        a job runs at one place at a time, and only once to its end
#   nothing lost   what was acknowledged is there, and ends; what is done, a run has done
#   cancel         who runs a job that was cancelled hears of it, if nothing is in the way at once
#   stray cancel   a cancel ends the run that it was meant for, and no other
#   wake-up        a job that waits is had by an idle agent, if nothing is in the way at once
#   drain          an agent that is drained leases nothing
#   audit          the numbers of the store add up
#   alive          a server or an agent ends only if it is told to
#
# Calls of the same moment may get their answers in another order than the store has made them. So
# a job may run again, as it seems, before it ends.
#
# "At once" is two seconds, once nothing was wrong with the way of the agent for ten.

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

import trio

from gochan.durable import (
    Cancelling,
    Ending,
    EndKind,
    Held,
    JobRecord,
    Release,
    Retrying,
    RunningJob,
    Ticket,
    Worker,
)

from ._link import Link

AT_ONCE: Final = 2.0
RECOVERY: Final = 10.0

_LATEST: Final = 4 / 3  # of a lease: when it is extended, or given up, at the latest
_ROUNDING: Final = 1e-5  # seconds
_COUNTED: Final = ("submitted", "run again")


@final
@dataclass(eq=False)
class Run:
    """One call of a handler."""

    id: int
    version: int
    agent: str
    link: Link
    job: RunningJob
    is_whole: bool = False

    @property
    def is_seen(self) -> bool:
        """Whether it runs where anybody can see it: a process that was killed does nothing."""
        return not self.link.is_cut

    @property
    def is_told(self) -> bool:
        """Whether it has been told to end."""
        return self.job.cause is not None


@final
@dataclass(eq=False)
class _Lease:
    version: int
    agent: str
    seconds: float
    until: float
    is_over: bool = False
    wished_at: float | None = None
    reason: str = ""


@final
@dataclass(eq=False)
class _Life:
    """What is known of a job."""

    leases: list[_Lease] = field(default_factory=list)
    whole: list[Run] = field(default_factory=list)  # since somebody let it run again
    results: dict[int, bytes] = field(default_factory=dict)  # by version
    kind: EndKind | None = None
    retried_at: float | None = None  # if it runs again by a call that was noted before its end
    acknowledged: bool = False

    def end(self, kind: EndKind) -> None:
        """Note how it has ended, unless it runs again since."""
        if self.retried_at != trio.current_time():
            self.kind = kind
        self.retried_at = None

    def begin_again(self) -> None:
        """Note that it may run again."""
        self.retried_at = trio.current_time() if self.kind is None else None
        self.kind = None
        self.whole.clear()


@final
class Ledger:
    """What has happened.

    Attributes:
        breaches: of the laws, each a sentence.
        running: the calls of handlers that have not ended.
        counts: of jobs and what became of them.
    """

    def __init__(self) -> None:
        self.breaches: dict[str, None] = {}
        self.running: dict[Run, None] = {}
        self.counts: Counter[str] = Counter()
        self._lives: defaultdict[int, _Life] = defaultdict(_Life)
        self._drained: set[str] = set()
        self._idle: dict[str, tuple[Ticket, float]] = {}

    def blame(self, law: str, text: str) -> None:
        """Note that a law is broken."""
        self.breaches.setdefault(f"{law}: {text}, at {trio.current_time():.3f} s")

    # What people were told

    def drained(self, agent: str) -> None:
        """Note that an agent gets no more jobs."""
        self._drained.add(agent)

    def undrained(self, agent: str) -> None:
        """Note that an agent may get jobs again."""
        self._drained.discard(agent)

    def acknowledge(self, id: int) -> None:
        """Note that a job was accepted."""
        self._lives[id].acknowledged = True
        self.counts["submitted"] += 1

    # What the store was asked, and has answered

    def claimed(self, worker: Worker, records: Sequence[JobRecord | None], seconds: float) -> None:
        """Note who has leased what."""
        now = trio.current_time()
        agent = worker.machine or worker.name
        for record in records:
            if record is None:
                continue
            if worker.name in self._drained:
                self.blame("drain", f"job {record.id} was leased to {agent}, which is drained")
            life = self._lives[record.id]
            last = life.leases[-1] if life.leases else None
            if last is not None and not last.is_over and last.until > now + _ROUNDING:
                self.blame(
                    "one lease",
                    f"job {record.id} was leased to {agent}, and {last.agent} has it until "
                    f"{last.until:.3f} s",
                )
            life.leases.append(_Lease(record.version, agent, seconds, now + seconds))

    def extended(self, tickets: Sequence[Ticket], answers: Sequence[Held], seconds: float) -> None:
        """Note which leases were extended."""
        for ticket, answer in zip(tickets, answers, strict=True):
            lease = self._lease(ticket)
            if lease is not None and answer != "lost":
                lease.seconds, lease.until = seconds, trio.current_time() + seconds

    def finished(self, endings: Sequence[Ending], answers: Sequence[bool]) -> None:
        """Note which runs have ended their jobs."""
        for ending, answer in zip(endings, answers, strict=True):
            life = self._lives[ending.id]
            if not answer or not self._report(ending.id, ending.version):
                continue
            if life.kind is not None:
                self.blame("one outcome", f"job {ending.id} was {life.kind}, and ended again")
            life.end(ending.kind)
            if ending.kind == "done" and ending.result != life.results.get(ending.version):
                self.blame("nothing lost", f"job {ending.id} is done, but not by a run of it")

    def released(self, releases: Sequence[Release], answers: Sequence[bool]) -> None:
        """Note which runs were given up."""
        for release, answer in zip(releases, answers, strict=True):
            if answer:
                self._report(release.id, release.version)

    def cancelled(self, ids: Sequence[int], answers: Sequence[Cancelling], reason: str) -> None:
        """Note who is to be cancelled."""
        for id, answer in zip(ids, answers, strict=True):
            life = self._lives[id]
            if answer == "ended":
                life.end("cancelled")
            elif answer == "signalled" and life.leases[-1].wished_at is None:
                life.leases[-1].wished_at = trio.current_time()
                life.leases[-1].reason = reason

    def retried(self, ids: Sequence[int], answers: Sequence[Retrying]) -> None:
        """Note which jobs are to run again."""
        for id, answer in zip(ids, answers, strict=True):
            if answer == "retried":
                self._lives[id].begin_again()

    def _lease(self, ticket: Ticket) -> _Lease | None:
        leases = self._lives[ticket.id].leases
        return next((one for one in leases if one.version == ticket.version), None)

    def _report(self, id: int, version: int) -> bool:
        """Note that a lease is over by a report; return whether that is as it should be."""
        leases = self._lives[id].leases
        lease = self._lease(Ticket(id, version))
        if lease is None or lease is not leases[-1] or lease.is_over:
            self.blame(
                "late report", f"a report about run {version} of job {id} was taken, which was over"
            )
            return False
        lease.is_over = True
        return True

    # What handlers did

    def begin(self, agent: str, link: Link, job: RunningJob) -> Run:
        """Note that a handler is called."""
        run = Run(job.id, job.record.version, agent, link, job)
        life = self._lives[run.id]
        for other in self.running:
            if other.id == run.id and other.is_seen and not other.is_told:
                self.blame("one run", f"job {run.id} runs at {other.agent} and at {run.agent}")
        for other in life.whole:
            lease = self._lease(Ticket(other.id, other.version))
            if lease is not None and lease.is_over:
                self.blame(
                    "one run", f"job {run.id} ran to its end at {other.agent}, and runs again"
                )
        self.running[run] = None
        return run

    def end(self, run: Run, result: bytes | None = None) -> None:
        """Note that a handler has ended; with a result if it came to its end."""
        del self.running[run]
        self._check_cause(run)
        if run.is_seen and result is not None:
            run.is_whole = True
            life = self._lives[run.id]
            self.counts["run again"] += bool(life.whole)
            life.whole.append(run)
            life.results[run.version] = result

    def _check_cause(self, run: Run) -> None:
        lease = self._lease(Ticket(run.id, run.version))
        if run.job.cause == "cancelled" and lease is not None and lease.wished_at is None:
            reasons = {
                one.reason for one in self._lives[run.id].leases if one.wished_at is not None
            }
            if run.job.reason in reasons:
                self.blame(
                    "stray cancel",
                    f"run {run.version} of job {run.id} was cancelled by what another was told",
                )

    # What has to have happened by now

    def look(self) -> None:
        """Find runs that go on although they must not."""
        now = trio.current_time()
        for run in self.running:
            lease = self._lease(Ticket(run.id, run.version))
            if not run.is_seen or run.is_told or lease is None:
                continue
            if lease.until < now - _ROUNDING:
                self.blame(
                    "one run", f"job {run.id} runs at {run.agent}, whose lease ended {lease.until}"
                )
            if lease.wished_at is None:
                continue
            calm = max(lease.wished_at, run.link.trouble + RECOVERY)
            due = calm + AT_ONCE + 6 * run.link.delay
            latest = lease.wished_at + lease.seconds * _LATEST
            if now > min(due, latest) + _ROUNDING:
                self.blame(
                    "cancel",
                    f"job {run.id} was cancelled {now - lease.wished_at:.3f} s ago, and "
                    f"{run.agent} has not told its handler",
                )

    def note_waiting(self, agent: str, link: Link, ticket: Ticket | None) -> None:
        """Note what an idle agent could have now."""
        now = trio.current_time()
        if ticket is None:
            self._idle.pop(agent, None)
            return
        seen, since = self._idle.setdefault(agent, (ticket, now))
        if seen != ticket:
            self._idle[agent] = ticket, now
            return
        calm = max(since, link.trouble + RECOVERY)
        if now > calm + AT_ONCE + 6 * link.delay:
            self.blame(
                "wake-up",
                f"job {ticket.id} has waited for {now - since:.3f} s, and {agent} is idle",
            )

    # At the end

    def audit(self, records: Sequence[JobRecord]) -> None:
        """Compare what is known with all jobs of the store, once all have ended."""
        there = {record.id: record for record in records}
        ends: Counter[str] = Counter(record.kind or record.state for record in records)
        self.counts = Counter({name: self.counts[name] for name in _COUNTED}) + ends
        for id, life in self._lives.items():
            record = there.get(id)
            if life.acknowledged and record is None:
                self.blame("nothing lost", f"job {id} was acknowledged, and is gone")
            elif record is not None and life.kind is not None and record.state != "ended":
                self.blame("one outcome", f"job {id} was {life.kind}, and is {record.state}")
            elif record is not None and record.kind == "done":
                self._check_result(record, life)

    def _check_result(self, record: JobRecord, life: _Life) -> None:
        if record.result not in life.results.values():
            self.blame("nothing lost", f"job {record.id} is done, but not by a run of it")
