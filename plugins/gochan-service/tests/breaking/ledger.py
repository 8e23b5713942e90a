"""A ledger of its own: what commands and people say of jobs, compared with the store in the end."""

# Theory of operation
# -------------------
# Each command writes a line when it starts and when it ends; the program that breaks things notes
# what was acknowledged to it, and whom it has killed. In the end the store is asked. It has to know
# each job once, ended, and as the ledger has it.
#
# A job may have been started before its last run only if that run was cut short: its agent was
# killed, or has told it to end; or if its lease was over before its end could be told. That is so
# only if the server was away for long: on a machine that has other things to do, it may start for
# half a minute. It is counted as a note, by the ledger's own clock, not by what the store says.

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from gochan.durable import JobRecord, QueueCounts, Store

QUEUE = "q"

# Seconds that agents have which are replaced, and within which what they end ends by itself.
DRAIN = 0.2
_CROSSING = 0.15

# Seconds within which the end of a command is known to the server, if nobody is away.
_REPORTED = 5.0

# Seconds by which the first line of a command may be later than its start, on a busy machine. So
# it may have begun, as it says, after its agent was killed.
_STARTING = 1.0

# Seconds that a lease lasts; how much earlier a job may have been leased than its command began;
# and for how long the server has to have been away, or its agent has just been late.
LEASE = 30.0
_LEASED = 5.0
_AWAY = LEASE / 2


@dataclass
class Verdict:
    """What a failure has cost, all of which has to be nothing.

    Attributes:
        notes: what is allowed, and worth knowing.
    """

    times: int = 0
    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def problems(self) -> list[str]:
        """All of them, for a test."""
        return [*self.lost, *self.doubled, *self.left]


@dataclass
class Run:
    """One start of a command."""

    job: int
    agent: str
    process: int
    payload: str
    begun: float
    ended: float | None = None
    whole: bool = False


