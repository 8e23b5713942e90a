"""Checks of attempts, ends, cancels and retries."""

from __future__ import annotations

from ...durable import END_KINDS, Ending, ProgressReport
from .._store_rules import StoreRule
from .._store_trial import StoreTrial
from ._table import back, check, done, ends, job, run


@check(StoreRule.ATTEMPTS)
async def a_lease_alone_is_no_attempt(trial: StoreTrial) -> None:
    await trial.enqueue(job(max_attempts=2))
    for _ in range(4):
        (record,) = await trial.claim()
        await trial.release(back(record, "unstarted", error=None))
    for _ in range(3):
        (record,) = await trial.claim()
        await trial.start(record.ticket)
        await trial.start(record.ticket)
        await trial.release(back(record, "interrupted", count=False))
    for count in (False, True, True):
        (record,) = await trial.claim()
        await trial.release(back(record, "later", count=count))


@check(StoreRule.ATTEMPTS)
async def the_last_attempt_ends_the_job(trial: StoreTrial) -> None:
    for kind in ("failed", "timed_out", "later", "interrupted"):
        await trial.enqueue(job(max_attempts=2))
        for delay in (3.0, 0.0):
            (record,) = await trial.claim()
            await trial.release(back(record, kind, delay=delay))
            await trial.claim()
            await trial.wait(4)
            await trial.tend()
    await trial.enqueue(job())
    await run(trial, "failed")
    await trial.enqueue(job())
    (record,) = await trial.claim()
    await trial.finish(ends(record, "dropped", started=False))


@check(StoreRule.ATTEMPTS)
async def a_job_that_kills_its_worker_fails(trial: StoreTrial) -> None:
    await trial.enqueue(job(max_attempts=2))
    for marks in (False, True, False, True):
        (record,) = await trial.claim(lease=5.0)
        if marks:
            await trial.start(record.ticket)
        await trial.wait(6)
        await trial.tend()


@check(StoreRule.ATTEMPTS)
async def a_job_that_never_starts_fails(trial: StoreTrial) -> None:
    await trial.enqueue(job())
    for _ in range(20):
        await trial.claim(lease=5.0)
        await trial.wait(6)
        await trial.tend()
    await trial.claim()


@check(StoreRule.LOG)
async def the_last_attempts_are_kept(trial: StoreTrial) -> None:
    await trial.enqueue(job(max_attempts=100))
    for number in range(23):
        (record,) = await trial.claim()
        await trial.start(record.ticket)
        await trial.wait(number)
        await trial.release(back(record, error=f"Error: {number}"))
    await run(trial)
    await trial.retry(*trial.model.jobs)
    (record,) = await trial.claim(lease=1.0)
    await trial.wait(2)
    await trial.tend()
    await run(trial, "timed_out")


@check(StoreRule.ENDING)
async def a_job_ends_as_its_worker_says(trial: StoreTrial) -> None:
    for kind in END_KINDS:
        for started in (True, False):
            await trial.enqueue(job())
            (record,) = await trial.claim()
            await trial.wait(1)
            result, error = (b"2", None) if kind == "done" else (None, "Error: x")
            await trial.finish(
                Ending(record.id, record.version, kind, result, error, started=started)
            )
    await trial.enqueue(job(), job())
    one, two = await trial.claim(n=2)
    await trial.finish(done(one, result=None, error="ignored"), ends(two, "failed", result=b"3"))
    await trial.claim()


@check(StoreRule.CANCEL)
async def what_does_not_run_ends_at_once(trial: StoreTrial) -> None:
    ids = await trial.enqueue(job(), job(delay=5.0), job())
    await trial.cancel(*ids[:2])
    await trial.cancel(ids[0])
    await run(trial)
    await trial.cancel(ids[2])
    await trial.wait(6)
    await trial.tend()
    await trial.claim(n=5)


@check(StoreRule.CANCEL)
async def a_wish_stays_until_the_run_is_over(trial: StoreTrial) -> None:
    await trial.enqueue(*(job() for _ in range(9)))
    records = await trial.claim(n=9)
    ids = [record.id for record in records]
    await trial.cancel(*ids)
    await trial.cancel(ids[0], reason="a second wish")
    await trial.extend(*(record.ticket for record in records), lease=10.0)
    await trial.start(records[0].ticket, records[1].ticket)
    await trial.finish(done(records[0]), ends(records[1], "failed"), ends(records[2], "cancelled"))
    await trial.release(
        back(records[3]),
        back(records[4], "unstarted", count=False),
        back(records[5], "interrupted", count=False, delay=9.0),
        back(records[6], "later"),
        back(records[7], "timed_out"),
    )
    await trial.wait(11)
    await trial.tend()
    await trial.claim(n=9)


@check(StoreRule.CANCEL)
async def a_wish_is_for_one_run(trial: StoreTrial) -> None:
    (id,) = await trial.enqueue(job())
    (record,) = await trial.claim()
    await trial.cancel(id, reason="")
    await trial.extend(record.ticket)
    await trial.finish(done(record))
    await trial.retry(id)
    (record,) = await trial.claim()
    await trial.extend(record.ticket)
    await trial.cancel(id)
    await trial.release(back(record))
    await trial.retry(id)
    await trial.claim()


@check(StoreRule.RETRY)
async def what_has_ended_runs_again(trial: StoreTrial) -> None:
    ids = await trial.enqueue(
        job(max_attempts=2, delay=1.0, expires=trial.now + 9),
        job(expires=trial.now + 3),
        job(),
        job(),
    )
    await trial.retry(*ids, 77)
    await trial.cancel(ids[2])
    await run(trial)
    await run(trial)
    for _ in range(2):
        await trial.wait(2)
        await trial.tend()
        (record,) = await trial.claim()
        await trial.start(record.ticket)
        await trial.release(back(record))
    await trial.retry(ids[0], ids[0], attempts=1)
    await trial.retry(*ids[1:])
    await trial.wait(20)
    await trial.tend()
    for record in await trial.claim(n=9):
        await trial.release(back(record))
    await trial.retry(*ids)
    await trial.claim(n=9)


@check(StoreRule.RETRY)
async def what_was_lost_starts_afresh(trial: StoreTrial) -> None:
    (id,) = await trial.enqueue(job(max_attempts=1))
    await trial.claim(lease=1.0)
    await trial.wait(2)
    await trial.tend()
    (record,) = await trial.claim(lease=1.0)
    await trial.start(record.ticket)
    await trial.wait(2)
    await trial.tend()
    await trial.retry(id)
    await run(trial)


@check(StoreRule.PROGRESS)
async def progress_is_kept(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job())
    one, two = await trial.claim(n=2)
    await trial.report(
        ProgressReport(one.id, one.version, 1.0, 4.0), ProgressReport(two.id, two.version, 0.5)
    )
    await trial.report(ProgressReport(one.id, one.version, 3.0, 4.0))
    await trial.release(back(one))
    await trial.claim()
    await trial.finish(done(two))
