"""The simulation: by hand, on its own terms, and beside the real queue, job by job."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any, NamedTuple

import pytest
import trio
from gochan_sim import _simulation as module
from gochan_sim._loads import SCENARIOS, Arrival, BadPeriod, Load
from gochan_sim._simulation import BrokenStrategy, SimulatedJob, Simulation, simulate
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import gochan
from gochan import Job, Refused, open_job_queue
from gochan.strategies import (
    ADMIT,
    WAIT,
    Block,
    DropOnFull,
    Empty,
    Filter,
    PriorityCancel,
    Refuse,
    Strategy,
    Verdict,
    by,
)

from .calls import examples

# Strategies of each kind that there may be


class DropOldest(Strategy[Any]):
    """Give up what it has."""

    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.items) >= self.capacity:
            self.drop(self.items.popleft(), "oldest")
        self.items.append(item)
        return ADMIT


class Lifo(DropOldest):
    def take(self, now: float) -> Any:
        if not self.items:
            raise Empty
        return self.items.pop()


class DropNewest(Strategy[Any]):
    """Take an item in, and give it up at once."""

    def offer(self, item: Any, now: float) -> Verdict:
        self.items.append(item)
        if len(self.items) > self.capacity:
            self.drop(self.items.pop(), "newest")
        return ADMIT


class Stale(Filter[Any]):
    """Give up what has waited too long, when the next one goes."""

    def __init__(self, seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self.seconds = seconds
        self.since: dict[int, float] = {}

    def offer(self, item: Any, now: float) -> Verdict:
        self.since[id(item)] = now
        return super().offer(item, now)

    def take(self, now: float) -> Any:
        while True:
            item = super().take(now)
            if now - self.since[id(item)] <= self.seconds:
                return item
            self.drop(item, "stale")


class Pace(Filter[Any]):
    """Let one in per so many seconds; callers wait for their turn."""

    def __init__(self, gap: float, **options: Any) -> None:
        super().__init__(**options)
        self.gap = gap
        self.next = -math.inf

    def offer(self, item: Any, now: float) -> Verdict:
        if now < self.next:
            return WAIT
        verdict = super().offer(item, now)
        if verdict is ADMIT:
            self.next = now + self.gap
        return verdict

    def next_change(self, now: float) -> float | None:
        change = super().next_change(now)
        if self.next <= now:
            return change
        return min(self.next, math.inf if change is None else change)


class Settle(Strategy[Any]):
    """Keep every item for a while before it may go."""

    def __init__(self, capacity: float, seconds: float) -> None:
        super().__init__(capacity)
        self.seconds = seconds
        self.due: list[float] = []

    def offer(self, item: Any, now: float) -> Verdict:
        verdict = super().offer(item, now)
        if verdict is ADMIT:
            self.due.append(now + self.seconds)
        return verdict

    def take(self, now: float) -> Any:
        if not self.due or self.due[0] > now:
            raise Empty
        del self.due[0]
        return super().take(now)

    def next_change(self, now: float) -> float | None:
        return self.due[0] if self.due and self.due[0] > now else None


class Limit(Filter[Any]):
    """Let so many run; it learns from what has ended."""

    def __init__(self, limit: int, **options: Any) -> None:
        super().__init__(**options)
        self.limit = limit
        self.in_work = 0

    def take(self, now: float) -> Any:
        if self.in_work >= self.limit:
            raise Empty
        item = super().take(now)
        self.in_work += 1
        return item

    def finished(self, item: Any, now: float, *, waited: float, ran: float, ok: bool) -> None:
        self.in_work -= 1
        if ran > 1.5:
            self.limit = max(1, self.limit - 1)
        elif waited > 1.5:
            self.limit += 1
        super().finished(item, now, waited=waited, ran=ran, ok=ok)


class Fussy(Strategy[Any]):
    """Give up one that waits for each that it cannot take in; refuse what does not matter."""

    def offer(self, item: Any, now: float) -> Verdict:
        if by(None, "priority")(item) < 0 and self.items:
            return Refuse("does not matter")
        if len(self.items) < self.capacity:
            self.items.append(item)
            return ADMIT
        if by(None)(item) == "pushes":
            self.drop(self.items.popleft(), "pushed out")
        return WAIT


MAKE: dict[str, Callable[[], Strategy[Any]]] = {
    "block(3)": lambda: Block(3),
    "block(0)": lambda: Block(0),
    "block(inf)": lambda: Block(math.inf),
    "drop-on-full(2)": lambda: DropOnFull(2),
    "drop-on-full(0)": lambda: DropOnFull(0),
    "priority-cancel(5)": lambda: PriorityCancel(5),
    "drop-oldest(2)": lambda: DropOldest(2),
    "drop-newest(2)": lambda: DropNewest(2),
    "lifo(3)": lambda: Lifo(3),
    "stale | block(3)": lambda: Stale(0.8) | Block(3),
    "pace | block(2)": lambda: Pace(0.6) | Block(2),
    "pace | drop-on-full(2)": lambda: Pace(0.3) | DropOnFull(2),
    "settle(4)": lambda: Settle(4, 0.7),
    "limit | lifo(3)": lambda: Limit(1) | Lifo(3),
    "limit | block(2)": lambda: Limit(2) | Block(2),
    "pace | limit | stale | block(2)": lambda: Pace(0.2) | Limit(2) | Stale(1.0) | Block(2),
    "fussy(2)": lambda: Fussy(2),
}
every_strategy = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


# By hand


def load(*arrivals: tuple[float, ...], bad: BadPeriod | None = None) -> Load:
    """Return a load of jobs, each with arrival, service, and perhaps patience."""
    return Load(tuple(Arrival(*map(float, one)) for one in arrivals), bad)


def told(jobs: list[SimulatedJob]) -> list[tuple[str, float, float]]:
    """What became of each job, when it left the queue, and when it ended."""
    return [(job.fate, job.left, job.ended) for job in jobs]


def test_free_workers_begin_at_once() -> None:
    """And as many jobs run at the same time as there are workers."""
    jobs = simulate(load((0, 2), (1, 2), (1.5, 2)), Block(10), 2)
    assert told(jobs) == [("done", 0, 2), ("done", 1, 3), ("done", 2, 4)]


def test_callers_wait_in_line_until_they_are_let_in() -> None:
    """In the order in which they came, and that counts as waiting."""
    jobs = simulate(load((0, 2), (0.1, 2), (0.2, 2), (0.3, 2)), Block(1), 1)
    assert told(jobs) == [("done", 0, 2), ("done", 2, 4), ("done", 4, 6), ("done", 6, 8)]


def test_a_refused_job_has_its_reason() -> None:
    """It leaves at the moment at which it came."""
    jobs = simulate(load((0, 2), (1, 2), (1.5, 2)), DropOnFull(1), 1)
    assert told(jobs) == [("done", 0, 2), ("done", 2, 4), ("refused", 1.5, 1.5)]
    assert [job.reason for job in jobs] == ["", "", "full"]


def test_a_dropped_job_has_its_reason() -> None:
    """It leaves at the moment at which it is given up."""
    jobs = simulate(load((0, 2), (1, 2), (1.5, 2)), DropOldest(1), 1)
    assert told(jobs) == [("done", 0, 2), ("dropped", 1.5, 1.5), ("done", 2, 4)]
    assert [job.reason for job in jobs] == ["", "oldest", ""]


def test_a_worker_that_is_ready_takes_what_comes_at_that_moment() -> None:
    """At the same moment work ends first, then jobs come."""
    jobs = simulate(load((0, 2), (2, 1), (2, 1)), DropOnFull(1), 1)
    assert told(jobs) == [("done", 0, 2), ("done", 2, 3), ("done", 3, 4)]
    jobs = simulate(load((0, 2), (2, 1)), DropOnFull(0), 1)
    assert told(jobs) == [("done", 0, 2), ("done", 2, 3)]


def test_the_job_of_a_caller_that_has_gone_is_wasted() -> None:
    """Nobody tells the queue; the answer is of use if it comes at the last moment."""
    jobs = simulate(load((0, 2, 2), (0, 1, 2.5), (0, 1, 3)), Block(1), 1)
    assert [job.fate for job in jobs] == ["done"] * 3
    assert [job.useful for job in jobs] == [True, False, False]


def test_workers_are_slower_in_the_bad_period() -> None:
    """Those that begin a job in it, for as long as that takes."""
    bad = BadPeriod(1, 3, service=1, slowdown=10)
    jobs = simulate(load((0.5, 1), (1, 1), (2.9, 1), (3, 1), bad=bad), Block(9), 4)
    assert told(jobs) == [("done", 0.5, 1.5), ("done", 1, 11), ("done", 2.9, 12.9), ("done", 3, 4)]


def test_the_strategy_is_asked_again_when_it_says() -> None:
    """Also while nothing else happens."""
    jobs = simulate(load((0, 1), (0.1, 1), (0.2, 1)), Pace(5), 2)
    assert told(jobs) == [("done", 0, 1), ("done", 5, 6), ("done", 10, 11)]
    jobs = simulate(load((0, 1), (0.5, 1)), Settle(3, 2), 1)
    assert told(jobs) == [("done", 2, 3), ("done", 3, 4)]


def test_a_task_that_waited_for_a_moment_goes_before_one_that_comes_then() -> None:
    """And is not forgotten because the moment is over."""
    jobs = simulate(load((0, 1), (0.1, 1), (5, 1), (7, 1)), Pace(5), 2)
    assert [job.left for job in jobs] == [0, 5, 10, 15]


def test_a_strategy_that_names_the_past_is_asked_more_and_more_seldom() -> None:
    """As in a queue."""

    class Late(Strategy[Any]):
        asked = 0

        def take(self, now: float) -> Any:
            if now < 10:
                self.asked += 1
                raise Empty
            return super().take(now)

        def next_change(self, now: float) -> float:
            return 0.0

    strategy = Late(3)
    (job,) = simulate(load((0.001, 1)), strategy, 1)
    assert job.fate == "done"
    assert 10 <= job.left < 20
    assert strategy.asked < 30


def test_the_queue_closes_when_the_last_caller_has_been_let_in() -> None:
    """So what then waits may be handed back."""
    strategy = PriorityCancel(1)
    jobs = simulate(load((0, 2), (1, 2), (1.5, 2), (1.6, 2)), strategy, 1)
    assert told(jobs) == [
        ("done", 0, 2),
        ("done", 2, 4),
        ("done", 4, 6),
        ("handed_back", 4, 4),
    ]
    assert jobs[3].reason == "the queue was closed"


def test_a_strategy_learns_what_has_been_worked_on() -> None:
    """As a queue tells it: always ok, since no work fails here."""
    seen = []

    class Learner(Strategy[Any]):
        def finished(self, item: Any, now: float, **how: Any) -> None:
            seen.append((item.id, now, how))

    simulate(load((0, 2, 1), (1, 3)), Learner(9), 1)
    assert seen == [
        (1, 2, {"waited": 0, "ran": 2, "ok": True}),
        (2, 5, {"waited": 1, "ran": 3, "ok": True}),
    ]


def test_what_is_never_given_out_is_left() -> None:
    """In the strategy, or in line before it."""

    class Miser(Strategy[Any]):
        def take(self, now: float) -> Any:
            raise Empty

        def close(self) -> Any:
            raise AssertionError("a queue does not close while somebody stands in line")

    jobs = simulate(load((0, 1), (1, 1), (2, 1)), Miser(2), 1)
    assert [job.fate for job in jobs] == ["waiting", "waiting", "in line"]
    assert {(job.left, job.ended) for job in jobs} == {(math.inf, math.inf)}
    assert repr(jobs[2]) == "<simulated job 3: in line>"


def test_strategies_find_what_jobs_have() -> None:
    """The same as in a queue: id, priority, key, payload, timeout."""
    arrival = Arrival(0, 1, 2, "a", 7, {"tenant": "x"})
    found = []

    class Reader(Strategy[Any]):
        def offer(self, item: Any, now: float) -> Verdict:
            found.extend([item.id, item.timeout])
            found.extend(by(name)(item) for name in ("priority", "key", "tenant", "patience"))
            found.append(by(lambda payload: payload["tenant"] * 2)(item))
            return super().offer(item, now)

    simulate(Load((arrival,)), Reader(3), 1)
    assert found == [1, None, 7, "a", "x", 2, "xx"]


def test_real_jobs_and_simulated_ones_have_the_same_names() -> None:
    """The attributes that a strategy may look at, and no others."""
    names = {name for name in Job.__slots__ if not name.startswith("_")}
    assert names == {"id", "key", "payload", "priority", "timeout"}
    assert names <= {*SimulatedJob.__slots__}


# Strategies that make no sense


def broken(**questions: Any) -> Strategy[Any]:
    """Return a strategy with these answers."""
    return type("Odd", (Strategy,), questions)(2)


def raising(*_: object, **__: object) -> Any:
    raise ZeroDivisionError("of mine")


def leaving(*_: object, **__: object) -> Any:
    sys.exit(3)


@pytest.mark.parametrize("question", ["offer", "take", "next_change", "finished", "close"])
@pytest.mark.parametrize(
    ("answer", "text"), [(raising, "ZeroDivisionError('of mine')"), (leaving, "SystemExit(3)")]
)
def test_what_a_strategy_raises_is_reported(question: str, answer: Any, text: str) -> None:
    """Whichever question it was asked, also if it wants to end the program."""
    with pytest.raises(BrokenStrategy) as caught:
        simulate(load((0, 1), (0, 1)), broken(**{question: answer}), 1)
    assert str(caught.value) == text
    assert isinstance(caught.value.__cause__, (ZeroDivisionError, SystemExit))


def give_out_twice(strategy: Strategy[Any], now: float) -> Any:
    return strategy.items[0] if strategy.items else Strategy.take(strategy, now)


def drop_what_is_not_there(strategy: Strategy[Any], item: Any, now: float) -> Verdict:
    strategy.drop(item, "no")
    return WAIT


@pytest.mark.parametrize(
    ("questions", "text"),
    [
        ({"offer": lambda *_: True}, r"must return ADMIT, WAIT or Refuse\(\.\.\.\), not True"),
        ({"offer": lambda *_: None}, r"must return ADMIT, WAIT or Refuse\(\.\.\.\), not None"),
        ({"take": lambda *_: "x"}, "take gave out 'x', which does not wait"),
        ({"take": give_out_twice}, "take gave out <simulated job 1: running>, which does not"),
        ({"offer": drop_what_is_not_there}, "it gave up <simulated job 1: in line>, which does"),
        ({"close": lambda _: ["x"]}, "it gave up 'x', which does not wait"),
    ],
)
def test_answers_that_make_no_sense_are_errors(questions: dict[str, Any], text: str) -> None:
    """Rather than that jobs are counted twice, or never."""
    with pytest.raises(BrokenStrategy, match=text):
        simulate(load((0, 1), (0, 1)), broken(**questions), 2)


def test_a_strategy_that_wants_to_be_asked_for_ever_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If nothing changes; while something does, it may be asked any number of times."""
    monkeypatch.setattr(module, "MOST_LOOKS", 100)
    asleep = {"take": lambda *_: raising_empty(), "next_change": lambda _, now: now + 1}
    with pytest.raises(BrokenStrategy, match="named 100 moments in a row"):
        simulate(load((0, 1)), broken(**asleep), 1)
    jobs = simulate(load(*((0, 1000) for _ in range(300))), Pace(1), 300)
    assert {job.fate for job in jobs} == {"done"}
    jobs = simulate(load(*((100.0 * n, 1) for n in range(9))), Polled(3), 1)
    assert {job.fate for job in jobs} == {"done"}


