"""Deadline: what cannot be done in time is not begun."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from gochan_overload import CoDel, Deadline, Rate
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan import Chan, open_job_queue
from gochan.strategies import ADMIT, Block, DropOnFull, Empty, Filter, PriorityCancel, Strategy

from .simulation import figures


class Peculiar:
    """An item that cannot be told from others, nor looked up."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("items are told apart by identity")


def offer_all(strategy: Strategy[Any], *items: Any, now: float = 10.0) -> None:
    for item in items:
        assert strategy.offer(item, now) is ADMIT


def take_rest(strategy: Strategy[Any], now: float) -> Iterator[Any]:
    while True:
        try:
            yield strategy.take(now)
        except Empty:
            return


def test_what_has_time_enough_left_goes() -> None:
    """Up to the last moment."""
    strategy = Deadline[str](1.0, slack=0.25)
    offer_all(strategy, "a", "b")
    assert strategy.take(10.5) == "a"
    assert strategy.take(10.75) == "b"
    assert not strategy.dropped
    strategy.check()


def test_what_has_not_is_given_up() -> None:
    """With the reason; the next one that has goes."""
    strategy = Deadline[str](1.0, slack=0.25)
    offer_all(strategy, "a", "b")
    offer_all(strategy, "c", now=10.5)
    assert strategy.take(10.76) == "c"
    assert strategy.dropped == [("a", "too late"), ("b", "too late")]
    with pytest.raises(Empty):
        strategy.take(10.76)
    strategy.check()


def test_the_deadline_begins_when_the_item_comes() -> None:
    """For each of those that are the same, too: the first that goes is the first that came."""
    strategy = Deadline[Any](1.0, slack=0)
    same = Peculiar()
    for now in (10.0, 10.5, 10.9):
        strategy.offer(same, now)
        strategy.offer(Peculiar(), now)
    assert strategy.take(11.2) is same
    assert len(strategy.dropped) == 2
    strategy.check()
    assert len([*take_rest(strategy, 11.2)]) == 3
    strategy.check()


def test_every_item_can_have_a_patience_of_its_own() -> None:
    """Under a name, or found by a function; and infinite."""
    finds: list[Any] = ["patience", lambda item: item.patience]
    for find in finds:
        strategy = Deadline[Any](find)
        items = [SimpleNamespace(patience=seconds) for seconds in (1, 5.5, math.inf, 2)]
        offer_all(strategy, *items)
        assert [*take_rest(strategy, 13.0)] == items[1:3]


@pytest.mark.parametrize(
    ("patience", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (math.nan, ValueError),
        ("1", TypeError),
        (None, TypeError),
    ],
)
def test_a_patience_that_makes_no_sense_is_an_error_for_the_sender(
    patience: Any, error: type[Exception]
) -> None:
    """The item is not let in."""
    strategy = Deadline[Any]("patience")
    with pytest.raises(error, match=r"of namespace.*, patience must be"):
        strategy.offer(SimpleNamespace(patience=patience), 10.0)
    assert len(strategy) == 0
    strategy.check()


# Slack


def work(strategy: Strategy[Any], *seconds: float, ok: bool = True) -> None:
    """Tell of jobs that have run so long."""
    for ran in seconds:
        offer_all(strategy, "job", now=0.0)
        strategy.finished(strategy.take(0.0), 0.0, waited=0.0, ran=ran, ok=ok)


def test_the_slack_follows_what_jobs_take() -> None:
    """Their mean, and how far they are from it; those that failed have taken time, too."""
    strategy = Deadline[str](10.0)
    assert strategy.slack == 0
    work(strategy, 2.0)
    assert strategy.slack == 2 + 1
    work(strategy, *[2.0] * 30)
    assert strategy.slack == pytest.approx(2, abs=0.01)
    work(strategy, *[4.0] * 60, ok=False)
    assert strategy.slack == pytest.approx(4, abs=0.01)
    work(strategy, *[3.0, 5.0] * 30)
    assert strategy.slack == pytest.approx(4 + 1, abs=0.2)


def test_jobs_that_never_started_teach_nothing() -> None:
    """They ran for no time, but not because they were fast."""
    strategy = Deadline[str](10.0)
    work(strategy, 2.0)
    work(strategy, 0.0, 0.0, ok=False)
    assert strategy.slack == 3
    work(strategy, 0.0, 0.0)
    assert strategy.slack < 3


def test_a_slack_that_is_said_stays() -> None:
    """Whatever jobs take."""
    strategy = Deadline[str](10.0, slack=0.5)
    work(strategy, 2.0)
    assert strategy.slack == 0.5


