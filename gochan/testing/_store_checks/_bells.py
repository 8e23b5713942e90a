"""Checks of bells, and of the end of a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...durable import QueueSettings, StoreClosed, Worker
from .._store_rules import StoreRule
from .._store_trial import StoreTrial
from ._table import back, check, done, job, run


@check(StoreRule.BELLS)
async def who_waits_for_jobs_hears_of_them(trial: StoreTrial) -> None:
    async with trial.hears("a", "waiting"):
        await trial.enqueue(job(max_attempts=1))
    async with trial.hears("a", "scheduled"):
        await trial.enqueue(job(delay=5.0))
    async with trial.hears("a", "scheduled"):
        await trial.enqueue(job(expires=trial.now + 500, priority=-1))
    (record,) = await trial.claim(lease=1.0)
    async with trial.hears("a", "waiting"):
        await trial.release(back(record, "unstarted"))
    (record,) = await trial.claim(lease=1.0)
    async with trial.hears("a", "waiting"):
        await trial.wait(2)
        await trial.tend()
    await run(trial, "failed")
    async with trial.hears("a", "waiting"):
        await trial.retry(record.id)
    async with trial.hears("a", "waiting"):
        await trial.wait(6)
        await trial.tend()
    await trial.claim(n=3)
    await trial.pause("a")
    async with trial.hears("a", "resumed"):
        await trial.pause("a", paused=False)
    async with trial.hears("a", "waiting"), trial.hears("b", "waiting"):
        await trial.enqueue(job(), job(queue="b"))


@check(StoreRule.BELLS)
async def who_waits_for_an_end_hears_of_it(trial: StoreTrial) -> None:
    ids = await trial.enqueue(*(job() for _ in range(4)), job(expires=trial.now + 5))
    await trial.enqueue(job(queue="b", after=(ids[0],)), job(queue="c", after=(ids[1],)))
    async with trial.hears("a", "ended"), trial.hears("b", "waiting"):
        await run(trial)
    async with trial.hears("a", "ended"), trial.hears("c", "ended"):
        await run(trial, "failed")
    async with trial.hears("a", "ended"):
        await trial.cancel(ids[2])
    (record,) = await trial.claim()
    async with trial.hears("a", "cancel"):
        await trial.cancel(ids[3])
    async with trial.hears("a", "ended"):
        await trial.release(back(record))
    async with trial.hears("a", "ended"):
        await trial.wait(6)
        await trial.tend()


@check(StoreRule.BELLS)
async def who_waits_for_room_hears_of_it(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(capacity=1, group_limit=1))
    await trial.enqueue(job(group="g"))
    async with trial.hears("a", "room"):
        (record,) = await trial.claim()
    (id,) = await trial.enqueue(job(group="g"))
    async with trial.hears("a", "waiting"):
        await trial.finish(done(record))
    async with trial.hears("a", "room"):
        await trial.cancel(id)
    async with trial.hears("a", "changed"):
        await trial.configure("a", QueueSettings(capacity=9, group_limit=3), update=True)


@check(StoreRule.CLOSED)
async def a_closed_store_says_so(trial: StoreTrial) -> None:
    store = trial.store
    await trial.enqueue(job())
    await store.aclose()
    await store.aclose()
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.enqueue([job()]),
        lambda: store.claim("a", 1, Worker("w"), 1.0),
        lambda: store.look([1]),
        lambda: store.tend(),
    ]
    for call in calls:
        try:
            await call()
        except StoreClosed:
            continue
        except Exception as error:
            trial.fail(StoreRule.CLOSED, f"A call after the end raised {error!r}, not StoreClosed.")
        trial.fail(StoreRule.CLOSED, "A call after the end raised no StoreClosed.")
