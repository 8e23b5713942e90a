"""Time as a case of a select, on a clock that the tests turn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import Case, Chan, Selector, Ticker, after, at, default, every, select, select_nowait
from gochan._core._choice import chance

from ..interrupts import unprotected_steps

pytestmark = pytest.mark.usefixtures("both_modes", "fixed_seeds")


@pytest.fixture
def fixed_seeds() -> None:
    chance.seed(63)
    trio._core._run._r.seed(63)  # type: ignore[attr-defined]


async def wait_for(*cases: Case[Any] | None) -> tuple[int, Any, float]:
    """Select, and return what came and when, counted from now."""
    begin = trio.current_time()
    with trio.fail_after(1e6):
        index, value = await select(*cases)
    assert isinstance(index, int)
    return index, value, trio.current_time() - begin


async def nothing_comes(*cases: Case[Any]) -> bool:
    """Select for a long time, and return whether nothing came."""
    with trio.move_on_after(1e5) as scope:
        await select(*cases)
    return scope.cancelled_caught


async def stop_after(ticker: Ticker, seconds: float) -> None:
    await trio.sleep(seconds)
    ticker.stop()


def never() -> Case[Any]:
    return Chan[Any]().on_receive()


# after, at


async def test_after_comes_when_the_time_has_passed(autojump_clock: MockClock) -> None:
    """Its value is the moment when it was due, on trio's clock."""
    begin = trio.current_time()
    assert await wait_for(never(), after(2.5)) == (1, begin + 2.5, 2.5)


async def test_at_comes_at_that_moment(autojump_clock: MockClock) -> None:
    """Its value is that moment, also if it is long past."""
    now = trio.current_time()
    assert await wait_for(never(), at(now + 2.5)) == (1, now + 2.5, 2.5)
    for moment in (now + 2.5, now, -1e9, -math.inf):
        assert await wait_for(never(), at(moment), default()) == (1, moment, 0)


async def test_a_timer_that_comes_late_still_has_the_moment_when_it_was_due(
    mock_clock: MockClock,
) -> None:
    """It is the schedule that counts, not when the task came to run."""
    begin = trio.current_time()
    async with trio.open_nursery() as nursery:
        results = []

        async def run() -> None:
            results.append(await select(after(1)))
            results.append(await select(after(1), at(begin + 2)))

        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        mock_clock.jump(10)
    assert results == [(0, begin + 1), (1, begin + 2)]


async def test_after_begins_with_the_select(autojump_clock: MockClock) -> None:
    """Not when the case was made; so one case serves every round of a loop."""
    timeout = after(3)
    for _ in range(3):
        await trio.sleep(7)
        due = trio.current_time() + 3
        assert await wait_for(timeout) == (0, due, 3)


@pytest.mark.parametrize("seconds", [0, 0.0, -1, -2.5, -math.inf])
async def test_after_no_time_is_due_at_once(seconds: float, autojump_clock: MockClock) -> None:
    """It beats the default; the moment when it was due is now."""
    now = trio.current_time()
    for _ in range(20):
        assert await wait_for(default(), after(seconds), never()) == (1, now, 0)
        assert select_nowait(default(), after(seconds)) == (1, now)


async def test_a_timer_in_the_future_loses_to_the_default(autojump_clock: MockClock) -> None:
    """Only what is due is ready."""
    soon = trio.current_time() + 1e-9
    for case in (after(1e-9), at(soon), every(1e-9).on_tick()):
        assert await wait_for(case, default("idle")) == (1, "idle", 0)
        with pytest.raises(trio.WouldBlock):
            select_nowait(case)


async def test_a_timer_that_is_infinitely_far_never_comes(autojump_clock: MockClock) -> None:
    """It does not disturb those that do."""
    assert await nothing_comes(after(math.inf), at(math.inf))
    assert (await wait_for(after(math.inf), after(5), at(math.inf)))[::2] == (1, 5)


