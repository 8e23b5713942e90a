"""Waiting in line: offers used again, and waits that follow the clock."""

from __future__ import annotations

import gc
import math
import random
import signal
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import Chan, ChanBrokenError, ChanClosedError, EndOfChannel, select
from gochan._core import _choice, _lines, _waiters
from gochan._core._threads import this_thread
from gochan.strategies import ADMIT, WAIT, Empty, Strategy, Verdict

from ..lines import line_up

pytestmark = pytest.mark.usefixtures("both_modes")


class Thing:
    """Something that can be watched through a weak reference."""


# Offers are used again


async def test_no_wait_sees_anything_of_an_earlier_one() -> None:
    """Served, cancelled or told of a close, in any sequence: each wait gets what is its own."""
    dice = random.Random(1)

    async def receive(channel: Chan[Any]) -> Any:
        return await channel.receive()

    async def send(channel: Chan[Any]) -> Any:
        return await channel.send(("from", channel))

    async def select_receive(channel: Chan[Any]) -> Any:
        return (await select(channel.on_receive()))[1]

    async def run(wait: Callable[..., Any], channel: Chan[Any], scope: trio.CancelScope) -> None:
        outcomes[channel] = "cancelled"
        with scope:
            try:
                outcomes[channel] = await wait(channel)
            except (EndOfChannel, ChanClosedError, ChanBrokenError) as error:
                outcomes[channel] = (type(error), getattr(error, "value", None))

    for _ in range(30):
        outcomes: dict[Chan[Any], Any] = {}
        expected: dict[Chan[Any], Any] = {}
        waits = [
            (dice.choice([receive, send, select_receive]), Chan[Any](), trio.CancelScope())
            for _ in range(8)
        ]
        async with trio.open_nursery() as nursery:
            for wait in waits:
                nursery.start_soon(run, *wait)
            await wait_all_tasks_blocked()
            dice.shuffle(waits)
            for wait, channel, scope in waits:
                fate = dice.choice(["served", "cancelled", "closed"])
                if fate == "cancelled":
                    scope.cancel()
                    expected[channel] = "cancelled"
                elif wait is send and fate == "served":
                    assert channel.receive_nowait() == ("from", channel)
                    expected[channel] = None
                elif fate == "served":
                    channel.send_nowait(("to", channel))
                    expected[channel] = ("to", channel)
                else:
                    channel.close()
                    expected[channel] = (
                        (ChanClosedError, ("from", channel))
                        if wait is send
                        else (EndOfChannel, None)
                    )
                channel.check()
        assert outcomes == expected


async def exchange() -> list[Any]:
    """Wait in every role, plainly and in selects, and return all that was received."""
    results: list[Any] = []
    channel, other = Chan[Any](), Chan[Any]()

    async def receive() -> None:
        results.extend([value async for value in channel])

    async def receive_by_select() -> None:
        results.append((await select(other.on_receive(), channel.on_receive()))[1])

    async def send_by_select() -> None:
        await select(other.on_receive(), channel.on_send(7))

    async with trio.open_nursery() as nursery:
        for wait in (receive, receive, receive_by_select, receive_by_select):
            await line_up(nursery, wait)
        for number in range(6):
            await channel.send(number)
            await wait_all_tasks_blocked()
        channel.close()
    channel = Chan[Any]()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.send, 6)
        await line_up(nursery, send_by_select)
        await line_up(nursery, channel.send, 8)
        results.extend([await channel.receive() for _ in range(3)])
    return sorted(results)


async def test_what_one_thread_has_used_another_may_use() -> None:
    """Runs in several threads, one after the other and at once, do not get in each other's way."""
    for _ in range(2):
        assert await exchange() == list(range(9))
        assert await trio.to_thread.run_sync(trio.run, exchange) == list(range(9))
    results: list[Any] = []

    async def in_a_thread() -> None:
        results.append(await trio.to_thread.run_sync(trio.run, exchange))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(in_a_thread)
    assert results == [list(range(9))] * 3


def test_nothing_of_a_finished_run_is_kept() -> None:
    """What waits are kept for use again do not hold on to the tasks that used them."""

    async def main() -> Thing:
        await exchange()
        return Thing()

    result = weakref.ref(trio.run(main))
    gc.collect()
    assert result() is None


