"""Failures that are real: servers that are killed, and processes that compete."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter

import pytest
import trio

from gochan.durable import (
    Ending,
    NewJob,
    QueueSettings,
    Release,
    Store,
    StoreUnavailable,
    Worker,
)

from .conftest import Open, Server

ANYBODY = Worker("anybody")


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
async def test_nothing_that_was_acknowledged_is_lost_when_the_server_is_killed(
    open_store: Open, kills: int
) -> None:
    """Under load, again and again: what was stored is there, what was done is done."""
    server = Server()  # which writes what it acknowledges
    server.start()
    stored: list[int] = []
    done: list[int] = []
    stopped = False

    async def submit(store: Store) -> None:
        while not stopped:
            try:
                answers = await store.enqueue([NewJob(queue="mail", payload=b"x")] * 5)
                stored.extend(answer.id for answer in answers)  # type: ignore[union-attr]
            except StoreUnavailable:
                await trio.sleep(0.05)

    async def work(store: Store) -> None:
        while not stopped:
            try:
                records = await store.claim("mail", 10, ANYBODY, 30.0)
                endings = [Ending(one.id, one.version, "done", b"1") for one in records]
                taken = await store.finish(endings)
                done.extend(one.id for one, yes in zip(records, taken, strict=True) if yes)
            except StoreUnavailable:
                await trio.sleep(0.05)
            else:
                await trio.sleep(0.001)

    try:
        async with (
            open_store(address=server.address) as store,
            open_store(address=server.address) as other,
        ):
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(submit, store)
                    nursery.start_soon(work, other)
                for _ in range(kills):
                    before = len(stored) + 50
                    with trio.fail_after(60):
                        while len(stored) < before:  # noqa: ASYNC110
                            await trio.sleep(0.01)
                    await trio.sleep(random.uniform(0.0, 0.3))
                    await trio.to_thread.run_sync(server.kill)
                    await trio.to_thread.run_sync(server.start)
                before = len(stored) + 50
                with trio.fail_after(60):
                    while len(stored) < before:  # noqa: ASYNC110
                        await trio.sleep(0.01)
                stopped = True
            counts = await store.audit("mail")
            assert counts.stored >= len(stored)
            assert counts.done >= len(done)
            records = await store.look(stored)
            assert None not in records
            assert {one.id for one in records if one and one.kind == "done"} >= {*done} & {*stored}
            assert len(stored) == len({*stored})
    finally:
        server.remove()


async def test_eight_claimers_keep_to_the_limit_of_groups(open_store: Open) -> None:
    """Each by a store of its own; never more of a group than may, and all run in the end."""
    running = Counter[str | None]()
    most = Counter[str | None]()
    n, left = 240, 240

    async def work(number: int) -> None:
        nonlocal left
        dice = random.Random(number)
        async with open_store() as store:
            while left > 0:
                records = await store.claim("mail", dice.randint(1, 4), ANYBODY, 30.0)
                for record in records:
                    if record.group is not None:
                        running[record.group] += 1
                        most[record.group] = max(most[record.group], running[record.group])
                await trio.sleep(dice.random() * 0.003)
                for record in records:
                    running[record.group] -= 1
                if dice.random() < 0.9:
                    ends = [Ending(one.id, one.version, "done", b"1") for one in records]
                    taken = await store.finish(ends)
                    left -= sum(taken)
                else:
                    back = [
                        Release(one.id, one.version, "interrupted", count=False) for one in records
                    ]
                    await store.release(back)

    dice = random.Random(0)
    async with open_store() as store:
        await store.configure("mail", QueueSettings(group_limit=2))
        groups = ["big"] * (n // 2) + [dice.choice(["a", "b", "c", None]) for _ in range(n // 2)]
        await store.enqueue([NewJob(queue="mail", payload=b"", group=one) for one in groups])
        with trio.fail_after(120):
            async with trio.open_nursery() as nursery:
                for number in range(8):
                    nursery.start_soon(work, number)
        assert most.total() and max(most.values()) == 2  # noqa: PT018
        assert (await store.audit("mail")).done == n


async def test_keys_are_unique_whoever_submits(open_store: Open) -> None:
    """Six submit the same keys in any order, while two end what they can."""
    created: list[int] = []
    submitting = 6

    async def submit(number: int) -> None:
        nonlocal submitting
        dice = random.Random(number)
        async with open_store() as store:
            for _ in range(10):
                keys = [f"k{dice.randrange(30)}" for _ in range(10)]
                jobs = [NewJob(queue="mail", payload=b"", key=key) for key in keys]
                for answer in await store.enqueue(jobs):
                    assert hasattr(answer, "created"), answer
                    if answer.created:
                        created.append(answer.id)
        submitting -= 1

    async def work() -> None:
        async with open_store() as store:
            while submitting:
                records = await store.claim("mail", 5, ANYBODY, 30.0)
                ends = [Ending(one.id, one.version, "done", b"1") for one in records]
                assert all(await store.finish(ends))
                await trio.sleep(0.001)

    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(submit, number)
            nursery.start_soon(work)
            nursery.start_soon(work)
    assert len(created) == len({*created})
    async with open_store() as store:
        assert (await store.audit("mail")).stored == len(created)


_WORKER = """
import sys, trio
from gochan.durable import open_durable_queue, open_store

async def handle(number):
    if number == 0:
        await trio.sleep_forever()
    return number * 2

async def main():
    async with open_store(sys.argv[1], schema=sys.argv[2]) as store:
        async with open_durable_queue(store, "sums", handle, lease=1.5) as queue:
            print("ready", flush=True)
            await trio.sleep_forever()

trio.run(main)
"""


async def test_what_a_killed_worker_had_runs_in_another_process(
    server: Server, open_store: Open
) -> None:
    """After its lease; and what other processes do is heard of."""
    from gochan.durable import open_durable_queue

    async with open_store(schema="two") as store, open_durable_queue(store, "sums") as queue:
        command = [sys.executable, "-c", _WORKER, server.address, "two"]
        worker = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        assert worker.stdout is not None
        assert (await worker.stdout.receive_some()).startswith(b"ready")
        with trio.fail_after(60):
            assert (await (await queue.submit(4)).wait()).value == 8
            stuck = await queue.submit(0)
            while (await stuck.record()).state != "running":  # noqa: ASYNC110
                await trio.sleep(0.02)
            worker.kill()
            await worker.wait()

            async def handle(number: int) -> str:
                return "rescued"

            async with open_durable_queue(store, "sums", handle, lease=1.5):
                assert (await stuck.wait()).value == "rescued"
        assert [one.kind for one in (await stuck.record()).attempts] == ["lost", "done"]
