"""Checks of what every store has: answers, ids, versions, counts, queues."""

from __future__ import annotations

from ...durable import (
    END_KINDS,
    Ending,
    EndKind,
    Keep,
    ProgressReport,
    QueueSettings,
    Release,
    State,
    Ticket,
)
from .._store_rules import StoreRule
from .._store_trial import StoreTrial
from ._table import back, check, done, ends, job, run


@check(StoreRule.CLOCK)
async def time_goes_on(trial: StoreTrial) -> None:
    for seconds in (0.0, 0.5, 3600.0):
        await trial.wait(seconds)


@check(StoreRule.ANSWERS)
async def nothing_is_a_batch(trial: StoreTrial) -> None:
    await trial.enqueue()
    await trial.enqueue(whole=True)
    await trial.accept([])
    await trial.start()
    await trial.extend()
    await trial.report()
    await trial.finish()
    await trial.release()
    await trial.cancel()
    await trial.retry()
    await trial.purge("a")
    await trial.claim(n=0)
    await trial.offer("a", 0)
    await trial.tend()


@check(StoreRule.ANSWERS)
async def what_is_not_there_is_unknown(trial: StoreTrial) -> None:
    await trial.enqueue(job())
    nobody = Ticket(77, 1)
    await trial.accept([nobody])
    await trial.start(nobody)
    await trial.extend(nobody)
    await trial.report(ProgressReport(77, 1, 1.0))
    await trial.finish(Ending(77, 1, "done"))
    await trial.release(Release(77, 1, "failed"))
    await trial.cancel(77)
    await trial.retry(77)
    await trial.explain(77)
    await trial.claim("z")
    await trial.purge("z", *END_KINDS)
    await trial.list("z")
    await trial.compare()


@check(StoreRule.ANSWERS)
async def answers_have_the_order_of_the_arguments(trial: StoreTrial) -> None:
    one, two = await trial.enqueue(job(), job(priority=5))
    records = await trial.store.look([two, 77, one, two])
    ids = [record and record.id for record in records]
    trial.expect(StoreRule.ANSWERS, ids, [two, None, one, two], "The answer of look")
    await trial.enqueue(job(), job(after=(77,)), job(key="k"), job(key="k"), job())
    tickets = await trial.offer("a", 3)
    await trial.accept([tickets[2], Ticket(77, 1), tickets[0], tickets[1]])
    await trial.start(Ticket(77, 1), *tickets)
    await trial.cancel(one, 77, one)
    await trial.retry(77, one, one)


@check(StoreRule.STORED)
async def everything_is_kept(trial: StoreTrial) -> None:
    now = trial.now
    everything = job(
        payload=bytes(range(256)),
        codec="own",
        key="schlüssel",
        once_for=5.0,
        priority=-3,
        run_at=now + 60,
        expires=now + 600,
        timeout=2.5,
        max_attempts=7,
        group="g",
        machine="host",
        labels={"b": "2", "a": "1"},
        headers={"traceparent": "00-1-2-03"},
        receipt="r",
    )
    await trial.enqueue(everything)
    await trial.enqueue(job(payload=b""), job(delay=30.0), job(delay=30.0, run_at=now + 5))
    await trial.wait(1000)
    await trial.compare()


@check(StoreRule.STORED)
async def a_large_batch_is_kept(trial: StoreTrial) -> None:
    await trial.enqueue(*(job(payload=b"%d" % number) for number in range(300)))
    records = await trial.claim(n=300)
    await trial.finish(*map(done, records))


@check(StoreRule.IDS)
async def ids_only_grow(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job())
    await trial.enqueue(job(), job(queue="b"))
    await trial.enqueue(job(after=(77,)), whole=True)
    await trial.enqueue(job())


@check(StoreRule.IDS)
async def the_id_of_a_job_that_is_gone_is_not_used_again(trial: StoreTrial) -> None:
    await trial.enqueue(job())
    await run(trial)
    await trial.purge("a", "done")
    await trial.enqueue(job())


