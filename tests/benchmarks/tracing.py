"""What tracing costs: before a trace, during one, and after it, in one process.

    uv run python tests/benchmarks/tracing.py [--rounds N]

Before and after must be the same: while nobody traces, there is nothing that could ask. Times
are microseconds per item, medians over the rounds; a ratio is to the rounds before any trace.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from time import perf_counter

import trio
from gochan_trace import trace

from gochan import Chan, open_job_queue, select

ITEMS = 2000


async def pair() -> None:
    channel = Chan[int](100)
    for number in range(ITEMS):
        channel.send_nowait(number)
        channel.receive_nowait()


async def buffered() -> None:
    channel = Chan[int](100)

    async def send() -> None:
        with channel:
            for number in range(ITEMS):
                await channel.send(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        async for _ in channel:
            pass


async def rendezvous() -> None:
    channel = Chan[int]()

    async def send() -> None:
        for number in range(ITEMS):
            await channel.send(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        for _ in range(ITEMS):
            await channel.receive()


async def selects() -> None:
    one, two = Chan[int](1), Chan[int](1)
    for number in range(ITEMS):
        one.send_nowait(number)
        await select(one.on_receive(), two.on_receive())


async def jobs() -> None:
    async def nothing(_: int) -> None:
        pass

    async with open_job_queue(nothing) as queue:
        for number in range(ITEMS):
            await queue.submit(number)


WORK: dict[str, Callable[[], Awaitable[None]]] = {
    "send_nowait + receive_nowait": pair,
    "producer → consumer, capacity 100": buffered,
    "producer → consumer, capacity 0": rendezvous,
    "select over two channels": selects,
    "a job that does nothing": jobs,
}


def measure(work: Callable[[], Awaitable[None]], rounds: int, *, traced: bool) -> float:
    """Return the microseconds per item."""
    seconds = []
    for _ in range(rounds):
        with trace() if traced else nullcontext():
            start = perf_counter()
            trio.run(work)
            seconds.append(perf_counter() - start)
    return statistics.median(seconds) / ITEMS * 1e6


def main() -> None:
    """Print one line for each piece of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"{'':36} {'before':>8} {'during':>8} {'after':>8}  {'during':>7} {'after':>7}")
    before = {name: measure(work, rounds, traced=False) for name, work in WORK.items()}
    during = {name: measure(work, rounds, traced=True) for name, work in WORK.items()}
    after = {name: measure(work, rounds, traced=False) for name, work in WORK.items()}
    for name, base in before.items():
        times = f"{base:8.2f} {during[name]:8.2f} {after[name]:8.2f}"
        print(f"{name:36} {times}  x {during[name] / base:5.1f} x {after[name] / base:5.2f}")


if __name__ == "__main__":
    main()