@pytest.mark.parametrize("kind", [_waiters.Offer, _choice.Choice])
async def test_a_crowd_that_waited_leaves_little_behind(kind: type) -> None:
    """However many tasks wait at once, only a limited number of their waits is kept."""
    channel = Chan[int]()
    wait = channel.receive if kind is _waiters.Offer else lambda: select(channel.on_receive())
    number = _waiters.SPARES + 100
    async with trio.open_nursery() as nursery:
        for _ in range(number):
            nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        for value in range(number):
            channel.send_nowait(value)
    gc.collect()
    kept = sum(type(thing) is kind for thing in gc.get_objects())
    assert 0 < kept <= _waiters.SPARES


async def test_a_task_is_served_once_however_many_lines_it_stood_in() -> None:
    """The second to come finds nobody, though the task has not run yet."""
    channels = [Chan[int]() for _ in range(3)]
    results: list[Any] = []

    async def wait() -> None:
        results.append(await select(*[channel.on_receive() for channel in channels]))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        channels[1].send_nowait(1)
        for channel in channels:
            with pytest.raises(trio.WouldBlock):
                channel.send_nowait(2)
            channel.close()
    assert results == [(1, 1)]


async def test_check_notices_a_waiter_that_is_finished_but_still_in_line() -> None:
    """Invariant 1 of a line."""
    channel = Chan[int]()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.receive)
        waiter = _lines.first(channel._state.receivers)
        waiter.result = 1
        with pytest.raises(AssertionError):
            channel.check()
        waiter.result = _lines.NOTHING
        channel.check()
        nursery.cancel_scope.cancel()


async def test_check_notices_waiters_of_two_threads_in_one_line() -> None:
    """Invariant 2 of a line."""
    channel = Chan[int]()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, channel.receive)
        await line_up(nursery, channel.receive)
        waiter = _lines.first(channel._state.receivers)
        here = waiter.thread
        waiter.thread = await trio.to_thread.run_sync(this_thread)
        with pytest.raises(AssertionError):
            channel.check()
        waiter.thread = here
        channel.check()
        nursery.cancel_scope.cancel()


# Waits that follow the clock


class Spaced(Strategy[Any]):
    """Gives out one item a second, and takes in one a second."""

    def __init__(self, capacity: float, *, give: float = 0, take_in: float = 0) -> None:
        super().__init__(capacity)
        self.give, self.take_in = give, take_in
        self.may_give = self.may_take_in = -math.inf

    def offer(self, item: Any, now: float) -> Verdict:
        if now < self.may_take_in or len(self) >= self.capacity:
            return WAIT
        self.may_take_in = now + self.take_in
        self.items.append(item)
        return ADMIT

    def take(self, now: float) -> Any:
        if now < self.may_give or not self.items:
            raise Empty
        self.may_give = now + self.give
        return self.items.popleft()

    def next_change(self, now: float) -> float | None:
        return min((t for t in (self.may_give, self.may_take_in) if t > now), default=None)


RECEIVING: dict[str, Callable[[Chan[Any]], Awaitable[Any]]] = {
    "receive": lambda channel: channel.receive(),
    "async for": lambda channel: anext(aiter(channel)),
    "select": lambda channel: value_of(select(channel.on_receive())),
    "wide select": lambda channel: value_of(
        select(channel.on_receive(), Chan[Any]().on_receive(), channel.on_receive())
    ),
}
every_receiving = pytest.mark.parametrize("receive", RECEIVING.values(), ids=RECEIVING)


async def value_of(selecting: Awaitable[tuple[Any, Any]]) -> Any:
    return (await selecting)[1]


def loaded(number: int, **options: float) -> Chan[Any]:
    channel = Chan[Any](strategy=Spaced(math.inf, **options))
    for value in range(number):
        channel.send_nowait(value)
    return channel


