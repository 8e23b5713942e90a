"""The ledger finds what is lost, doubled or left behind; so a count of nothing means something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gochan.durable import Ending, NewJob, Store, Worker, open_store

from .ledger import QUEUE, Ledger, Verdict


@asynccontextmanager
async def kept(folder: Path, *payloads: str, done: int = 1) -> AsyncIterator[tuple[Ledger, Store]]:
    """Open a store with jobs, some of which are done; a ledger knows all of them."""
    ledger = Ledger(folder / "ledger")
    async with open_store("memory:") as store:
        for payload in payloads:
            (stored,) = await store.enqueue([NewJob(queue=QUEUE, payload=f'"{payload}"'.encode())])
            ledger.stored[stored.id] = payload  # type: ignore[union-attr]
        for record in await store.claim(QUEUE, done, Worker("a"), 30):
            await store.start([record.ticket])
            await store.finish([Ending(record.id, record.version, "done", b"null")])
        yield ledger, store


def say(ledger: Ledger, *lines: str) -> None:
    """Write what commands write."""
    ledger.path.write_text("".join(f"{line}\n" for line in lines))


async def verdict_of(folder: Path, *lines: str, killed: float | None = None) -> Verdict:
    """Return what comes of one job that is done, with these lines about it."""
    async with kept(folder, "x") as (ledger, store):
        say(ledger, *lines)
        if killed is not None:
            ledger.killed["agent-1"] = killed
        return await ledger.compare(store, 1)


FIRST = ("begun 1 agent-1 70 10.00 x", "run 1 agent-1 70 10.10 x")
AGAIN = ("begun 1 agent-2 80 40.00 x", "run 1 agent-2 80 40.10 x")
CUT = "cut 1 agent-1 70 10.10 x"


async def test_a_job_that_was_run_once_is_in_order(tmp_path: Path) -> None:
    """Nothing is said of it."""
    verdict = await verdict_of(tmp_path, *FIRST)
    assert (verdict.jobs, verdict.problems) == (1, [])


async def test_a_job_may_run_again_if_its_agent_was_killed(tmp_path: Path) -> None:
    """While it ran or started, or before the server can have heard of its end; or if it was cut."""
    assert (await verdict_of(tmp_path, FIRST[0], *AGAIN, killed=10.05)).problems == []
    assert (await verdict_of(tmp_path, FIRST[0], *AGAIN, killed=9.2)).problems == []
    assert (await verdict_of(tmp_path, *FIRST, *AGAIN, killed=12)).problems == []
    assert (await verdict_of(tmp_path, FIRST[0], CUT, *AGAIN)).problems == []


async def test_a_job_that_runs_again_for_no_reason_is_doubled(tmp_path: Path) -> None:
    """Nobody was killed; or before it began, or long after its end."""
    for killed in (None, 8.9, 25.0):
        verdict = await verdict_of(tmp_path, *FIRST, *AGAIN, killed=killed)
        assert "run again for no reason" in verdict.doubled[0]


async def test_a_job_may_run_again_if_its_end_could_not_be_told(tmp_path: Path) -> None:
    """Since the server was away, for long, and the lease was over; else it is doubled."""
    for outages, begun, doubled in (
        ([(11.0, 38.0)], 40.0, 0),
        ([(9.0, 18.0), (19.0, 25.0), (30.0, 99.0)], 40.0, 0),
        ([], 40.0, 1),
        ([(0.0, 10.1), (40.0, 99.0)], 40.0, 1),
        ([(11.0, 24.0)], 40.0, 1),
        ([(11.0, 38.0)], 34.0, 1),
    ):
        again = AGAIN[0].replace("40.00", f"{begun:.2f}"), AGAIN[1].replace("40.10", "55.00")
        async with kept(tmp_path, "x") as (ledger, store):
            say(ledger, *FIRST, *again)
            ledger.outages = outages
            verdict = await ledger.compare(store, 1)
        assert (len(verdict.problems), verdict.notes["told too late"]) == (doubled, 1 - doubled)


def test_an_outage_lasts_until_the_server_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked before it may be answered from a buffer."""
    ledger = Ledger(tmp_path)

    def at(moment: float) -> Ledger:
        monkeypatch.setattr(Ledger, "now", lambda _: moment)
        return ledger

    at(0.5).note_answer(0.0)
    at(1.0).note_away()
    at(2.0).note_away()
    at(2.5).note_answer(0.9)
    at(3.0).note_answer(2.0)
    at(9.0).note_answer(4.0)
    assert ledger.outages == [(1.0, 3.0)]


async def test_a_job_may_end_as_it_is_cut(tmp_path: Path) -> None:
    """When its agent has no more time; not before, and not of another agent."""
    for told, agent, problems in ((9.9, "agent-1", 0), (9.0, "agent-1", 1), (9.9, "agent-2", 1)):
        async with kept(tmp_path, "x") as (ledger, store):
            say(ledger, *FIRST, *AGAIN)
            ledger.told[agent] = told
            assert len((await ledger.compare(store, 1)).problems) == problems


async def test_runs_at_the_same_time_are_doubled(tmp_path: Path) -> None:
    """Though the agent of one was killed: its guardian had to end the command."""
    lines = FIRST[0], "begun 1 agent-2 80 10.05 x", CUT, "run 1 agent-2 80 10.15 x"
    verdict = await verdict_of(tmp_path, *lines, killed=10.01)
    assert "twice at a time" in verdict.doubled[0]


async def test_what_is_done_was_run_to_its_end(tmp_path: Path) -> None:
    """Not cut short, and not never."""
    assert "never run" in (await verdict_of(tmp_path)).lost[0]
    lost = (await verdict_of(tmp_path, FIRST[0], CUT)).lost
    assert "cut short" in lost[0]


async def test_what_was_acknowledged_is_there_once_and_ended(tmp_path: Path) -> None:
    """As it was submitted, and cancelled only if somebody has cancelled it."""
    async with kept(tmp_path, "x", "y", "y") as (ledger, store):
        say(ledger, *FIRST)
        ledger.stored[9] = "z"
        ledger.stored[3] = "other"
        await store.cancel([2], "somebody")
        verdict = await ledger.compare(store, 1)
        ledger.cancelled.add(2)
        later = await ledger.compare(store, 1)
    assert [line.split(",")[0] for line in verdict.lost] == [
        "job 2 is cancelled", "job 3 is another one: b'\"y\"'", "job 9 was acknowledged",
    ]  # fmt: skip
    assert verdict.doubled == ["""b'"y"' is stored 2 times"""]
    assert "not everything has ended" in verdict.left[0]
    assert len(later.lost) == 2


async def test_an_end_is_for_ever(tmp_path: Path) -> None:
    """As it was seen first."""
    async with kept(tmp_path, "x") as (ledger, store):
        say(ledger, *FIRST)
        ledger.note_ended(1, "failed", 1)
        ledger.note_ended(1, "done", 1)
        verdict = await ledger.compare(store, 1)
    assert len(verdict.doubled) == 2
