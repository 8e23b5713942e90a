"""Telling: hooks, counters and logs say what the runs of a process have come to."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan.durable import (
    EndedRun,
    Ending,
    NewJob,
    ProcessCounters,
    Release,
    Retry,
    RetryLater,
    RunningJob,
    Store,
    StoreUnavailable,
    current_job,
    open_durable_queue,
    open_store,
)

from .broken import Broken


async def act(what: Any) -> object:
    """Do what a payload says."""
    match what:
        case "fail":
            raise ValueError("as it was told")
        case "later":
            raise RetryLater(10.0, count=False)
        case float():
            await trio.sleep(what)
    return what


RETRY = Retry(max_attempts=2, jitter=0.0)


# Hooks


async def test_hooks_are_told_of_each_run(store: Store, autojump_clock: MockClock) -> None:
    """Of its start, and of its end, with what will be written about it."""
    told: list[Any] = []

    def on_start(job: RunningJob) -> None:
        told.append((job.id, job.attempt, job.record.state))

    def on_end(run: EndedRun) -> None:
        told.append((run.id, run.attempt, run.outcome.kind, run.kind))
        told.append(run.written)

    async with open_durable_queue(
        store, "q", act, retry=RETRY, on_start=on_start, on_end=on_end
    ) as queue:
        await queue.submit("fail")
        await queue.join()
        first, again = told[2].version, told[5].version
        assert again > first
        assert told == [
            (1, 1, "running"),
            (1, 1, "failed", None),
            Release(1, first, "failed", 1.0, error="ValueError: as it was told"),
            (1, 2, "running"),
            (1, 2, "failed", "failed"),
            Release(1, again, "failed", 2.0, error="ValueError: as it was told"),
        ]
        told.clear()
        await (await queue.submit({"a": [1]})).wait()
        assert told[1] == (2, 1, "done", "done")
        assert told[2] == Ending(2, told[2].version, "done", b'{"a":[1]}')


async def test_a_hook_sees_what_the_handler_returned(
    store: Store, autojump_clock: MockClock
) -> None:
    """The very object, not a copy from the store; and when the job was leased."""
    runs: list[EndedRun] = []
    result = {"x": 1}

    async def give(_: object) -> object:
        return result

    async with open_durable_queue(store, "q", give, on_end=runs.append) as queue:
        await (await queue.submit(1)).wait()
    (run,) = runs
    assert run.outcome.value is result
    assert run.started
    assert run.record.payload == b"1"
    assert repr(run) == "<gochan.durable.EndedRun 1: attempt 1, done>"


async def test_a_hook_is_told_of_jobs_that_never_start(
    store: Store, autojump_clock: MockClock
) -> None:
    """Since they cannot be decoded, or since the queue stops."""
    runs: list[EndedRun] = []
    await store.enqueue([NewJob(queue="q", payload=b"{", codec="tape")])
    async with open_durable_queue(store, "q", act, workers=1, on_end=runs.append) as queue:
        await queue.join()
        (run,) = runs
        assert (run.started, run.outcome.kind, run.kind) == (False, "failed", "failed")
        await queue.submit_many([0.001] * 1000)
        await trio.sleep(1)
        await queue.submit_many([1000.0] * 50)
        await trio.sleep(5)
        runs.clear()
        await queue.stop(drain=0, grace=0)
        kinds = [(run.outcome.kind, run.started, run.kind) for run in runs]
    assert kinds.count(("interrupted", True, None)) == 1
    assert set(kinds) == {("interrupted", True, None), ("cancelled", False, None)}


async def test_a_lost_lease_leaves_nothing_to_write(autojump_clock: MockClock) -> None:
    """The hook is told so."""
    runs: list[EndedRun] = []
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        async with open_durable_queue(store, "q", act, lease=10.0, on_end=runs.append) as queue:
            await queue.submit(1000.0)
            await wait_all_tasks_blocked()
            for method in ("extend", "claim", "tend"):
                store.errors[method] = StoreUnavailable("cut")
            await trio.sleep(20)
            assert [(run.outcome.kind, run.written, run.kind) for run in runs] == [
                ("cancelled", None, None)
            ]
            assert queue.counters().lost_leases == 1
            store.errors.clear()
            await queue.stop(drain=0, grace=0)


@pytest.mark.parametrize("name", ["on_start", "on_end"])
async def test_a_hook_that_raises_ends_the_queue(
    store: Store, name: str, autojump_clock: MockClock
) -> None:
    """With its error, which says whose it is. A job whose start it spoilt has not run."""
    ran: list[object] = []

    async def note(payload: object) -> None:
        ran.append(payload)

    def spoil(_: object) -> None:
        raise KeyError("spoilt")

    with pytest.raises(KeyError) as raised:
        async with open_durable_queue(store, "q", note, **{name: spoil}) as queue:  # type: ignore[arg-type]
            await queue.submit(1)
            await trio.sleep(100)
    assert raised.value.__notes__[0].startswith(
        f"raised by {name} of queue 'q', called with <gochan.durable."
    )
    counts = await store.audit("q")
    if name == "on_start":
        assert (counts.waiting, ran) == (1, [])
        assert (await store.look([1]))[0].attempt == 0  # type: ignore[union-attr]
    else:
        assert (counts.done, ran) == (1, [1])


async def test_a_hook_that_raises_for_a_job_that_cannot_be_decoded(
    store: Store, autojump_clock: MockClock
) -> None:
    """It is the same; the end of the job is written."""

    def spoil(_: object) -> None:
        raise KeyError("spoilt")

    await store.enqueue([NewJob(queue="q", payload=b"{", codec="tape")])
    with pytest.raises(KeyError, match="spoilt"):
        async with open_durable_queue(store, "q", act, on_end=spoil):
            await trio.sleep(100)
    assert (await store.audit("q")).failed == 1


async def test_a_hook_must_not_be_async(store: Store, autojump_clock: MockClock) -> None:
    """Also if that cannot be told before it is called."""

    def hook(_: object) -> object:
        return act("later")

    with pytest.raises(TypeError, match="on_start must be a plain function, not an async one"):
        async with open_durable_queue(store, "q", act, on_start=hook) as queue:
            await queue.submit(1)
            await trio.sleep(100)


# Counters


async def test_counters_count_what_happens_here(store: Store, autojump_clock: MockClock) -> None:
    """Each job once, in the end."""
    async with (
        open_durable_queue(store, "q") as web,
        open_durable_queue(store, "q", act, retry=RETRY, workers=2) as queue,
    ):
        await web.submit_many(["fail", 2.0, 3.0], max_attempts=2)
        await web.submit(1, key="a", delay=50)
        await web.submit(1, key="a", delay=50)
        await queue.submit("later", expires=25.0)
        timed = await queue.submit(9.0, timeout=1.0, max_attempts=1)
        await timed.wait()
        await queue.join()
        job = await queue.submit(100.0)
        await wait_all_tasks_blocked()
        counters = queue.counters()
        assert (counters.running, counters.held) == (1, 1)
        await job.cancel()
        await job.wait()
        await queue.submit(100.0)
        await wait_all_tasks_blocked()
        await queue.stop(drain=0, grace=0)
        assert web.counters().submitted == 4
        counters = queue.counters()
    assert counters.held == 0
    assert counters == ProcessCounters(
        submitted=4,
        claimed=counters.started,
        held=0,
        started=11,
        running=0,
        done=3,
        failed=1,
        timed_out=1,
        cancelled=1,
        dropped=0,
        retried=1,
        put_off=3,
        given_back=1,
        lost_leases=0,
        stale_writes=0,
        outages=0,
        seconds_waited=counters.seconds_waited,
        seconds_ran=pytest.approx(2.0 + 3.0 + 1.0, abs=0.01),
    )
    assert 0 < counters.seconds_waited < 20


async def test_a_late_end_is_a_stale_write(autojump_clock: MockClock) -> None:
    """The store refuses it, since the job is somebody else's."""
    async with open_store("memory:") as store, open_durable_queue(store, "q", act) as queue:
        job = await queue.submit(5.0)
        await wait_all_tasks_blocked()
        record = await job.record()
        await store.release([Release(record.id, record.version, "interrupted", 100.0)])
        await trio.sleep(10)
        assert queue.counters().stale_writes == 1
        assert queue.counters().done == 0


