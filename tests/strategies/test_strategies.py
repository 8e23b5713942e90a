"""The built-in strategies at work in channels: block, drop-on-full, priority-cancel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan import Chan, ChanClosedError, EndOfChannel, Refused, default, select, select_nowait
from gochan.strategies import Block, DropOnFull, PriorityCancel, Strategy

pytestmark = pytest.mark.usefixtures("both_modes")

BUILT_IN = {"block": Block, "drop-on-full": DropOnFull, "priority-cancel": PriorityCancel}
every_strategy = pytest.mark.parametrize("make", BUILT_IN.values(), ids=BUILT_IN)
every_that_waits = pytest.mark.parametrize("make", [Block, PriorityCancel])

Make: TypeAlias = Callable[[float], Strategy[Any]]


def filled(make: Make, capacity: float, *values: object, **options: Any) -> Chan[Any]:
    """Return a channel with such a strategy, in which these values wait."""
    channel = Chan[Any](strategy=make(capacity), **options)
    for value in values:
        channel.send_nowait(value)
    return channel


async def receive_rest(channel: Chan[Any]) -> list[Any]:
    """Receive until the channel ends."""
    with trio.fail_after(1e6):
        return [value async for value in channel]


# What all three have in common


@every_strategy
async def test_values_are_received_oldest_first(make: Make) -> None:
    """First in, first out, also while values come and go."""
    channel = filled(make, 3, 1, 2, 3)
    assert await channel.receive() == 1
    await channel.send(4)
    assert [channel.receive_nowait() for _ in range(3)] == [2, 3, 4]
    with pytest.raises(trio.WouldBlock):
        channel.receive_nowait()


@every_strategy
async def test_a_value_goes_straight_to_a_waiting_receiver(make: Make) -> None:
    """Receivers are served in the order in which they began to wait, whatever the capacity."""
    for capacity in (0, 1, math.inf):
        channel = filled(make, capacity)
        received = []

        async def receive(name: str, channel: Chan[Any] = channel, to: Any = received) -> None:
            to.append((name, await channel.receive()))

        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(receive, name)
                await wait_all_tasks_blocked()
            for value in range(3):
                channel.send_nowait(value)
                assert len(channel) == 0
                channel.check()
        assert sorted(received) == [("a", 0), ("b", 1), ("c", 2)]
        assert channel.statistics().peak_buffer_used == 0


@every_strategy
def test_the_capacity_is_that_of_the_strategy(make: Make) -> None:
    """Also where it shows."""
    channel = filled(make, 3, "a", name="jobs")
    assert channel.capacity == channel.statistics().max_buffer_size == 3
    assert (len(channel), channel.statistics().current_buffer_used) == (1, 1)
    assert "'jobs': open, 1/3 buffered" in repr(channel)


@every_strategy
def test_an_infinite_capacity_is_never_full(make: Make) -> None:
    """Nobody waits or is refused."""
    channel = filled(make, math.inf, *range(1000))
    assert channel.statistics().peak_buffer_used == 1000
    assert channel.drain() == list(range(1000))


@every_strategy
async def test_a_send_on_a_closed_channel_says_that_it_is_closed(make: Make) -> None:
    """Also when it is full; a strategy is not asked any more."""
    for values in ([], ["waits"]):
        channel = filled(make, 1, *values)
        channel.close()
        for send in (channel.send_nowait, lambda v: select_nowait(channel.on_send(v), default())):  # noqa: B023
            with pytest.raises(ChanClosedError) as caught:
                send("late")
            assert caught.value.value == "late"
        with pytest.raises(ChanClosedError):
            await channel.send("late")


@every_strategy
def test_draining_closes_and_takes_everything_back(make: Make) -> None:
    """Oldest first, whether the strategy hands it back at close or not; and only once."""
    channel = filled(make, 3, 1, 2, 3)
    assert channel.drain() == [1, 2, 3]
    assert channel.closed
    assert len(channel) == 0
    assert channel.drain() == []
    assert channel.statistics().dropped == 0
    with pytest.raises(EndOfChannel):
        channel.receive_nowait()


@every_strategy
def test_draining_a_closed_channel_takes_everything_back(make: Make) -> None:
    """A close before changes nothing."""
    channel = filled(make, 3, 1, 2)
    channel.close()
    assert channel.drain() == [1, 2]
    assert channel.drain() == []


@every_strategy
def test_what_is_never_received_after_all_is_reported(make: Make) -> None:
    """Closing the receiving end loses nothing from sight: reported as dropped, or drained."""
    drops: list[Any] = []
    channel = filled(make, 3, 1, 2, on_drop=lambda *drop: drops.append(drop))
    channel.receiver.close()
    assert channel.statistics().dropped == len(drops)
    assert [value for value, _ in drops] + channel.drain() == [1, 2]


@every_strategy
def test_each_is_made_by_its_name(make: Make) -> None:
    """Its options are keywords, and each call makes a new one."""
    name = next(name for name in BUILT_IN if BUILT_IN[name] is make)
    one, other = (gochan.strategy(name, capacity=2) for _ in range(2))
    assert type(one) is type(other) is make
    assert one is not other
    assert one.capacity == 2


# When full: block and priority-cancel


@every_that_waits
async def test_a_sender_waits_for_room(make: Make) -> None:
    """In the order in which they began to wait, and each takes the room that one value left."""
    channel = filled(make, 1, 0)
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait("newcomer")
    async with trio.open_nursery() as nursery:
        for value in (1, 2, 3):
            nursery.start_soon(channel.send, value)
            await wait_all_tasks_blocked()
        for waiting in (3, 2, 1, 0):
            assert channel.statistics().tasks_waiting_send == waiting
            assert len(channel) == 1
            channel.check()
            assert channel.receive_nowait() == 3 - waiting
    assert len(channel) == 0
    assert channel.statistics().peak_buffer_used == 1


@every_that_waits
async def test_a_send_case_waits_for_room(make: Make) -> None:
    """It is not ready while there is none, so a default is taken."""
    channel = filled(make, 1, 0)
    assert select_nowait(channel.on_send(1), default("full")) == (1, "full")
    assert await select(channel.on_send(1), default("full")) == (1, "full")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            assert await select(channel.on_send(1)) == (0, None)

        await wait_all_tasks_blocked()
        assert await channel.receive() == 0
    assert channel.receive_nowait() == 1


@every_that_waits
async def test_a_cancelled_sender_has_sent_nothing(make: Make) -> None:
    """It leaves the line, and the next one moves up."""
    channel = filled(make, 1, 0)
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(channel.send, 2)
            await wait_all_tasks_blocked()
            scope.cancel()
            await channel.send(1)
        assert scope.cancelled_caught
        assert channel.receive_nowait() == 0
    assert channel.drain() == [2]


@every_that_waits
async def test_senders_that_wait_at_close_get_their_values_back(make: Make) -> None:
    """They were never let in, so nothing is delivered or handed back for them."""
    channel = filled(make, 1, "in")
    values = []

    async def send(value: str) -> None:
        with pytest.raises(ChanClosedError) as caught:
            await channel.send(value)
        values.append(caught.value.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, "a")
        nursery.start_soon(send, "b")
        await wait_all_tasks_blocked()
        channel.close()
    assert sorted(values) == ["a", "b"]
    assert channel.drain() == ["in"]


# When full: drop-on-full


@pytest.mark.parametrize("capacity", [0, 1, 3])
async def test_drop_on_full_refuses_at_once(capacity: int, autojump_clock: MockClock) -> None:
    """Every way to send raises Refused with the value; nothing else has happened."""
    drops: list[Any] = []
    channel = filled(DropOnFull, capacity, *range(capacity), on_drop=lambda *d: drops.append(d))
    begin = trio.current_time()
    with pytest.raises(Refused) as caught:
        channel.send_nowait("more")
    assert (caught.value.value, caught.value.reason, caught.value.case) == ("more", "full", None)
    with pytest.raises(Refused) as caught:
        await channel.send("more")
    assert caught.value.value == "more"
    with pytest.raises(Refused):
        await channel.sender.send("more")
    with pytest.raises(Refused):
        await select(channel.on_send("more"))
    assert trio.current_time() == begin
    assert (drops, channel.statistics().dropped) == ([], 0)
    assert channel.statistics().tasks_waiting_send == 0
    assert channel.drain() == list(range(capacity))


def test_drop_on_full_says_when_to_try_again() -> None:
    """The error has the estimate of the strategy, as a number and in its text."""
    strategy = DropOnFull[int](2)
    channel = Chan(strategy=strategy)
    channel.send_nowait(1)
    channel.send_nowait(2)
    strategy.finished(0, 10.0, waited=0.0, ran=0.25, ok=True)
    with pytest.raises(Refused, match=r"refused: full; try again in 0\.75 s") as caught:
        channel.send_nowait(3)
    assert caught.value.retry_after == 3 * 0.25


def test_drop_on_full_lets_in_again_when_there_is_room() -> None:
    """A refusal is about now."""
    channel = filled(DropOnFull, 1, 1)
    with pytest.raises(Refused):
        channel.send_nowait(2)
    assert channel.receive_nowait() == 1
    channel.send_nowait(3)
    assert channel.receive_nowait() == 3


async def test_drop_on_full_of_nothing_is_a_meeting_or_a_refusal() -> None:
    """With capacity 0 a value is refused unless somebody waits for it."""
    channel = Chan[int](strategy=DropOnFull(0))
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def receive() -> None:
            assert await channel.receive() == 1

        await wait_all_tasks_blocked()
        channel.send_nowait(1)
        with pytest.raises(Refused):
            channel.send_nowait(2)


@pytest.mark.parametrize("priority", [0, 1])
async def test_a_send_that_would_be_refused_is_not_ready_beside_a_default(priority: int) -> None:
    """The default is taken, or another case that is ready, whatever the priorities."""
    full, other = filled(DropOnFull, 1, "old"), filled(Block, 30, *range(30))
    for _ in range(10):
        refused = full.on_send("new", priority=priority)
        assert select_nowait(refused, default("idle")) == (1, "idle")
        assert await select(default("idle"), refused) == (0, "idle")
        assert (await select(refused, other.on_receive(), default("idle")))[0] == 1
    assert full.drain() == ["old"]


async def test_a_send_that_is_refused_without_a_default_says_which_case_it_was() -> None:
    """Refused has the position or the name of the case, and the value."""
    full, never = filled(DropOnFull, 1, "old"), Chan[int]()
    with pytest.raises(Refused) as caught:
        await select(never.on_receive(), None, full.on_send("new"))
    assert (caught.value.case, caught.value.value) == (2, "new")
    with pytest.raises(Refused) as caught:
        select_nowait(idle=never.on_receive(), push=full.on_send("new"))
    assert (caught.value.case, caught.value.value) == ("push", "new")
    assert never.statistics().tasks_waiting_receive == 0


async def test_a_ready_case_of_higher_priority_comes_before_a_refusal() -> None:
    """Only the tier that is drawn from can be refused."""
    full = filled(DropOnFull, 1, "old")
    for number in range(20):
        ready = filled(Block, 1, number)
        cases = (full.on_send("new"), ready.on_receive(priority=1))
        assert await select(*cases) == (1, number)


# At close: priority-cancel


async def test_priority_cancel_hands_back_what_waits_at_close() -> None:
    """No further value goes once it is closed; the next drain returns them, once."""
    channel = filled(PriorityCancel, 3, 1, 2, 3)
    assert await channel.receive() == 1
    channel.close()
    assert len(channel) == 0
    assert await receive_rest(channel) == []
    assert await channel.receive_ok() == (None, False)
    with pytest.raises(EndOfChannel):
        channel.receive_nowait()
    channel.close()
    assert channel.drain() == [2, 3]
    assert channel.drain() == []


async def test_priority_cancel_ends_a_loop_that_has_work_left() -> None:
    """Where block goes on with what waits: that is the difference between the two."""
    for make, expected in ((Block, [1, 2, 3]), (PriorityCancel, [1])):
        channel = filled(make, 3, 1, 2, 3)
        received = []
        async for value in channel:
            received.append(value)  # the close comes in between
            channel.close()
        assert received == expected
        assert received + channel.drain() == [1, 2, 3]


async def test_a_select_never_draws_a_value_after_a_close_of_priority_cancel() -> None:
    """With block, Go's fair draw between "closed" and "next value" goes on for a while."""
    drawn = set()
    for _ in range(50):
        channel = filled(PriorityCancel, 1, "value")
        channel.close()
        drawn.add((await select(channel.on_receive_ok(), channel.on_close()))[1])
        with pytest.raises(EndOfChannel):
            await select(channel.on_receive())
    assert drawn == {(None, False), None}


