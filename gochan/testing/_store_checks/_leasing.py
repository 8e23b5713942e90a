"""Checks of who gets which job when, and for how long."""

from __future__ import annotations

import trio

from ...durable import QueueSettings, Worker
from .._store_rules import StoreRule
from .._store_trial import StoreTrial
from ._table import GPU, back, check, done, job


@check(StoreRule.ORDER)
async def priorities_go_first(trial: StoreTrial) -> None:
    await trial.enqueue(*(job(priority=priority) for priority in (0, 2, -1, 2, 0, 1)))
    await trial.offer("a", 3)
    await trial.claim()
    await trial.claim(n=3)
    await trial.enqueue(job(priority=-1), job(priority=9))
    await trial.claim(n=9)


@check(StoreRule.ORDER)
async def the_older_goes_first(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job(), job())
    first, second = await trial.claim(n=2)
    await trial.release(back(second), back(first, "unstarted", count=False))
    await trial.claim(n=3)


@check(StoreRule.ORDER)
async def routes_do_not_matter(trial: StoreTrial) -> None:
    await trial.enqueue(
        job(machine="host"), job(), job(labels={"gpu": "yes"}), job(), job(machine="host")
    )
    await trial.claim(n=2, worker=GPU)
    await trial.claim(n=9, worker=GPU)


@check(StoreRule.ONE_WORKER)
async def nobody_else_gets_it(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job())
    await trial.claim()
    await trial.claim(n=5, worker=Worker("another"))
    await trial.claim(n=5)


@check(StoreRule.ONE_WORKER)
async def many_ask_at_once(trial: StoreTrial) -> None:
    await trial.store.enqueue([job() for _ in range(40)])
    got: list[int] = []

    async def work(worker: Worker) -> None:
        while records := await trial.store.claim("a", 3, worker, 30.0):
            got.extend(record.id for record in records)

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(work, Worker(f"worker {number}"))
    trial.expect(StoreRule.ONE_WORKER, len({*got}), len(got), "The number of jobs claimed")
    trial.expect(StoreRule.ORDER, len(got), 40, "The number of jobs claimed by six workers")


@check(StoreRule.ONE_WORKER)
async def a_job_that_was_cancelled_and_retried_waits_once(trial: StoreTrial) -> None:
    (id,) = await trial.enqueue(job())
    for _ in range(3):
        await trial.cancel(id)
        await trial.retry(id)
        await trial.offer("a", 5)
    await trial.claim(n=5)


@check(StoreRule.OFFER)
async def an_offer_takes_nothing(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job(priority=1), job(machine="elsewhere"))
    tickets = await trial.offer("a", 2)
    await trial.offer("a", 2)
    await trial.start(*tickets)
    await trial.accept(tickets, lease=10.0)
    await trial.accept(tickets, Worker("another"))
    await trial.offer("a", 2)


@check(StoreRule.OFFER)
async def an_offer_is_good_while_the_job_can_be_claimed(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(group_limit=1))
    ids = await trial.enqueue(
        job(), job(), job(expires=trial.now + 5), job(group="g"), job(labels={"gpu": "yes"})
    )
    (more,) = await trial.enqueue(job(group="h"))
    tickets = await trial.offer("a", 9, GPU)
    await trial.accept([ticket for ticket in tickets if ticket.id == more])
    await trial.enqueue(job(group="g", priority=1))
    await trial.claim()
    await trial.cancel(ids[0])
    await trial.pause("a")
    await trial.accept(tickets)
    await trial.pause("a", paused=False)
    await trial.wait(6)
    await trial.accept(tickets)


@check(StoreRule.SUITS)
async def labels_and_machines_match(trial: StoreTrial) -> None:
    await trial.enqueue(
        job(machine="host"),
        job(machine="elsewhere"),
        job(labels={"gpu": "yes"}),
        job(labels={"gpu": "no"}),
        job(labels={"gpu": "yes", "zone": "1"}),
        job(labels={"gpu": "yes", "zone": "2"}),
        job(machine="host", labels={"zone": "1"}),
    )
    await trial.claim(n=9)
    await trial.claim(n=9, worker=Worker("host by name only", None))
    await trial.claim(n=9, worker=Worker("w", "elsewhere", {"zone": "1"}))
    await trial.offer("a", 9, GPU)
    await trial.claim(n=9, worker=GPU)
    await trial.claim(n=9, worker=Worker("w", None, {"gpu": "no", "zone": "2"}))


@check(StoreRule.PAUSE)
async def a_paused_queue_lets_nothing_start(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job(), job(delay=5.0))
    (running,) = await trial.claim()
    await trial.pause("a")
    await trial.pause("a")
    await trial.claim(n=5)
    await trial.offer("a", 5)
    await trial.enqueue(job())
    await trial.wait(6)
    await trial.tend()
    await trial.claim(n=5)
    await trial.finish(done(running))
    await trial.pause("a", paused=False)
    await trial.claim(n=5)


