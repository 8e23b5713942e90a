"""Priority: who goes first, who makes room, and how waiting makes important."""

from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from gochan_order import Priority
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import gochan
from gochan import Chan, Refused
from gochan.strategies import ADMIT, Empty, Refuse


class Item:
    """Cannot be compared; so no heap may try."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, priority: Any, came: float = 0.0) -> None:
        self.priority = priority
        self.came = came

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")


def pairs(strategy: Priority[Any]) -> list[Any]:
    return [item.priority for item in strategy.take_all(0.0)]


def test_the_highest_priority_goes_first() -> None:
    """Of equal ones, that which came first."""
    channel = Chan[tuple[int, str]](strategy=Priority(10, by=lambda item: item[0]))
    for item in ((1, "a"), (2, "b"), (1, "c"), (0, "d"), (2, "e"), (-1, "f")):
        channel.send_nowait(item)
    order = "".join(channel.receive_nowait()[1] for _ in range(6))
    assert order == "beacdf"


def test_while_it_is_full_the_worst_makes_room_for_a_better_one() -> None:
    """The newest of the worst; another newcomer is refused."""
    drops: list[Any] = []
    channel = Chan[Any](strategy=Priority(3), on_drop=lambda *drop: drops.append(drop))
    items = [SimpleNamespace(priority=priority) for priority in (1, 1, 2)]
    for item in items:
        channel.send_nowait(item)
    for priority in (0, 1, -math.inf):
        with pytest.raises(Refused) as refused:
            channel.send_nowait(SimpleNamespace(priority=priority))
        assert refused.value.reason == "full"
        assert refused.value.retry_after == 4.0  # a second for each, as nobody knows better
    channel.send_nowait(SimpleNamespace(priority=1.5))
    ((dropped, reason),) = drops
    assert (dropped is items[1], reason) == (True, "outranked")
    assert [channel.receive_nowait().priority for _ in range(3)] == [2, 1.5, 1]
    channel.send_nowait(SimpleNamespace(priority=0))  # there is room again


async def test_jobs_have_their_priority() -> None:
    """It is given when they are submitted."""
    started = []

    go = trio.Event()

    async def handle(number: int) -> None:
        started.append(number)
        await go.wait()

    async with gochan.open_job_queue(handle, strategy="priority(3)") as queue:
        first = await queue.submit(0)  # goes to the worker at once
        jobs = [queue.submit_nowait(number, priority=number % 3) for number in range(1, 4)]
        jobs += [queue.submit_nowait(4, priority=1)]  # outranks the third
        jobs[1].cancel()
        jobs += [queue.submit_nowait(5, priority=-1)]  # in the place of that
        with pytest.raises(Refused):
            queue.submit_nowait(6, priority=-1)
        queue.audit()
        go.set()
    outcomes = [job.outcome and job.outcome.kind for job in (first, *jobs)]
    assert outcomes == ["done", "done", "cancelled", "dropped", "done", "done"]
    assert started == [0, 1, 4, 5]


async def test_with_ageing_a_low_priority_goes_at_last(autojump_clock: MockClock) -> None:
    """Ten steps are made up for by waiting ten times as long as one takes."""
    waits: dict[str, float] = {}

    async def handle(name: str) -> None:
        waits[name] = trio.current_time() - began
        await trio.sleep(1)

    for strategy, expected in (("priority(999)", 100), ("priority(999, ageing=2)", 20)):
        began = trio.current_time()
        async with gochan.open_job_queue(handle, strategy=strategy) as queue:
            queue.submit_nowait("first", priority=10)
            low = queue.submit_nowait("low", priority=0)
            for second in range(100):
                queue.submit_nowait(f"high {second}", priority=10)
                await trio.sleep(1)
            queue.close()
            await low.wait()
        assert waits["low"] == pytest.approx(expected, abs=1.5)


def test_of_equal_ones_the_newest_is_spared() -> None:
    """Whether it came before anybody asked, or after."""
    strategy = Priority[Item](9)
    for _ in range(3):
        for _ in range(2):
            newest = Item(0)
            strategy.offer(newest, 0.0)
        assert strategy.spare() is newest


@pytest.mark.parametrize("priority", ["1", None, True, math.nan, 1j])
def test_a_priority_is_a_number(priority: Any) -> None:
    """Else the sender is told, and nothing has happened, also when it is full."""
    strategy = Priority[Any](1)
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match="priority must be a number, not"):
            strategy.offer(SimpleNamespace(priority=priority), 0.0)
        strategy.check()
        strategy.offer(SimpleNamespace(priority=3), 0.0)
    assert pairs(strategy) == [3]
    assert strategy._dropped == []


def test_an_item_without_a_priority_is_an_error() -> None:
    """It may be meant to have another name."""
    with pytest.raises(LookupError, match="has no 'priority'"):
        Chan[int](strategy=Priority(3)).send_nowait(1)
    channel = Chan[Any](strategy=gochan.strategy("priority(3, by=urgency)"))
    for urgency in (1, 10**400, 2.5):
        channel.send_nowait({"urgency": urgency})
    assert [item["urgency"] for item in channel.drain()] == [10**400, 2.5, 1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"capacity": 0}, ValueError, "capacity must be >= 1"),
        ({"capacity": "9"}, TypeError, "capacity"),
        ({"ageing": 0}, ValueError, "ageing must be > 0 and finite, or None, not 0"),
        ({"ageing": -1.0}, ValueError, "ageing"),
        ({"ageing": math.inf}, ValueError, "ageing"),
        ({"ageing": math.nan}, ValueError, "ageing must be > 0 and finite, or None, not nan"),
        ({"ageing": True}, TypeError, "ageing"),
        ({"ageing": "1"}, TypeError, "ageing"),
        ({"by": 3}, TypeError, "priority must be a name or a function"),
    ],
)
def test_wrong_options_are_told(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """When it is made."""
    with pytest.raises(error, match=message):
        Priority(**{"capacity": 5, **options})


STEPS = st.one_of(
    st.just("take"),
    st.tuples(st.just("offer"), st.integers(-2, 2)),
    st.tuples(st.just("remove"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(1, 8)),
)


@settings(deadline=None, derandomize=True, database=None)
@given(
    capacity=st.integers(1, 5) | st.just(math.inf),
    ageing=st.sampled_from([None, 0.25, 1.0, 4.0]),
    program=st.lists(STEPS, max_size=50),
)
def test_it_is_a_list_out_of_which_the_most_important_is_taken(
    capacity: float, ageing: float | None, program: list[Any]
) -> None:
    """The model sorts all waiting items again for each take."""
    strategy, model, now = Priority[Item](capacity, ageing=ageing), list[Item](), 0.0

    def counts(item: Item) -> Fraction:
        aged = 0 if ageing is None else Fraction(now - item.came) / Fraction(ageing)
        return item.priority + aged

    for step in program:
        match step:
            case "take" if model:
                best = max(model, key=counts)  # the first of several
                assert strategy.take(now) is best
                model = [item for item in model if item is not best]
            case "take":
                with pytest.raises(Empty):
                    strategy.take(now)
            case "offer", priority:
                item = Item(priority, now)
                verdict = strategy.offer(item, now)
                worst = min(reversed(model), key=counts, default=item)
                if len(model) < capacity:
                    assert verdict is ADMIT
                    model.append(item)
                elif counts(worst) < counts(item):
                    assert verdict is ADMIT
                    ((dropped, reason),) = strategy._dropped
                    assert (dropped is worst, reason) == (True, "outranked")
                    strategy._dropped.clear()
                    model = [*(each for each in model if each is not worst), item]
                else:
                    assert isinstance(verdict, Refuse)
            case "remove", number if number < len(model):
                assert strategy.remove(model.pop(number))
            case "remove", _:
                assert not strategy.remove(Item(0))
            case "wait", seconds:
                now += seconds / 8
        assert not strategy._dropped
        assert len(strategy) == len(model)
        if step[0] == "remove":
            assert strategy.spare() is min(reversed(model), key=counts, default=None)
        strategy.check()


def test_what_has_left_is_not_kept() -> None:
    """In neither heap, however many come and go by one of them."""
    strategy = Priority[Item](500)
    for item in (Item(number % 7) for number in range(500)):
        strategy.offer(item, 0.0)
    assert strategy.spare()
    for number in range(5000):
        if number % 3:
            strategy.take(0.0)
            strategy.offer(Item(number % 7), 0.0)
        else:
            strategy.offer(Item(10 + number), 0.0)  # outranks one
        strategy.check()
    while len(strategy) > 1:
        strategy.remove(strategy.spare())  # type: ignore[arg-type]
        strategy.check()


@pytest.mark.parametrize("priority", [10**400, -(10**400)])
def test_with_ageing_a_priority_must_fit_into_a_float(priority: int) -> None:
    """Or it could not be weighed against time; the error says so where the item is offered."""

    class Item:
        pass

    item: Any = Item()
    item.priority = priority
    with pytest.raises(ValueError, match="with ageing, a priority"):
        Priority(3, ageing=1.0).offer(item, 0.0)