async def test_receivers_that_wait_at_close_end(autojump_clock: MockClock) -> None:
    """Under every strategy: if they waited, there was nothing to hand back."""
    for make in BUILT_IN.values():
        channel: Chan[int] = filled(make, 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive_rest, channel)
            nursery.start_soon(receive_rest, channel)
            await wait_all_tasks_blocked()
            channel.close()
        assert channel.drain() == []


def test_leaving_the_block_of_a_channel_closes_it_for_its_strategy_too() -> None:
    """``with channel`` hands back as `Chan.close` does."""
    with filled(PriorityCancel, 2, 1, 2) as channel:
        pass
    with pytest.raises(EndOfChannel):
        channel.receive_nowait()
    assert channel.drain() == [1, 2]


# Chan(n) and Chan(strategy=Block(n)) are one thing

# What a program may do, with the number of the step as the value to send. What may be
# ready only sometimes stands here more than once, to be drawn more often.
STEPS: dict[str, Callable[[Chan[Any], int], object]] = {
    "send": lambda channel, number: channel.send_nowait(number),
    "send again": lambda channel, number: channel.send_nowait(number),
    "send once more": lambda channel, number: channel.send_nowait(number),
    "send by select": lambda channel, number: select_nowait(channel.on_send(number)),
    "try to send": lambda channel, number: select_nowait(channel.on_send(number), default()),
    "receive": lambda channel, _: channel.receive_nowait(),
    "receive again": lambda channel, _: channel.receive_nowait(),
    "receive by select": lambda channel, _: select_nowait(channel.on_receive()),
    "try to receive": lambda channel, _: select_nowait(channel.on_receive_ok(), default()),
    "is it closed?": lambda channel, _: select_nowait(channel.on_close(), default()),
    "show": lambda channel, _: repr(channel).split(":")[1:],
    "close": lambda channel, _: channel.close(),
    "drain": lambda channel, _: channel.drain(),
    "abandon": lambda channel, _: channel.receiver.close(),
}


