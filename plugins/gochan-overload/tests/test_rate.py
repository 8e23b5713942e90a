"""Rate: a token bucket, without a bucket."""

from __future__ import annotations

import copy
import math
from fractions import Fraction
from typing import Any

import pytest
import trio
from gochan_overload import Rate, _rate
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import gochan
from gochan import Chan, Refused, open_job_queue, select
from gochan.strategies import ADMIT, WAIT, Block, DropOnFull, Refuse, Strategy


def offer_many(strategy: Strategy[Any], items: int, now: float) -> list[bool]:
    """Return which of so many items at the same moment are let in."""
    return [strategy.offer(item, now) is ADMIT for item in range(items)]


class Bucket:
    """A bucket full of tokens, into which more fall all the time; each item takes one."""

    def __init__(self, limit: Fraction, burst: Fraction) -> None:
        self.limit, self.burst = limit, burst
        self.tokens = burst
        self.last = Fraction(0)

    def missing(self, now: Fraction) -> Fraction:
        """Return how long it takes until there is a token; take it if there is one now."""
        self.tokens = min(self.burst, self.tokens + (now - self.last) * self.limit)
        self.last = now
        if self.tokens < 1:
            return (1 - self.tokens) / self.limit
        self.tokens -= 1
        return Fraction(0)


# Of which sums, differences and quotients are exact.
EXACT_LIMITS = st.sampled_from([1 / 8, 0.5, 1, 2, 16])
EXACT_BURSTS = st.sampled_from([1, 1.5, 2, 5.25])
EXACT_PAUSES = st.lists(st.integers(0, 200).map(lambda n: n / 64), max_size=60)


@given(EXACT_LIMITS, EXACT_BURSTS, EXACT_PAUSES)
def test_it_is_a_token_bucket(limit: float, burst: float, pauses: list[float]) -> None:
    """It lets in the same items, and says exactly when the next token is there."""
    strategy = Rate[int](limit, burst, capacity=math.inf)
    bucket = Bucket(Fraction(limit), Fraction(burst))
    now = 0.0
    for pause in pauses:
        now += pause
        missing = bucket.missing(Fraction(now))
        expected = Refuse("rate", float(missing)) if missing else ADMIT
        assert strategy.offer(0, now) == expected


LIMITS = st.floats(1e-6, 1e6)
MOMENTS = st.floats(0, 1e6)


@given(LIMITS, st.floats(1, 50), MOMENTS)
def test_a_sender_that_comes_back_when_told_is_let_in_and_none_earlier(
    limit: float, burst: float, now: float
) -> None:
    """To the last digit, whatever numbers round."""
    strategy = Rate[int](limit, burst)
    while (verdict := strategy.offer(0, now)) is ADMIT:
        pass
    assert isinstance(verdict, Refuse)
    assert verdict.reason == "rate"
    assert verdict.retry_after is not None
    assert verdict.retry_after > 0
    moment = now + verdict.retry_after
    earlier = now + verdict.retry_after * (1 - 1e-9)
    if earlier < math.nextafter(moment, 0):
        assert copy.deepcopy(strategy).offer(0, earlier) is not ADMIT
    assert strategy.offer(0, moment) is ADMIT


def test_the_moment_to_come_back_is_never_rounded_down() -> None:
    """Here what is missing is between two numbers, and the smaller one would be too early."""
    strategy = Rate[int](1 - 2**-53)
    strategy.offer(0, 0.0)
    now = 2**-53
    verdict = strategy.offer(0, now)
    assert isinstance(verdict, Refuse)
    assert verdict.retry_after is not None
    assert strategy.offer(0, now + verdict.retry_after) is ADMIT


@given(LIMITS, st.integers(1, 50), MOMENTS)
def test_after_a_pause_a_whole_burst_is_let_in(limit: float, burst: int, now: float) -> None:
    """Not one less because of roundings, and not one more."""
    strategy = Rate[int](limit, burst)
    assert offer_many(strategy, burst + 1, now) == [True] * burst + [False]
    later = now + 1.001 * burst / limit + 1e-3
    assert offer_many(strategy, burst + 1, later) == [True] * burst + [False]


def test_the_rate_is_kept_on_average() -> None:
    """However many try."""
    strategy = Rate[int](10, 5, capacity=math.inf)
    admitted = sum(strategy.offer(0, tick / 1000) is ADMIT for tick in range(10_000))
    assert admitted == 5 + 10 * 10 - 1  # the burst, and the next are due at 0.1, 0.2 ... 9.9


