"""The law of job queues, under random programs: submitted = waiting + running + all outcomes.

At every instant, that is after every step of every task, and inside every handler. And what
the outcomes say is what has happened, as far as submitters and handlers have seen it.

``GOCHAN_EXAMPLES=10000 python -m pytest tests/test_law.py`` runs that many random programs,
other ones each time, where the suite is content with the same few.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count, pairwise
from random import Random
from typing import Any, TypeAlias

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gochan import (
    ChanClosedError,
    Job,
    JobFailed,
    JobQueue,
    Refused,
    cleanup,
    current_job,
    open_job_queue,
    strategy,
)
from gochan._core._choice import chance
from gochan.strategies import Empty, Filter, Refuse, Strategy, Verdict

from ..examples import examples
from ..work import Auditor, Stack, auditing

pytestmark = pytest.mark.usefixtures("both_modes")

SCHEDULES = 5
scheduling: Random = trio._core._run._r


# Strategies that are unlike the built-in ones


class Slow(Strategy[Any]):
    """Lets one job go per second, so that time alone changes its answers."""

    def __init__(self, capacity: int | float) -> None:
        super().__init__(capacity)
        self.next_at = -math.inf

    def take(self, now: float) -> Any:
        if now < self.next_at:
            raise Empty
        item = super().take(now)
        self.next_at = now + 1
        return item

    def next_change(self, now: float) -> float | None:
        return self.next_at if now < self.next_at and self.items else None


class Impatient(Strategy[Any]):
    """Gives up, when asked for a job, those that waited for a second; refuses the sixth of all."""

    def __init__(self, capacity: int | float) -> None:
        super().__init__(capacity)
        self.offered = 0
        self.since: dict[Any, float] = {}

    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.items) < self.capacity:
            self.offered += 1
            if self.offered % 6 == 0:
                return Refuse("the sixth")
            self.since[item] = now
        return super().offer(item, now)

    def take(self, now: float) -> Any:
        while True:
            item = super().take(now)
            if now < self.since.pop(item) + 1:
                return item
            self.drop(item, "too late")


STRATEGIES: dict[str, Callable[[int], Strategy[Any]]] = {
    **{
        name: partial(lambda name, capacity: strategy(name, capacity=capacity), name)
        for name in ("block", "drop-on-full", "priority-cancel")
    },
    "drop-oldest": lambda capacity: strategy("drop-oldest", capacity=max(1, capacity)),
    "stack": Stack,
    "slow": lambda capacity: Slow(max(1, capacity)),
    "impatient": lambda capacity: Impatient(max(1, capacity)),
}

# Each policy of the plugins, and some of their chains. Small limits, so that they matter.
POLICIES = [
    "lifo(2)",
    "priority(2)",
    "priority(2, ageing=1)",
    "fair(capacity=3)",
    "latest",
    "coalesce(capacity=2)",
    "coalesce(capacity=2, debounce=1, max_wait=1.5)",
    "coalesce(capacity=2, exclusive=True)",
    "codel(1, capacity=3)",
    "deadline(1, capacity=2)",
    "deadline(2, slack=0.5)",
    "rate(2, 2)",
    "rate(1, wait=True)",
    "rate(1, key=key, wait=True, capacity=2)",
    "adaptive(start=1, most=2, capacity=2)",
    "adaptive(start=2, target=0.7, by=gradient)",
    "rate(2) | lifo(2)",
    "adaptive(start=1) | priority(2)",
    "adaptive(start=1) | coalesce(capacity=2, exclusive=True)",
    "deadline(1) | coalesce(capacity=2, exclusive=True)",
    "fair(capacity=3) | coalesce(number, exclusive=True, debounce=0.5)",
    "fair(capacity=3) | adaptive(start=1)",
    "fair(capacity=4) | rate(1, wait=True)",
    "fair | deadline(1) | priority(2)",
    "rate(1, wait=True) | adaptive(start=1) | fair(capacity=3) | codel(1)",
    "deadline(1) | adaptive(start=1) | priority-cancel(2)",
    "adaptive(start=1) | deadline(1) | drop-on-full(2)",
    "rate(2, wait=True) | deadline(1) | drop-oldest(2)",
]

# Programs: what several tasks do side by side; and what jobs do, which is the same and more.

Plan: TypeAlias = Sequence[tuple[Any, ...]]
Actions: TypeAlias = st.SearchStrategy[Any]


def often(likely: Actions, *others: Actions, weight: int) -> Actions:
    """Mix, with the first so much likelier than any other; a plain ``|`` would be flattened."""
    return st.sampled_from([likely] * weight + [*others]).flatmap(lambda chosen: chosen)


def action(verb: str, *arguments: Actions) -> Actions:
    return st.tuples(st.just(verb), *arguments)


seconds = st.sampled_from([0, 0.5, 1, 1, 1.5, 2])
simple = (
    action("sleep", seconds)
    | action("sleep", seconds)
    | action("checkpoint")
    | action("cancel", st.integers(0, 30))
    | action("cancel", st.integers(0, 30))
    | action("resize", st.integers(1, 4))
)
in_jobs = often(
    action("sleep", seconds),
    simple,
    action("insist", seconds),
    action("clean up", seconds),
    action("swallow", seconds),
    action("cancel myself"),
    action("fail"),
    weight=6,
)


def submit(plans: st.SearchStrategy[Plan], *patience: float) -> Actions:
    return st.tuples(
        st.sampled_from(["submit", "submit", "submit_nowait", "try_submit"]),
        plans,
        st.sampled_from([None, None, 0.5, 1, 2]),  # the time limit of the job
        st.sampled_from([0, 0.5, 1, *patience]),  # when its submit is cancelled
    )


# Jobs that wait for room for other jobs must not do so for ever: all workers might.
plans_of_jobs = st.lists(
    often(in_jobs, submit(st.lists(in_jobs, max_size=2)), weight=4), min_size=1, max_size=4
)
stop = action(
    "stop",
    st.sampled_from([0, 1, 3]),
    st.sampled_from([0, 1, 3]),
    st.sampled_from(["running", "queued"]),
    st.sampled_from([math.inf, 0, 0.5]),
)
deeds = often(
    submit(plans_of_jobs, math.inf, math.inf),
    simple,
    simple,
    simple,
    often(action("join", seconds), action("hasten"), action("close"), stop, stop, weight=4),
    weight=6,
)
plans_of_tasks = st.lists(deeds, min_size=4, max_size=12)


@dataclass(eq=False)
class Load:
    """A payload: what a job is to do, and what its handler and its submitter saw of it."""

    number: int
    plan: Plan
    starts: int = 0
    end: str = ""  # how the handler ended
    job: Job[Any, Any] | None = None
    answer: str = ""  # what the submitter was told
    came_back: bool = False


@dataclass(eq=False)
class Scene:
    """A program at work, and what has been seen of it."""

    queue: JobQueue[Load, int]
    workers: int
    loads: list[Load] = field(default_factory=list)
    stopped: bool = False  # so that nothing may start
    interrupting: bool = False
    numbers: count[int] = field(default_factory=count)

    async def act(self, plan: Plan) -> None:
        for action in plan:
            self.queue.audit()
            await self.do(*action)
        self.queue.audit()

    async def do(self, verb: str, *arguments: Any) -> None:
        queue = self.queue
        match verb, *arguments:
            case "sleep", duration:
                await trio.sleep(duration)
            case ("checkpoint",):
                await trio.lowlevel.checkpoint()
            case "cancel", number:
                jobs = [load.job for load in self.loads if load.job is not None]
                if jobs:
                    jobs[number % len(jobs)].cancel(f"by {number}")
            case "resize", workers:
                # The nursery is closed to new workers once the queue has been left.
                queue.resize(workers)
                self.workers = max(self.workers, workers)
            case ("close",):
                queue.close()
            case ("hasten",):
                queue.hasten()
            case "join", patience:
                with trio.move_on_after(patience):
                    await queue.join()
                    assert (queue.audit().waiting, queue.audit().running) == (0, 0)
            case "stop", drain, grace, finish, patience:
                self.stopped |= finish == "running"
                self.interrupting = True
                with trio.move_on_after(patience):
                    began = trio.current_time()
                    await queue.stop(drain=drain, grace=grace, finish=finish)
                    assert trio.current_time() <= began + drain + grace + 1e-6
            case "insist", duration:
                with trio.CancelScope(shield=True):
                    await trio.sleep(duration)
            case "clean up", duration:
                try:
                    await trio.sleep(duration)
                except trio.Cancelled:
                    with cleanup():
                        await trio.sleep(duration)
                    raise
            case "swallow", duration:
                with suppress(trio.Cancelled):
                    await trio.sleep(duration)
            case ("cancel myself",):
                current_job().cancel("by itself")
            case ("fail",):
                raise ZeroDivisionError
            case how, plan, timeout, patience:
                await self.submit(how, plan, timeout, patience)
            case other:
                raise NotImplementedError(other)

    async def submit(self, how: str, plan: Plan, timeout: float | None, patience: float) -> None:
        load = Load(next(self.numbers), plan)
        self.loads.append(load)
        load.answer = "cancelled"
        try:
            with trio.move_on_after(patience):
                result = getattr(self.queue, how)(
                    load, timeout=timeout, priority=load.number % 2, key=load.number % 3 or None
                )
                if how == "submit":
                    result = await result
                load.answer = "no" if result is False else "yes"
                if isinstance(result, Job):
                    assert load.job in (None, result)
                    load.job = result
        except trio.WouldBlock:
            load.answer = "no"
        except (Refused, ChanClosedError) as error:
            load.answer = "refused" if isinstance(error, Refused) else "closed"
            load.came_back = error.value is load

    async def handle(self, load: Load) -> int:
        load.starts += 1
        load.job = current_job()
        load.end = "raised"
        assert not self.stopped, "a job starts after the stop"
        assert self.queue.audit().running <= self.workers
        try:
            await self.act(load.plan)
        except trio.Cancelled:
            load.end = "cancelled"
            raise
        load.end = "returned"
        return load.number

    def check(self, results: Sequence[Job[Load, int]]) -> None:
        """Compare the books of the queue with what was seen."""
        counts = self.queue.audit()
        assert (counts.waiting, counts.running) == (0, 0)
        assert len(results) == len({*results}) == counts.submitted
        assert sorted(job.id for job in results) == [*range(1, counts.submitted + 1)]
        assert Counter(job.outcome.kind for job in results) == {
            kind: number
            for kind, number in vars_of(counts).items()
            if number and kind not in ("submitted", "workers", "jobs_per_second", "worst_wait")
        }
        ends = [job._submitted + job.outcome.waited + job.outcome.ran for job in results]
        assert all(late >= early - 1e-6 for early, late in pairwise(ends))
        jobs = {job.payload: job for job in results}
        for load in self.loads:
            self.check_load(load, jobs.get(load))

    def check_load(self, load: Load, job: Job[Load, int] | None) -> None:
        assert load.came_back == (load.answer in ("refused", "closed"))
        if job is None:
            assert load.answer in ("no", "closed", "cancelled")
            assert (load.starts, load.job) == (0, None)
            return
        outcome = job.outcome
        assert load.job in (None, job)
        assert outcome.waited >= 0
        assert outcome.ran >= 0
        assert (load.answer == "refused") <= (outcome.kind == "refused")
        # try_submit tells no refusal from a lack of room.
        assert (outcome.kind == "refused") <= (load.answer in ("refused", "no"))
        match outcome.kind:
            case "refused" | "dropped" | "handed_back":
                assert (load.starts, load.end) == (0, "")
            case "done":
                assert (load.starts, load.end, outcome.value) == (1, "returned", load.number)
            case "failed":
                assert (load.starts, load.end) == (1, "raised")
                assert isinstance(outcome.error, ZeroDivisionError), outcome.error
            case "timed_out":
                assert (load.starts, load.end) == (1, "cancelled")
                assert outcome.ran >= job.timeout - 1e-6
            case "interrupted":
                assert (load.starts, load.end) == (1, "cancelled")
                assert self.interrupting
            case "cancelled":
                assert (load.starts, load.end) in [(0, ""), (1, "cancelled")]


def vars_of(statistics: Any) -> dict[str, Any]:
    return {name: getattr(statistics, name) for name in statistics.__slots__}


async def play(
    auditor: Auditor,
    make: Callable[[int], Strategy[Any]],
    capacity: int,
    workers: int,
    failures: str,
    patience: float,
    program: Sequence[Plan],
) -> tuple[Scene, list[Job[Load, int]]]:
    """Run a program in a queue, and return what was seen, and the results."""
    failed = False
    try:
        with trio.move_on_after(patience):
            async with open_job_queue(
                lambda load: scene.handle(load),
                strategy=make(capacity),
                workers=workers,
                failures=failures,
            ) as queue:
                auditor.queue = queue
                scene = Scene(queue, workers)
                results = queue.results()
                async with trio.open_nursery() as nursery:
                    for plan in program:
                        nursery.start_soon(scene.act, plan)
    except* JobFailed:
        failed = True
    assert failed == (failures == "raise" and queue.statistics().failed > 0)
    return scene, [job async for job in results]


def run_schedules(make: Callable[[int], Strategy[Any]], *setting: Any) -> None:
    """Run a program in several schedules, and check the result of each."""

    async def main() -> None:
        with trio.fail_after(10_000):
            async with auditing() as auditor:
                scene, results = await play(auditor, make, *setting)
                scene.check(results)

    for schedule in range(SCHEDULES):
        chance.seed(schedule)
        scheduling.seed(schedule)
        trio.run(main, clock=MockClock(autojump_threshold=0))


settings_and_programs = given(
    capacity=st.integers(0, 2),
    workers=st.integers(1, 3),
    failures=st.sampled_from(["collect", "collect", "raise"]),
    patience=st.sampled_from([math.inf, math.inf, 0.5, 1, 2.5]),
    program=st.lists(plans_of_tasks, min_size=1, max_size=3),
)


@pytest.mark.parametrize("name", STRATEGIES)
@examples(few=10)
@settings_and_programs
def test_no_job_is_lost_or_counted_twice(
    name: str,
    capacity: int,
    workers: int,
    failures: str,
    patience: float,
    program: Sequence[Plan],
) -> None:
    """Whatever submitters and jobs do, and whatever ends the queue, the law holds at every
    instant, every job has ended when the queue has, and each outcome tells the truth."""
    run_schedules(STRATEGIES[name], capacity, workers, failures, patience, program)


@pytest.mark.parametrize("policy", POLICIES)
@examples(few=3)
@settings_and_programs
def test_the_law_holds_under_each_policy(
    policy: str,
    capacity: int,
    workers: int,
    failures: str,
    patience: float,
    program: Sequence[Plan],
) -> None:
    """The same for the policies of the plugins and chains of them, however long they keep jobs
    back: nothing waits for ever, and at the end they hold nothing, and count nothing as in work."""
    made: list[Strategy[Any]] = []

    def make(capacity: int) -> Strategy[Any]:
        made.append(strategy(policy))
        return made[-1]

    run_schedules(make, capacity, workers, failures, patience, program)
    for each in made:
        assert len(each) == 0
        check_at_rest(each)


def check_at_rest(chain: Strategy[Any]) -> None:
    """Assert that no part of a chain takes a job for one in work."""
    assert not getattr(chain, "_in_work", None), chain
    if isinstance(chain, Filter):
        # Fair keeps also the parts in which nothing waits.
        copies = [queue.strategy for queue in getattr(chain, "_queues", {}).values()]
        for part in copies or chain.parts():
            check_at_rest(part)
