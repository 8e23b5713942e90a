"""Checks of what happens when jobs are stored: keys, receipts, batches, room, needs."""

from __future__ import annotations

from ...durable import END_KINDS, Enqueued, QueueSettings
from .._store_rules import StoreRule
from .._store_trial import StoreTrial
from ._table import back, check, job, run


@check(StoreRule.KEY)
async def a_key_is_taken_until_the_end(trial: StoreTrial) -> None:
    same = job(key="k")
    await trial.enqueue(same, job(key="other"), job(), same, job(delay=5.0, key="later"))
    await trial.enqueue(same, job(key="later"), job(queue="b", key="k"))
    (record,) = await trial.claim()
    await trial.enqueue(same)
    await trial.release(back(record))
    await trial.enqueue(same)
    await run(trial)
    await trial.enqueue(same, same)


@check(StoreRule.KEY)
async def a_key_stays_taken_for_a_while(trial: StoreTrial) -> None:
    same = job(key="k", once_for=10.0)
    for kind in ("done", "failed"):
        (id,) = await trial.enqueue(same)
        await run(trial, kind)
        await trial.enqueue(same, job(key="k"))
        await trial.wait(9)
        await trial.enqueue(same)
        await trial.retry(id)
        await run(trial)
        await trial.wait(9)
        await trial.enqueue(same)
        await trial.wait(2)
    await trial.enqueue(same)
    await trial.cancel(3)
    await trial.enqueue(same)


@check(StoreRule.KEY)
async def a_retry_needs_its_key(trial: StoreTrial) -> None:
    (first,) = await trial.enqueue(job(key="k"))
    await trial.cancel(first)
    (second,) = await trial.enqueue(job(key="k", once_for=10.0))
    await trial.retry(first)
    await trial.cancel(second)
    await trial.retry(first)
    await trial.wait(11)
    await trial.retry(first)
    await trial.retry(second)
    await trial.enqueue(job(key="k"))


@check(StoreRule.RECEIPT)
async def a_receipt_is_stored_once(trial: StoreTrial) -> None:
    same = job(receipt="r")
    await trial.enqueue(same, job(receipt="s"), same)
    await trial.enqueue(same, job())
    await run(trial)
    await trial.enqueue(same)
    await trial.enqueue(same, job(receipt="t"), whole=True)
    await trial.enqueue(job(key="k"), job(key="k", receipt="u"))
    await trial.cancel(*trial.model.jobs)
    await trial.enqueue(job(receipt="u"))


@check(StoreRule.RECEIPT)
async def a_receipt_comes_before_everything_else(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(capacity=1))
    same = job(receipt="r", key="k")
    await trial.enqueue(same)
    await trial.enqueue(same)
    await trial.cancel(*trial.model.jobs)
    await trial.enqueue(job(key="k"))
    await trial.enqueue(same)


@check(StoreRule.WHOLE)
async def all_or_none_are_stored(trial: StoreTrial) -> None:
    await trial.enqueue(job(key="there", receipt="there"))
    await trial.enqueue(job(), job(), job(), whole=True)
    await trial.enqueue(job(), job(key="k", receipt="r"), job(after=(77,)), whole=True)
    await trial.enqueue(job(key="there"), job(key="k"), job(key="k"), job(after=(77,)), whole=True)
    await trial.enqueue(job(receipt="there"), job(queue="z"), job(after=(77,)), whole=True)
    await trial.enqueue(job(key="k", receipt="r"), job(key="k"), job(key="there"), whole=True)


@check(StoreRule.WHOLE)
async def all_or_none_have_room(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(capacity=3))
    await trial.enqueue(job(), job(), job(), job(), whole=True)
    await trial.enqueue(job(key="k"), job(), whole=True)
    await trial.enqueue(job(), job(), whole=True)
    await trial.enqueue(job(key="k"), job(), job(key="k"), whole=True)
    await trial.enqueue(job(key="k"), job(), whole=True)


@check(StoreRule.WHOLE)
async def nothing_is_dropped_for_none(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(capacity=3, when_full="drop-oldest"))
    (need, *_) = await trial.enqueue(job(key="k"), job(priority=5), job(priority=5))
    await trial.enqueue(
        job(after=(need,), queue="b"), job(after=(need,), after_all="ended", queue="b")
    )
    await trial.enqueue(job(key="k"), job(), job(priority=-1), whole=True)
    await trial.enqueue(job(priority=6), job(key="k", receipt="r"), job(after=(77,)), whole=True)
    await trial.enqueue(job(), job(after=(77,)), whole=True)
    await trial.enqueue(job(key="k"))
    await trial.enqueue(job(), job(), job(), whole=True)
    await trial.claim(n=9)
    await trial.claim("b", n=9)


@check(StoreRule.CAPACITY)
async def what_has_no_room_is_refused(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(capacity=3))
    await trial.enqueue(job(), job(delay=5.0))
    await trial.enqueue(job(key="k"), job(), job(key="k"), job(queue="b"))
    (record,) = await trial.claim()
    await trial.enqueue(job(), job())
    await trial.release(back(record))
    await trial.enqueue(job())
    await trial.cancel(*trial.model.jobs)
    await trial.enqueue(*(job() for _ in range(5)))
    await trial.retry(record.id)
    await trial.configure("a", QueueSettings(capacity=2), update=True)
    await trial.claim(n=2)
    await trial.enqueue(job())