@pytest.mark.parametrize("make", [after, at, every])
async def test_a_time_must_be_a_number(make: Callable[[Any], Any]) -> None:
    """The message names the parameter; NaN is a float, but no time."""
    for wrong in ("1", None, True, Decimal(1), 1j, [1]):
        with pytest.raises(TypeError, match=r"^(seconds|deadline) must be a number, not "):
            make(wrong)
    with pytest.raises(ValueError, match=r"^(seconds|deadline) must be (a number|> 0), not nan"):
        make(math.nan)


async def test_the_earliest_of_several_timers_comes(autojump_clock: MockClock) -> None:
    """Wherever it stands, and whatever its priority."""
    now = trio.current_time()
    assert (await wait_for(after(3), after(1), at(now + 2)))[::2] == (1, 1)
    now = trio.current_time()
    assert (await wait_for(at(now + 3), after(2), at(now + 1)))[::2] == (2, 1)
    assert (await wait_for(after(1), after(2, priority=9)))[::2] == (0, 1)


async def test_of_timers_that_are_all_past_one_comes(mock_clock: MockClock) -> None:
    """A task that wakes late finds several due: it gets one of them, with its own moment."""
    begin = trio.current_time()
    results: list[Any] = []

    async def run() -> None:
        results.append(await select(after(2), after(9), at(begin + 1)))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(run)
        await wait_all_tasks_blocked()
        mock_clock.jump(5)
    assert len(results) == 20
    assert {*results} <= {(0, begin + 2), (2, begin + 1)}


async def test_of_two_timers_due_together_either_may_come(autojump_clock: MockClock) -> None:
    """Whether the select had to wait for them, or they were due before."""
    counts: Counter[Any] = Counter()
    for _ in range(100):
        now = trio.current_time()
        index, _, waited = await wait_for(after(1), at(now + 1), never())
        counts[index, waited] += 1
        index, _, waited = await wait_for(after(0), at(now))
        counts[index, waited] += 1
    assert set(counts) == {(0, 1), (1, 1), (0, 0), (1, 0)}
    assert min(counts.values()) > 25


async def test_one_deadline_may_be_waited_for_in_several_places(
    autojump_clock: MockClock,
) -> None:
    """Twice in a select, under two labels of a selector, and in two tasks; each comes in time."""
    moment = trio.current_time() + 3
    case, came = at(moment), []

    async def wait(*cases: Case[float]) -> None:
        index, value = await select(*cases)
        came.append((index in range(len(cases)), value == trio.current_time() == moment))

    with Selector[str, float]() as selector:
        selector.add(case, "one")
        selector.add(case, "other")
        selector.add(at(moment + 1), "removed")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, case, case)
            nursery.start_soon(wait, case)
            labels = {(await selector.select())[0]}
            assert trio.current_time() == moment
            selector.remove("removed")
            selector.check()
            labels |= {label async for label, _ in selector}
        assert trio.current_time() == moment
    assert labels == {"one", "other"}
    assert came == [(True, True)] * 2


async def test_of_timers_due_together_the_highest_priority_comes(autojump_clock: MockClock) -> None:
    """Whether the select had to wait for them, or they were due before."""
    for delay in (1, 0):
        for _ in range(20):
            now = trio.current_time()
            cases = [after(delay), at(now + delay, priority=2), after(delay, priority=1)]
            index, _, waited = await wait_for(*cases)
            assert (index, waited) == (1, delay)


async def test_a_timer_due_now_is_no_more_likely_than_a_ready_channel(
    autojump_clock: MockClock,
) -> None:
    """Being late gives no right of way, but a priority does."""
    ended = Chan[int]()
    ended.close()
    winners = {select_nowait(after(0), ended.on_close())[0] for _ in range(50)}
    assert winners == {0, 1}
    winners = {select_nowait(after(0), ended.on_close(priority=1))[0] for _ in range(50)}
    assert winners == {1}


# Nothing is left behind