async def test_a_job_that_was_ended_in_a_transaction_is_done(
    tmp_path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What is written about it afterwards is refused, as it has to be; that is no trouble."""
    caplog.set_level(logging.INFO, "gochan.durable")
    path = tmp_path / "jobs.db"

    async def work(_: object) -> str:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        store.finish_in(connection, current_job(), "here")  # type: ignore[attr-defined]
        connection.execute("COMMIT")
        connection.close()
        return "there"

    runs: list[EndedRun] = []
    async with (
        open_store(f"sqlite:{path}") as store,
        open_durable_queue(store, "q", work, on_end=runs.append) as queue,
    ):
        outcome = await (await queue.submit(1)).wait()
        await wait_all_tasks_blocked()
        counters = queue.counters()
    assert outcome.value == "here"
    assert [run.kind for run in runs] == ["done"]
    assert (counters.done, counters.stale_writes, counters.retried) == (1, 0, 0)
    assert [one.getMessage() for one in caplog.records] == [
        "job 1 of queue 'q' is done after 0.000 s"
    ]


async def test_outages_are_counted_and_told_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is one warning, however often the store was asked meanwhile; its end is told, too."""
    caplog.set_level(logging.INFO, "gochan.durable")
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        async with open_durable_queue(store, "q", act) as queue:
            for _ in range(2):
                job = await queue.submit(1.0)
                await wait_all_tasks_blocked()
                store.errors["finish"] = store.errors["claim"] = StoreUnavailable("cut")
                await trio.sleep(10)
                del store.errors["finish"]
                await trio.sleep(10)
                del store.errors["claim"]
                await job.wait()
                await trio.sleep(10)
            assert queue.counters().outages == 2
    told = [one for one in caplog.records if one.name == "gochan.durable.stores"]
    assert [one.levelname for one in told] == ["WARNING", "INFO"] * 2
    assert told[0].getMessage() == "queue 'q' cannot use its store memory:, and tries again: cut"
    assert told[1].getMessage().startswith("queue 'q' can use its store memory: again, after ")
    assert (told[0].queue, told[0].store) == ("q", "memory:")  # type: ignore[attr-defined]


async def test_a_call_that_is_not_repeated_is_no_outage_for_ever(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A submit that gave up says nothing half a minute later."""
    caplog.set_level(logging.INFO, "gochan.durable")
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        async with open_durable_queue(store, "q", act) as queue:
            store.errors["enqueue"] = StoreUnavailable("cut")
            with pytest.raises(StoreUnavailable):
                await queue.submit_many([1], wait_for_store=False)
            await trio.sleep(60)
            await queue.join()
            assert [one.levelname for one in caplog.records] == ["WARNING", "INFO"]
            with trio.move_on_after(10) as scope:
                await queue.submit_many([1])
            assert scope.cancelled_caught


# Logs


async def test_what_is_logged(
    store: Store, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With the attributes by which it can be searched."""
    caplog.set_level(logging.DEBUG, "gochan.durable")
    async with open_durable_queue(store, "q", act, retry=RETRY, machine="here", workers=1) as queue:
        for payload in ("ok", "fail", "later", 5.0):
            job = await queue.submit(payload, timeout=2.5, expires=40.0)
            await job.wait()
        job = await queue.submit(100.0)
        await wait_all_tasks_blocked()
        await job.cancel("enough")
        await job.wait()
        await queue.submit(100.0)
        await wait_all_tasks_blocked()
        await queue.stop(drain=0, grace=0)
    said = [
        f"{one.levelname} {one.getMessage()}" for one in caplog.records
        if one.levelno > logging.DEBUG
    ]  # fmt: skip
    assert said == [
        "INFO job 1 of queue 'q' is done after 0.000 s",
        "WARNING job 2 of queue 'q' failed on attempt 1 of 2, and runs again in 1.0 s: "
        "ValueError: as it was told",
        "ERROR job 2 of queue 'q' failed on attempt 2 of 2: ValueError: as it was told",
        *["INFO job 3 of queue 'q' is put off: the job puts itself off for 10.0 s"] * 4,
        "WARNING job 4 of queue 'q' timed out on attempt 1 of 2, and runs again in 1.0 s: "
        "it ran longer than 2.5 s",
        "ERROR job 4 of queue 'q' timed out on attempt 2 of 2: it ran longer than 2.5 s",
        "INFO job 5 of queue 'q' is cancelled: enough",
        "INFO job 6 of queue 'q' is given back: the queue was stopped",
    ]
    starts = [one for one in caplog.records if one.getMessage().endswith(" starts")]
    assert len(starts) == 11
    first: Any = starts[0]
    assert (first.queue, first.job, first.attempt) == ("q", 1, 1)
    assert first.worker.startswith("here:")
    (failure,) = [one for one in caplog.records if one.levelname == "ERROR" and one.exc_info][:1]
    assert failure.exc_info is not None
    assert isinstance(failure.exc_info[1], ValueError)


async def test_what_is_logged_of_jobs_that_are_shed_or_given_back(
    store: Store, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """They have not started."""
    caplog.set_level(logging.DEBUG, "gochan.durable.jobs")
    async with open_durable_queue(
        store, "q", act, workers=1, strategy="drop-on-full(capacity=1)"
    ) as queue:
        await queue.submit_many([0.001] * 1000)
        await queue.join()
        assert queue.counters().dropped > 0
    assert "is dropped: " in caplog.text
    async with open_durable_queue(store, "q", act, workers=2) as queue:
        await queue.submit_many([0.001] * 2000)
        await trio.sleep(0.5)
        await queue.submit_many([100.0] * 500)
        await trio.sleep(2)
        await queue.stop(drain=0, grace=0)
    assert "is given back, and has not started" in caplog.text


def test_nothing_is_printed_without_a_handler_of_the_programs_own() -> None:
    """As for other libraries."""
    import subprocess
    import sys

    program = (
        "import gochan.durable, logging\n"
        "logging.getLogger('gochan.durable.jobs').error('quiet')\n"
        "logging.getLogger('another').error('loud')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == "loud\n"