@check(StoreRule.DROP_OLDEST)
async def the_lowest_and_oldest_goes(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(capacity=4, when_full="drop-oldest"))
    await trial.enqueue(job(priority=1), job(), job(delay=5.0), job(priority=2))
    await trial.enqueue(job(priority=-1))
    for priority in (0, 0, 3, 3, 3, 2):
        await trial.enqueue(job(priority=priority))
    await trial.enqueue(*(job(priority=9) for _ in range(6)))
    await trial.claim(n=9)


@check(StoreRule.DROP_OLDEST)
async def what_has_run_is_not_dropped(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(capacity=3, when_full="drop-oldest"))
    await trial.enqueue(job(), job(), job())
    ran, put_off, unstarted = await trial.claim(n=3)
    await trial.release(
        back(ran),
        back(put_off, "later", delay=60.0, count=False),
        back(unstarted, "unstarted", count=False, error=None),
    )
    for _ in range(2):
        await trial.enqueue(job())
    await trial.enqueue(job(priority=-1))
    await trial.configure("a", QueueSettings(capacity=2, when_full="drop-oldest"), update=True)
    await trial.claim(n=3)
    await trial.enqueue(job(key="k"), job(key="k"), job(), job(key="k"))


@check(StoreRule.DROP_OLDEST)
async def a_queue_may_begin_to_drop(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job(), job())
    await trial.configure("a", QueueSettings(capacity=2, when_full="drop-oldest"), update=True)
    await trial.enqueue(job())
    await trial.configure("a", QueueSettings(capacity=2), update=True)
    await trial.enqueue(job())
    await trial.configure("a", QueueSettings(capacity=2, when_full="drop-oldest"), update=True)
    await trial.enqueue(job())


@check(StoreRule.AFTER)
async def a_job_is_held_until_the_others_aredone(trial: StoreTrial) -> None:
    one, two = await trial.enqueue(job(), job())
    await trial.enqueue(
        job(after=(one, two, one)),
        job(after=(one,), delay=50.0),
        job(after=(two,), queue="b"),
        job(after=(77,)),
    )
    await trial.claim("b")
    await run(trial)
    await trial.enqueue(job(after=(one,), priority=9), job(after=(one, two)))
    await run(trial)
    await run(trial)
    await trial.claim("b")
    await trial.claim(n=9)
    await trial.wait(60)
    await trial.tend()
    await trial.claim(n=9)


@check(StoreRule.AFTER)
async def a_job_ends_with_one_that_it_needs(trial: StoreTrial) -> None:
    for kind in END_KINDS[1:]:
        (one,) = await trial.enqueue(job())
        (two,) = await trial.enqueue(job(after=(one,)))
        await trial.enqueue(
            job(after=(two,)), job(after=(one,), after_all="ended", expires=trial.now + 500)
        )
        await run(trial, kind)
        await trial.enqueue(job(after=(one,)), job(after=(one, two), after_all="ended"))
        await trial.claim(n=9)


@check(StoreRule.AFTER)
async def two_ways_lead_to_one_end(trial: StoreTrial) -> None:
    (first,) = await trial.enqueue(job())
    one, two = await trial.enqueue(job(after=(first,)), job(after=(first,)))
    await trial.enqueue(job(after=(one, two)), job(after=(one, two), after_all="ended"))
    await trial.cancel(first)
    await trial.claim(n=9)


@check(StoreRule.AFTER)
async def all_ways_to_end_let_others_go(trial: StoreTrial) -> None:
    ids = await trial.enqueue(
        job(expires=trial.now + 5), job(), job(max_attempts=1), job(max_attempts=1)
    )
    await trial.enqueue(*(job(after=(id,)) for id in ids))
    await trial.enqueue(*(job(after=(id,), after_all="ended") for id in ids))
    await trial.cancel(ids[1])
    await trial.claim()
    (record,) = await trial.claim()
    await trial.release(back(record))
    (record,) = await trial.claim(lease=1.0)
    await trial.start(record.ticket)
    await trial.wait(6)
    await trial.tend()
    await trial.claim(n=9)


@check(StoreRule.AFTER)
async def a_held_job_can_be_cancelled_expire_and_run_again(trial: StoreTrial) -> None:
    (need,) = await trial.enqueue(job(priority=1))
    held, expiring, retried = await trial.enqueue(
        job(after=(need,)), job(after=(need,), expires=trial.now + 5), job(after=(need,))
    )
    await trial.cancel(held, retried)
    await trial.wait(6)
    await trial.tend()
    await trial.retry(retried)
    await run(trial, "failed")
    await trial.claim(n=9)
    await trial.retry(need, held)
    await trial.enqueue(job(after=(need, expiring), after_all="ended"))
    await run(trial)
    await trial.claim(n=9)


@check(StoreRule.AFTER)
async def what_is_needed_may_be_dropped_for_it(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(capacity=2, when_full="drop-oldest"))
    one, two = await trial.enqueue(job(), job())
    await trial.enqueue(job(after=(one,)), job(after=(two,), after_all="ended"), job())
    await trial.claim(n=9)


@check(StoreRule.AFTER)
async def long_chains_end(trial: StoreTrial) -> None:
    first = last = 0
    for _ in range(1100):  # longer than functions can call each other
        after = (last,) if last else ()
        (answer,) = await trial.store.enqueue([job(after=after)])
        if not isinstance(answer, Enqueued):
            trial.fail(  # pragma: no cover
                StoreRule.AFTER, f"A job after job {last}, which is there, was refused."
            )
        first, last = first or answer.id, answer.id
    await trial.store.cancel([first], "the first of many")
    (record,) = await trial.store.look([last])
    trial.expect(StoreRule.AFTER, record and record.kind, "cancelled", "The end of a long chain")