@check(StoreRule.VERSION)
async def a_run_that_is_over_changes_nothing(trial: StoreTrial) -> None:
    await trial.enqueue(job(max_attempts=50))
    (old,) = await trial.claim()
    await trial.start(old.ticket)
    await trial.release(back(old))
    for meanwhile in (True, False):
        await trial.start(old.ticket)
        await trial.extend(old.ticket)
        await trial.report(ProgressReport(old.id, old.version, 9.0))
        await trial.release(back(old))
        await trial.finish(ends(old, "failed"))
        await trial.finish(ends(old, "dropped", started=False))
        await trial.finish(done(old))
        if meanwhile:  # somebody else has it
            (new,) = await trial.claim()
    await trial.finish(done(new))
    await trial.finish(done(new))
    await trial.finish(done(old))
    await trial.release(back(new))


@check(StoreRule.VERSION)
async def an_old_offer_is_void(trial: StoreTrial) -> None:
    await trial.enqueue(job())
    (ticket,) = await trial.offer("a")
    (record,) = await trial.claim()
    await trial.release(back(record))
    await trial.accept([ticket, Ticket(ticket.id, ticket.version + 50)])


@check(StoreRule.VERSION)
async def what_changes_no_state_changes_no_version(trial: StoreTrial) -> None:
    await trial.enqueue(job())
    (record,) = await trial.claim()
    await trial.start(record.ticket)
    await trial.extend(record.ticket)
    await trial.report(ProgressReport(record.id, record.version, 1.0, 2.0))
    await trial.cancel(record.id)
    await trial.finish(done(record))


@check(StoreRule.COUNTS)
async def every_job_is_somewhere(trial: StoreTrial) -> None:
    await trial.enqueue(job(delay=50.0), *(job() for _ in END_KINDS), job(), job(queue="b"))
    for kind in END_KINDS:
        await run(trial, kind)
    await trial.purge("a", "done", "failed")
    await trial.claim()
    await trial.retry(*trial.model.jobs)


@check(StoreRule.AUDIT)
async def an_audit_counts(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job(), job(delay=5.0))
    await run(trial)
    await trial.claim()
    await trial.purge("a", "done")


@check(StoreRule.LIST)
async def jobs_are_listed(trial: StoreTrial) -> None:
    not_over: tuple[State, ...] = ("waiting", "running")
    bad_ends: tuple[EndKind, ...] = ("failed", "cancelled")
    await trial.enqueue(*(job(priority=number) for number in range(6)), job(delay=9.0))
    await run(trial)
    await run(trial, "failed")
    await trial.claim()
    await trial.list("a")
    await trial.list("a", limit=2)
    await trial.list("a", limit=2, before=5)
    await trial.list("a", before=1)
    await trial.list("a", limit=2, after=0)
    await trial.list("a", before=5, after=2)
    await trial.list("a", states=not_over)
    await trial.list("a", states={"ended"}, kinds={"done"})
    await trial.list("a", kinds=bad_ends)
    await trial.list("b")


@check(StoreRule.QUEUES)
async def queues_share_nothing(trial: StoreTrial) -> None:
    await trial.configure("c")
    await trial.configure("b", QueueSettings(capacity=1, group_limit=1))
    await trial.enqueue(job(key="k", group="g"), job(queue="b", key="k", group="g"))
    await trial.enqueue(job(queue="b", key="m"), job(key="k"))
    await trial.claim("b")
    await trial.claim("a")
    await trial.pause("b")
    await trial.enqueue(job())
    await trial.claim("a")
    await trial.names()
    await trial.list("a")
    await trial.list("b")


@check(StoreRule.SETTINGS)
async def settings_are_kept(trial: StoreTrial) -> None:
    first = QueueSettings(2, 10, "drop-oldest", Keep(1.5, 2.5, 3))
    await trial.configure("a")
    await trial.configure("a", first)
    await trial.configure("a", QueueSettings(3))
    await trial.configure("a")
    await trial.configure("a", QueueSettings(3, 7), update=True)
    await trial.configure("a")
    await trial.configure("b", QueueSettings(), update=True)
