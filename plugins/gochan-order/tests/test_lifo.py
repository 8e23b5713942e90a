"""Lifo, found by its name and used in channels and queues."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import gochan_order
import pytest
import trio
from gochan_order import Lifo
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

import gochan
from gochan import Chan
from gochan.strategies import ADMIT, Empty


def test_all_are_found_by_their_names() -> None:
    """Installing this distribution is all it takes."""
    (entry,) = entry_points(group="gochan", name="order")
    assert entry.load() is gochan_order
    specs = {spec.name: spec for spec in entry.load().gochan_strategies()}
    assert sorted(specs) == ["fair", "lifo", "priority"]
    assert all(spec.summary and spec.promises for spec in specs.values())
    for text in ("lifo(3)", "priority(3, ageing=5)", 'fair("tenant", capacity=3)'):
        strategy = gochan.strategy(text)
        assert type(strategy) is specs[text.partition("(")[0]].factory
        assert strategy.capacity == 3


async def test_the_newest_goes_first() -> None:
    """Whatever comes in between."""
    channel = Chan[int](strategy=Lifo(10))
    for item in range(4):
        await channel.send(item)
    assert [await channel.receive() for _ in range(2)] == [3, 2]
    await channel.send(4)
    assert [await channel.receive() for _ in range(3)] == [4, 1, 0]


async def test_while_it_is_full_the_oldest_makes_room() -> None:
    """It is at the bottom, and would have waited longest yet. So no sender ever waits."""
    drops: list[Any] = []
    channel = Chan[int](strategy=Lifo(3), on_drop=lambda *drop: drops.append(drop))
    with trio.fail_after(5), channel:
        for item in range(5):
            await channel.send(item)
    assert drops == [(0, "oldest"), (1, "oldest")]
    assert [item async for item in channel] == [4, 3, 2]


async def test_the_newest_job_runs_first() -> None:
    """One that was cancelled takes no room."""
    started = []

    async def handle(number: int) -> None:
        started.append(number)

    async with gochan.open_job_queue(handle, strategy="lifo", capacity=3) as queue:
        jobs = [queue.submit_nowait(number) for number in range(4)]
        jobs[2].cancel()
        jobs += [queue.submit_nowait(4)]
        queue.audit()
    assert started == [0, 4, 3, 1]
    assert jobs[2].outcome
    assert jobs[2].outcome.kind == "cancelled"


@pytest.mark.parametrize(
    ("capacity", "error"),
    [(0, ValueError), (-1, ValueError), ("1", TypeError), (True, TypeError), (math.nan, TypeError)],
)
def test_it_needs_room_for_one(capacity: Any, error: type[Exception]) -> None:
    """Such as a number of items."""
    with pytest.raises(error, match="capacity"):
        Lifo(capacity)


@settings(deadline=None, derandomize=True, database=None)
@given(
    capacity=st.integers(1, 4) | st.just(math.inf),
    program=st.lists(st.just("take") | st.integers(0, 5), max_size=40),
)
def test_it_is_a_list_that_loses_its_head(capacity: float, program: list[Any]) -> None:
    """A number removes the item of that age, and otherwise sends it; both often equal."""
    strategy, model = Lifo[Any](capacity), list[Any]()
    for step in program:
        if step == "take":
            if model:
                assert strategy.take(0.0) is model.pop()
            else:
                with pytest.raises(Empty):
                    strategy.take(0.0)
        elif step < len(model) and step % 2:
            assert strategy.remove(model[step])
            del model[step]
        else:
            item = [step]
            assert not strategy.remove(item)
            assert strategy.offer(item, 0.0) is ADMIT
            model.append(item)
            if len(model) > capacity:
                assert strategy._dropped.pop() == (model.pop(0), "oldest")
        assert len(strategy) == len(model)
    assert all(
        mine is yours for mine, yours in zip(strategy.take_all(0.0), model[::-1], strict=True)
    )


async def test_a_waiting_receiver_gets_the_item() -> None:
    """Nothing is given up while somebody wants it."""
    channel = Chan[int](strategy=Lifo(1))
    received = []

    async def receive() -> None:
        received.append(await channel.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        channel.send_nowait(0)
        channel.send_nowait(1)
    assert received == [0]
    assert channel.drain() == [1]


def test_under_overload_it_answers_most_callers_that_still_wait() -> None:
    """As its page says, and as `gochan sim` prints: twice the load, and slow workers."""
    command = [sys.executable, "-m", "gochan", "sim", "--json"]
    for strategy in ("block(inf)", "lifo(200)"):
        command += ["--strategy", strategy]
    result = subprocess.run(command, check=True, capture_output=True, timeout=120)
    goodput = {
        (figures["load"], figures["strategy"]): round(figures["goodput"])
        for figures in json.loads(result.stdout)
    }
    assert goodput == {
        ("overload", "block(inf)"): 6,
        ("overload", "lifo(200)"): 99,
        ("slow-workers", "block(inf)"): 4,
        ("slow-workers", "lifo(200)"): 89,
    }