@pytest.mark.parametrize("end", ["served", "cancelled", "failed"])
async def test_a_timer_that_lost_leaves_nothing_behind(end: str, autojump_clock: MockClock) -> None:
    """No task, no deadline, no place in a line."""
    ticker, channel = every(1000), Chan[int]()
    before = trio.lowlevel.current_statistics()

    async def run() -> None:
        timers = (after(1000), ticker.on_tick(), at(1e9), after(2000))
        try:
            await select(channel.on_receive(), *timers)
        except trio.EndOfChannel:
            assert end == "failed"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        # The select is one task, and all its timers together are one deadline.
        during = trio.lowlevel.current_statistics()
        assert during.tasks_living == before.tasks_living + 1
        assert during.seconds_to_next_deadline == 1000
        {
            "served": lambda: channel.send_nowait(1),
            "cancelled": nursery.cancel_scope.cancel,
            "failed": channel.close,
        }[end]()
    behind = trio.lowlevel.current_statistics()
    assert behind.tasks_living == before.tasks_living
    assert behind.seconds_to_next_deadline == before.seconds_to_next_deadline
    await trio.sleep(1000)
    assert select_nowait(ticker.on_tick())[0] == 0  # it would not be ours if somebody stood there


async def test_a_timer_that_came_leaves_the_other_lines(autojump_clock: MockClock) -> None:
    """What arrives later finds nobody there."""
    source, target = Chan[int](), Chan[int]()
    assert (await wait_for(source.on_receive(), target.on_send(1), after(1)))[::2] == (2, 1)
    for channel in (source, target):
        statistics = channel.statistics()
        assert (statistics.tasks_waiting_receive, statistics.tasks_waiting_send) == (0, 0)
        channel.check()
    with pytest.raises(trio.WouldBlock):
        source.send_nowait(1)


# Together with other events


@pytest.mark.parametrize(
    "make", [lambda: after(1), lambda: every(1).on_tick()], ids=["after", "every"]
)
async def test_a_timer_and_a_cancellation_at_the_same_instant(
    make: Callable[[], Case[float]], autojump_clock: MockClock
) -> None:
    """Either the timer came or the task was cancelled, never both and never neither."""
    for outer in (1, 1 + 1e-9, 1 - 1e-9):
        case, came = make(), False
        with trio.move_on_after(outer) as scope:
            await select(never(), case)
            came = True
        assert came is not scope.cancelled_caught
        assert came or outer <= 1
        assert scope.cancelled_caught or outer >= 1


async def test_a_tick_that_met_a_cancellation_is_not_lost(autojump_clock: MockClock) -> None:
    """A task that was cancelled at that very instant has not taken it."""
    for _ in range(20):
        ticker = every(1)
        begin = trio.current_time()
        ticks: list[float] = []
        with trio.move_on_after(1):
            ticks.append((await select(ticker.on_tick(), never()))[1])
        ticks.append((await select(ticker.on_tick()))[1])
        assert ticks[0] == begin + 1
        assert ticks[1:] in ([], [begin + 2])


async def test_a_timer_and_a_value_at_the_same_instant(autojump_clock: MockClock) -> None:
    """One of them comes. If it is the timer, the value has not been taken."""
    outcomes = set()
    for number in range(40):
        channel = Chan[int]()
        taken: list[bool] = []

        async def offer(channel: Chan[int], number: int, taken: list[bool]) -> None:
            await trio.sleep(1)
            try:
                channel.send_nowait(number)
            except trio.WouldBlock:
                taken.append(False)
            else:
                taken.append(True)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(offer, channel, number, taken)
            index, value, _ = await wait_for(channel.on_receive(), after(1))
        assert taken == [index == 0]
        assert index == 1 or value == number
        outcomes.add(index)
    assert outcomes == {0, 1}


async def test_what_was_handed_over_at_the_instant_of_a_timer_stays_so(
    autojump_clock: MockClock,
) -> None:
    """Also if the task is cancelled before it has seen either the value or the timer."""
    taken = []

    async def offer(channel: Chan[int], scope: trio.CancelScope) -> None:
        await trio.sleep(1)
        try:
            channel.send_nowait(5)
        except trio.WouldBlock:
            return
        scope.cancel()
        taken.append(channel)

    for _ in range(40):
        channel, scope = Chan[int](), trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(offer, channel, scope)
            with scope:
                index, value = await select(channel.on_receive(), after(1))
                assert (index, value) == ((0, 5) if channel in taken else (1, trio.current_time()))
        assert not scope.cancelled_caught
    assert 0 < len(taken) < 40


