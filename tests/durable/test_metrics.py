"""Metrics: what Prometheus is told agrees with what has happened."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan.durable import (
    NewJob,
    Retry,
    Store,
    StoreUnavailable,
    export_metrics,
    open_durable_queue,
    open_store,
)

from .broken import Broken


async def act(seconds: float) -> None:
    await trio.sleep(seconds)
    if seconds == 3.0:
        raise ValueError


def scrape(registry: CollectorRegistry) -> dict[str, float]:
    """Return the samples as a server gets them, by their names and labels."""
    text = generate_latest(registry).decode()
    return {
        " ".join([sample.name, *(f"{n}={v}" for n, v in sorted(sample.labels.items()))]): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_scrape_tells_what_is_in_the_store(store: Store, autojump_clock: MockClock) -> None:
    """As it was when it was looked at last; it may come from another thread."""
    registry = CollectorRegistry()
    async with open_durable_queue(store, "q") as queue:
        await queue.submit(1.0)
        async with export_metrics(queue, registry=registry, every=10.0):
            await queue.submit(1.0)
            await queue.submit(1.0, delay=500.0)
            job = await queue.submit(1.0)
            await job.cancel()
            await queue.pause()
            seen = scrape(registry)
            assert seen["gochan_queue_jobs queue=q state=waiting"] == 1
            assert seen["gochan_queue_paused queue=q"] == 0
            await trio.sleep(25)
            with ThreadPoolExecutor() as pool:  # while trio waits, so virtual time stands still
                seen = pool.submit(scrape, registry).result()
    assert seen["gochan_queue_jobs queue=q state=waiting"] == 2
    assert seen["gochan_queue_jobs queue=q state=scheduled"] == 1
    assert seen["gochan_queue_jobs queue=q state=running"] == 0
    assert seen["gochan_queue_kept_jobs kind=cancelled queue=q"] == 1
    assert seen["gochan_queue_kept_jobs kind=done queue=q"] == 0
    assert seen["gochan_queue_oldest_waiting_age_seconds queue=q"] == pytest.approx(25, abs=1)
    assert seen["gochan_queue_paused queue=q"] == 1
    assert seen["gochan_jobs_submitted_total queue=q"] == 4
    assert scrape(registry) == {}


async def test_a_scrape_tells_what_this_process_does(
    store: Store, autojump_clock: MockClock
) -> None:
    """Its counters, and how long runs took."""
    registry = CollectorRegistry()
    retry = Retry(max_attempts=2, jitter=0.0)
    async with (
        open_durable_queue(store, "q", act, retry=retry) as queue,
        open_durable_queue(store, "other") as other,
        export_metrics(queue, other, registry=registry, buckets=[1.0, 5.0]),
    ):
        await queue.submit_many([0.5, 2.0, 3.0])
        await store.enqueue([NewJob(queue="q", payload=b"{")])  # which is never started
        await queue.submit(100.0)
        await trio.sleep(20)
        seen = scrape(registry)
    assert seen["gochan_running_jobs queue=q"] == 1
    assert seen["gochan_jobs_ended_total kind=done queue=q"] == 2
    assert seen["gochan_jobs_ended_total kind=failed queue=q"] == 2
    assert seen["gochan_jobs_ended_total kind=failed queue=other"] == 0
    assert seen["gochan_runs_started_total queue=q"] == 5
    assert seen["gochan_runs_retried_total queue=q"] == 1
    assert seen["gochan_queue_jobs queue=q state=running"] == 1
    assert seen["gochan_queue_oldest_waiting_age_seconds queue=q"] == 0
    times = "gochan_run_duration_seconds"
    assert seen[f"{times}_bucket le=1.0 outcome=done queue=q"] == 1
    assert seen[f"{times}_bucket le=5.0 outcome=done queue=q"] == 2
    assert seen[f"{times}_count outcome=failed queue=q"] == 2
    assert seen[f"{times}_sum outcome=failed queue=q"] == pytest.approx(6.0, abs=0.01)


async def test_metrics_are_named_as_prometheus_has_it(autojump_clock: MockClock) -> None:
    """In base units, counters with ``_total``; and each has a text."""
    registry = CollectorRegistry()
    async with (
        open_store("memory:") as store,
        open_durable_queue(store, "q", act) as queue,
        export_metrics(queue, registry=registry),
    ):
        await (await queue.submit(1.0)).wait()
        families = [*text_string_to_metric_families(generate_latest(registry).decode())]
    assert len(families) > 15
    for family in families:
        assert family.name.startswith("gochan_")
        assert family.documentation.endswith(".")
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        for sample in family.samples:
            assert sample.labels["queue"] == "q"


async def test_the_last_answer_stands_while_the_store_is_away(autojump_clock: MockClock) -> None:
    """A job that waits gets older all the same; without any answer, nothing is told of it."""
    registry = CollectorRegistry()
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        async with open_durable_queue(store, "q") as queue:
            await queue.submit(1.0)
            store.errors["statistics"] = StoreUnavailable("cut")
            async with export_metrics(queue, registry=registry):
                assert "gochan_queue_jobs queue=q state=waiting" not in scrape(registry)
                store.errors.clear()
                await trio.sleep(20)
                store.errors["list"] = StoreUnavailable("cut")
                await queue.submit(1.0)
                await trio.sleep(1000)
                seen = scrape(registry)
    assert seen["gochan_queue_jobs queue=q state=waiting"] == 1
    assert seen["gochan_queue_oldest_waiting_age_seconds queue=q"] == pytest.approx(1020)


async def test_a_store_that_raises_ends_the_block(autojump_clock: MockClock) -> None:
    """Numbers that stand still without a word would be worse."""
    registry = CollectorRegistry()
    async with open_store("memory:") as real:
        store: Any = Broken(real)
        async with open_durable_queue(store, "q") as queue:
            with pytest.raises(RuntimeError, match="out of order"):
                async with export_metrics(queue, registry=registry):
                    store.errors["statistics"] = RuntimeError("out of order")
                    await trio.sleep(1000)
    assert scrape(registry) == {}


async def test_who_watches_runs_sees_what_handlers_return(autojump_clock: MockClock) -> None:
    """Inside the block, and not after it."""
    seen: list[object] = []

    async def double(number: int) -> int:
        return 2 * number

    async with open_store("memory:") as store, open_durable_queue(store, "q", double) as queue:
        with queue.watch_runs(lambda run: seen.append(run.outcome.value)):
            await (await queue.submit(4)).wait()
        await (await queue.submit(5)).wait()
        await wait_all_tasks_blocked()
    assert seen == [8]


async def test_arguments_that_make_no_sense(autojump_clock: MockClock) -> None:
    """They are told at the call."""
    async with open_store("memory:") as store, open_durable_queue(store, "q") as queue:
        for queues in ((), (queue, queue)):
            with pytest.raises(ValueError, match="needs queues of different names, not"):
                async with export_metrics(*queues):
                    pass
        with pytest.raises(ValueError, match="every must be"):
            async with export_metrics(queue, every=0):
                pass
        async with export_metrics(queue):
            with pytest.raises(ValueError, match="Duplicated timeseries"):
                async with export_metrics(queue):
                    pass


async def test_without_the_package(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    async with open_store("memory:") as store, open_durable_queue(store, "q") as queue:
        with pytest.raises(ImportError, match="install gochan with its extra metrics"):
            async with export_metrics(queue):
                pass


def test_the_packages_of_extras_are_imported_when_they_are_used() -> None:
    """Few programs need all of them."""
    program = (
        "import sys, gochan.durable\n"
        "print({'prometheus_client', 'opentelemetry', 'msgspec', 'cronsim'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n"