def test_an_item_that_is_turned_away_behind_it_uses_up_nothing() -> None:
    """Only what is let in counts."""
    strategy = Rate[int](1, 2) | DropOnFull(1)
    assert strategy.offer(1, 0.0) is ADMIT
    assert strategy.offer(2, 0.0) == Refuse("full", 2.0)
    assert strategy.take(0.0) == 1
    assert strategy.offer(3, 0.0) is ADMIT
    strategy.take(0.0)
    assert strategy.offer(4, 0.0) == Refuse("rate", 1.0)


def test_a_full_order_behind_it_makes_the_sender_wait() -> None:
    """As it would without the rate; and time alone changes nothing about that."""
    strategy = Rate[int](1) | Block(1)
    assert strategy.offer(1, 0.0) is ADMIT
    assert strategy.offer(2, 1.0) is WAIT
    assert strategy.next_change(1.0) is None


async def test_a_sender_learns_when_to_come_back(autojump_clock: MockClock) -> None:
    """And is let in then."""
    channel = Chan[int](strategy=Rate(0.25, 2))
    await channel.send(1)
    await trio.sleep(1)
    await channel.send(2)
    for item in (3, 4, 5):
        with pytest.raises(Refused) as caught:
            await channel.send(item)
        assert caught.value.retry_after is not None
        await trio.sleep(caught.value.retry_after)
        await channel.send(item)
    assert trio.current_time() == pytest.approx(12)
    assert channel.drain() == [1, 2, 3, 4, 5]


# Senders who wait


async def test_senders_can_wait_until_they_are_let_in(autojump_clock: MockClock) -> None:
    """In the order in which they came, each at the exact moment."""
    channel = Chan[int](strategy=Rate(2, wait=True))
    begin = trio.current_time()
    moments = []
    async with trio.open_nursery() as nursery:
        for item in range(4):
            nursery.start_soon(channel.send, item)
            await trio.testing.wait_all_tasks_blocked()
        for item in range(4):
            assert await channel.receive() == item
            moments.append(trio.current_time() - begin)
    assert moments == pytest.approx([0, 0.5, 1, 1.5])


async def test_a_task_that_stops_waiting_uses_up_nothing(autojump_clock: MockClock) -> None:
    """The next in line is let in at the moment at which they would have been."""
    channel = Chan[str](strategy=Rate(1, wait=True))
    begin = trio.current_time()
    await channel.send("first")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def give_up() -> None:
            with trio.move_on_after(0.5):
                await channel.send("given up")

        await trio.testing.wait_all_tasks_blocked()
        await channel.send("second")
        assert trio.current_time() - begin == pytest.approx(1)
    assert channel.drain() == ["first", "second"]


def test_the_next_change_is_always_to_come() -> None:
    """When the first who waits is let in; or something else behind it."""

    class Hourly(Strategy[Any]):
        def next_change(self, now: float) -> float | None:
            return now + 3600

    strategy = Rate[Any](2, wait=True)
    assert strategy.next_change(0.0) is None
    strategy.offer(1, 0.0)
    assert strategy.offer(2, 0.0) is WAIT
    assert strategy.next_change(0.0) == strategy.next_change(0.25) == 0.5
    assert strategy.next_change(0.5) is None
    assert strategy.offer(2, 0.5) is ADMIT
    chain = Rate[Any](2, wait=True) | Hourly(3)
    chain.offer(1, 0.0)
    assert chain.next_change(0.0) == 3600
    chain.offer(2, 0.0)
    assert chain.next_change(0.0) == 0.5


async def test_jobs_start_no_more_often_than_the_rate(autojump_clock: MockClock) -> None:
    """However many workers there are."""
    begin = trio.current_time()
    starts = []

    async def handle(number: int) -> None:
        starts.append(trio.current_time() - begin)

    async with open_job_queue(handle, workers=9, strategy="rate(10, wait=True)") as queue:
        for number in range(4):
            await queue.submit(number)
    assert starts == pytest.approx([0, 0.1, 0.2, 0.3])


# Keys


def test_each_key_has_a_rate_of_its_own() -> None:
    """An attribute, an entry or whatever a function finds."""
    strategy = Rate[dict[str, Any]](1, key="tenant")
    assert strategy.offer({"tenant": "a"}, 0.0) is ADMIT
    assert strategy.offer({"tenant": "a"}, 0.25) == Refuse("rate", 0.75)
    assert strategy.offer({"tenant": "b"}, 0.25) is ADMIT
    with pytest.raises(LookupError, match="tenant"):
        strategy.offer({}, 0.25)
    with pytest.raises(TypeError, match="keys that are hashable"):
        strategy.offer({"tenant": []}, 0.25)


