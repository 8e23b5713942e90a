"""Who could run a job that waits, and when it should start."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gochan.durable import (
    Ending,
    Enqueued,
    Explanation,
    KnownWorker,
    NewJob,
    Roster,
    Store,
    Worker,
    explain_job,
    moment,
    open_store,
)
from gochan.durable import _foreseeing as foreseeing


async def stored(store: Store, **options: Any) -> int:
    (answer,) = await store.enqueue([NewJob(queue="q", payload=b"1", **options)])
    assert isinstance(answer, Enqueued)
    return answer.id


async def run(store: Store, *seconds: float) -> None:
    """Run one job after the other, each for so long."""
    for each in seconds:
        await stored(store, priority=9)
        (job,) = await store.claim("q", 1, Worker("w"), 3600)
        await trio.sleep(each)
        await store.finish([Ending(job.id, job.version, "done")])


async def explained(
    store: Store, id: int, *workers: KnownWorker, known: bool = True
) -> Explanation:
    found = await explain_job(store, id, workers=workers if known else None)
    assert found is not None
    return found


def worker(name: str, **options: Any) -> KnownWorker:
    return KnownWorker(name=name, silent=options.pop("silent", 0.0), **options)


# Who could run it


@pytest.mark.parametrize(
    ("options", "workers", "sentences"),
    [
        ({}, [], ["No worker is there."]),
        ({}, [worker("a", silent=91.0)], ["No worker takes it: a (silent for 91 s)."]),
        ({}, [worker("a", phase="drain")], ["No worker takes it: a (it stops: drain)."]),
        ({}, [worker("a", phase="report")], ["No worker takes it: a (it has stopped)."]),
        (
            {"labels": {"gpu": "yes", "os": "linux"}},
            [worker("a", labels={"os": "linux"}), worker("b")],
            ["No worker has gpu=yes."],
        ),
        (
            {"labels": {"gpu": "yes", "os": "linux"}},
            [worker("a", labels={"os": "linux"}), worker("b", labels={"gpu": "yes"})],
            ["No worker is on its machine and has all its labels."],
        ),
        (
            {"machine": "oslo"},
            [worker("a", machine="rome")],
            ["No worker is on the machine 'oslo'."],
        ),
        (
            {"machine": "oslo"},
            [worker("a", machine="oslo", phase="drain"), worker("b")],
            ["No worker takes it: a (it stops: drain)."],
        ),
        ({"labels": {"gpu": "yes"}}, [worker("a", phase="drain")], ["No worker is there."]),
        ({"labels": {"gpu": "yes"}}, [worker("a", labels={"gpu": "yes"}), worker("b")], []),
        (
            {},
            [worker("a", queues=("p", "r")), worker("b", queues=("o",))],
            ["No worker asks for jobs of queue 'q'; those there ask for 'o', 'p', 'r'."],
        ),
        (
            {},
            [worker("a", queues=("p",)), worker("b", queues=("q",), phase="drain")],
            ["No worker takes it: b (it stops: drain)."],
        ),
        ({}, [worker("a", queues=("p",), silent=91.0)], ["No worker is there."]),
        ({}, [worker("a", queues=("p", "q"))], []),
        ({}, [worker("a", queues=("p",)), worker("b")], []),
    ],
)
async def test_nobody_may_run_it(
    options: dict[str, Any],
    workers: list[KnownWorker],
    sentences: list[str],
    autojump_clock: MockClock,
) -> None:
    """That is said first, and then nothing is foreseen."""
    async with open_store("memory:") as store:
        await run(store, 1.0, 1.0)
        found = await explained(store, await stored(store, **options), *workers)
    said = [one for one in found.reasons if one.startswith("No worker")]
    assert said == sentences
    assert [*found.reasons[: len(said)]] == sentences
    assert (found.starts is None) == bool(sentences)


async def test_a_store_that_knows_who_works_is_asked(autojump_clock: MockClock) -> None:
    """Unless the caller knows it better."""

    async def workers() -> list[KnownWorker]:
        return [worker("a", labels={"gpu": "yes"})]

    async with open_store("memory:") as store:
        job = await stored(store, labels={"gpu": "no"})
        assert not isinstance(store, Roster)
        store.workers = workers  # type: ignore[attr-defined]
        assert isinstance(store, Roster)
        assert (await explained(store, job, known=False)).reasons[0] == "No worker has gpu=no."
        assert (await explained(store, job)).reasons[0] == "No worker is there."


# Who is ahead


async def test_the_jobs_ahead_are_named_if_they_are_few(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order in which they start."""
    async with open_store("memory:") as store:
        await stored(store)
        job, urgent = await stored(store), await stored(store, priority=3)
        await stored(store)
        assert (
            "Ahead of it: job 3 of priority 3, job 1."
            in (await explained(store, job, known=False)).reasons
        )
        assert "Ahead" not in str(await explained(store, urgent, known=False))
        last = [await stored(store) for _ in range(3)]
        assert "Ahead of it: job 3 of" in str(await explained(store, last[1], known=False))
        assert "Ahead" not in str(await explained(store, last[2], known=False))
        monkeypatch.setattr(foreseeing, "_LISTED", 2)
        assert "Ahead" not in str(await explained(store, job, known=False))