class Polled(Strategy[Any]):
    def next_change(self, now: float) -> float:
        return now + 1.5 if now < 850 else math.inf


def raising_empty() -> Any:
    raise Empty


# Any load


def random_load(seed: int, *, number: int = 25) -> Load:
    """Return a small load, in which many things happen, but never two at the same moment."""
    chance = Random(seed)
    now = 0.0
    arrivals = []
    per_second = chance.choice([1, 3, 10])
    for _ in range(number):
        now += chance.expovariate(per_second) * chance.choice([0.1, 1, 2])
        arrivals.append(
            Arrival(
                now,
                chance.expovariate(1.5) + 1e-3,
                chance.choice([0.5, 2.0, math.inf]),
                chance.choice(["a", "b", "pushes"]),
                chance.choice([-1, 0, 1]),
            )
        )
    bad = BadPeriod(now / 3, now / 2, service=1, slowdown=3) if chance.random() < 0.5 else None
    return Load(tuple(arrivals), bad)


seeds = st.integers(0, 10**9)


@every_strategy
@examples(10)
@given(seed=seeds, workers=st.integers(1, 4))
def test_every_job_is_in_one_place(
    make: Callable[[], Strategy[Any]], seed: int, workers: int
) -> None:
    """At every moment; and in the end each has ended."""
    chosen = random_load(seed)
    simulation = Simulation(chosen, make(), workers)
    simulation.check()
    step = simulation._step

    def checked(until: float) -> bool:
        going_on = step(until)
        simulation.check()
        return going_on

    simulation._step = checked  # type: ignore[method-assign]
    simulation.run()
    simulation.check()
    fates = Counter(job.fate for job in simulation.jobs)
    assert sum(fates[end] for end in ("done", "refused", "dropped", "handed_back")) == 25
    for job, arrival in zip(simulation.jobs, chosen.arrivals, strict=True):
        if job.fate == "done" and chosen.bad is None:
            assert job.ended == pytest.approx(job.left + arrival.service)