async def test_a_timer_that_rang_late_still_gives_way_to_a_cancellation(
    mock_clock: MockClock,
) -> None:
    """A task that is cancelled before it has seen its timer has done nothing."""
    ticker = every(1)
    begin = trio.current_time()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(select, ticker.on_tick(), after(5))
            await wait_all_tasks_blocked()
            mock_clock.jump(1)
            scope.cancel()
    assert scope.cancelled_caught
    assert select_nowait(ticker.on_tick()) == (0, begin + 1)


# every


async def test_a_ticker_keeps_its_phase(autojump_clock: MockClock) -> None:
    """However late a tick is taken, the next is due on the beat."""
    begin = trio.current_time()
    ticker = every(10)
    seen = []
    for work in (0, 4, 9, 3):
        moment = (await wait_for(ticker.on_tick(), never()))[1]
        seen.append((moment - begin, trio.current_time() - begin))
        await trio.sleep(work)
    assert seen == [(10, 10), (20, 20), (30, 30), (40, 40)]


async def test_the_phase_begins_when_the_ticker_is_made(autojump_clock: MockClock) -> None:
    """Not when somebody first waits for it."""
    begin = trio.current_time()
    ticker = every(10)
    await trio.sleep(7)
    assert await wait_for(ticker.on_tick()) == (0, begin + 10, 3)


async def test_a_ticker_does_not_drift(autojump_clock: MockClock) -> None:
    """Tick number n is due at exactly n periods after the start, rounded only once."""
    begin = trio.current_time()
    ticker = every(0.1)
    moments = [(await wait_for(ticker.on_tick()))[1] for _ in range(1000)]
    assert moments == [begin + number * 0.1 for number in range(1, 1001)]


async def test_at_most_one_tick_is_pending(autojump_clock: MockClock) -> None:
    """The first that nobody took stays; those after it are skipped, and the beat goes on."""
    begin = trio.current_time()
    ticker = every(10)
    await trio.sleep(35)
    assert await wait_for(ticker.on_tick(), default()) == (0, begin + 10, 0)
    assert await wait_for(ticker.on_tick(), default("none pending")) == (1, "none pending", 0)
    assert await wait_for(ticker.on_tick()) == (0, begin + 40, 5)
    await trio.sleep(20)  # exactly on the beat: the tick at 60 falls due now, behind that at 50
    assert await wait_for(ticker.on_tick(), default()) == (0, begin + 50, 0)
    assert await wait_for(ticker.on_tick()) == (0, begin + 70, 10)


async def test_a_ticker_that_slept_long_goes_on_at_once(autojump_clock: MockClock) -> None:
    """The ticks that were skipped are not counted one by one."""
    begin = trio.current_time()
    ticker = every(1 / 1024)
    await trio.sleep(80_000)
    started = perf_counter()
    assert (await wait_for(ticker.on_tick()))[1] == begin + 1 / 1024
    assert (await wait_for(ticker.on_tick()))[1] == begin + 80_000 + 1 / 1024
    assert perf_counter() - started < 3  # 80 million steps would take many seconds


@pytest.mark.parametrize("seconds", [0, 0.0, -1, -math.inf])
async def test_a_period_must_be_positive(seconds: float) -> None:
    """A ticker without a pause would never let go."""
    with pytest.raises(ValueError, match=r"^seconds must be > 0, not "):
        every(seconds)


def test_a_ticker_belongs_to_a_run() -> None:
    """Outside there is no clock to tick on."""
    with pytest.raises(RuntimeError, match=r"inside trio\.run"):
        every(1)


async def test_a_ticker_with_an_infinite_period_never_ticks(autojump_clock: MockClock) -> None:
    """It is a way to switch one off."""
    assert await nothing_comes(every(math.inf).on_tick())


async def test_tickers_are_made_by_every() -> None:
    """The class is public for annotations, and final."""
    assert isinstance(every(1), Ticker)
    with pytest.raises(TypeError, match="subclass"):

        class Special(Ticker):  # type: ignore[misc]
            pass


