"""gochan beside its peers: one process, interleaved rounds, ratios.

    uv run python tests/benchmarks/side_by_side.py [--rounds N]

Every round runs every piece of work once, in random order, so that a machine that changes
its speed changes it for all. A ratio is the median over the rounds of the ratios within each
round. Times are microseconds of processor time per item, those of the fastest round: what a
slower one adds is what else the machine does. With a ``go`` on the path, Go's own figures are
printed as well, for orientation.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import math
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Semaphore
from time import process_time

import aiochan
import anyio
import trio
import trio.testing

import gochan
from gochan import Chan, Selector, default, merge, open_job_queue, select, select_nowait
from gochan.strategies import Block

Seconds = float
Work = Callable[[], Seconds]


@dataclass(frozen=True)
class Goal:
    """One line of the table: how ``work`` of gochan compares with ``peer``'s."""

    title: str
    ours: str
    peer: str
    at_least: float | None = None  # their time / our time
    at_most: float | None = None  # our time / their time
    at_most_more: float | None = None  # our time - their time, in microseconds
    at_most_us: float | None = None  # our time, in microseconds


# What a pair of nowait operations may cost more than in a plain channel, in microseconds. They
# are nowait operations, as nobody ever waits at some of them.
STRATEGIES = {
    "block(100)": 0.6,
    "drop-on-full(100)": 0.6,
    "drop-oldest(100)": 0.6,
    "latest(100)": 0.6,
    "adaptive(start=1_000_000, most=1_000_000)": 0.6,
    "lifo(100)": 1.0,
    "codel(1.0)": 1.0,
    "priority(100)": 1.5,
    "deadline(1.0)": 1.5,
    "rate(1e9)": 1.5,
    'rate(1e9, key="key")': 1.5,
    "fair": 1.5,
    "coalesce": 1.5,
}

GOALS = [
    Goal("capacity 100, against trio", "gochan 100", "trio 100", at_least=8),
    Goal("capacity 100, against asyncio.Queue", "gochan 100", "asyncio 100", at_least=1),
    Goal("capacity 100, against anyio on trio", "gochan 100", "anyio 100"),
    Goal("capacity 100, against aiochan", "gochan 100", "aiochan 100"),
    Goal("batches, sent 1,000 at once", "batches 1,000", "gochan 100", at_least=5),
    Goal("batches, sent 100 at once", "batches 100", "gochan 100", at_least=5),
    Goal("block(100), against capacity 100", "block 100", "gochan 100", at_most_more=1),
    Goal("capacity 0, against trio", "gochan 0", "trio 0", at_least=2),
    Goal("capacity 0, against anyio on trio", "gochan 0", "anyio 0"),
    Goal("capacity 0, against aiochan", "gochan 0", "aiochan 0"),
    Goal("nowait pair, against trio", "gochan nowait", "trio nowait", at_least=2),
    *(
        Goal(
            f"nowait pair at {name.partition('(start')[0]}", name, "gochan nowait", at_most_more=us
        )
        for name, us in STRATEGIES.items()
    ),
    Goal("select of 2, against aiochan", "gochan select", "aiochan select", at_least=1),
    Goal("select of 2, against receive", "gochan select", "gochan 0", at_most=2.5),
    Goal("select, ready", "select, ready", "receive, ready", at_most_us=2.2),
    Goal(
        "select, ready, cases reused",
        "select, ready, cases reused",
        "receive, ready",
        at_most_us=2.2,
    ),
    Goal("select, default", "select, default", "receive, nothing", at_most_us=0.5),
    Goal(
        "select, default, cases reused",
        "select, default, cases reused",
        "receive, nothing",
        at_most_us=0.5,
    ),
    Goal("select of one, default", "select of one, default", "receive, nothing", at_most_us=0.5),
    Goal("empty job, against a loop over trio's channel", "gochan jobs", "trio jobs", at_most=1),
    Goal("empty job, against a loop over Chan", "gochan jobs", "Chan jobs", at_most=6),
    Goal("empty job, against ThreadPoolExecutor", "gochan jobs", "thread jobs", at_most=1),
    Goal("empty job, against TaskGroup and Semaphore", "gochan jobs", "asyncio jobs", at_most=1),
    Goal("select in 1,000 tasks, against 100", "1,000 tasks", "100 tasks", at_most=1.5),
    Goal("selector of 1,000, against one of 2", "selector 1,000", "selector 2", at_most=2),
    Goal("selector of 1,000, against select of 2", "selector 1,000", "gochan select"),
    Goal("merge of 1,000, against merge of 2", "merge 1,000", "merge 2", at_most=2),
]