def test_an_item_that_has_not_waited_always_goes() -> None:
    """Or else, once jobs take longer than the patience, nothing would ever go to show otherwise."""
    strategy = Deadline[str](1.0)
    work(strategy, 50.0)
    offer_all(strategy, "waited")
    with pytest.raises(Empty):
        strategy.take(10.1)
    offer_all(strategy, "goes", now=10.1)
    assert strategy.take(10.1) == "goes"


NONE, FIXED, MOVING = (
    f"deadline(1.0{slack}) | drop-on-full(200)" for slack in (", slack=0", ", slack=0.2", "")
)


def test_under_twice_the_load_workers_are_of_use_if_there_is_slack() -> None:
    """Without, what starts is nearly always too late."""
    assert figures("overload", NONE)["goodput"] < 30
    assert figures("overload", FIXED)["goodput"] > 90
    assert figures("overload", MOVING)["goodput"] > 87


def test_when_workers_slow_down_a_moving_slack_follows() -> None:
    """One that was right before is too small now."""
    assert figures("slow-workers", FIXED)["goodput"] < 50
    assert figures("slow-workers", MOVING)["goodput"] > 75


# What is behind it


def test_it_passes_on_when_an_answer_changes_with_time() -> None:
    """Of itself it has no such moment."""
    strategy = Deadline[str](1.0) | Rate(1, wait=True)
    assert strategy.next_change(0.0) is None
    strategy.offer("a", 0.0)
    strategy.offer("b", 0.0)
    assert strategy.next_change(0.0) == 1.0


class Coming(Strategy[Any]):
    """Gives up the newcomer, or the oldest, when it is full."""

    newest = False

    def offer(self, item: Any, now: float) -> Any:
        self.items.append(item)
        if len(self.items) > self.capacity:
            self.drop(self.items.pop() if self.newest else self.items.popleft(), "full")
        return ADMIT


class Newest(Coming):
    newest = True


def test_what_is_dropped_behind_it_is_forgotten() -> None:
    """At an offer or a take."""
    for order in (Coming(2), Newest(2), CoDel[Any](2.0, capacity=2)):
        strategy = Deadline[Any](1.0) | order
        same = Peculiar()
        for _ in range(3):
            offer_all(strategy, same, Peculiar(), same)
            strategy.check()
        assert len(strategy) == 2
        assert [*take_rest(strategy, 20.0)] == []
        strategy.check()


def test_what_is_turned_away_is_not_remembered() -> None:
    """Refused, or waiting."""
    for order in (DropOnFull[str](1), Block[str](1)):
        strategy = Deadline[str](1.0) | order
        offer_all(strategy, "a")
        assert strategy.offer("b", 10.0) is not ADMIT
        strategy.check()


def test_what_is_handed_back_or_taken_out_is_forgotten() -> None:
    """At a close, by a cancel, by a drain."""
    strategy = Deadline[Any](1.0) | PriorityCancel(9)
    items = [Peculiar() for _ in range(4)]
    offer_all(strategy, *items)
    assert strategy.remove(items[1])
    assert not strategy.remove(items[1])
    strategy.check()
    assert len(strategy.close()) == 3
    strategy.check()
    offer_all(strategy, *items)
    assert len([*strategy.take_all(99.0)]) == 4
    strategy.check()


class Picky(Strategy[Any]):
    """Gives up every other one while it is drained or closed."""

    def take_all(self, now: float) -> Iterator[Any]:
        while self.items:
            yield self.items.popleft()
            if self.items:
                self.drop(self.items.popleft(), "every other one")

    def close(self) -> list[Any]:
        self.drop(self.items.popleft(), "at the close")
        return []


def test_what_is_dropped_on_the_way_out_is_forgotten() -> None:
    """Nothing is left when nothing waits."""
    strategy = Deadline[Any](1.0) | Picky(9)
    offer_all(strategy, *"abcde")
    strategy.close()
    strategy.check()
    assert [*strategy.take_all(10.0)] == ["b", "d"]
    strategy.check()


def test_what_comes_out_but_never_came_in_goes() -> None:
    """An order may make one item of several."""

    class Sum(Strategy[list[int]]):
        def take(self, now: float) -> list[int]:
            taken = [number for item in self.items for number in item]
            self.items.clear()
            return taken

    strategy = Deadline[list[int]](1.0) | Sum(9)
    offer_all(strategy, [1], [2])
    assert strategy.take(99.0) == [1, 2]


def test_the_strategy_is_told_that_a_job_it_gave_out_will_not_run() -> None:
    """So nobody waits for its end, and it is not taken for a fast one."""
    told = []

    class Listening(Filter[str]):
        def finished(self, item: str, now: float, **news: Any) -> None:
            told.append((item, now, news))
            super().finished(item, now, **news)

    strategy = Deadline[str](1.0) | Listening() | DropOnFull(1)
    offer_all(strategy, "a")
    assert [*take_rest(strategy, 15.0)] == []
    assert told == [("a", 15.0, {"waited": 5.0, "ran": 0.0, "ok": False})]
    assert strategy.retry_after(15.0) == 1.0


