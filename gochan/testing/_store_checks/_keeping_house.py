"""Checks of what is purged, kept, tended and explained."""

from __future__ import annotations

import trio

from ...durable import END_KINDS, Keep, QueueSettings
from .._store_rules import StoreRule
from .._store_trial import StoreTrial
from ._table import check, done, ends, job, run


@check(StoreRule.PURGE)
async def what_has_ended_can_be_purged(trial: StoreTrial) -> None:
    await trial.enqueue(*(job() for _ in range(7)), job(delay=9.0), job(queue="b"))
    for kind in ("done", "done", "failed", "dropped", "done"):
        await run(trial, kind)
    await trial.claim()
    await trial.purge("a", "cancelled")
    await trial.purge("a", "done", n=1)
    await trial.purge("a", "done", "failed", n=2)
    await trial.purge("b", *END_KINDS)
    await trial.purge("a", *END_KINDS)
    await trial.purge("a", *END_KINDS)


@check(StoreRule.PURGE)
async def who_has_a_key_stays(trial: StoreTrial) -> None:
    same = job(key="k", once_for=10.0)
    await trial.enqueue(same, job(), job(key="m"))
    for _ in range(3):
        await run(trial)
    await trial.purge("a", "done")
    await trial.enqueue(same, job(key="m"))
    await trial.wait(11)
    await trial.purge("a", "done")
    await trial.enqueue(same)


@check(StoreRule.KEEP)
async def jobs_are_kept_for_a_while(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(keep=Keep(10.0, 20.0)))
    await trial.enqueue(
        *(job(key=f"{number}", once_for=12.0 * (number == 2)) for number in range(5))
    )
    for kind in ("done", "failed", "done", "cancelled", "done"):
        await run(trial, kind)
        await trial.wait(1)
        await trial.tend()
    for _ in range(5):
        await trial.wait(5)
        await trial.tend()


@check(StoreRule.KEEP)
async def what_runs_again_is_kept(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(keep=Keep(5.0, 5.0)))
    ids = await trial.enqueue(job(key="k", once_for=10.0), job())
    await run(trial)
    await run(trial)
    await trial.retry(*ids)
    records = await trial.claim(n=2, lease=500.0)
    await trial.wait(11)
    await trial.tend()
    await trial.purge("a", *END_KINDS)
    await trial.finish(*map(done, records))
    await trial.wait(6)
    await trial.tend()
    await trial.wait(6)
    await trial.tend()


@check(StoreRule.KEEP)
async def only_so_many_are_kept(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(keep=Keep(1000.0, 2000.0, 2)))
    await trial.enqueue(
        job(key="k", once_for=50.0), *(job() for _ in range(5)), *(job() for _ in range(3))
    )
    for kind in ("done", "done", "failed", "failed", "failed", "done", "done", "done"):
        await run(trial, kind)
        await trial.wait(1)
    await trial.tend()
    await trial.wait(60)
    await trial.tend()
    await trial.retry(*trial.model.jobs)
    await trial.tend()


@check(StoreRule.KEEP)
async def what_is_kept_for_ever_stays(trial: StoreTrial) -> None:
    forever = float("inf")
    await trial.configure("a", QueueSettings(keep=Keep(forever, forever, forever)))
    await trial.enqueue(job(), job(), job(queue="b"))
    await run(trial)
    await run(trial, "failed")
    await trial.tend()
    await trial.wait(100 * 86_400)
    await trial.tend()
    await trial.configure("a", QueueSettings(keep=Keep(1.0, 1.0)), update=True)
    await trial.tend()


@check(StoreRule.TEND)
async def time_moves_all_sorts_of_jobs(trial: StoreTrial) -> None:
    await trial.tend()
    await trial.enqueue(
        *(job() for _ in range(3)),
        *(job(delay=5.0 + number) for number in range(3)),
        *(job(expires=trial.now + 5) for _ in range(3)),
        job(delay=5.0, expires=trial.now + 5),
    )
    await trial.claim(n=3, lease=5.0)
    await trial.tend()
    await trial.wait(10)
    await trial.tend(1)
    await trial.wait(1)
    await trial.tend()


@check(StoreRule.TEND)
async def it_says_when(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(keep=Keep(25.0, 30.0)))
    await trial.enqueue(job(), job(delay=20.0), job(expires=trial.now + 15))
    await trial.claim(lease=10.0)
    for _ in range(12):
        tended = await trial.tend()
        await trial.wait(1000.0 if tended.next is None else tended.next)
    await trial.tend()


@check(StoreRule.TEND)
async def what_has_changed_is_not_touched(trial: StoreTrial) -> None:
    ids = await trial.enqueue(
        job(), job(delay=5.0), job(delay=5.0, expires=trial.now + 5), job(expires=trial.now + 5)
    )
    (record,) = await trial.claim(lease=5.0)
    await trial.finish(ends(record, "failed"))
    await trial.cancel(*ids[1:])
    await trial.retry(*ids)
    (record,) = await trial.claim(lease=50.0)
    await trial.wait(6)
    await trial.tend()
    await trial.claim(n=9)


@check(StoreRule.EXPLAIN)
async def every_job_is_explained(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(group_limit=1))
    ids = await trial.enqueue(
        job(group="g", priority=1),
        job(group="g"),
        job(machine="m", labels={"gpu": "yes"}),
        job(delay=60.0),
        job(expires=trial.now - 1),
        job(),
    )
    ids += await trial.enqueue(job(after=(ids[0],)), job(after=(*ids[:2],)))
    (record,) = await trial.claim()
    for id in ids:
        await trial.explain(id)
    await trial.cancel(ids[0])
    await trial.explain(ids[0])
    await trial.pause("a")
    explanation = await trial.explain(ids[1])
    trial.expect(
        StoreRule.EXPLAIN, "paused" in str(explanation), True, "Whether a pause is mentioned"
    )
    await trial.finish(ends(record, "failed"))
    await trial.explain(ids[0])


@check(StoreRule.CANCELLED_CALL)
async def a_batch_is_never_half_made(trial: StoreTrial) -> None:
    for pauses in range(8):
        before = (await trial.store.statistics("a")).stored
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trial.store.enqueue, [job() for _ in range(5)])
                for _ in range(pauses):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        counts = await trial.store.audit("a")
        made = counts.stored - before
        if made not in (0, 5):
            trial.fail(
                StoreRule.CANCELLED_CALL, f"A call was cancelled, and {made} of 5 jobs are stored."
            )