# A producer and a consumer


async def gochan_pair(capacity: int, items: int) -> Seconds:
    return await pair(Chan[int](capacity), items)


async def block_pair(capacity: int, items: int) -> Seconds:
    return await pair(Chan[int](strategy=Block(capacity)), items)


async def pair(channel: Chan[int], items: int) -> Seconds:
    async def produce() -> None:
        with channel:
            for item in range(items):
                await channel.send(item)

    start = process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        async for _ in channel:
            pass
    return (process_time() - start) / items


async def gochan_batches(sent_at_once: int, items: int) -> Seconds:
    channel = Chan[int](100)
    chunks = [[*range(start, start + sent_at_once)] for start in range(0, items, sent_at_once)]

    async def produce() -> None:
        with channel:
            for chunk in chunks:
                await channel.send_many(chunk)

    start = process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        async for _ in channel.batches(100):
            pass
    return (process_time() - start) / items


async def trio_pair(capacity: int, items: int) -> Seconds:
    sender, receiver = trio.open_memory_channel[int](capacity)

    async def produce() -> None:
        async with sender:
            for item in range(items):
                await sender.send(item)

    start = process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        async for _ in receiver:
            pass
    return (process_time() - start) / items


async def anyio_pair(capacity: int, items: int) -> Seconds:
    sender, receiver = anyio.create_memory_object_stream[int](capacity)

    async def produce() -> None:
        async with sender:
            for item in range(items):
                await sender.send(item)

    start = process_time()
    async with receiver, anyio.create_task_group() as group:
        group.start_soon(produce)
        async for _ in receiver:
            pass
    return (process_time() - start) / items


async def asyncio_pair(capacity: int, items: int) -> Seconds:
    queue: asyncio.Queue[int | None] = asyncio.Queue(capacity)

    async def produce() -> None:
        for item in range(items):
            await queue.put(item)
        await queue.put(None)

    start = process_time()
    task = asyncio.create_task(produce())
    while await queue.get() is not None:
        pass
    await task
    return (process_time() - start) / items


async def aiochan_pair(capacity: int, items: int) -> Seconds:
    channel = aiochan.Chan(capacity or None)

    async def produce() -> None:
        for item in range(items):
            await channel.put(item)
        channel.close()

    start = process_time()
    task = asyncio.create_task(produce())
    async for _ in channel:
        pass
    await task
    return (process_time() - start) / items


# A value sent and received at once, in processor time


async def gochan_nowait(items: int) -> Seconds:
    channel = Chan[int](1)
    start = process_time()
    for item in range(items):
        channel.send_nowait(item)
        channel.receive_nowait()
    return (process_time() - start) / items


class Item:
    """What strategies want to know of an item."""

    key = "a"
    priority = 0


async def strategy_nowait(name: str, items: int) -> Seconds:
    channel = Chan[Item](strategy=gochan.strategy(name))
    item = Item()
    start = process_time()
    for _ in range(items):
        channel.send_nowait(item)
        channel.receive_nowait()
    return (process_time() - start) / items


async def trio_nowait(items: int) -> Seconds:
    sender, receiver = trio.open_memory_channel[int](1)
    start = process_time()
    for item in range(items):
        sender.send_nowait(item)
        receiver.receive_nowait()
    return (process_time() - start) / items


# Two producers, and a select over both channels


