"""Outcomes as values, the errors that go with them, and the ways to get them."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import (
    Cancelled,
    Done,
    Dropped,
    Failed,
    HandedBack,
    Interrupted,
    Job,
    JobCancelled,
    JobDropped,
    JobError,
    JobFailed,
    JobHandedBack,
    JobInterrupted,
    JobRefused,
    JobTimedOut,
    Refused,
    Rejected,
    TimedOut,
    current_job,
    open_job_queue,
)

from ..work import open_audited, sleep

EARLY = [TimedOut, Cancelled, Interrupted, Rejected, Dropped, HandedBack]
KINDS = ["timed_out", "cancelled", "interrupted", "refused", "dropped", "handed_back"]


def test_an_outcome_is_a_value() -> None:
    """Equal if all is equal, and shown with all of it."""
    assert Done(3, 1.0, 2.0) == Done(3, 1.0, 2.0)
    assert Done(3) != Done(4)
    assert Done(None) != Failed(ValueError())
    assert Cancelled("why") != Dropped("why")
    assert Cancelled("why") != "why"
    assert Cancelled("why") == mock.ANY  # other types may know better
    assert {Cancelled("a"), Cancelled("a"), Cancelled("b")} == {Cancelled("a"), Cancelled("b")}
    assert repr(Done("x", 1.0, 2.0)) == "Done(value='x', waited=1.0, ran=2.0)"
    assert repr(Failed(KeyError(1))) == "Failed(error=KeyError(1), waited=0.0, ran=0.0)"
    assert repr(HandedBack("late")) == "HandedBack(reason='late', waited=0.0, ran=0.0)"


@pytest.mark.parametrize(("kind", "cls"), [*zip(KINDS, EARLY, strict=True)], ids=KINDS)
def test_each_kind_has_a_class(kind: str, cls: Any) -> None:
    """With every attribute, of which some say nothing."""
    outcome = cls("because")
    assert (outcome.kind, outcome.reason) == (kind, "because")
    assert (outcome.value, outcome.error, outcome.waited, outcome.ran) == (None, None, 0, 0)
    match outcome:
        case cls(reason):
            assert reason == "because"


def test_a_done_and_a_failed_outcome_have_no_reason() -> None:
    """They match by what they have."""
    error = ValueError()
    for outcome in (Done(3), Failed(error)):
        match outcome:
            case Done(value):
                assert (value, outcome.kind, outcome.error, outcome.reason) == (3, "done", None, "")
            case Failed(raised):
                assert (raised, outcome.kind, outcome.value) == (error, "failed", None)
                assert outcome.reason == ""


async def handle(seconds: float) -> float:
    if seconds < 0:
        raise ValueError("negative")
    await trio.sleep(seconds)
    return seconds


async def test_result_returns_the_value_or_raises_how_the_job_ended(
    autojump_clock: MockClock,
) -> None:
    """One class for each way, with the job and its payload, shortened, in the text."""
    async with open_audited(
        handle, strategy="drop-oldest", capacity=1, workers=3, failures="collect"
    ) as queue:
        done = await queue.submit(1)
        assert await done.result() == 1
        assert await done.result() == 1
        failed = await queue.submit(-1)
        await failed.wait()
        late = await queue.submit(50, timeout=1)
        cancelled, stopped = await queue.submit(51), await queue.submit(52)
        await wait_all_tasks_blocked()
        dropped, waiting = await queue.submit(53), await queue.submit(54)
        cancelled.cancel("not needed")
        other = await queue.submit(55)
        await trio.sleep(2)
        await queue.stop(drain=0)
    expected: list[tuple[Job[Any, Any], type[JobError], str]] = [
        (failed, JobFailed, "job 2 (handle), payload -1, failed: ValueError('negative')"),
        (late, JobTimedOut, "job 3 (handle), payload 50, timed out: it ran longer than 1 s"),
        (cancelled, JobCancelled, "job 4 (handle), payload 51, was cancelled: not needed"),
        (stopped, JobInterrupted, "job 5 (handle), payload 52, was interrupted: the queue was"),
        (dropped, JobDropped, "job 6 (handle), payload 53, was dropped: oldest"),
    ]
    for job, error, text in expected:
        with pytest.raises(error) as caught:
            await job.result()
        assert type(caught.value) is error
        assert str(caught.value).startswith(text)
        assert caught.value.job is job
        assert caught.value.__cause__ is (job.outcome.error if job.outcome else job)
    assert {type(job.outcome) for job in (waiting, other)} <= {Dropped, Interrupted, HandedBack}


async def test_a_job_that_never_ran_has_no_result(autojump_clock: MockClock) -> None:
    """Whether it was handed back, or refused, which only hooks and results see."""
    ended: list[Job[Any, Any]] = []
    async with open_audited(
        handle, strategy="drop-on-full", capacity=1, on_end=ended.append
    ) as queue:
        await queue.submit(50)
        await wait_all_tasks_blocked()
        waiting = await queue.submit("x" * 1000)
        with pytest.raises(Refused):
            await queue.submit(52)
        with pytest.raises(JobRefused, match=r"payload 52, was refused: full$"):
            await ended[0].result()
        await queue.stop(drain=0)
    with pytest.raises(JobHandedBack, match="never ran: the queue was stopped") as caught:
        await waiting.result()
    assert len(str(caught.value)) < 200


async def test_a_cancelled_wait_for_a_result_leaves_the_job_alone(
    autojump_clock: MockClock,
) -> None:
    """And the other waits."""
    async with open_audited(handle) as queue:
        job = await queue.submit(3)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(job.wait)
            with trio.move_on_after(1):
                await job.result()
            assert job.state == "running"
        assert await job.result() == 3


async def test_awaiting_a_job_says_what_to_write() -> None:
    """Either is meant."""
    async with open_job_queue(handle) as queue:
        job = await queue.submit(0)
        with pytest.raises(TypeError, match=r"`await job\.result\(\)`.*`await job\.wait\(\)`"):
            await job


@pytest.mark.parametrize("how", ["cancel", "timeout", "stop", "block"])
async def test_the_reason_is_there_while_the_job_is_being_cancelled(
    how: str, autojump_clock: MockClock
) -> None:
    """The same that its outcome will have."""
    seen = []

    async def look(_: object) -> None:
        try:
            seen.append((current_job().cause, current_job().reason))
            await trio.sleep_forever()
        finally:
            seen.append((current_job().cause, current_job().reason))

    with trio.CancelScope() as scope:
        async with open_audited(look) as queue:
            job = await queue.submit(None, timeout=2 if how == "timeout" else None)
            await trio.sleep(1)
            if how == "cancel":
                job.cancel("not needed")
            if how == "stop":
                queue.stop_soon(drain=0)
            if how == "block":
                scope.cancel()
                await trio.sleep_forever()
    expected = {
        "cancel": ("cancelled", "not needed"),
        "timeout": ("timed_out", "it ran longer than 2 s"),
        "stop": ("interrupted", "the queue was stopped"),
        "block": ("cancelled", "the queue was cancelled"),
    }[how]
    assert job.outcome is not None
    assert expected == (job.cause, job.reason) == (job.outcome.kind, job.outcome.reason)
    # In a block that is left by an error, who hears of it first decides about the words.
    assert seen[0] == (None, "")
    assert seen[1][0] == expected[0]
    assert seen[1][1]


async def test_a_job_that_ends_by_itself_has_no_reason(autojump_clock: MockClock) -> None:
    """Neither before nor afterwards."""
    async with open_audited() as queue:
        job = await queue.submit(sleep(1))
        assert job.reason == ""
        await job.wait()
        assert job.reason == ""
