"""Explaining: what is said about jobs that wait, run or have ended."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from trio.testing import MockClock

from gochan.durable import (
    Ending,
    NewJob,
    QueueSettings,
    Release,
    Store,
    Worker,
)

WORKER = Worker("host:1")


def a_job(**options: object) -> NewJob:
    return NewJob(**{"queue": "q", "payload": b"1", **options})  # type: ignore[arg-type]


async def reasons(store: Store, id: int) -> Sequence[str]:
    explanation = await store.explain(id)
    assert explanation is not None
    assert str(explanation) == "\n".join(explanation.reasons)
    return explanation.reasons


async def test_a_job_waits_for_others(store: Store, autojump_clock: MockClock) -> None:
    """For its turn, for its group, for those that it needs; or because the queue is paused."""
    await store.configure("q", QueueSettings(group_limit=1))
    await store.enqueue([a_job(group="g"), a_job(group="g"), a_job(), a_job()])
    await store.enqueue([a_job(after=(1,)), a_job(after=(1, 2))])
    await store.claim("q", 1, WORKER, 30.0)
    assert await reasons(store, 2) == ("As many jobs of group 'g' run as may: 1.", NEXT)
    assert await reasons(store, 3) == ("1 job is ahead of it.",)
    assert await reasons(store, 4) == ("2 jobs are ahead of it.",)
    assert await reasons(store, 5) == ("1 other job has to end first.",)
    assert await reasons(store, 6) == ("2 other jobs have to end first.",)
    await store.pause("q", True)
    assert await reasons(store, 2) == (
        "Queue 'q' is paused.",
        "As many jobs of group 'g' run as may: 1.",
        NEXT,
    )


NEXT = "It is the next one."


async def test_a_job_waits_for_its_worker(store: Store, autojump_clock: MockClock) -> None:
    """Of a machine, with labels."""
    await store.enqueue([a_job(machine="m", labels={"gpu": "yes", "zone": "1"})])
    assert await reasons(store, 1) == (
        "It is only for the machine 'm'.",
        "It is only for workers with gpu=yes, zone=1.",
        NEXT,
    )


async def test_a_job_waits_for_its_time(store: Store, autojump_clock: MockClock) -> None:
    """And one that has expired waits for nothing."""
    await store.enqueue([a_job(delay=60.0), a_job(expires=store.now() - 1)])
    (delayed,) = await reasons(store, 1)
    assert delayed.startswith("It can start at ")
    assert delayed.endswith(" UTC, in 60 s.")
    expired, _ = await reasons(store, 2)
    assert expired.startswith("It has expired, at ")
    assert expired.endswith(", and will not start.")


async def test_a_job_waits_after_a_failure(store: Store, autojump_clock: MockClock) -> None:
    """Which is told."""
    await store.enqueue([a_job()])
    (record,) = await store.claim("q", 1, WORKER, 30.0)
    await store.release([Release(record.id, record.version, "failed", 60.0, error="Error: x")])
    _, failure = await reasons(store, 1)
    assert failure == "Attempt 1 failed: Error: x."


async def test_a_job_that_was_put_off_has_not_failed(
    store: Store, autojump_clock: MockClock
) -> None:
    """Whatever came before."""
    await store.enqueue([a_job()])
    for kind in ("failed", "later"):
        (record,) = await store.claim("q", 1, WORKER, 30.0)
        await store.release([Release(record.id, record.version, kind, 60.0, error="Error: x")])
        (_, last) = await reasons(store, 1)
        await trio.sleep(60)
        await store.tend()
    assert last == "Its handler has put it off."


async def test_a_job_waits_for_others_and_for_its_time(
    store: Store, autojump_clock: MockClock
) -> None:
    """Both are told, as long as both are to come."""
    await store.enqueue([a_job()])
    await store.enqueue([a_job(after=(1,), delay=60.0)])
    first, time = await reasons(store, 2)
    assert first == "1 other job has to end first."
    assert time.endswith(", in 60 s.")
    await trio.sleep(60)
    assert await reasons(store, 2) == (first,)


async def test_a_job_runs(store: Store, autojump_clock: MockClock) -> None:
    """Somewhere, and perhaps not for long."""
    await store.enqueue([a_job()])
    await store.claim("q", 1, WORKER, 30.0)
    (runs,) = await reasons(store, 1)
    assert runs.startswith("It runs on host:1, since ")
    await store.cancel([1], "")
    assert (await reasons(store, 1))[1] == "It is to be cancelled: no reason was given."


async def test_a_job_has_ended(store: Store, autojump_clock: MockClock) -> None:
    """Why, and what came before."""
    await store.enqueue([a_job()])
    for marks in (False, True):
        (record,) = await store.claim("q", 1, WORKER, 1.0)
        if marks:
            await store.start([record.ticket])
        await trio.sleep(2)
        await store.tend()
    (record,) = await store.claim("q", 1, WORKER, 1.0)
    await store.finish([Ending(record.id, record.version, "failed", error="Error: x")])
    end, crashes, losses = await reasons(store, 1)
    assert end.startswith("It ended as failed at ")
    assert end.endswith(": Error: x.")
    assert crashes == "Its worker was lost once while it ran."
    assert losses == "Its lease was lost once before it started."


async def test_nothing_is_said_about_a_job_that_is_not_there(
    store: Store, autojump_clock: MockClock
) -> None:
    """Neither a sentence nor an error."""
    assert await store.explain(77) is None