async def test_a_ticker_shows_its_state(autojump_clock: MockClock) -> None:
    """How fast, and when next or whether at all."""
    ticker = every(2.5)
    assert repr(ticker) == f"<gochan.Ticker every 2.5 s, next at {trio.current_time() + 2.5:.6g}>"
    ticker.stop()
    assert repr(ticker) == "<gochan.Ticker every 2.5 s, stopped>"


# Iterating and stopping


async def test_iterating_over_a_ticker(autojump_clock: MockClock) -> None:
    """It yields the moments of the ticks, and ends when the ticker is stopped."""
    begin = trio.current_time()
    ticker = every(10)
    moments = []
    with trio.fail_after(1e6):
        async for moment in ticker:
            moments.append(moment - begin)
            if len(moments) == 3:
                ticker.stop()
        async for _ in ticker:
            pytest.fail("it is stopped")
    assert moments == [10, 20, 30]
    assert trio.current_time() - begin == 30


async def test_stop_ends_the_loops_of_all_waiting_tasks(autojump_clock: MockClock) -> None:
    """At once, not at the next tick."""
    begin = trio.current_time()
    ticker = every(10)
    ended: list[float] = []

    async def watch() -> None:
        async for _ in ticker:
            pytest.fail("no tick was due")
        ended.append(trio.current_time() - begin)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(watch)
        await trio.sleep(4)
        ticker.stop()
        ticker.stop()
    assert ended == [4, 4, 4]


async def test_a_stopped_ticker_never_ticks(autojump_clock: MockClock) -> None:
    """Its pending tick is gone, too, and a task that waits for it goes on waiting."""
    ticker = every(10)
    await trio.sleep(15)
    ticker.stop()
    assert await wait_for(ticker.on_tick(), default("idle")) == (1, "idle", 0)
    assert await nothing_comes(ticker.on_tick())

    ticker = every(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop_after, ticker, 3)
        assert await nothing_comes(ticker.on_tick(), ticker.on_tick())


async def test_a_stop_at_the_instant_of_a_tick(autojump_clock: MockClock) -> None:
    """Either the tick has come, at its moment, or the ticker is stopped and nothing comes."""
    outcomes = set()
    for _ in range(40):
        ticker = every(1)
        begin = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_after, ticker, 1)
            with trio.move_on_after(100) as scope:
                index, moment = await select(ticker.on_tick(), never())
                assert (index, moment, trio.current_time()) == (0, begin + 1, begin + 1)
            outcomes.add(scope.cancelled_caught)
    assert outcomes == {True, False}


async def test_a_stop_at_the_instant_of_a_tick_does_not_set_off_other_timers(
    autojump_clock: MockClock,
) -> None:
    """A task that was woken for a tick that is gone goes on waiting for the rest."""
    outcomes = set()
    for _ in range(40):
        ticker = every(1)
        begin = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_after, ticker, 1)
            outcome = await wait_for(ticker.on_tick(), after(10), at(begin + 20))
        assert outcome in ((0, begin + 1, 1), (1, begin + 10, 10))
        outcomes.add(outcome[0])
    assert outcomes == {0, 1}


async def test_another_thread_cannot_stop_a_ticker_that_somebody_waits_for() -> None:
    """The error names the way out, and the ticker has not been stopped."""
    for wait in (lambda ticker: select(ticker.on_tick()), Ticker.__anext__):
        ticker = every(1000)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, ticker)
            await wait_all_tasks_blocked()
            with pytest.raises(RuntimeError, match=r"trio\.from_thread\.run"):
                await trio.to_thread.run_sync(ticker.stop)
            assert "stopped" not in repr(ticker)
            nursery.cancel_scope.cancel()


# Sharing a ticker