@given(st.lists(st.integers(0, 9), max_size=80), st.randoms(use_true_random=False))
def test_it_gives_up_exactly_what_is_too_late(steps: list[int], random: Random) -> None:
    """Beside a list of what waits, with its times."""
    items = [Peculiar() for _ in range(3)]
    strategy = Deadline[Peculiar](2.0, slack=0.5) | DropOnFull(6)
    model: list[tuple[Peculiar, float]] = []
    now = 0.0
    for step in steps:
        now += random.choice([0, 0.25, 0.5])
        if step < 5:
            item = random.choice(items)
            if strategy.offer(item, now) is ADMIT:
                model.append((item, now))
        elif step < 8:
            while model and now != model[0][1] and now + 0.5 > model[0][1] + 2.0:
                model.pop(0)
            expected = [item for item, _ in model[:1]]
            assert [*map(id, [*take_rest(strategy, now)][:1])] == [*map(id, expected)]
            # Those after it have gone as well, or were too late.
            model.clear()
        elif step == 8 and model:
            item, _ = random.choice(model)
            assert strategy.remove(item)
            del model[[pair[0] is item for pair in model].index(True)]
        strategy.check()
        assert len(strategy) == len(model)


# In use


async def test_a_job_that_cannot_be_done_in_time_does_not_start(
    autojump_clock: MockClock,
) -> None:
    """It ends as dropped, with the reason."""

    async def handle(number: int) -> None:
        await trio.sleep(1)

    async with open_job_queue(handle, strategy="deadline(2.5)") as queue:
        await wait_all_tasks_blocked()
        jobs = [queue.submit_nowait(number) for number in range(4)]
        jobs[1].cancel()
        queue.audit()
    kinds = [job.outcome and (job.outcome.kind, job.outcome.reason) for job in jobs]
    assert kinds == [("done", ""), ("cancelled", ""), ("done", ""), ("dropped", "too late")]
    assert not queue._lives.intake.strategy._waiting  # type: ignore[attr-defined]


def test_outside_a_run_it_says_that_it_needs_one() -> None:
    """There is no time there."""
    with pytest.raises(RuntimeError, match=r"trio\.run"):
        Chan(strategy=Deadline[int](1.0)).send_nowait(1)


def test_a_fresh_one_can_be_copied() -> None:
    """As a filter does that keeps one per key; the copies are on their own."""
    makes: list[Callable[[], Deadline[Any]]] = [lambda: Deadline(2.0), lambda: Deadline("patience")]
    for make in makes:
        one = make()
        other = copy.deepcopy(one)
        item = SimpleNamespace(patience=2.0)
        offer_all(one, item)
        assert [*take_rest(other, 10.0)] == []
        assert [*take_rest(one, 11.0)] == [item]
        other.check()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"patience": 0}, ValueError, "patience must be > 0 and finite, not 0"),
        ({"patience": math.inf}, ValueError, "patience must be > 0 and finite, not inf"),
        ({"patience": math.nan}, ValueError, "patience must be > 0"),
        ({"patience": True}, TypeError, "patience must be a number of seconds, not True"),
        ({"patience": None}, TypeError, "patience must be a number of seconds, not None"),
        (
            {"patience": 1, "slack": -1},
            ValueError,
            "slack must be >= 0 and < 1, or .moving., not -1",
        ),
        (
            {"patience": 1, "slack": 1.0},
            ValueError,
            "slack must be >= 0 and < 1, or .moving., not 1.0",
        ),
        ({"patience": "key", "slack": math.inf}, ValueError, "slack must be >= 0 and finite"),
        ({"patience": 1, "slack": math.nan}, ValueError, "slack must be >= 0"),
        (
            {"patience": 1, "slack": "some"},
            TypeError,
            "slack must be a number of seconds, or .moving., not 'some'",
        ),
        (
            {"patience": 1, "slack": False},
            TypeError,
            "slack must be a number of seconds, or .moving., not False",
        ),
        ({"patience": 1, "capacity": 0}, ValueError, "capacity must be >= 1"),
    ],
)
def test_options_that_make_no_sense_are_errors(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """When it is made."""
    with pytest.raises(error, match=message):
        gochan.strategy("deadline", **options)


def test_an_item_is_put_into_words_only_for_an_error() -> None:
    """A payload may be large, and is let in without being printed."""

    class Quiet:
        patience = 1.0

        def __repr__(self) -> str:
            raise AssertionError("somebody prints it")

    Deadline[Quiet]("patience").offer(Quiet(), 0.0)