class Diary(list[tuple[Any, Any, float]]):
    """Runs tasks, and notes what became of each, and when."""

    def __init__(self) -> None:
        self.began = trio.current_time()

    def note(self, label: Any, outcome: Any) -> None:
        self.append((label, outcome, trio.current_time() - self.began))

    async def run(self, label: Any, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        try:
            self.note(label, await function(*args))
        except (trio.EndOfChannel, StopAsyncIteration):
            self.note(label, "end")


async def test_time_serves_waiting_receivers_in_order(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Each gets its value when it is due, whatever kind of wait it is."""
    channel, diary = loaded(5, give=1), Diary()
    assert channel.receive_nowait() == 0
    async with trio.open_nursery() as nursery:
        for label, receive in RECEIVING.items():
            await line_up(nursery, diary.run, label, receive, channel)
        channel.check()
    assert diary == [(label, place, place) for place, label in enumerate(RECEIVING, 1)]


async def test_time_serves_waiting_senders_in_order(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The same for senders at a strategy that takes in one a second."""
    channel, diary = loaded(1, take_in=1), Diary()
    sending: dict[str, Callable[[int], Awaitable[Any]]] = {
        "send": channel.send,
        "select": lambda value: value_of(select(channel.on_send(value))),
        "wide select": lambda value: value_of(
            select(channel.on_send(value), Chan[Any]().on_receive(), channel.on_send(value))
        ),
    }
    async with trio.open_nursery() as nursery:
        for place, (label, send) in enumerate(sending.items(), 1):
            await line_up(nursery, diary.run, label, send, place)
        channel.check()
    assert diary == [(label, None, place) for place, label in enumerate(sending, 1)]
    assert channel.drain() == [0, 1, 2, 3]


@every_receiving
async def test_a_cancelled_task_leaves_the_time_to_the_next(
    autojump_clock: trio.abc.Clock, receive: Callable[..., Awaitable[Any]]
) -> None:
    """The second in line is woken when the first, that had the alarm, has gone."""
    channel, diary = loaded(2, give=1), Diary()
    assert channel.receive_nowait() == 0

    async def give_up() -> None:
        with trio.move_on_after(0.5):
            await receive(channel)
        channel.check()

    async with trio.open_nursery() as nursery:
        await line_up(nursery, give_up)
        await line_up(nursery, diary.run, "second", receive, channel)
    assert diary == [("second", 1, 1)]


@every_receiving
async def test_a_close_ends_a_wait_for_time_when_nothing_is_left(
    autojump_clock: trio.abc.Clock, receive: Callable[..., Awaitable[Any]]
) -> None:
    """What the strategy still holds back is delivered first, in its time."""
    channel, diary = loaded(2, give=1), Diary()
    assert channel.receive_nowait() == 0
    async with trio.open_nursery() as nursery:
        for place in range(3):
            await line_up(nursery, diary.run, place, receive, channel)
        channel.close()
        channel.check()
    assert diary[0] == (0, 1, 1)
    assert sorted(diary[1:]) == [(1, "end", 1), (2, "end", 1)]


# What may happen in the very moment in which a wait is due. Trio draws by lot who runs
# first, so each test is repeated until it has met both.
SEEDS = range(12)


async def at_one_moment(
    seed: int,
    channel: Chan[Any],
    receive: Callable[..., Awaitable[Any]],
    meanwhile: Callable[[trio.CancelScope], object],
) -> str:
    """Let a wait become due after one second, and do something else at the same moment.

    Returns what the wait came to: the value that it received, or a word.
    """
    trio._core._run._r.seed(seed)
    moment, outcome, scope = trio.current_time() + 1, "nothing", trio.CancelScope()

    async def wait() -> None:
        nonlocal outcome
        with scope:
            try:
                outcome = await receive(channel)
            except (trio.EndOfChannel, StopAsyncIteration):
                outcome = "end"
        if scope.cancelled_caught:
            outcome = "cancelled"

    async def interfere() -> None:
        await trio.sleep_until(moment)
        meanwhile(scope)
        channel.check()

    with trio.fail_after(100):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(interfere)
            await line_up(nursery, wait)
    channel.check()
    assert channel.statistics().tasks_waiting_receive == 0
    return outcome


@every_receiving
async def test_a_drain_in_the_moment_in_which_a_value_is_due(
    autojump_clock: trio.abc.Clock, receive: Callable[..., Awaitable[Any]]
) -> None:
    """What was due goes to who waited for it, not to both or to neither."""
    for seed in SEEDS:
        channel, drained = loaded(2, give=1), list[Any]()
        channel.receive_nowait()

        def drain(scope: trio.CancelScope) -> None:
            drained.extend(channel.drain())  # noqa: B023  # called in this round

        outcome = await at_one_moment(seed, channel, receive, drain)
        assert (outcome, drained) == (1, [])


@every_receiving
async def test_a_cancellation_in_the_moment_in_which_a_value_is_due(
    autojump_clock: trio.abc.Clock, receive: Callable[..., Awaitable[Any]]
) -> None:
    """Either the value was received, or it is still there."""
    for seed in SEEDS:
        channel = loaded(2, give=1)
        channel.receive_nowait()
        outcome = await at_one_moment(seed, channel, receive, lambda scope: scope.cancel())
        assert (outcome, channel.drain()) in ((1, []), ("cancelled", [1]))


@every_receiving
async def test_a_newcomer_in_the_moment_in_which_a_value_is_due(
    autojump_clock: trio.abc.Clock, receive: Callable[..., Awaitable[Any]]
) -> None:
    """The value belongs to who has waited, also before that task has looked at the time."""
    for seed in SEEDS:
        channel = loaded(2, give=1)
        channel.receive_nowait()

        def come(scope: trio.CancelScope) -> None:
            with pytest.raises(trio.WouldBlock):
                channel.receive_nowait()  # noqa: B023  # called in this round

        assert await at_one_moment(seed, channel, receive, come) == 1


@every_receiving
async def test_a_cancellation_after_a_value_was_handed_over_in_its_moment(
    autojump_clock: trio.abc.Clock, receive: Callable[..., Awaitable[Any]]
) -> None:
    """S53 holds here too: what was handed over stays so."""
    for seed in SEEDS:
        channel = loaded(2, give=1)
        channel.receive_nowait()

        def serve_and_cancel(scope: trio.CancelScope) -> None:
            with suppress(trio.WouldBlock):
                channel.receive_nowait()  # noqa: B023  # called in this round
            scope.cancel()

        assert await at_one_moment(seed, channel, receive, serve_and_cancel) == 1


@every_receiving
async def test_what_came_before_a_cancellation_at_the_same_moment_stays(
    autojump_clock: trio.abc.Clock, receive: Callable[..., Awaitable[Any]]
) -> None:
    """A wait may be served when its alarm has rung already; then it was not cancelled."""
    seen = set()
    for seed in SEEDS:
        channel = loaded(2, give=1)
        channel.receive_nowait()

        def serve_and_cancel(scope: trio.CancelScope) -> None:
            waited = channel.statistics().tasks_waiting_receive  # noqa: B023
            channel.send_nowait("next")  # noqa: B023
            scope.cancel()
            seen.add(waited)

        outcome = await at_one_moment(seed, channel, receive, serve_and_cancel)
        assert outcome == 1
        assert channel.drain() == ["next"]
    assert seen == {0, 1}


def test_an_interrupt_takes_nothing_away_that_has_come() -> None:
    """Control-C while a wait is due: what was served is returned, and then it strikes."""
    clock = MockClock()
    received: list[Any] = []

    async def main() -> None:
        token = trio.lowlevel.current_trio_token()
        channel = loaded(2, give=1)
        channel.receive_nowait()

        @trio.lowlevel.enable_ki_protection
        async def strike() -> None:
            await wait_all_tasks_blocked()
            # One after the other, with no chance for the alarm to ring in between.
            token.run_sync_soon(clock.jump, 2)
            signal.raise_signal(signal.SIGINT)
            token.run_sync_soon(channel.send_nowait, "next")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(strike)
            received.append(await channel.receive())
            assert channel.drain() == ["next"]
            await trio.lowlevel.checkpoint()

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(main, clock=clock)
    assert caught.group_contains(KeyboardInterrupt)
    assert received == [1]


async def test_without_the_shortcut_to_the_scheduler_all_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where trio does not show it, its public function wakes who waits."""
    monkeypatch.delattr(_waiters.Offer, "serve")
    channel, received = Chan[int](), list[int]()
    async with trio.open_nursery() as nursery:

        async def produce() -> None:
            with channel:
                for item in range(100):
                    await channel.send(item)

        nursery.start_soon(produce)
        async for item in channel:
            received.append(item)
            channel.check()
    assert received == [*range(100)]
