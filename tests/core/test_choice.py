"""Which of several ready cases a select takes: statistics, with fixed seeds.

A fair draw strays by more than ten standard deviations about once in the life of many
universes. So a count outside that bound is a bias, and never bad luck.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from itertools import combinations, pairwise, permutations
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from gochan import (
    Case,
    Chan,
    ChanBrokenError,
    ChanClosedError,
    EndOfChannel,
    WaitGroup,
    after,
    at,
    default,
    select,
    select_nowait,
)
from gochan._core._choice import chance

pytestmark = pytest.mark.usefixtures("both_modes", "fixed_seeds")

DRAWS = 2000


@pytest.fixture
def fixed_seeds() -> None:
    chance.seed(2075)
    trio._core._run._r.seed(2075)  # type: ignore[attr-defined]


def assert_even(counts: Counter[Any], outcomes: Iterable[Hashable]) -> None:
    """Assert that exactly these outcomes came up, each as often as a fair draw allows."""
    outcomes = set(outcomes)
    assert set(counts) == outcomes
    share = 1 / len(outcomes)
    sigma = math.sqrt(counts.total() * share * (1 - share))
    for outcome in outcomes:
        assert abs(counts[outcome] - counts.total() * share) <= 10 * sigma, counts


async def select_async(*cases: Case[Any] | None, **named: Case[Any] | None) -> Any:
    with trio.fail_after(30):
        label, _ = await select(*cases, **named)
    return label


async def select_sync(*cases: Case[Any] | None, **named: Case[Any] | None) -> Any:
    return select_nowait(*cases, **named)[0]


both_forms = pytest.mark.parametrize("choose", [select_async, select_sync])


def stock() -> Chan[int]:
    """Return a channel that holds more values than a test draws."""
    channel = Chan[int](math.inf)
    for number in range(2 * DRAWS):
        channel.send_nowait(number)
    return channel


def closed() -> Chan[int]:
    channel = Chan[int]()
    channel.close()
    return channel


def never() -> Case[Any]:
    return Chan[Any]().on_receive()


ALWAYS_READY: dict[str, Callable[[], Case[Any]]] = {
    "receive": lambda: stock().on_receive(),
    "receive_ok": lambda: stock().on_receive_ok(),
    "receive_ok at the end": lambda: closed().on_receive_ok(),
    "send": lambda: Chan[int](math.inf).on_send(1),
    "close": lambda: closed().on_close(),
    "after": lambda: after(0),
    "at": lambda: at(-math.inf),
    "wait group": lambda: WaitGroup().on_done(),
}


# Ready at once


@both_forms
@pytest.mark.parametrize("make", ALWAYS_READY.values(), ids=ALWAYS_READY)
async def test_ready_cases_of_one_kind_are_equally_likely(
    choose: Any, make: Callable[[], Case[Any]]
) -> None:
    """Two that are always ready, beside two that never are."""
    cases = [make(), never(), make(), Chan().on_close()]
    assert_even(Counter([await choose(*cases) for _ in range(DRAWS)]), [0, 2])


@both_forms
async def test_ready_cases_of_all_kinds_are_equally_likely(choose: Any) -> None:
    """No kind of case comes before another."""
    cases = {kind: make() for kind, make in ALWAYS_READY.items()}
    counts = Counter([await choose(**cases) for _ in range(DRAWS)])
    assert_even(counts, cases)


async def test_the_neighbours_of_a_ready_case_do_not_matter() -> None:
    """Whichever cases of five are ready: a draw that begins somewhere and looks on is biased."""
    ready, idle = closed().on_receive_ok(), never()
    for size in (2, 3, 4):
        for among in combinations(range(5), size):
            cases = [ready if index in among else idle for index in range(5)]
            assert_even(Counter([select_nowait(*cases)[0] for _ in range(DRAWS)]), among)


async def test_the_order_of_the_cases_does_not_matter() -> None:
    """Neither does whether they are named."""
    cases = {"first": closed().on_close(), "idle": never(), "second": closed().on_receive_ok()}
    for order in permutations(cases):
        row = [cases[name] for name in order]
        counts = Counter([order[select_nowait(*row)[0]] for _ in range(DRAWS)])
        assert_even(counts, ["first", "second"])
        named = {name: cases[name] for name in order}
        counts = Counter([select_nowait(**named)[0] for _ in range(DRAWS)])
        assert_even(counts, ["first", "second"])


@both_forms
async def test_a_channel_listed_more_often_is_more_likely(choose: Any) -> None:
    """It is the cases that are equally likely, not the channels."""
    often, once = stock(), stock()
    cases = [often.on_receive(), once.on_receive(), often.on_receive(), often.on_receive_ok()]
    assert_even(Counter([await choose(*cases) for _ in range(DRAWS)]), range(4))
    same = often.on_receive()
    assert_even(Counter([await choose(same, same, same) for _ in range(DRAWS)]), range(3))


async def test_one_draw_says_nothing_about_the_next() -> None:
    """Taking turns would be even, too, but is no draw."""
    cases = [stock().on_receive() for _ in range(3)]
    draws = [select_nowait(*cases)[0] for _ in range(DRAWS)]
    pairs = [(first, second) for first in range(3) for second in range(3)]
    assert_even(Counter(pairwise(draws)), pairs)


@pytest.mark.parametrize("capacity", [0, 100])
async def test_two_send_cases_of_one_channel_are_equally_likely(capacity: int) -> None:
    """Go's pseudo-random sending of bits, with a buffer and without."""
    channel = Chan[int](capacity)

    async def send_bits() -> None:
        with channel:
            for _ in range(1000):
                await select(channel.on_send(0), channel.on_send(1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_bits)
        assert_even(Counter([bit async for bit in channel]), [0, 1])


@pytest.mark.parametrize("direction", ["receive", "send"])
async def test_partners_that_keep_coming_back_are_equally_likely(direction: str) -> None:
    """At rendezvous channels, where a case is ready only while somebody waits there."""
    channels = [Chan[int]() for _ in range(3)]

    async def come_back(channel: Chan[int]) -> None:
        while True:
            if direction == "receive":
                await channel.send(1)
            else:
                await channel.receive()

    counts = Counter[Any]()
    async with trio.open_nursery() as nursery:
        for channel in channels:
            nursery.start_soon(come_back, channel)
        for _ in range(1000):
            if direction == "receive":
                index, _ = await select(*[channel.on_receive() for channel in channels])
            else:
                index, _ = await select(*[channel.on_send(1) for channel in channels])
            counts[index] += 1
        nursery.cancel_scope.cancel()
    assert_even(counts, range(3))


# After a wait


async def outcomes_after_a_wait(
    make: Callable[[Chan[str]], list[Case[Any]]], act: Callable[[Chan[str]], Any], *, times: int
) -> Counter[Any]:
    """Let many selects wait, each at a channel of its own; act there; count which case it was."""
    counts = Counter[Any]()

    async def wait(channel: Chan[str]) -> None:
        try:
            index, _ = await select(*make(channel))
        except (ChanClosedError, ChanBrokenError, EndOfChannel) as error:
            index = error.case
        counts[index] += 1

    channels = [Chan[str]() for _ in range(times)]
    async with trio.open_nursery() as nursery:
        for channel in channels:
            nursery.start_soon(wait, channel)
        await wait_all_tasks_blocked()
        assert not counts
        for channel in channels:
            act(channel)
    return counts


async def test_a_waiting_select_draws_among_its_receive_cases() -> None:
    """A channel listed several times counts several times here, too."""
    counts = await outcomes_after_a_wait(
        lambda c: [c.on_receive(), never(), c.on_receive_ok(), c.on_send("own"), c.on_receive()],
        lambda c: c.send_nowait("value"),
        times=1000,
    )
    assert_even(counts, [0, 2, 4])


async def test_a_waiting_select_draws_among_its_send_cases() -> None:
    """What the receiver gets is the value of the case that was drawn."""
    values = Counter[str]()
    counts = await outcomes_after_a_wait(
        lambda c: [c.on_send("first"), c.on_receive(), c.on_send("second"), never()],
        lambda c: values.update([c.receive_nowait()]),
        times=1000,
    )
    assert_even(counts, [0, 2])
    assert values == {"first": counts[0], "second": counts[2]}


async def test_a_waiting_select_draws_among_all_that_a_close_makes_ready() -> None:
    """Receiving the end, failing to send, and being told of the close: all the same event."""
    counts = await outcomes_after_a_wait(
        lambda c: [c.on_close(), c.on_receive(), c.on_send("own"), c.on_receive_ok(), never()],
        Chan.close,
        times=1200,
    )
    assert_even(counts, range(4))


async def test_a_waiting_select_draws_among_all_that_a_wait_group_makes_ready() -> None:
    """One event, two cases."""
    counts = Counter[Any]()
    group = WaitGroup()
    group.add()

    async def wait() -> None:
        index, _ = await select(group.on_done(), never(), group.on_done())
        counts[index] += 1

    async with trio.open_nursery() as nursery:
        for _ in range(800):
            nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        group.done()
    assert_even(counts, [0, 2])


# Priorities


@both_forms
async def test_the_highest_tier_that_is_ready_wins(choose: Any) -> None:
    """Always, wherever it stands; and inside it each case is equally likely."""
    low, middle = stock().on_receive(), stock().on_receive(priority=1)
    high, higher = stock().on_receive(priority=7), Chan[int]().on_receive(priority=8)
    cases = {"low": low, "one": high, "middle": middle, "two": high, "idle": higher}
    for order in (cases, dict(reversed(cases.items()))):
        assert_even(Counter([await choose(**order) for _ in range(DRAWS)]), ["one", "two"])


@both_forms
async def test_a_lower_tier_is_for_when_the_higher_are_not_ready(choose: Any) -> None:
    """A tier that is not ready does not hold up those below; zero is the middle, not the end."""
    idle = Chan[int]().on_receive(priority=1)
    below, bottom = stock().on_receive(priority=-1), stock().on_receive(priority=-2)
    cases = [bottom, below, idle, below, bottom]
    assert_even(Counter([await choose(*cases) for _ in range(DRAWS)]), [1, 3])
    assert await choose(bottom, idle, default()) == 0


@pytest.mark.parametrize("make", ALWAYS_READY.values(), ids=ALWAYS_READY)
async def test_every_kind_of_case_can_lose_to_a_higher_priority(
    make: Callable[[], Case[Any]],
) -> None:
    """Being ready counts only inside a tier."""
    case, urgent = make(), stock().on_receive(priority=1)
    assert {select_nowait(case, urgent, case)[0] for _ in range(50)} == {1}


async def test_a_waiting_select_draws_from_the_highest_tier() -> None:
    """Of the cases that one sender makes ready at once, and evenly inside the tier."""
    counts = await outcomes_after_a_wait(
        lambda c: [
            c.on_receive(),
            c.on_receive(priority=2),
            c.on_send("own", priority=3),
            c.on_receive_ok(priority=2),
            c.on_receive(priority=1),
        ],
        lambda c: c.send_nowait("value"),
        times=800,
    )
    assert_even(counts, [1, 3])


async def test_a_waiting_select_sends_what_has_the_highest_priority() -> None:
    """The receiver gets the most urgent value, not the first one."""
    counts = await outcomes_after_a_wait(
        lambda c: [c.on_send("low"), c.on_send("high", priority=1), c.on_send("low", priority=-1)],
        lambda c: c.receive_nowait() == "high" or pytest.fail("the wrong value was sent"),
        times=50,
    )
    assert counts == {1: 50}


@pytest.mark.parametrize("urgent", range(4))
async def test_a_close_serves_the_highest_tier_of_a_waiting_select(urgent: int) -> None:
    """Whether that is receiving, sending, or the close itself."""
    tiers = [int(index == urgent) for index in range(4)]
    counts = await outcomes_after_a_wait(
        lambda c: [
            c.on_receive(priority=tiers[0]),
            c.on_send("own", priority=tiers[1]),
            c.on_close(priority=tiers[2]),
            c.on_receive_ok(priority=tiers[3]),
        ],
        Chan.close,
        times=50,
    )
    assert counts == {urgent: 50}


# Replaying


def test_under_hypothesis_every_draw_is_the_same_again() -> None:
    """So that a failing example fails again, and shrinks."""
    cases = [stock().on_receive(), stock().on_receive()]
    samples = set()

    @settings(max_examples=5, database=None)
    @given(st.integers())
    def sample(_: int) -> None:
        samples.add(tuple(select_nowait(*cases)[0] for _ in range(64)))

    sample()
    chance.seed(7)
    sample()
    assert len(samples) == 1
