"""A ledger of its own: what processes say of their jobs, compared with the store in the end."""

# Theory of operation
# -------------------
# Each process appends facts to a file, each by one write, so that a kill -9 cannot take back what
# was said, and so that nothing is said that was not so. A fact of a submission is written after
# the store has acknowledged it. The time is that of the monotonic clock, which the processes of a
# machine share.

from __future__ import annotations

import json
import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gochan.durable import JobRecord, Store

QUEUE = "q"


class Ledger:
    """The facts of one process."""

    def __init__(self, folder: Path) -> None:
        path = folder / f"{os.getpid()}-{time.monotonic_ns()}.facts"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def note(self, what: str, **details: Any) -> None:
        """Note a fact: ``ready``, ``stored``, ``begun``, ``run`` to its end, ``cut`` short, …"""
        fact = {"what": what, "at": time.monotonic(), "pid": os.getpid(), **details}
        os.write(self._descriptor, json.dumps(fact).encode() + b"\n")


def facts_in(folder: Path) -> list[dict[str, Any]]:
    """Return the facts of all processes."""
    texts = [path.read_bytes() for path in folder.glob("*.facts")]
    # A reader may see half of a write, which is a fact only when all of it is there.
    lines = [line for text in texts for line in text.split(b"\n")[:-1]]
    return sorted(map(json.loads, lines), key=lambda fact: fact["at"])


@dataclass
class Verdict:
    """What a failure has cost, all of which has to be nothing."""

    times: int = 0
    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    """What is allowed, and worth knowing."""

    @property
    def problems(self) -> list[str]:
        """All of them, for a test."""
        return [*self.lost, *self.doubled, *self.left]

    def add(self, other: Verdict) -> None:
        """Add what another run of the same failure has cost."""
        self.times += other.times
        self.jobs += other.jobs
        self.lost += other.lost
        self.doubled += other.doubled
        self.left += other.left
        self.notes += other.notes


async def compare(
    store: Store, facts: list[dict[str, Any]], *, times: int, again: bool = True
) -> Verdict:
    """Compare what was said with what the store knows, once all jobs have ended.

    Args:
        store: it is not used by anybody else any more.
        facts: of all processes.
        times: how often it has failed.
        again: whether a job may run to its end more than once, as after a kill.
    """
    verdict = Verdict(times=times)
    try:
        counts = await store.audit(QUEUE)
    except AssertionError as error:
        verdict.left.append(f"the audit says: {error}")
        counts = await store.statistics(QUEUE)
    verdict.jobs = counts.stored
    if counts.scheduled + counts.waiting + counts.running:
        verdict.left.append(f"not everything has ended: {counts}")
    records = {record.id: record async for record in _all(store)}
    _compare_submissions(verdict, facts, records)
    _compare_runs(verdict, facts, records, again=again)
    return verdict


def said(record: JobRecord | None) -> str:
    """Say what became of a job."""
    if record is None:
        return "gone"
    counts = f"attempt {record.attempt}, {record.crashes} crashes, lost {record.lost} times"
    return f"{record.kind or record.state} ({record.error}; {counts})"


async def _all(store: Store) -> Any:
    before = None
    while page := await store.list(QUEUE, limit=500, before=before):
        for record in page:
            yield record
        before = page[-1].id


def _compare_submissions(
    verdict: Verdict, facts: list[dict[str, Any]], records: dict[int, JobRecord]
) -> None:
    numbers = Counter(record.payload for record in records.values())
    verdict.doubled += [
        f"{payload!r} is stored {n} times" for payload, n in numbers.items() if n > 1
    ]
    for fact in facts:
        if fact["what"] == "stored":
            record = records.get(fact["id"])
            if record is None:
                verdict.lost.append(f"job {fact['id']} was acknowledged, and is gone")
            elif json.loads(record.payload) != fact["payload"]:
                verdict.lost.append(f"job {fact['id']} is another one: {record.payload!r}")
            elif record.kind != "done":
                verdict.lost.append(f"job {record.id} is {said(record)}")


def _compare_runs(
    verdict: Verdict,
    facts: list[dict[str, Any]],
    records: dict[int, JobRecord],
    *,
    again: bool,
) -> None:
    runs = [*_runs(facts)]
    by_job: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_job[run.job].append(run)
    for id, record in records.items():
        whole = [run for run in by_job[id] if run.whole]
        if record.kind == "done":
            pid, version = json.loads(record.result or b"")
            if (pid, version) not in [(run.pid, run.version) for run in whole]:
                verdict.lost.append(f"job {id} is done by a run that nobody knows")
            if version + 1 != record.version:
                verdict.doubled.append(f"job {id} was ended by a run that was over")
        if len(whole) > 1:
            verdict.notes["run again"] += 1
            if not again:
                verdict.doubled.append(f"job {id} was run to its end {len(whole)} times")
        for one, other in zip(by_job[id], by_job[id][1:], strict=False):
            # A process that was stopped, or whose lease was lost, knows nothing of the next run.
            if one.held_until > other.begun:
                verdict.doubled.append(f"job {id} was run twice at the same time: {one}, {other}")


@dataclass(frozen=True)
class Run:
    """One call of the handler."""

    job: int
    pid: int
    version: int
    begun: float
    held_until: float
    whole: bool


def _runs(facts: list[dict[str, Any]]) -> Iterator[Run]:
    """Yield the runs, by their beginnings."""
    ends = {
        (fact["pid"], fact["id"], fact["version"]): fact
        for fact in facts
        if fact["what"] in ("run", "cut")
    }
    gone: dict[int, list[float]] = defaultdict(list)
    for fact in facts:
        if fact["what"] in ("killed", "stopped"):
            gone[fact["of"]].append(fact["at"])
    for fact in facts:
        if fact["what"] == "begun":
            end = ends.get((fact["pid"], fact["id"], fact["version"]))
            whole = end is not None and end["what"] == "run"
            until = math.inf if end is None else end["at"]
            until = min([until, *(at for at in gone[fact["pid"]] if at > fact["at"])])
            if until == math.inf:
                until = fact["at"]  # it was the last thing that this process said
            yield Run(fact["id"], fact["pid"], fact["version"], fact["at"], until, whole)
