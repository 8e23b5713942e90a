"""Latest, found by its name and used in channels and queues."""

from __future__ import annotations

import math
from importlib.metadata import entry_points
from typing import Any

import gochan_overflow
import pytest
import trio
from gochan_overflow import Coalesce, Latest
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

import gochan
from gochan import Chan, default, select


def test_all_are_found_by_their_names() -> None:
    """Installing this distribution is all it takes."""
    (entry,) = entry_points(group="gochan", name="overflow")
    assert entry.load() is gochan_overflow
    specs = {spec.name: spec for spec in entry.load().gochan_strategies()}
    assert sorted(specs) == ["coalesce", "latest"]
    assert all(spec.summary and spec.promises for spec in specs.values())
    assert type(gochan.strategy("latest(3)")) is Latest
    assert type(gochan.strategy('coalesce("url", debounce=0.5, max_wait=5)')) is Coalesce
    assert gochan.strategy("latest").capacity == 1


async def test_it_holds_the_latest_value() -> None:
    """And forgets it when it has gone; no sender waits, in no way of sending."""
    drops: list[Any] = []
    channel = Chan[int](strategy=Latest(), on_drop=lambda *drop: drops.append(drop))
    with trio.fail_after(5):
        for item in range(3):
            await channel.send(item)
        assert await channel.receive() == 2
        for item in range(3, 5):
            assert await select(channel.on_send(item), default()) == (0, None)
    assert channel.receive_nowait() == 4
    with pytest.raises(trio.WouldBlock):
        channel.receive_nowait()
    assert drops == [(0, "replaced"), (1, "replaced"), (3, "replaced")]


async def test_with_more_places_the_oldest_stay() -> None:
    """First in, first out; what waits at a close is delivered."""
    channel = Chan[int](strategy=Latest(3))
    with channel:
        for item in range(6):
            await channel.send(item)
    assert [item async for item in channel] == [0, 1, 5]


async def test_a_waiting_receiver_gets_the_item() -> None:
    """Nothing is given up while somebody wants it."""
    channel = Chan[int](strategy=Latest())
    received = []

    async def receive() -> None:
        received.append(await channel.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        channel.send_nowait(0)
        channel.send_nowait(1)
        channel.send_nowait(2)
    assert received == [0]
    assert channel.drain() == [2]


async def test_in_a_job_queue_the_replaced_job_ends_as_dropped() -> None:
    """One that was cancelled while it waited makes room, too."""
    started = []

    async def handle(number: int) -> None:
        started.append(number)

    async with gochan.open_job_queue(handle, strategy="latest") as queue:
        await wait_all_tasks_blocked()
        jobs = [queue.submit_nowait(number) for number in range(4)]
        jobs[3].cancel()
        jobs += [queue.submit_nowait(4)]
        queue.audit()
    outcomes = [job.outcome for job in jobs]
    assert [outcome and (outcome.kind, outcome.reason) for outcome in outcomes] == [
        ("done", ""),
        ("dropped", "replaced"),
        ("dropped", "replaced"),
        ("cancelled", ""),
        ("done", ""),
    ]
    assert started == [0, 4]


@pytest.mark.parametrize(
    ("capacity", "error"),
    [(0, ValueError), (-1, ValueError), ("1", TypeError), (True, TypeError), (math.nan, TypeError)],
)
def test_it_needs_room_for_one(capacity: Any, error: type[Exception]) -> None:
    """Such as a number of items."""
    with pytest.raises(error, match="capacity"):
        Latest(capacity)


@settings(deadline=None, derandomize=True, database=None)
@given(
    capacity=st.integers(1, 4) | st.just(math.inf),
    program=st.lists(st.sampled_from("ss-"), max_size=40),
)
def test_it_is_a_list_whose_last_place_is_written_over(capacity: float, program: list[str]) -> None:
    """Items are equal to each other, and still told apart."""
    drops: list[Any] = []
    channel = Chan[Any](strategy=Latest(capacity), on_drop=lambda *drop: drops.append(drop))
    model: list[Any] = []
    for step in program:
        if step == "s":
            item = [0]
            channel.send_nowait(item)
            if len(model) >= capacity:
                ((dropped, reason),) = drops
                assert (dropped is model.pop(), reason) == (True, "replaced")
                drops.clear()
            model.append(item)
        elif model:
            assert channel.receive_nowait() is model.pop(0)
        assert len(channel) == len(model)
        assert drops == []