@dataclass
class Ledger:
    """What is known from outside of the store.

    Attributes:
        path: where commands write.
        stored: the numbers of the jobs that were acknowledged, with their payloads.
        cancelled: the numbers of those whose cancel was acknowledged.
        ended: how jobs had ended when somebody looked, with their versions.
        killed: when agents were killed, by their names.
        told: when agents were told to end, by their names.
        away: how many seconds a server or a store may have been away when an agent was killed.
        outages: when the server was away, and when it had come back.
    """

    path: Path
    stored: dict[int, str] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)
    ended: dict[int, tuple[str, int]] = field(default_factory=dict)
    killed: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    away: float = 0.0
    problems: list[str] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    _away_since: float | None = None

    def note_away(self) -> None:
        """Note that the server is away from now on."""
        if self._away_since is None:
            self._away_since = self.now()

    def note_answer(self, asked: float) -> None:
        """Note that the server has answered what it was asked then: so it is back."""
        if self._away_since is not None and asked > self._away_since:
            self.outages.append((self._away_since, self.now()))
            self._away_since = None

    @staticmethod
    def now() -> float:
        """Return the time that commands note."""
        return float(Path("/proc/uptime").read_text().split()[0])

    def note_ended(self, id: int, kind: str, version: int) -> None:
        """Note how a job has ended: it is for ever."""
        before = self.ended.setdefault(id, (kind, version))
        if before != (kind, version):
            self.problems.append(f"job {id} had ended as {before}, and then as {(kind, version)}")

    def runs(self) -> list[Run]:
        """Return the runs, by their beginnings."""
        runs: dict[tuple[int, int], Run] = {}
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        for line in lines:
            what, job, agent, process, now, payload = line.split(" ", 5)
            key = int(job), int(process)
            if what == "begun":
                runs[key] = Run(int(job), agent, int(process), payload, float(now))
            else:
                runs[key].ended = float(now)
                runs[key].whole = what == "run"
        return sorted(runs.values(), key=lambda run: run.begun)

    async def compare(self, store: Store, times: int) -> Verdict:
        """Compare all that was said with what the store knows, once all jobs have ended."""
        verdict = Verdict(times=times, doubled=[*self.problems])
        counts = await _counts(store, verdict)
        verdict.jobs = counts.stored
        if counts.scheduled + counts.waiting + counts.running:
            verdict.left.append(f"not everything has ended: {counts}")
        records = {record.id: record for record in await all_of(store)}
        verdict.notes["leases lost"] = sum(one.lost + one.crashes for one in records.values())
        self._compare_submissions(records, verdict)
        by_job: dict[int, list[Run]] = defaultdict(list)
        for run in self.runs():
            by_job[run.job].append(run)
        for id, runs in by_job.items():
            self._compare_runs(records.get(id), runs, verdict)
        verdict.lost += [
            f"job {id} is done, and was never run to its end"
            for id, record in records.items()
            if record.kind == "done" and not any(run.whole for run in by_job[id])
        ]
        return verdict

    def _compare_submissions(self, records: dict[int, JobRecord], verdict: Verdict) -> None:
        numbers = Counter(record.payload for record in records.values())
        verdict.doubled += [f"{one!r} is stored {n} times" for one, n in numbers.items() if n > 1]
        for id, payload in self.stored.items():
            record = records.get(id)
            if record is None:
                verdict.lost.append(f"job {id} was acknowledged, and is gone")
            elif record.payload.decode() != f'"{payload}"':
                verdict.lost.append(f"job {id} is another one: {record.payload!r}")
            elif record.kind != "done" and not (
                record.kind == "cancelled" and id in self.cancelled
            ):
                verdict.lost.append(f"job {id} is {said(record)}")
        for id, end in self.ended.items():
            record = records.get(id)
            if record is not None and (record.kind, record.version) != end:
                verdict.doubled.append(f"job {id} had ended as {end}, and is {said(record)}")

    def _compare_runs(
        self, record: JobRecord | None, runs: Sequence[Run], verdict: Verdict
    ) -> None:
        if record is None:
            verdict.lost.append(f"job {runs[0].job} was run, and is gone")
            return
        verdict.notes["run again"] += len(runs) > 1
        verdict.notes["cut short"] += sum(not run.whole for run in runs)
        for run, later in pairwise(runs):
            if self._has_crossed(run):
                verdict.notes["ended as it was cut"] += 1
            elif self._was_silenced(run, later):
                verdict.notes["told too late"] += 1
            elif not self._was_cut(run):
                verdict.doubled.append(f"job {run.job} was run again for no reason: {run}, {later}")
            if run.ended is not None and run.ended > later.begun + 0.02:
                verdict.doubled.append(f"job {run.job} was run twice at a time: {run}, {later}")
        last = runs[-1]
        if record.kind == "done" and not last.whole:
            verdict.lost.append(f"job {record.id} is done by a run that was cut short: {last}")

    def _has_crossed(self, run: Run) -> bool:
        """Whether a command ended in the moment when its agent, which has no more time, ends it.

        Its status says nothing then: many programs end with 0 when they are told to end.
        """
        told = self.told.get(run.agent, math.inf)
        return run.whole and run.ended is not None and abs(run.ended - told - DRAIN) < _CROSSING

    def _was_silenced(self, run: Run, later: Run) -> bool:
        """Whether a lease was over since the server was away when the end was to be told."""
        if run.ended is None or later.begun < run.begun + LEASE - _LEASED:
            return False
        away = sum(
            max(0.0, min(back, later.begun) - max(gone, run.ended)) for gone, back in self.outages
        )
        return away >= _AWAY

    def _was_cut(self, run: Run) -> bool:
        """Whether a job may run again after this."""
        killed = self.killed.get(run.agent)
        if killed is None:
            return not run.whole and run.ended is not None
        if killed < run.begun - _STARTING:
            return False
        return run.ended is None or not run.whole or killed < run.ended + _REPORTED + self.away


async def _counts(store: Store, verdict: Verdict) -> QueueCounts:
    try:
        return await store.audit(QUEUE)
    except AssertionError as error:
        verdict.left.append(f"the audit says: {error}")
        return await store.statistics(QUEUE)


async def all_of(store: Store) -> list[JobRecord]:
    """Return all jobs."""
    records: list[JobRecord] = []
    before = None
    while page := await store.list(QUEUE, limit=500, before=before):
        records += page
        before = page[-1].id
    return records


def said(record: JobRecord) -> str:
    """Say what became of a job."""
    counts = f"attempt {record.attempt}, {record.crashes} crashes, lost {record.lost} times"
    return f"{record.kind or record.state}, version {record.version} ({record.error}; {counts})"