def test_a_key_that_may_send_freely_is_forgotten() -> None:
    """Nothing is kept about those who have not sent for a while."""
    strategy = Rate[int](10, key=lambda item: item, capacity=math.inf)
    for key in range(1000):
        assert strategy.offer(key, key / 10) is ADMIT
        assert len(strategy._come) <= 2


def test_a_key_that_is_let_in_but_not_stored_is_not_kept() -> None:
    """Nor one that is refused."""
    strategy = Rate[int](10, key=lambda item: item) | DropOnFull(1)
    for key in range(10):
        strategy.offer(key, 0.0)
    assert len(strategy._come) == 1


def test_so_many_keys_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those seen last, refused ones included."""
    monkeypatch.setattr(_rate, "MOST_KEYS", 3)
    strategy = Rate[str](1, key=lambda item: item, capacity=math.inf)
    for key in "abc":
        assert strategy.offer(key, 0.0) is ADMIT
    assert strategy.offer("a", 0.0) is not ADMIT
    assert strategy.offer("d", 0.0) is ADMIT
    assert [strategy.offer(key, 0.0) is ADMIT for key in "cad"] == [False] * 3
    assert strategy.offer("b", 0.0) is ADMIT


def test_with_keys_the_line_waits_for_its_first(autojump_clock: MockClock) -> None:
    """As it says: one whose key is over the limit holds up those behind it."""
    strategy = Rate[str](1, key=lambda item: item, wait=True)
    strategy.offer("a", 0.0)
    strategy.offer("b", 0.5)
    assert strategy.offer("a", 0.5) is WAIT
    assert strategy.next_change(0.5) == 1.0
    assert strategy.offer("b", 0.5) is WAIT  # "a" has left, and "b" was behind it
    assert strategy.next_change(0.5) == 1.0  # since "a" may be in the same select
    assert strategy.offer("b", 1.0) is WAIT
    assert strategy.next_change(1.0) == 1.5


async def test_a_select_over_several_keys_is_woken_for_the_first(
    autojump_clock: MockClock,
) -> None:
    """Whichever of its cases that is."""
    for order in ("ab", "ba"):
        channel = Chan[str](strategy=Rate(1, key=lambda item: item, wait=True))
        began = trio.current_time()
        channel.send_nowait("a")
        await trio.sleep(0.5)
        channel.send_nowait("b")
        sent, _ = await select(*(channel.on_send(key) for key in order))
        assert order[sent] == "a"
        assert trio.current_time() == began + 1.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"limit": 0}, ValueError, "limit must be > 0 and finite, not 0"),
        ({"limit": -1}, ValueError, "limit must be > 0"),
        ({"limit": math.inf}, ValueError, "limit must be > 0 and finite, not inf"),
        ({"limit": math.nan}, ValueError, "limit must be > 0"),
        ({"limit": True}, TypeError, "limit must be a number, not True"),
        ({"limit": "7"}, TypeError, "limit must be a number, not '7'"),
        ({"limit": 1, "burst": 0.5}, ValueError, "burst must be >= 1 and finite, not 0.5"),
        ({"limit": 1, "burst": math.nan}, ValueError, "burst must be >= 1"),
        ({"limit": 1, "burst": math.inf}, ValueError, "burst must be >= 1 and finite"),
        ({"limit": 1, "burst": None}, TypeError, "burst must be a number"),
        ({"limit": 1, "wait": 1}, TypeError, "wait must be True or False, not 1"),
        ({"limit": 1, "key": 3}, TypeError, "key must be a name or a function, not 3"),
        ({"limit": 1, "capacity": 0}, ValueError, "capacity must be >= 1"),
    ],
)
def test_options_that_make_no_sense_are_errors(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """When it is made."""
    with pytest.raises(error, match=message):
        gochan.strategy("rate", **options)


def test_the_rarest_rate_is_no_rate_at_all() -> None:
    """One item, and then none for ever."""
    strategy = Rate[int](5e-324)
    assert strategy.offer(0, 1.0) is ADMIT
    assert strategy.offer(1, 1e9) == Refuse("rate", math.inf)


def test_a_rate_too_high_for_any_clock_lets_everything_in() -> None:
    """And remembers nothing."""
    strategy = Rate[int](1e300, capacity=math.inf)
    assert all(offer_many(strategy, 100, 1000.0))
    assert not strategy._come


def test_a_limit_that_is_no_float_is_an_error_at_once() -> None:
    """Or else the first item would end in an OverflowError."""
    with pytest.raises(ValueError, match="limit must be > 0 and finite"):
        Rate[object](10**400)
