"""CoDel: short waits under overload, and the newest first."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from gochan_overload import CoDel
from trio.testing import wait_all_tasks_blocked

import gochan
from gochan import Chan, open_job_queue
from gochan.strategies import ADMIT, Empty

from .simulation import figures

PATIENCE = 1.0  # so an item may wait for 0.5 s, or 0.1 s under overload


def codel(**options: Any) -> CoDel[Any]:
    return CoDel(PATIENCE, **options)


def overloaded(**options: Any) -> CoDel[Any]:
    """Return one that has not been empty for longer than 0.5 s, at the time 10.6.

    "old" may still wait until 10.9, since it came when there was no overload yet.
    """
    strategy = codel(**options)
    strategy.offer("first", 10.0)
    strategy.offer("old", 10.4)
    assert strategy.take(10.45) == "first"
    return strategy


def test_as_long_as_it_is_empty_now_and_then_the_oldest_goes_first() -> None:
    """And may have waited for half of the patience."""
    strategy = codel()
    for item in "abc":
        strategy.offer(item, 10.0)
    assert [strategy.take(10.5) for _ in "abc"] == ["a", "b", "c"]
    assert not strategy.dropped


def test_what_has_waited_longer_is_given_up_when_something_is_to_go() -> None:
    """With the reason; what is left goes."""
    strategy = codel()
    strategy.offer("a", 10.0)
    strategy.offer("b", 10.2)
    assert strategy.take(10.6) == "b"
    assert strategy.dropped == [("a", "waited")]


def test_nothing_goes_if_everything_has_waited_too_long() -> None:
    """Then there is no overload any more for those who come."""
    strategy = codel()
    strategy.offer("a", 10.0)
    with pytest.raises(Empty):
        strategy.take(20.0)
    assert len(strategy) == 0
    strategy.offer("b", 20.0)
    strategy.offer("c", 20.0)
    assert [strategy.take(20.5), strategy.take(20.5)] == ["b", "c"]


def test_under_overload_the_newest_goes_first() -> None:
    """Its sender is still there."""
    strategy = overloaded()
    for item in "abc":
        strategy.offer(item, 10.6)
    assert [strategy.take(10.6) for _ in range(4)] == ["c", "b", "a", "old"]


def test_under_overload_an_item_may_wait_for_a_tenth_of_the_patience_only() -> None:
    """Fixed when it comes: those that came before keep what they had."""
    strategy = overloaded(lifo=False)
    for item, now in (("a", 10.59), ("b", 10.61), ("c", 10.7)):
        strategy.offer(item, now)
    assert strategy.take(10.7) == "old"
    assert strategy.take(10.7) == "b"
    assert strategy.take(10.7) == "c"
    assert strategy.dropped == [("a", "waited")]


def test_without_lifo_the_oldest_goes_first_always() -> None:
    """For work that is to be done in the order in which it came."""
    strategy = overloaded(lifo=False)
    for item in "abc":
        strategy.offer(item, 10.6)
    assert [strategy.take(10.6) for _ in range(4)] == ["old", "a", "b", "c"]


def test_under_overload_the_newest_may_have_waited_too_long_and_an_older_one_not() -> None:
    """Then the older one goes."""
    strategy = overloaded()
    strategy.offer("a", 10.6)
    assert strategy.take(10.85) == "old"
    assert strategy.dropped == [("a", "waited")]


def test_when_the_last_one_goes_the_overload_is_over() -> None:
    """From then on, items may wait for long again, and go oldest first."""
    strategy = overloaded()
    assert strategy.take(10.6) == "old"
    strategy.offer("a", 10.7)
    strategy.offer("b", 10.7)
    assert [strategy.take(11.2), strategy.take(11.2)] == ["a", "b"]


def test_what_has_waited_too_long_is_given_up_when_the_next_item_comes() -> None:
    """Those who wait for it hear of it although the newest go first and all workers are busy."""
    strategy = overloaded()
    strategy.offer("a", 10.95)
    assert strategy.dropped == [("old", "waited")]
    strategy.offer("b", 10.95)
    newest = strategy.take(10.95)
    assert newest == "b", "nobody took the last one, so it was not empty, and is overloaded"


def test_after_a_pause_there_is_no_overload() -> None:
    """What counts is when the queue was empty last, and it was until now."""
    strategy = codel()
    assert strategy.offer("a", 10.0) is ADMIT
    strategy.take(10.0)
    strategy.offer("b", 100.0)
    strategy.offer("c", 100.0)
    assert [strategy.take(100.5), strategy.take(100.5)] == ["b", "c"]


def test_while_it_is_full_the_oldest_makes_room() -> None:
    """Senders never wait."""
    strategy = codel(capacity=2)
    for item in "abcd":
        assert strategy.offer(item, 10.0) is ADMIT
        assert len(strategy) <= 2
    assert strategy.dropped == [("a", "oldest"), ("b", "oldest")]
    assert [strategy.take(10.0), strategy.take(10.0)] == ["c", "d"]


def test_an_item_can_be_taken_out_anywhere() -> None:
    """The others keep the time that they have."""
    strategy = codel()
    items = [[], [], []]  # equal to each other
    for number, item in enumerate(items):
        strategy.offer(item, 10.0 + number / 10)
    assert strategy.remove(items[1])
    assert not strategy.remove(items[1])
    assert strategy.take(10.6) is items[2]
    assert [item is items[0] for item, _ in strategy.dropped] == [True]


async def test_a_drain_gives_everything_oldest_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Also what has waited too long, and under overload."""
    channel = Chan[str](strategy=codel(), on_drop=lambda *drop: pytest.fail("dropped"))
    for item in "abc":
        await channel.send(item)
        await trio.sleep(0.2)
    assert channel.drain() == ["a", "b", "c"]


