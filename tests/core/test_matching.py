"""Selects that meet selects: crossbeam's matching tests, and what follows from them.

Everybody offers to send and to receive on the same channels, so who meets whom is up to
the schedule. Whatever it is: each meeting has exactly two sides, and they are not the same.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gochan import Chan, after, default, select
from gochan._core._choice import chance

pytestmark = pytest.mark.usefixtures("both_modes", "virtual_time")


@pytest.fixture(params=range(5))
def schedule(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[random.Random]:
    """Run the test under several schedules, each of which can be had again."""
    scheduler = trio._core._run  # type: ignore[attr-defined]
    # Otherwise trio only ever turns the order of the runnable tasks round.
    monkeypatch.setattr(scheduler, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
    scheduler._r.seed(request.param)
    chance.seed(request.param)
    return random.Random(request.param)


async def meet(channel: Chan[int], me: int, met: dict[int, int | None], turned: bool) -> None:
    """Send or receive, whichever comes; note whom this met, None if the other one notes it."""
    if turned:
        _, met[me] = await select(channel.on_receive(), channel.on_send(me))
    else:
        _, met[me] = await select(channel.on_send(me), channel.on_receive())


def assert_paired(met: dict[int, int | None], size: int) -> None:
    """Assert that half of them received, and what they received are the other half."""
    assert len(met) == size
    receivers = {me: other for me, other in met.items() if other is not None}
    assert len(receivers) == size // 2
    assert sorted([*receivers.keys(), *receivers.values()]) == sorted(met)


async def test_all_selects_that_offer_both_pair_up(schedule: random.Random) -> None:
    """An even number of selects, all at once: nobody is left, and nobody meets itself."""
    channel, met = Chan[int](), dict[int, int | None]()
    async with trio.open_nursery() as nursery:
        for me in range(44):
            nursery.start_soon(meet, channel, me, met, schedule.random() < 0.5)
    assert_paired(met, 44)
    channel.check()


async def test_all_pair_up_whenever_they_come(schedule: random.Random) -> None:
    """The same with arrivals spread over time, so that some wait long and others never."""
    channel, met = Chan[int](), dict[int, int | None]()

    async def come_late(me: int) -> None:
        for _ in range(schedule.randrange(6)):
            await trio.lowlevel.checkpoint()
        await meet(channel, me, met, schedule.random() < 0.5)

    async with trio.open_nursery() as nursery:
        for me in range(60):
            nursery.start_soon(come_late, me)
            if schedule.random() < 0.2:
                await wait_all_tasks_blocked()
                channel.check()
    assert_paired(met, 60)


@pytest.mark.parametrize("serve", ["send", "receive", "select"])
async def test_one_too_many_is_left_for_a_plain_operation(
    schedule: random.Random, serve: str
) -> None:
    """With an odd number one select stays, offering both still."""
    channel, met = Chan[int](), dict[int, int | None]()
    async with trio.open_nursery() as nursery:
        for me in range(45):
            nursery.start_soon(meet, channel, me, met, schedule.random() < 0.5)
        await wait_all_tasks_blocked()
        assert len(met) == 44
        statistics = channel.statistics()
        assert (statistics.tasks_waiting_send, statistics.tasks_waiting_receive) == (1, 1)
        channel.check()
        [left] = {*range(45)} - {*met}
        if serve == "send":
            await channel.send(45)
            met[45] = None
        elif serve == "receive":
            met[45] = await channel.receive()
        else:
            await meet(channel, 45, met, False)
    assert (met[left] == 45) is not (met[45] == left)
    assert_paired(met, 46)


async def test_pairs_across_two_channels(schedule: random.Random) -> None:
    """Who sends on one channel or receives on the other meets only those who do the opposite."""
    left, right = Chan[str](), Chan[str]()
    outcomes = Counter[tuple[str, int]]()

    async def send_left_or_receive_right() -> None:
        index, _ = await select(left.on_send("ours"), right.on_receive())
        outcomes["ours", index] += 1

    async def send_right_or_receive_left() -> None:
        index, _ = await select(left.on_receive(), right.on_send("theirs"))
        outcomes["theirs", index] += 1

    async with trio.open_nursery() as nursery:
        tasks = [send_left_or_receive_right, send_right_or_receive_left] * 30
        schedule.shuffle(tasks)
        for task in tasks:
            nursery.start_soon(task)
            if schedule.random() < 0.3:
                await trio.lowlevel.checkpoint()
    for index in (0, 1):  # the left channel, the right channel
        assert outcomes["ours", index] == outcomes["theirs", index]
    assert outcomes.total() == 60
    left.check()
    right.check()


async def test_opposite_selects_in_a_loop_never_deadlock(schedule: random.Random) -> None:
    """Two tasks that always offer the opposite meet in every round, on either channel."""
    left, right = Chan[int](), Chan[int]()
    ours, theirs = list[tuple[int, int]](), list[tuple[int, int]]()

    async def send_left_or_receive_right() -> None:
        for number in range(300):
            index, value = await select(left.on_send(number), right.on_receive())
            ours.append((index, number if index == 0 else value or 0))

    async def send_right_or_receive_left() -> None:
        for number in range(300):
            index, value = await select(left.on_receive(), right.on_send(number))
            theirs.append((index, number if index == 1 else value or 0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_left_or_receive_right)
        nursery.start_soon(send_right_or_receive_left)
    assert ours == theirs == [(index, number) for number, (index, _) in enumerate(ours)]
    # With both sides waiting for each other equally often, both channels are used.
    assert 0 < sum(index for index, _ in ours) < 300


async def test_three_tasks_around_three_channels(schedule: random.Random) -> None:
    """Each offers to one neighbour and accepts from the other; all meetings have two sides."""
    channels, leave = [Chan[int]() for _ in range(3)], Chan[None]()
    sent, received = Counter[int](), Counter[int]()

    async def run(me: int) -> None:
        mine, theirs = channels[me], channels[me - 1]
        for _ in range(200):
            label, _ = await select(
                send=mine.on_send(me), receive=theirs.on_receive(), leave=leave.on_close()
            )
            if label == "send":
                sent[me] += 1
            elif label == "receive":
                received[(me - 1) % 3] += 1
        leave.close()  # for then the others may have nobody to meet

    async with trio.open_nursery() as nursery:
        for me in range(3):
            nursery.start_soon(run, me)
    assert sent == received
    assert sent.total() >= 100


# With cancellation


async def test_a_meeting_happens_on_both_sides_or_on_neither(schedule: random.Random) -> None:
    """However many are cancelled at whatever moment: what was sent was received, exactly once."""
    channels = [Chan[int](capacity) for capacity in (0, 0, 0, 1)]
    sent, received, cancelled = list[int](), list[int](), 0
    numbers = iter(range(10**6))

    async def run() -> None:
        nonlocal cancelled
        for _ in range(120):
            await trio.lowlevel.checkpoint()
            first, second = schedule.sample(channels, 2)
            number = next(numbers)
            with trio.CancelScope() as scope:
                nursery.start_soon(cancel_at_some_time, scope)
                label, value = await select(
                    first.on_send(number),
                    second.on_receive(),
                    swap=second.on_send(number) if schedule.random() < 0.3 else None,
                    back=first.on_receive() if schedule.random() < 0.3 else None,
                )
                if value is None:
                    sent.append(number)
                else:
                    received.append(value)
            cancelled += scope.cancelled_caught
            for channel in channels:
                channel.check()

    async def cancel_at_some_time(scope: trio.CancelScope) -> None:
        for _ in range(schedule.randrange(3)):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(run)
    left = [number for channel in channels for number in channel.drain()]
    assert sorted(sent) == sorted(received + left)
    assert len(set(sent)) == len(sent)
    assert min(cancelled, len(received)) > 10


async def test_deadlines_on_both_sides_lose_nothing(
    schedule: random.Random, autojump_clock: trio.abc.Clock
) -> None:
    """crossbeam's timeouts in two threads: timers and meetings at the same instants."""
    channel = Chan[int]()
    sent, received, timeouts = list[int](), list[int](), 0

    async def send() -> None:
        nonlocal timeouts
        for number in range(100):
            while True:
                await trio.sleep(schedule.choice([0, 1, 2]))
                index, _ = await select(channel.on_send(number), after(schedule.choice([0, 1, 2])))
                if index == 0:
                    break
                timeouts += 1
            sent.append(number)
        channel.close()

    async def receive() -> None:
        nonlocal timeouts
        while True:
            await trio.sleep(schedule.choice([0, 1, 2]))
            with trio.move_on_after(schedule.choice([0, 1, 2])) as scope:
                try:
                    received.append(await channel.receive())
                except trio.EndOfChannel:
                    return
            timeouts += scope.cancelled_caught

    with trio.fail_after(1e6):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            nursery.start_soon(receive)
    assert sent == received == list(range(100))
    assert timeouts > 50


async def test_trying_in_a_loop_meets_a_waiting_select(schedule: random.Random) -> None:
    """crossbeam's loop of tries: polling with a default finds the one who waits, in both roles."""
    channel, end = Chan[str](), Chan[None]()
    polled = Counter[str]()

    async def poll() -> None:
        for _ in range(100_000):  # enough to be done, and few enough to notice if it is not
            label, _ = await select(
                send=channel.on_send("poll"), receive=channel.on_receive(), idle=default()
            )
            polled[label] += 1
            if end.closed:
                return

    async def wait() -> None:
        for number in range(100):
            await (channel.send("wait") if number % 2 else channel.receive())
        end.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        nursery.start_soon(wait)
    assert polled["send"] == polled["receive"] == 50
