"""Periodic jobs: one for each tick, in the whole fleet."""

from __future__ import annotations

import math
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trio
from trio.testing import MockClock

from gochan.durable import (
    DurableQueue,
    Keep,
    Store,
    StoreUnavailable,
    open_durable_queue,
    open_store,
    periodic,
)

from .broken import Broken


async def nothing(_: object) -> None:
    pass


async def ticks(store: Store, queue: DurableQueue[str, None]) -> list[datetime]:
    """Return when jobs were to run, the oldest first."""
    records = await queue.jobs(limit=1000)
    return [record.run_at for record in reversed(records) if record.run_at is not None]


async def test_each_tick_has_one_job(store: Store, autojump_clock: MockClock) -> None:
    """However many processes submit it."""
    async with open_durable_queue(store, "q", nothing) as queue:
        async with (
            periodic(queue, "*/5 * * * *", "report"),
            periodic(queue, "*/5 * * * *", "report"),
        ):
            await trio.sleep(3600)
        found = await ticks(store, queue)
        assert len(found) in (12, 13)
        assert {tick.minute % 5 for tick in found} == {0}
        assert all(b - a == timedelta(minutes=5) for a, b in pairwise(found))
        record = (await queue.jobs(limit=1, kind="done"))[0]
        assert record.headers["periodic"] == "*/5 * * * *"


async def test_two_of_one_queue_have_names(store: Store, autojump_clock: MockClock) -> None:
    """So that each has its jobs."""
    async with open_durable_queue(store, "q", nothing) as queue:
        async with (
            periodic(queue, "0 * * * *", "a", name="first"),
            periodic(queue, "0 * * * *", "b", name="second"),
        ):
            await trio.sleep(3 * 3600)
        payloads = [queue.decode(record) for record in await queue.jobs(kind="done")]
    assert payloads.count("a") == payloads.count("b") == 3


@pytest.mark.parametrize(("catch_up", "kinds"), [("last", ["done"]), ("none", ["dropped"])])
async def test_a_tick_that_nobody_saw(
    store: Store, autojump_clock: MockClock, catch_up: str, kinds: list[str]
) -> None:
    """Its job starts late, or not at all."""
    async with open_durable_queue(store, "q") as queue:
        async with periodic(queue, "0 * * * *", "x", catch_up=catch_up):  # type: ignore[arg-type]
            await trio.sleep(1)
        await trio.sleep(5 * 3600)
    async with open_durable_queue(store, "q", nothing) as queue:
        await queue.join()
        assert [record.kind for record in await queue.jobs()] == kinds


async def test_all_ticks_that_nobody_saw(store: Store, autojump_clock: MockClock) -> None:
    """Each gets its job, if that is wanted."""
    async with open_durable_queue(store, "q", nothing) as queue:
        for _ in range(2):
            async with periodic(queue, "0 * * * *", "x", catch_up="all"):
                await trio.sleep(1)
            await trio.sleep(5 * 3600)
        await queue.join()
        found = await ticks(store, queue)
    assert all(b - a == timedelta(hours=1) for a, b in pairwise(found))
    assert len(found) == 6


@pytest.mark.parametrize("catch_up", ["last", "all"])
async def test_ticks_at_which_the_store_was_away(
    store: Store, autojump_clock: MockClock, catch_up: str
) -> None:
    """They are caught up as those are at which no process was there."""
    broken: Any = Broken(store)
    async with open_durable_queue(broken, "q", nothing) as queue:
        async with periodic(queue, "0 * * * *", "x", catch_up=catch_up):  # type: ignore[arg-type]
            await trio.sleep(2 * 3600)
            broken.errors["enqueue"] = StoreUnavailable("cut")
            await trio.sleep(5 * 3600)
            broken.errors.clear()
            await trio.sleep(3600)
        found = await ticks(store, queue)
    gaps = Counter(b - a for a, b in pairwise(sorted(found)))
    assert len(gaps) == (1 if catch_up == "all" else 2)
    assert gaps[timedelta(hours=1)] == len(found) - (1 if catch_up == "all" else 2)


async def test_nothing_is_caught_up_at_the_first_time(
    store: Store, autojump_clock: MockClock
) -> None:
    """Nor where other jobs are."""
    async with open_durable_queue(store, "q", nothing) as queue:
        await queue.submit("other")
        async with periodic(queue, "0 * * * *", "x", catch_up="all"):
            await trio.sleep(1)
        assert len(await queue.jobs()) == 2