def test_outside_a_run_it_says_that_it_needs_one() -> None:
    """There is no time there, so items would wait for ever, and then not at all."""
    with pytest.raises(RuntimeError, match=r"trio\.run"):
        Chan(strategy=codel()).send_nowait(1)


async def test_in_a_job_queue_what_nobody_waits_for_any_more_is_not_started(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Those jobs end as dropped, with the reason."""

    async def handle(number: int) -> None:
        await trio.sleep(0.3)

    async with open_job_queue(handle, strategy="codel(1.0)") as queue:
        await wait_all_tasks_blocked()
        jobs = [queue.submit_nowait(number) for number in range(5)]
        queue.audit()
    outcomes = [job.outcome for job in jobs]
    assert [outcome and outcome.kind for outcome in outcomes] == ["done"] * 2 + ["dropped"] * 3
    assert outcomes[4] and outcomes[4].reason == "waited"  # noqa: PT018


async def test_a_receiver_that_waits_gets_the_item_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """However long it has waited for it."""
    channel = Chan[int](strategy=codel())
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def receive() -> None:
            assert await channel.receive() == 7

        await trio.sleep(100)
        channel.send_nowait(7)


CODEL = pytest.mark.parametrize("strategy", ["codel(1.0)", "codel(1.0, lifo=False)"])


@CODEL
def test_under_twice_the_load_what_workers_can_do_is_worth_doing(strategy: str) -> None:
    """Without a policy 6 % is, with a plain deadline 25 %."""
    found = figures("overload", strategy)
    assert found["goodput"] >= 95
    assert found["p99"] <= 0.7
    assert found["wasted"] <= 2
    assert found["recovery"] <= 0.5


@CODEL
def test_when_workers_slow_down_nothing_has_to_be_tuned(strategy: str) -> None:
    """A small capacity that was right before leaves 5 %."""
    found = figures("slow-workers", strategy)
    assert found["goodput"] >= 80
    assert found["p99"] <= 0.95
    assert found["recovery"] <= 1


def test_the_newest_first_are_done_sooner() -> None:
    """Half of them, in less than 85 % of the time."""
    newest, oldest = (figures("overload", strategy) for strategy in CODEL.args[1])
    assert newest["p50"] < oldest["p50"] * 0.85


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"patience": 0}, ValueError, "patience must be > 0 and finite, not 0"),
        ({"patience": -1.0}, ValueError, "patience must be > 0"),
        ({"patience": math.nan}, ValueError, "patience must be > 0 and finite, not nan"),
        ({"patience": math.inf}, ValueError, "patience must be > 0 and finite, not inf"),
        ({"patience": "1"}, TypeError, "patience must be a number of seconds, not '1'"),
        ({"patience": True}, TypeError, "patience must be a number of seconds, not True"),
        ({"patience": 1, "capacity": 0}, ValueError, "capacity must be >= 1, not 0"),
        ({"patience": 1, "capacity": 1.5}, TypeError, "capacity must be an int"),
        ({"patience": 1, "lifo": 1}, TypeError, "lifo must be True or False, not 1"),
    ],
)
def test_options_that_make_no_sense_are_errors(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """When it is made."""
    with pytest.raises(error, match=message):
        gochan.strategy("codel", **options)
