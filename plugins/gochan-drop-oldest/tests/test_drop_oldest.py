"""Drop oldest, found by its name and used in a channel."""

from __future__ import annotations

import math
from importlib.metadata import entry_points
from typing import Any

import gochan_drop_oldest
import pytest
import trio
from gochan_drop_oldest import DropOldest
from trio.testing import wait_all_tasks_blocked

import gochan
from gochan import Chan, default, select
from gochan.strategies import ADMIT, Promise


def test_it_is_found_by_its_name() -> None:
    """Installing this distribution is all it takes."""
    strategy = gochan.strategy("drop-oldest", capacity=3)
    assert type(strategy) is DropOldest
    assert strategy.capacity == 3


def test_its_entry_point_leads_to_the_hook() -> None:
    """What is offered there has the name, the class and the promises of this plugin."""
    (entry,) = entry_points(group="gochan", name="drop-oldest")
    assert entry.load() is gochan_drop_oldest
    (spec,) = entry.load().gochan_strategies()
    assert (spec.name, spec.factory, spec.api) == ("drop-oldest", DropOldest, 1)
    assert {Promise.FIFO, Promise.BOUNDED} < spec.promises
    assert spec.summary


def test_the_oldest_item_makes_room() -> None:
    """Nothing is given up before it is full; then one for each that comes."""
    drops: list[Any] = []
    channel = Chan[int](strategy=DropOldest(3), on_drop=lambda *drop: drops.append(drop))
    for item in range(3):
        channel.send_nowait(item)
    assert drops == []
    channel.send_nowait(3)
    channel.send_nowait(4)
    assert drops == [(0, "oldest"), (1, "oldest")]
    assert [channel.receive_nowait() for _ in range(3)] == [2, 3, 4]
    assert channel.statistics().dropped == 2
    assert channel.statistics().peak_buffer_used == 3


def test_room_that_a_receiver_made_is_used_first() -> None:
    """Only a full channel gives up an item."""
    channel = Chan[int](strategy=DropOldest(2))
    for item in range(10):
        channel.send_nowait(item)
        if item:
            assert channel.receive_nowait() == item - 1
    assert channel.statistics().dropped == 0


async def test_a_sender_never_waits() -> None:
    """In no way of sending; so a select takes the send rather than its default."""
    channel = Chan[int](strategy=DropOldest(1))
    with trio.fail_after(5):
        for item in range(3):
            await channel.send(item)
            assert await select(channel.on_send(item), default()) == (0, None)
    assert channel.drain() == [2]


async def test_a_receiver_that_waits_gets_the_item() -> None:
    """Nothing is given up while somebody wants it."""
    channel = Chan[int](strategy=DropOldest(1))
    received = []

    async def receive() -> None:
        received.append(await channel.receive())

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        for item in range(3):
            channel.send_nowait(item)
    assert sorted(received) == [0, 1]
    assert channel.drain() == [2]


async def test_what_waits_at_close_is_delivered() -> None:
    """The newest items are worth the most, also at the end."""
    channel = Chan[int](strategy=DropOldest(2))
    with channel:
        for item in range(4):
            await channel.send(item)
    assert [item async for item in channel] == [2, 3]


async def test_in_a_job_queue_the_oldest_job_makes_room() -> None:
    """It ends as dropped, with the reason, and never runs."""
    started = []

    async def handle(number: int) -> None:
        started.append(number)

    async with gochan.open_job_queue(
        handle, workers=1, strategy="drop-oldest", capacity=2
    ) as queue:
        await wait_all_tasks_blocked()
        jobs = [queue.submit_nowait(number) for number in range(5)]
        queue.audit()
    outcomes = [job.outcome for job in jobs]
    assert [outcome and outcome.kind for outcome in outcomes] == [
        "done",  # the worker was waiting for it
        "dropped",
        "dropped",
        "done",
        "done",
    ]
    assert outcomes[1] and outcomes[1].reason == "oldest"  # noqa: PT018
    assert started == [0, 3, 4]


@pytest.mark.parametrize("capacity", [1, 2, math.inf])
def test_it_never_holds_more_than_its_capacity(capacity: float) -> None:
    """As it promises; asked directly, without a channel."""
    strategy = DropOldest[int](capacity)
    for item in range(20):
        assert strategy.offer(item, 0.0) is ADMIT
        assert len(strategy) == min(item + 1, capacity)


@pytest.mark.parametrize(
    ("capacity", "error"), [(0, ValueError), (-1, ValueError), ("1", TypeError)]
)
def test_it_needs_room_for_one(capacity: Any, error: type[Exception]) -> None:
    """With a capacity of 0 there would be nothing to give up."""
    with pytest.raises(error, match="capacity"):
        DropOldest(capacity)


def test_wrong_options_are_named() -> None:
    """By gochan, from the signature of the class."""
    with pytest.raises(TypeError, match=r"'drop-oldest': .*'size'; its options: capacity"):
        gochan.strategy("drop-oldest", capacity=1, size=2)
