"""Small programs whose traces are drawn as pictures."""

from __future__ import annotations

import trio

from gochan import Chan, after, cleanup, open_job_queue, select


async def rendezvous() -> None:
    """Without a buffer, the first to arrive waits"""
    greetings = Chan[str](name="greetings")

    async def sender() -> None:
        await greetings.send("hello")
        await trio.sleep_until(3)
        await greetings.send("bye")

    async def receiver() -> None:
        await trio.sleep_until(1)
        await greetings.receive()
        await trio.sleep_until(2)
        await greetings.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender)
        nursery.start_soon(receiver)


async def buffer() -> None:
    """A buffer of two: the producer runs ahead until it is full"""
    numbers = Chan[int](2, name="numbers")

    async def producer() -> None:
        for number in range(1, 6):
            await numbers.send(number)

    async def consumer() -> None:
        for second in range(1, 6):
            await trio.sleep_until(second)
            await numbers.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(producer)
        nursery.start_soon(consumer)


async def select_() -> None:
    """A select does the first thing that is ready; if several are, the one of highest priority"""
    orders = Chan[str](1, name="orders")
    stop = Chan[None](name="stop")

    async def kitchen() -> None:
        for _ in range(2):
            await select(stop.on_close(priority=1), orders.on_receive(), after(2))
        await trio.sleep_until(4)
        await select(stop.on_close(priority=1), orders.on_receive(), after(2))

    async def guest() -> None:
        await trio.sleep_until(1)
        await orders.send("tea")
        await trio.sleep_until(3.5)
        await orders.send("cake")
        stop.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(kitchen)
        nursery.start_soon(guest)


async def close() -> None:
    """A close says that no more values come; values already sent are still received"""
    numbers = Chan[int](3, name="numbers")

    async def producer() -> None:
        with numbers:
            for number in range(1, 4):
                await numbers.send(number)

    async def consumer() -> None:
        async for _ in numbers:
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(producer)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(consumer)


async def cancellation() -> None:
    """A cancelled receive has taken nothing"""
    numbers = Chan[int](name="numbers")

    async def impatient() -> None:
        with trio.move_on_after(1):
            await numbers.receive()

    async def patient() -> None:
        await trio.sleep_until(0.5)
        await numbers.receive()

    async def sender() -> None:
        await trio.sleep_until(2)
        await numbers.send(1)
        with trio.move_on_after(1):
            await numbers.send(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(impatient)
        nursery.start_soon(patient)
        nursery.start_soon(sender)


async def worker_pool() -> None:
    """Two workers, five jobs, and room for two waiting jobs"""

    async def cook(seconds: float) -> None:
        await trio.sleep(seconds)

    async def waiter() -> None:
        for seconds in (3, 1, 9, 1, 1):
            await queue.submit(seconds, timeout=4)

    async with (
        open_job_queue(cook, workers=2, capacity=2) as queue,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(waiter)


async def stop_phases() -> None:
    """A stop with 10 seconds to finish, and 5 more to clean up"""

    async def copy(seconds: float) -> None:
        try:
            await trio.sleep(seconds)
        except trio.Cancelled:
            with cleanup():
                await trio.sleep(2)
            raise

    async with open_job_queue(copy, workers=2) as queue:
        for seconds in (8, 100, 1, 1):
            await queue.submit(seconds)
        await trio.sleep(1)
        await queue.stop(drain=10, grace=5)


TRACED = {
    "rendezvous": rendezvous,
    "buffer": buffer,
    "select": select_,
    "close": close,
    "cancellation": cancellation,
    "worker-pool": worker_pool,
    "stop-phases": stop_phases,
}