# When it should start


async def test_the_last_jobs_say_how_fast_the_queue_is(autojump_clock: MockClock) -> None:
    """The time is rounded; the pace is seen from now, so it slows down when nothing ends."""
    async with open_store("memory:") as store:
        await run(store, *[10.0] * 5)
        jobs = [await stored(store) for _ in range(3)]
        for ahead, sentence in ((0, "10 s"), (1, "20 s"), (2, "30 s")):
            found = await explained(store, jobs[ahead], known=False)
            assert found.ahead == ahead
            assert found.reasons[-1] == (
                f"It should start in about {sentence}, if jobs go on to end as fast as lately."
            )
            assert found.starts is not None
            expected = moment(store.now()) + timedelta(seconds=10.0 * (ahead + 1))
            assert abs(found.starts - expected) < timedelta(seconds=0.1)
        await trio.sleep(40)
        assert "in about 60 s," in (await explained(store, jobs[2], known=False)).reasons[-1]
        await trio.sleep(3000)
        assert "in about 38 min," in (await explained(store, jobs[2], known=False)).reasons[-1]
        await trio.sleep(600)
        found = await explained(store, jobs[2], known=False)
        assert found.starts is None
        assert found.reasons[-1] == (
            "No job of its queue runs, and none has ended for 61 min: perhaps no worker is there."
        )


async def test_a_worker_with_room_takes_it_at_once(autojump_clock: MockClock) -> None:
    """If it says how much it runs, and there is room for all."""
    async with open_store("memory:") as store:
        jobs = [await stored(store) for _ in range(3)]
        sentence = "It should start at once."
        assert sentence in (await explained(store, jobs[2], worker("a", capacity=3))).reasons
        assert sentence not in (await explained(store, jobs[2], worker("a", capacity=2))).reasons
        assert sentence not in (await explained(store, jobs[2], worker("a"))).reasons
        await store.claim("q", 1, Worker("a"), 30)
        assert sentence in (await explained(store, jobs[2], worker("a", capacity=3))).reasons
        assert sentence not in (await explained(store, jobs[2], worker("a", capacity=2))).reasons


async def test_a_queue_in_which_nothing_has_happened(autojump_clock: MockClock) -> None:
    """Perhaps there is no worker; but if a job runs, there is one."""
    async with open_store("memory:") as store:
        first, job = await stored(store), await stored(store)
        sentence = "No job of its queue runs, and none has ended: perhaps no worker is there."
        assert (await explained(store, job, known=False)).reasons[-1] == sentence
        assert sentence not in (await explained(store, job, worker("a"))).reasons
        (record,) = await store.claim("q", 1, Worker("a"), 30)
        assert record.id == first
        found = await explained(store, job, known=False)
        assert (found.reasons, found.starts) == (("It is the next one.",), None)


async def test_what_stands_in_the_way_is_no_matter_of_time(autojump_clock: MockClock) -> None:
    """A pause, a time, an expiry, an end, a limit, workers that nobody knows: who could tell."""
    async with open_store("memory:") as store:
        await run(store, 1.0, 1.0)
        waits = await stored(store)
        later, expires = await stored(store, delay=60), await stored(store, expires=store.now() + 1)
        await trio.sleep(2)
        assert (await explained(store, later, known=False)).starts is None
        assert (await explained(store, expires, known=False)).starts is None
        assert (await explained(store, waits, known=False)).starts is not None
        for options in ({"group": "a"}, {"machine": "oslo"}, {"labels": {"gpu": "yes"}}):
            picky = await stored(store, **options)
            assert (await explained(store, picky, known=False)).starts is None
        await store.pause("q", True)
        assert (await explained(store, waits, known=False)).starts is None
        await store.cancel([waits], "not wanted")
        ended = await explained(store, waits, worker("a"))
        assert ended == replace(ended, starts=None)
        assert ended.reasons[0].startswith("It ended as cancelled")
        assert await explain_job(store, 99) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "at once"), (50, "50 s"), (400, "7 min"), (8000, "2 hours"), (200_000, "2 days")],
)
async def test_times_in_words(seconds: float, words: str, autojump_clock: MockClock) -> None:
    """The farther away, the rounder."""
    async with open_store("memory:") as store:
        await run(store, seconds, seconds)
        found = await explained(store, await stored(store), known=False)
        assert words in found.reasons[-1]