@check(StoreRule.DUE)
async def nothing_starts_too_early(trial: StoreTrial) -> None:
    now = trial.now
    await trial.enqueue(
        job(delay=10.0),
        job(run_at=now + 5),
        job(run_at=now - 5),
        job(run_at=now + 5, delay=10.0),
        job(run_at=now + 20, delay=1.0),
    )
    await trial.claim(n=9)
    for _ in range(4):
        await trial.tend()
        await trial.claim(n=9)
        await trial.wait(6)


@check(StoreRule.EXPIRY)
async def what_has_expired_does_not_start(trial: StoreTrial) -> None:
    await trial.enqueue(
        job(expires=trial.now + 5, priority=1),
        job(expires=trial.now - 5),
        job(expires=trial.now + 5, delay=20.0),
        job(),
        job(expires=trial.now + 50),
    )
    await trial.wait(6)
    await trial.offer("a", 9)
    await trial.claim(n=1)
    await trial.tend()
    await trial.claim(n=9)


@check(StoreRule.EXPIRY)
async def what_runs_or_has_run_is_not_dropped(trial: StoreTrial) -> None:
    await trial.enqueue(*(job(expires=trial.now + 5) for _ in range(5)))
    failed, unlucky, unstarted, put_off, runs = await trial.claim(n=5)
    await trial.start(failed.ticket, runs.ticket)
    await trial.release(
        back(failed),
        back(unlucky, "interrupted", count=False, error=None),
        back(unstarted, "unstarted", count=False, error=None),
        back(put_off, "later", delay=60.0, count=False),
    )
    await trial.wait(6)
    await trial.tend()
    await trial.finish(done(runs))


@check(StoreRule.GROUPS)
async def no_more_of_a_group_run_than_may(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(group_limit=2))
    await trial.enqueue(*(job(group="g") for _ in range(5)), job(), job(group="h"))
    one, two, *_ = await trial.claim(n=9)
    await trial.claim(n=9)
    await trial.finish(done(one))
    await trial.finish(done(one))
    await trial.offer("a", 9)
    await trial.claim(n=9)
    await trial.release(back(two))
    await trial.release(back(two))
    await trial.cancel(two.id)
    await trial.claim(n=9)
    await trial.claim(n=9)


@check(StoreRule.GROUPS)
async def a_lost_job_frees_its_place_once(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(group_limit=1))
    await trial.enqueue(*(job(group="g") for _ in range(3)))
    (lost,) = await trial.claim(lease=5.0)
    await trial.wait(6)
    await trial.tend()
    await trial.claim()
    await trial.finish(done(lost))
    await trial.release(back(lost))
    await trial.claim(n=5)


@check(StoreRule.GROUPS)
async def full_groups_hold_up_nobody(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(group_limit=1))
    crowd = [job(group=f"g{n % 7}", priority=1, machine=("host", None)[n % 2]) for n in range(60)]
    await trial.enqueue(*crowd, job(), job(machine="host"), *(job(group="z") for _ in range(3)))
    await trial.claim(n=3, worker=GPU)
    await trial.claim(n=4, worker=GPU)
    records = await trial.claim(n=2, worker=GPU)
    await trial.claim(n=5, worker=GPU)
    await trial.finish(*map(done, records))
    await trial.claim(n=1, worker=GPU)
    await trial.claim(n=9)


@check(StoreRule.GROUPS)
async def many_groups_wait_behind_a_full_one(trial: StoreTrial) -> None:
    await trial.configure("a", QueueSettings(group_limit=1))
    await trial.enqueue(*(job(group="full", priority=9) for _ in range(40)))
    await trial.enqueue(*(job(group=f"g{number}") for number in range(6)))
    await trial.enqueue(*(job(group=f"g{number}", machine="host") for number in range(6)))
    for n in (1, 2, 3, 9):
        await trial.offer("a", n, GPU)
        await trial.claim(n=n, worker=GPU)


@check(StoreRule.GROUPS)
async def a_limit_can_change(trial: StoreTrial) -> None:
    await trial.enqueue(*(job(group="g") for _ in range(9)))
    await trial.claim(n=3)
    await trial.configure("a", QueueSettings(group_limit=4))
    await trial.claim(n=9)
    await trial.configure("a", QueueSettings(group_limit=6), update=True)
    await trial.claim(n=9)
    await trial.configure("a", QueueSettings(), update=True)
    await trial.claim(n=9)


@check(StoreRule.LEASES)
async def a_lease_that_ends_gives_the_jobback(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job())
    await trial.claim(n=2, lease=10.0)
    await trial.wait(9)
    await trial.tend()
    await trial.claim()
    await trial.wait(2)
    await trial.tend()
    await trial.claim(n=2, worker=Worker("another"))


@check(StoreRule.LEASES)
async def a_lease_that_is_extended_holds(trial: StoreTrial) -> None:
    await trial.enqueue(job(), job())
    one, two = await trial.claim(n=2, lease=10.0)
    for _ in range(3):
        await trial.wait(6)
        await trial.extend(one.ticket, lease=10.0)
        await trial.tend()
        await trial.claim()
    await trial.extend(one.ticket, two.ticket, lease=1.0)
    await trial.wait(2)
    await trial.extend(one.ticket, lease=1.0)  # late, but nobody has taken the job back
    await trial.tend()
    await trial.wait(2)
    await trial.tend()
    await trial.extend(one.ticket)