async def test_each_tick_goes_to_exactly_one_task_in_order(autojump_clock: MockClock) -> None:
    """The one that has waited longest, whether it iterates or selects."""
    begin = trio.current_time()
    ticker = every(10)
    ticks: list[tuple[float, str]] = []

    async def iterate(name: str) -> None:
        async for moment in ticker:
            ticks.append((moment - begin, name))  # noqa: PERF401  # the order is the point

    async def keep_selecting(name: str) -> None:
        while True:
            _, moment = await select(never(), ticker.on_tick())
            ticks.append((moment - begin, name))

    async with trio.open_nursery() as nursery:
        for run, name in ((iterate, "a"), (keep_selecting, "b"), (iterate, "c")):
            nursery.start_soon(run, name)
            await wait_all_tasks_blocked()
        await trio.sleep(75)
        nursery.cancel_scope.cancel()
    assert ticks == [(10 * (number + 1), "abcabca"[number]) for number in range(7)]


async def test_nobody_overtakes_a_task_that_waits_for_a_tick(autojump_clock: MockClock) -> None:
    """Not even in the instant between the tick and the task that it is for."""
    begin = trio.current_time()
    ticker = every(10)
    ticks: dict[str, float] = {}
    intruded: list[bool] = []

    async def wait(name: str) -> None:
        ticks[name] = (await select(ticker.on_tick()))[1] - begin

    async def intrude() -> None:
        await trio.sleep(10)
        if "first" not in ticks:
            intruded.append(True)
            assert select_nowait(ticker.on_tick(), default("not mine")) == (1, "not mine")

    for _ in range(20):
        ticks.clear()
        begin, ticker = trio.current_time(), every(10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, "first")
            await wait_all_tasks_blocked()
            nursery.start_soon(intrude)
            nursery.start_soon(wait, "second")
        assert ticks == {"first": 10, "second": 20}
    assert intruded, "the seed is such that this was never tried"


@pytest.mark.parametrize("when", [4, 10, 13])
@pytest.mark.parametrize("how", ["cancelled", "served", "closed"])
async def test_when_the_first_in_line_leaves_the_next_gets_the_tick(
    how: str, when: float, autojump_clock: MockClock
) -> None:
    """On time: the next tick after the first one left, also if it waits for later things too."""
    begin = trio.current_time()
    ticker, channel = every(10), Chan[int]()
    scope = trio.CancelScope()
    first: list[Any] = []
    ticks: list[tuple[float, float]] = []

    async def stand_first() -> None:
        with scope:
            first.append(await select(channel.on_receive_ok(), ticker.on_tick()))

    async def stand_behind() -> None:
        for _ in range(2):
            _, moment = await select(after(500), ticker.on_tick())
            ticks.append((moment - begin, trio.current_time() - begin))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stand_first)
        await wait_all_tasks_blocked()
        nursery.start_soon(stand_behind)
        await trio.sleep(when)
        if not first:
            {
                "cancelled": scope.cancel,
                "served": lambda: channel.send_nowait(1),
                "closed": channel.close,
            }[how]()
    expected = [(10, 10), (20, 20), (30, 30)]
    if when == 4:
        assert ticks == expected[:2]
    elif when == 13:
        assert first == [(1, begin + 10)]
        assert ticks == expected[1:]
    else:
        # At the very instant of the tick: it came once and in time, to one of both.
        taken = [(10, 10)] if first == [(1, begin + 10)] else []
        assert (taken + ticks)[:2] == expected[:2]


async def test_a_tick_reaches_those_behind_a_front_that_has_left(autojump_clock: MockClock) -> None:
    """Also if the first three leave at once, before the tick or at its very instant."""
    for when in (5, 10):
        begin = trio.current_time()
        ticker = every(10)
        ticks: list[float] = []

        async def wait(ticker: Ticker, ticks: list[float]) -> None:
            ticks.append((await select(never(), ticker.on_tick()))[1])

        async with trio.open_nursery() as behind, trio.open_nursery() as front:
            for nursery in (front, front, front, behind, behind):
                nursery.start_soon(wait, ticker, ticks)
                await wait_all_tasks_blocked()
            await trio.sleep(when)
            front.cancel_scope.cancel()
        ticks = [moment - begin for moment in ticks]
        assert ticks == [10, 20] or (when == 10 and ticks == [10, 20, 30])