@every_strategy
def test_the_same_load_has_always_the_same_end(make: Callable[[], Strategy[Any]]) -> None:
    """Nothing is left to chance."""
    assert told(simulate(random_load(5), make(), 2)) == told(simulate(random_load(5), make(), 2))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_nothing_is_lost_in_the_scenarios(scenario: Any) -> None:
    """Done, refused, dropped: these are all."""
    for strategy in (Block(math.inf), DropOnFull(20), DropOldest(20)):
        fates = Counter(job.fate for job in simulate(scenario.load(0), strategy, 4))
        assert {*fates} <= {"done", "refused", "dropped"}
        assert fates.total() == len(scenario.load(0).arrivals)


# Beside the real queue


class Fate(NamedTuple):
    """How a job ended, why, when it left the queue, and when it ended."""

    kind: str
    reason: str
    left: float
    ended: float


def simulated(load: Load, strategy: Strategy[Any], workers: int) -> list[Fate]:
    jobs = simulate(load, strategy, workers)
    return [Fate(job.fate, job.reason, job.left, job.ended) for job in jobs]


async def in_a_queue(load: Load, strategy: Strategy[Any], workers: int) -> list[Fate]:
    """Let the load come upon a real queue."""
    fates: dict[int, Fate] = {}

    async def handle(number: int) -> None:
        seconds = load.arrivals[number].service
        if load.bad is not None and trio.current_time() in load.bad:
            seconds *= load.bad.slowdown
        await trio.sleep(seconds)

    async def submit(number: int, one: Arrival) -> None:
        await trio.sleep_until(one.arrival)
        with suppress(Refused):
            await queue.submit(number, key=one.key, priority=one.priority)

    async with open_job_queue(
        handle, workers=workers, strategy=strategy, failures="collect"
    ) as queue:
        results = queue.results()
        async with trio.open_nursery() as nursery:
            for number, one in enumerate(load.arrivals):
                nursery.start_soon(submit, number, one)
        for _ in range(10):  # or else a close would catch jobs in the hands of workers
            await trio.lowlevel.checkpoint()
        queue.close()
        async for job in results:
            outcome, one = job.outcome, load.arrivals[job.payload]
            assert outcome is not None
            left = one.arrival + outcome.waited
            fates[job.payload] = Fate(outcome.kind, outcome.reason, left, left + outcome.ran)
    queue.audit()
    return [fates[number] for number in range(len(load.arrivals))]