async def test_a_line_is_meant_in_a_timezone(store: Store, autojump_clock: MockClock) -> None:
    """Nine o'clock is nine o'clock, in summer as in winter."""
    tokyo = ZoneInfo("Asia/Tokyo")
    async with open_durable_queue(store, "q", nothing) as queue:
        async with periodic(queue, "0 9 * * *", "x", timezone=tokyo):
            await trio.sleep(2 * 86_400)
        (first, *_) = await ticks(store, queue)
    assert first.astimezone(tokyo).hour == 9
    assert first.astimezone(UTC).hour == 0


@pytest.mark.parametrize(
    ("line", "most", "least"),
    [
        ("30 2 * * *", 1, 1),  # a fixed time comes each day, also if the clock skips it
        ("*/30 2 * * *", 4, 0),  # and steps as often as the clock shows them
    ],
)
async def test_the_clock_changes(
    autojump_clock: MockClock, line: str, most: int, least: int
) -> None:
    """Twice a year, an hour is missing or comes twice."""
    berlin = ZoneInfo("Europe/Berlin")
    async with (
        open_store("memory:") as store,
        open_durable_queue(store, "q", nothing, keep=Keep(done=math.inf)) as queue,
    ):
        async with periodic(queue, line, "x", timezone=berlin):
            await trio.sleep(370 * 86_400)
        found = await ticks(store, queue)
    days = Counter(tick.astimezone(berlin).date() for tick in found[1:-4])
    first, last = min(days), max(days)
    counts = {days[first + timedelta(days=n)] for n in range((last - first).days)}
    assert (max(counts), min(counts)) == (most, least)
    assert len(set(found)) == len(found)


async def test_it_ends_with_the_queue(store: Store, autojump_clock: MockClock) -> None:
    """Quietly: there is nothing to submit to."""
    async with open_durable_queue(store, "q", nothing) as queue:
        async with periodic(queue, "0 0 1 1 *", "x"):
            await trio.sleep(1)
            queue.close()
            await trio.sleep(2 * 366 * 86_400)
        counts = await queue.audit()
    assert counts.stored == 1


async def test_the_last_tick_may_be_far_back(
    store: Store, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond so many jobs it is not looked for."""
    monkeypatch.setattr("gochan.durable._periodic._LOOKED_AT", 500)
    async with open_durable_queue(store, "q", nothing) as queue:
        await queue.submit_many(["other"] * 500)
        async with periodic(queue, "0 0 1 1 *", "x", catch_up="all"):
            await trio.sleep(1)
        assert (await queue.audit()).scheduled == 1


async def test_without_the_parser_the_error_says_what_to_install(
    store: Store, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other parts of durable queues do not need it."""
    monkeypatch.setitem(sys.modules, "cronsim", None)
    async with open_durable_queue(store, "q") as queue:
        with pytest.raises(ImportError, match="needs the package cronsim"):
            async with periodic(queue, "* * * * *", "x"):
                pass


@pytest.mark.parametrize("line", ["", "a b c d e", "* * * *", "61 * * * *"])
async def test_a_line_that_is_none(store: Store, autojump_clock: MockClock, line: str) -> None:
    """The error shows one."""
    async with open_durable_queue(store, "q") as queue:
        with pytest.raises(ValueError, match=r"is no cron line of five fields, such as"):
            async with periodic(queue, line, "x"):
                pass
        with pytest.raises(ValueError, match="catch_up must be"):
            async with periodic(queue, "* * * * *", "x", catch_up="some"):  # type: ignore[arg-type]
                pass


async def test_what_a_tick_decides_is_no_option(store: Store, autojump_clock: MockClock) -> None:
    """Nor is the name of a timezone a timezone."""
    async with open_durable_queue(store, "q") as queue:
        with pytest.raises(TypeError, match="periodic says itself what key, run_at of its jobs is"):
            async with periodic(queue, "* * * * *", "x", key="x", run_at=None):
                pass
        with pytest.raises(TypeError, match="timezone must be a tzinfo, such as ZoneInfo"):
            async with periodic(queue, "* * * * *", "x", timezone="Europe/Berlin"):  # type: ignore[arg-type]
                pass