async def gochan_select(items: int) -> Seconds:
    first, second = Chan[int](), Chan[int]()

    async def produce(channel: Chan[int]) -> None:
        for item in range(items // 2):
            await channel.send(item)

    start = process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce, first)
        nursery.start_soon(produce, second)
        for _ in range(items):
            await select(first.on_receive(), second.on_receive())
    return (process_time() - start) / items


async def aiochan_select(items: int) -> Seconds:
    first, second = aiochan.Chan(), aiochan.Chan()

    async def produce(channel: aiochan.Chan) -> None:
        for item in range(items // 2):
            await channel.put(item + 1)

    start = process_time()
    tasks = [asyncio.create_task(produce(channel)) for channel in (first, second)]
    for _ in range(items):
        await aiochan.select(first, second)
    await asyncio.gather(*tasks)
    return (process_time() - start) / items


# A select that need not wait, beside what plain operations take


async def ready_select(items: int, *, reused: bool) -> Seconds:
    first, second = Chan[int](math.inf), Chan[int](math.inf)
    for item in range(items):
        first.send_nowait(item)
        second.send_nowait(item)
    cases = first.on_receive(), second.on_receive()
    start = process_time()
    if reused:
        for _ in range(items):
            await select(*cases)
    else:
        for _ in range(items):
            await select(first.on_receive(), second.on_receive())
    return (process_time() - start) / items


async def ready_receive(items: int) -> Seconds:
    channel = Chan[int](math.inf)
    for item in range(items):
        channel.send_nowait(item)
    start = process_time()
    for _ in range(items):
        await channel.receive()
    return (process_time() - start) / items


async def idle_select(items: int, *, reused: bool) -> Seconds:
    first, second, third = Chan[int](), Chan[int](), default()
    cases = first.on_receive(), second.on_receive()
    start = process_time()
    if reused:
        for _ in range(items):
            select_nowait(*cases, third)
    else:
        for _ in range(items):
            select_nowait(first.on_receive(), second.on_receive(), default())
    return (process_time() - start) / items


async def idle_select_of_one(items: int) -> Seconds:
    channel = Chan[int]()
    start = process_time()
    for _ in range(items):
        select_nowait(channel.on_receive(), default())
    return (process_time() - start) / items


async def idle_receive(items: int) -> Seconds:
    channel = Chan[int]()
    start = process_time()
    for _ in range(items):
        with contextlib.suppress(trio.WouldBlock):
            channel.receive_nowait()
    return (process_time() - start) / items


# Many tasks that select on one channel they share and one of their own


async def gochan_crowd(tasks: int, items: int) -> Seconds:
    shared = Chan[int]()
    own = [Chan[int]() for _ in range(tasks)]

    async def choose(channel: Chan[int]) -> None:
        for _ in range(1 + items // tasks):
            await select(shared.on_receive(), channel.on_receive())

    async with trio.open_nursery() as nursery:
        for channel in own:
            nursery.start_soon(choose, channel)
            await channel.send(1)
        # All are there and have had one value; starting them is not what is measured.
        await trio.testing.wait_all_tasks_blocked()
        start = process_time()
        for _ in range(items // tasks):
            for channel in own:
                await channel.send(1)
        seconds = process_time() - start
    return seconds / items


# Jobs that do nothing, on four workers


async def do_nothing(_: int) -> None:
    pass


# Measured in processor time, that of the threads included: what matters is how much of it is left.


async def gochan_jobs(items: int) -> Seconds:
    async with open_job_queue(do_nothing, workers=4, capacity=100) as queue:
        start = process_time()
        for item in range(items):
            await queue.submit(item)
        await queue.join()
        seconds = process_time() - start
    return seconds / items


async def chan_jobs(items: int) -> Seconds:
    channel = Chan[int](100)

    async def work() -> None:
        async for item in channel:
            await do_nothing(item)

    start = process_time()
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(work)
        with channel:
            for item in range(items):
                await channel.send(item)
    return (process_time() - start) / items


def thread_jobs(items: int) -> Seconds:
    def work(_: int) -> None:
        room.release()

    room = Semaphore(100)
    with ThreadPoolExecutor(4) as executor:
        start = process_time()
        for item in range(items):
            room.acquire()
            executor.submit(work, item)
        executor.shutdown()
        return (process_time() - start) / items


async def asyncio_jobs(items: int) -> Seconds:
    running, room = asyncio.Semaphore(4), asyncio.Semaphore(104)

    async def work(item: int) -> None:
        async with running:
            await do_nothing(item)
        room.release()

    start = process_time()
    async with asyncio.TaskGroup() as group:
        for item in range(items):
            await room.acquire()
            group.create_task(work(item))
    return (process_time() - start) / items


async def trio_jobs(items: int) -> Seconds:
    sender, receiver = trio.open_memory_channel[int](100)

    async def work(items: trio.MemoryReceiveChannel[int]) -> None:
        async with items:
            async for item in items:
                await do_nothing(item)

    start = process_time()
    async with trio.open_nursery() as nursery, receiver, sender:
        for _ in range(4):
            nursery.start_soon(work, receiver.clone())
        for item in range(items):
            await sender.send(item)
    return (process_time() - start) / items


# Two producers, and a selector over both channels and many silent ones


async def gochan_selector(width: int, items: int) -> Seconds:
    channels = [Chan[int]() for _ in range(width)]

    async def produce(channel: Chan[int]) -> None:
        for item in range(items // 2):
            await channel.send(item)

    with Selector[int, int]() as selector:
        for label, channel in enumerate(channels):
            selector.add(channel.on_receive(), label)
        # It has looked at all of them once; that is not what is measured.
        with contextlib.suppress(trio.WouldBlock):
            selector.select_nowait()
        start = process_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(produce, channels[0])
            nursery.start_soon(produce, channels[-1])
            for _ in range(items):
                await selector.select()
        return (process_time() - start) / items


async def gochan_merge(width: int, items: int) -> Seconds:
    channels = [Chan[int]() for _ in range(width)]

    async def produce(channel: Chan[int]) -> None:
        for item in range(items // 2):
            await channel.send(item)

    with merge(*channels) as merged:
        with contextlib.suppress(trio.WouldBlock):
            merged.receive_nowait()
        start = process_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(produce, channels[0])
            nursery.start_soon(produce, channels[-1])
            for _ in range(items):
                await merged.receive()
        return (process_time() - start) / items


def on_trio(function: Callable[..., Awaitable[Seconds]], *arguments: int | str) -> Work:
    return partial(trio.run, function, *arguments)


def on_asyncio(function: Callable[..., Awaitable[Seconds]], *arguments: int) -> Work:
    return lambda: asyncio.run(function(*arguments))  # type: ignore[arg-type]


WORK: dict[str, Work] = {
    "gochan 100": on_trio(gochan_pair, 100, 50_000),
    "batches 1,000": on_trio(gochan_batches, 1000, 200_000),
    "batches 100": on_trio(gochan_batches, 100, 200_000),
    "trio 100": on_trio(trio_pair, 100, 10_000),
    "asyncio 100": on_asyncio(asyncio_pair, 100, 50_000),
    "anyio 100": on_trio(anyio_pair, 100, 5_000),
    "aiochan 100": on_asyncio(aiochan_pair, 100, 10_000),
    "block 100": on_trio(block_pair, 100, 30_000),
    "gochan 0": on_trio(gochan_pair, 0, 20_000),
    "trio 0": on_trio(trio_pair, 0, 20_000),
    "anyio 0": on_trio(anyio_pair, 0, 5_000),
    "aiochan 0": on_asyncio(aiochan_pair, 0, 5_000),
    "gochan nowait": on_trio(gochan_nowait, 100_000),
    "trio nowait": on_trio(trio_nowait, 100_000),
    **{name: on_trio(strategy_nowait, name, 20_000) for name in STRATEGIES},
    "gochan select": on_trio(gochan_select, 10_000),
    "aiochan select": on_asyncio(aiochan_select, 5_000),
    "select, ready": on_trio(partial(ready_select, reused=False), 20_000),
    "select, ready, cases reused": on_trio(partial(ready_select, reused=True), 20_000),
    "receive, ready": on_trio(ready_receive, 20_000),
    "select, default": on_trio(partial(idle_select, reused=False), 20_000),
    "select, default, cases reused": on_trio(partial(idle_select, reused=True), 20_000),
    "select of one, default": on_trio(idle_select_of_one, 20_000),
    "receive, nothing": on_trio(idle_receive, 20_000),
    "gochan jobs": on_trio(gochan_jobs, 5_000),
    "trio jobs": on_trio(trio_jobs, 5_000),
    "Chan jobs": on_trio(chan_jobs, 20_000),
    "thread jobs": partial(thread_jobs, 5_000),
    "asyncio jobs": on_asyncio(asyncio_jobs, 5_000),
    "100 tasks": on_trio(gochan_crowd, 100, 30_000),
    "1,000 tasks": on_trio(gochan_crowd, 1_000, 30_000),
    "selector 2": on_trio(gochan_selector, 2, 10_000),
    "selector 1,000": on_trio(gochan_selector, 1_000, 10_000),
    "merge 2": on_trio(gochan_merge, 2, 10_000),
    "merge 1,000": on_trio(gochan_merge, 1_000, 10_000),
}


def idle_bytes(count: int = 10_000) -> float:
    """Return how much memory an idle unbuffered channel takes."""
    channels: list[Chan[int] | None] = [None] * count
    tracemalloc.start()
    for index in range(count):
        channels[index] = Chan()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / count


def measure(rounds: int) -> dict[str, list[Seconds]]:
    """Run all work ``rounds`` times, after one round that does not count."""
    times: dict[str, list[Seconds]] = {name: [] for name in WORK}
    for number in range(rounds + 1):
        for name in random.sample(list(WORK), len(WORK)):
            gc.collect()
            seconds = WORK[name]()
            if number:
                times[name].append(seconds)
        print(f"\rround {number} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return times


def median_ratio(above: list[Seconds], below: list[Seconds]) -> float:
    """Return the median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def print_table(times: dict[str, list[Seconds]]) -> None:
    def microseconds(name: str) -> float:
        return min(times[name]) * 1e6

    print(f"{'':38}{'gochan':>9}{'peer':>9}{'ratio':>9}   goal")
    for goal in GOALS:
        if goal.at_most_more is not None:
            ratio = median_ratio(times[goal.ours], times[goal.peer])
            more = microseconds(goal.ours) - microseconds(goal.peer)
            text, met = f"<= {goal.at_most_more:g} us more", more <= goal.at_most_more
        elif goal.at_most_us is not None:
            ratio = median_ratio(times[goal.ours], times[goal.peer])
            text = f"<= {goal.at_most_us:g} us"
            met = microseconds(goal.ours) <= goal.at_most_us
        elif goal.at_most is None:
            ratio = median_ratio(times[goal.peer], times[goal.ours])
            text = "" if goal.at_least is None else f">= {goal.at_least:g}"
            met = ratio >= (goal.at_least or 0)
        else:
            ratio = median_ratio(times[goal.ours], times[goal.peer])
            text, met = f"<= {goal.at_most:g}", ratio <= goal.at_most
        mark = f"{text}, {verdict(met)}" if text else "-"
        print(
            f"{goal.title:38}{microseconds(goal.ours):9.2f}{microseconds(goal.peer):9.2f}"
            f"{ratio:9.2f}   {mark}"
        )
    idle = idle_bytes()
    print(f"{'idle Chan(), bytes':38}{idle:9.0f}{'':18}   <= 500, {verdict(idle <= 500)}")


def print_go() -> None:
    """Print what Go itself takes, where there is one."""
    go = shutil.which("go")
    if go is None:
        return
    source = Path(__file__).with_name("side_by_side.go")
    result = subprocess.run([go, "run", source], capture_output=True, text=True, check=False)
    print(f"\nGo, microseconds per item\n{(result.stdout or result.stderr).strip()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"Python {platform.python_version()}, trio {trio.__version__}, {rounds} rounds")
    print_table(measure(rounds))
    print_go()


if __name__ == "__main__":
    main()