def compare_with_queue(load: Load, make: Callable[[], Strategy[Any]], workers: int) -> None:
    clock = MockClock(autojump_threshold=0)
    real = trio.run(in_a_queue, load, make(), workers, clock=clock)
    for made_up, true in zip(simulated(load, make(), workers), real, strict=True):
        assert made_up[:2] == true[:2]
        assert made_up[2:] == pytest.approx(true[2:], abs=1e-6)


@every_strategy
@examples(25)
@given(seed=seeds, workers=st.integers(1, 4))
def test_a_real_queue_does_the_same(
    make: Callable[[], Strategy[Any]], seed: int, workers: int
) -> None:
    """To every job, at the same moment, for the same reason."""
    compare_with_queue(random_load(seed), make, workers)


@pytest.mark.parametrize(
    "text",
    [
        "drop-oldest(3)",
        "lifo(3)",
        "priority(3)",
        "priority(4, ageing=1)",
        "fair | lifo(2)",
        "latest(2)",
        "coalesce(key)",
        "coalesce(key, debounce=0.4, max_wait=1)",
        "codel(1.5)",
        "codel(1.5, capacity=3, lifo=False)",
        "deadline(1.5) | block(4)",
        "rate(2, burst=3) | drop-oldest(2)",
        "rate(2, wait=True) | block(3)",
        "adaptive(start=2, target=0.5) | codel(2.0)",
        "rate(4) | fair | deadline(1.5) | adaptive(start=2) | lifo(3)",
    ],
)
@examples(15)
@given(seed=seeds, workers=st.integers(1, 4))
def test_a_real_queue_does_the_same_with_the_strategies_of_plugins(
    text: str, seed: int, workers: int
) -> None:
    """Those that are installed."""
    try:
        gochan.strategy(text)
    except gochan.UnknownStrategyError as error:
        pytest.skip(str(error).partition(";")[0])
    compare_with_queue(random_load(seed), partial(gochan.strategy, text), workers)


def test_a_real_queue_does_the_same_in_a_scenario() -> None:
    """With as many jobs, through overload and recovery."""
    chosen = SCENARIOS[0].load(0)
    chosen = Load(chosen.arrivals[200:1200], chosen.bad)
    for text in ("drop-on-full(20)", "block(200)"):
        compare_with_queue(chosen, partial(gochan.strategy, text), 4)