def perform(program: Sequence[str], **options: Any) -> list[Any]:
    """Return all that can be seen of a new channel while a program runs."""
    drops: list[Any] = []
    channel = Chan[Any](**options, name="numbers", on_drop=lambda *drop: drops.append(drop))
    seen: list[Any] = [channel.capacity, channel.sender.capacity, bool(channel)]
    for number, name in enumerate(program):
        try:
            result = STEPS[name](channel, number)
        except Exception as error:
            result = (type(error), str(error), vars(error))
        channel.check()
        seen += [(name, result), len(channel), channel.closed, channel.statistics(), list(drops)]
    return seen


@pytest.mark.parametrize("capacity", [0, 1, 3, math.inf])
async def test_a_capacity_and_block_of_that_capacity_are_one_thing(capacity: float) -> None:
    """No program sees a difference: not in results, errors, statistics, drops or repr."""
    compare_programs(capacity)


@pytest.mark.parametrize("capacity", [0, 1, 3, math.inf])
def test_outside_a_run_they_are_one_thing_too(capacity: float) -> None:
    """What need not wait works anywhere."""
    compare_programs(capacity)


def compare_programs(capacity: float) -> None:
    dice = Random(20)
    # Short ones first: so a program that shows a difference shows little else.
    for length in range(30):
        for _ in range(10):
            program = dice.choices([*STEPS], k=length)
            plain = perform(program, capacity=capacity)
            assert perform(program, strategy=Block(capacity)) == plain
