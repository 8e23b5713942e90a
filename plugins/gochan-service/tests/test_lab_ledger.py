"""The ledger of a lab: what breaks which law, told to it directly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
from gochan_service._lab._ledger import AT_ONCE, RECOVERY, Ledger
from gochan_service._lab._link import Link
from trio.testing import MockClock

from gochan.durable import Ending, JobRecord, NewJob, Release, Ticket, Worker, open_store


class Job:
    """A run, as a handler sees it."""

    cause: str | None = None
    reason = ""

    def __init__(self, record: JobRecord) -> None:
        self.record = record
        self.id = record.id


async def lease_of() -> JobRecord:
    """Return a job that was leased."""
    async with open_store("memory:") as store:
        await store.enqueue([NewJob(queue="q", payload=b"1")])
        (record,) = await store.claim("q", 1, Worker("a"), 30)
    return record


class Scene:
    """A ledger in which an agent runs a job."""

    def __init__(self, record: JobRecord) -> None:
        self.ledger = Ledger()
        self.record = record
        self.later = replace(record, version=record.version + 2)
        self.link = Link()
        self.job: Any = Job(record)
        self.ledger.claimed(Worker("a"), [None, record], 30.0)
        self.run = self.ledger.begin("a", self.link, self.job)

    def finish(self, record: JobRecord, result: bytes = b"7", kind: Any = "done") -> None:
        ending = Ending(record.id, record.version, kind, result if kind == "done" else None)
        self.ledger.finished([ending], [True])

    def begin_again(self, cause: str | None = None) -> Any:
        job: Any = Job(self.later)
        job.cause = cause
        self.ledger.claimed(Worker("b"), [self.later], 30.0)
        return self.ledger.begin("b", Link(), job)

    @property
    def laws(self) -> list[str]:
        return [breach.partition(":")[0] for breach in self.ledger.breaches]


@pytest.fixture
async def scene(autojump_clock: MockClock) -> Scene:
    return Scene(await lease_of())


async def test_a_run_that_is_reported_breaks_nothing(
    autojump_clock: MockClock, scene: Scene
) -> None:
    """And is counted."""
    scene.ledger.acknowledge(1)
    scene.ledger.end(scene.run, b"7")
    scene.finish(scene.record)
    scene.ledger.finished([Ending(1, scene.record.version, "done", b"7")], [False])
    ended = replace(scene.record, state="ended", kind="done", result=b"7", ended=datetime.now(UTC))
    scene.ledger.audit([ended])
    assert scene.laws == []
    assert scene.ledger.counts == {"submitted": 1, "done": 1}


async def test_a_lease_that_is_not_over_belongs_to_one(
    autojump_clock: MockClock, scene: Scene
) -> None:
    """It may be extended; a report ends it, and so does time."""
    scene.ledger.extended([scene.record.ticket, Ticket(5, 5)], ["held", "held"], 40.0)
    await trio.sleep(35)
    scene.ledger.claimed(Worker("b"), [scene.later], 30.0)
    assert scene.laws == ["one lease"]


async def test_a_drained_agent_leases_nothing(autojump_clock: MockClock, scene: Scene) -> None:
    """Until it is undrained."""
    scene.finish(scene.record, b"7")
    scene.ledger.drained("b")
    scene.ledger.claimed(Worker("b"), [], 30.0)
    scene.ledger.undrained("b")
    scene.ledger.claimed(Worker("b"), [scene.later], 30.0)
    assert "drain" not in scene.laws
    scene.ledger.drained("b")
    later = replace(scene.later, version=scene.later.version + 2)
    scene.ledger.claimed(Worker("b"), [later], 30.0)
    assert "drain" in scene.laws


async def test_a_lease_ends_by_time(autojump_clock: MockClock, scene: Scene) -> None:
    """If the answer was that it is lost, it is not longer."""
    scene.ledger.extended([scene.record.ticket], ["lost"], 40.0)
    await trio.sleep(30)
    scene.ledger.claimed(Worker("b"), [scene.later], 30.0)
    assert scene.laws == []


async def test_a_late_report_is_blamed(autojump_clock: MockClock, scene: Scene) -> None:
    """Of a run that is over, or of none."""
    scene.ledger.released([Release(1, scene.record.version, "failed")] * 2, [True, False])
    assert scene.laws == []
    scene.ledger.released([Release(1, scene.record.version, "failed")], [True])
    assert scene.laws == ["late report"]
    scene.ledger.finished([Ending(9, 9, "failed")], [True])
    assert scene.laws == ["late report", "late report"]


async def test_a_job_ends_once(autojump_clock: MockClock, scene: Scene) -> None:
    """Unless somebody lets it run again."""
    scene.finish(scene.record, kind="failed")
    scene.ledger.retried([1, 2], ["retried", "live"])
    scene.ledger.end(scene.run)
    scene.ledger.end(scene.begin_again(), b"8")
    scene.finish(scene.later, b"8")
    assert scene.laws == []
    scene.ledger.claimed(Worker("a"), [replace(scene.record, version=9)], 30.0)
    scene.finish(replace(scene.record, version=9), kind="failed")
    assert scene.laws == ["one outcome"]


async def test_a_job_may_run_again_in_the_moment_of_its_end(
    autojump_clock: MockClock, scene: Scene
) -> None:
    """Though the ledger hears of that first; at any other moment, nothing is made of it."""
    for id, pause, laws in ((7, 0.0, []), (8, 1.0, ["one outcome"])):
        scene.ledger.retried([id], ["retried"])
        await trio.sleep(pause)
        scene.ledger.cancelled([id], ["ended"], "x")
        record = replace(scene.record, id=id)
        scene.ledger.claimed(Worker("a"), [record], 30.0)
        scene.finish(record, kind="failed")
        assert scene.laws == laws


async def test_a_result_comes_from_a_run(autojump_clock: MockClock, scene: Scene) -> None:
    """And is the one that it returned."""
    scene.finish(scene.record, b"8")
    assert scene.laws == ["nothing lost"]
    record = replace(scene.record, id=5, state="ended", kind="done", result=b"8")
    scene.ledger.acknowledge(5)
    scene.ledger.audit([record])
    assert scene.laws == ["nothing lost"] * 2


async def test_what_was_acknowledged_is_there(autojump_clock: MockClock, scene: Scene) -> None:
    """And what has ended, has ended."""
    scene.ledger.acknowledge(4)
    scene.ledger.cancelled([1], ["ended"], "no")
    scene.ledger.audit([scene.record])
    assert scene.laws == ["one outcome", "nothing lost"]


async def test_a_job_runs_at_one_place(autojump_clock: MockClock, scene: Scene) -> None:
    """A process that was killed does not count, nor does one that has been told."""
    await trio.sleep(31)
    scene.begin_again()
    assert scene.laws == ["one run"]


@pytest.mark.parametrize("how", ["killed", "told"])
async def test_a_job_may_run_elsewhere_when_its_lease_is_over(
    autojump_clock: MockClock, scene: Scene, how: str
) -> None:
    """As soon as the first has been told, or is dead."""
    await trio.sleep(31)
    if how == "killed":
        scene.link.cut()
    else:
        scene.job.cause = "lost_lease"
    scene.ledger.end(scene.begin_again(), b"1")
    scene.ledger.end(scene.run, b"1")
    assert scene.laws == []
    assert scene.ledger.counts["run again"] == (how == "told")


async def test_a_job_runs_once_to_its_end(autojump_clock: MockClock, scene: Scene) -> None:
    """Unless its lease was over."""
    scene.ledger.end(scene.run, b"7")
    scene.ledger.released([Release(1, scene.record.version, "interrupted")], [True])
    scene.begin_again()
    assert scene.laws == ["one run"]


async def test_a_run_ends_before_its_lease(autojump_clock: MockClock, scene: Scene) -> None:
    """Or has been told to."""
    await trio.sleep(29)
    scene.ledger.look()
    assert scene.laws == []
    await trio.sleep(2)
    scene.ledger.look()
    assert scene.laws == ["one run"]


async def test_a_cancel_is_heard_at_once(autojump_clock: MockClock, scene: Scene) -> None:
    """If nothing is in the way; then as soon as it may be."""
    scene.ledger.cancelled([1, 1, 2], ["signalled", "signalled", "unknown"], "no")
    await trio.sleep(AT_ONCE)
    scene.ledger.look()
    scene.link.note_trouble()
    await trio.sleep(RECOVERY)
    scene.ledger.look()
    assert scene.laws == []
    await trio.sleep(AT_ONCE + 0.1)
    scene.ledger.look()
    assert scene.laws == ["cancel"]


async def test_a_cancel_is_heard_by_the_end_of_the_lease(
    autojump_clock: MockClock, scene: Scene
) -> None:
    """Whatever is in the way."""
    scene.link.change(up=False)
    scene.ledger.cancelled([1], ["signalled"], "no")
    for _ in range(8):
        scene.ledger.extended([scene.record.ticket], ["held"], 30.0)
        await trio.sleep(5.1)
        scene.ledger.look()
    assert scene.laws == ["cancel"]


async def test_a_cancel_is_for_one_run(autojump_clock: MockClock, scene: Scene) -> None:
    """Not for the next; and who is cancelled for another reason has not heard of it."""
    scene.ledger.cancelled([1], ["signalled"], "no")
    scene.job.cause = "cancelled"
    scene.ledger.end(scene.run)
    await trio.sleep(31)
    run = scene.begin_again("cancelled")
    scene.ledger.end(run)
    assert scene.laws == []
    scene.ledger.released([Release(1, scene.later.version, "failed")], [True])
    scene.later = replace(scene.later, version=9)
    run = scene.begin_again("cancelled")
    run.job.reason = "no"
    scene.ledger.end(run)
    assert scene.laws == ["stray cancel"]


async def test_an_idle_agent_has_what_waits(autojump_clock: MockClock, scene: Scene) -> None:
    """At once; another job is another wait."""
    ledger = scene.ledger
    ledger.note_waiting("b", scene.link, Ticket(2, 1))
    await trio.sleep(AT_ONCE)
    ledger.note_waiting("b", scene.link, Ticket(3, 1))
    await trio.sleep(AT_ONCE)
    ledger.note_waiting("b", scene.link, None)
    ledger.note_waiting("b", scene.link, Ticket(3, 1))
    await trio.sleep(AT_ONCE)
    ledger.note_waiting("b", scene.link, Ticket(3, 1))
    assert scene.laws == []
    await trio.sleep(0.1)
    ledger.note_waiting("b", scene.link, Ticket(3, 1))
    assert scene.laws == ["wake-up"]