async def test_a_ticker_may_be_listed_twice(autojump_clock: MockClock) -> None:
    """Either case may come; it takes one tick."""
    begin = trio.current_time()
    ticker = every(10)
    came = Counter[int]()
    for number in range(1, 81):
        index, moment, _ = await wait_for(ticker.on_tick(), never(), ticker.on_tick())
        assert moment == begin + 10 * number
        came[index] += 1
    assert set(came) == {0, 2}
    assert min(came.values()) > 15


async def test_tickers_due_together_do_not_cost_each_other_a_tick(
    autojump_clock: MockClock,
) -> None:
    """The one that was not drawn stays pending."""
    begin = trio.current_time()
    slow, fast = every(20), every(10)
    seen = []
    for _ in range(6):
        index, moment, _ = await wait_for(slow.on_tick(priority=1), fast.on_tick())
        seen.append((index, moment - begin, trio.current_time() - begin))
    assert seen == [(1, 10, 10), (0, 20, 20), (1, 20, 20), (1, 30, 30), (0, 40, 40), (1, 40, 40)]


async def test_the_priority_of_a_tick_counts(autojump_clock: MockClock) -> None:
    """When it is due together with another timer, after a wait or before."""
    for _ in range(10):
        ticker = every(10)
        cases = [after(10), ticker.on_tick(priority=1), at(trio.current_time() + 10)]
        assert (await wait_for(*cases))[::2] == (1, 10)
        await trio.sleep(15)
        assert (await wait_for(after(0), ticker.on_tick(priority=-1)))[::2] == (0, 0)
        assert (await wait_for(after(0), ticker.on_tick(priority=1)))[::2] == (1, 0)


async def test_a_tick_is_no_more_urgent_than_a_value(autojump_clock: MockClock) -> None:
    """Unless one says so: without a priority, either may come."""
    channel = Chan[int](math.inf)
    for number in range(100):
        channel.send_nowait(number)
    drawn = Counter[int]()
    for _ in range(100):
        ticker = every(1)
        await trio.sleep(1)
        drawn[select_nowait(ticker.on_tick(), channel.on_receive())[0]] += 1
    assert min(drawn[0], drawn[1]) > 25


async def test_stop_cannot_be_interrupted_halfway(autojump_clock: MockClock) -> None:
    """Either nobody is told, or everybody who waits."""
    ticker = every(1)
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(wait_for, ticker._stopped.on_close(priority=1), ticker.on_tick())
        await trio.testing.wait_all_tasks_blocked()
        assert await unprotected_steps(Ticker.stop, ticker.stop) == []


async def test_two_tasks_may_wait_for_two_tickers_crosswise(autojump_clock: MockClock) -> None:
    """Leaving one line makes the other task first there, and it is told."""
    begin = trio.current_time()
    left, right = every(10), every(15)
    seen: list[tuple[str, int, float]] = []

    async def run(name: str, *cases: Case[float]) -> None:
        while True:
            index, moment = await select(*cases)
            seen.append((name, index, moment - begin))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, "a", left.on_tick(), right.on_tick())
        await wait_all_tasks_blocked()
        nursery.start_soon(run, "b", right.on_tick(), left.on_tick())
        await trio.sleep(36)
        nursery.cancel_scope.cancel()
    moments = [(moment, (index == 0) == (name == "a")) for name, index, moment in seen]
    assert sorted(moments) == [(10, True), (15, False), (20, True), (30, False), (30, True)]


# Times that no clock can tell


@pytest.mark.parametrize("make", [after, at, every])
def test_a_number_too_large_for_a_clock_is_rejected(make: Callable[[int], object]) -> None:
    """The error says what is the matter, and not that an ``int`` is too large for a ``float``."""
    with pytest.raises(ValueError, match="within the range of a float, not "):
        make(10**400)


async def test_a_period_too_short_for_the_clock_is_rejected(autojump_clock: MockClock) -> None:
    """Otherwise the next tick would be due at the same moment, for ever."""
    await trio.sleep(1e4)
    with pytest.raises(ValueError, match="long enough for the clock"):
        every(1e-300)
