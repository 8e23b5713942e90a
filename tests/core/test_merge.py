"""Several channels received from as if they were one."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import (
    Case,
    Chan,
    ChanBrokenError,
    ChanClosedError,
    EndOfChannel,
    MergedChan,
    Selector,
    default,
    merge,
    select,
    select_nowait,
)
from gochan._core._choice import chance
from gochan.strategies import ADMIT, Empty, Strategy, Verdict

from ..examples import examples
from ..guard import guarded
from ..lines import line_up

pytestmark = pytest.mark.usefixtures("both_modes")


class Later(Strategy[int]):
    """Hands out nothing before some seconds have passed on trio's clock."""

    def __init__(self, seconds: float) -> None:
        super().__init__(1)
        self.seconds = seconds
        self.due = math.inf

    def offer(self, item: int, now: float) -> Verdict:
        self.items.append(item)
        self.due = now + self.seconds
        return ADMIT

    def take(self, now: float) -> int:
        if not self.items or now < self.due:
            raise Empty
        return self.items.popleft()

    def next_change(self, now: float) -> float | None:
        return self.due if self.items else None


def filled(*values: Any) -> Chan[Any]:
    """Return a channel with these values, closed."""
    channel = Chan[Any](math.inf)
    for value in values:
        channel.send_nowait(value)
    channel.close()
    return channel


async def collect(source: MergedChan[Any], into: list[Any]) -> None:
    async for value in source:
        into.append(value)  # noqa: PERF401  # others look at it meanwhile
    into.append("end")


async def test_the_values_of_all_come_each_channel_in_order() -> None:
    """Until all have ended."""
    merged = merge(filled(1, 2, 3), filled("a", "b"), filled().receiver)
    values = [value async for value in merged]
    assert [value for value in values if isinstance(value, int)] == [1, 2, 3]
    assert [value for value in values if isinstance(value, str)] == ["a", "b"]
    assert len(values) == 5
    with pytest.raises(EndOfChannel):
        await merged.receive()
    with pytest.raises(EndOfChannel):
        merged.receive_nowait()
    assert await merged.receive_ok() == (None, False)


async def test_without_channels_it_ends_at_once() -> None:
    """There is nothing to wait for."""
    assert [value async for value in merge()] == []


async def test_it_waits_for_the_first_of_all() -> None:
    """Also at channels without a buffer, and goes on without those that are closed."""
    channels = [Chan[int]() for _ in range(3)]
    values: list[Any] = []
    async with trio.open_nursery() as nursery:
        await line_up(nursery, collect, merge(*channels), values)
        for number in (2, 0, 1, 1):
            await channels[number].send(number)
        channels[1].close()
        await wait_all_tasks_blocked()
        await channels[0].send(0)
        channels[2].close()
        channels[0].close()
    assert values == [2, 0, 1, 1, 0, "end"]


async def test_nothing_is_taken_before_somebody_asks() -> None:
    """A sender waits until its value is received; a buffer stays as full as it is."""
    full, unbuffered = Chan[int](2), Chan[int]()
    full.send_nowait(1)
    merged = merge(full, unbuffered)
    assert await merged.receive_ok() == (1, True)
    with pytest.raises(trio.WouldBlock):
        merged.receive_nowait()
    full.send_nowait(2)
    with pytest.raises(trio.WouldBlock):
        unbuffered.send_nowait(3)
    await wait_all_tasks_blocked()
    assert len(full) == 1
    assert merged.receive_nowait() == 2


async def test_a_cancelled_receive_loses_nothing() -> None:
    """What was not received is still there for others."""
    channel = Chan[int]()
    merged = merge(channel, Chan[int]())
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await line_up(nursery, merged.receive)
            scope.cancel()
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.send, 1)
        assert await merged.receive() == 1


@pytest.mark.parametrize("how", ["close", "aclose", "with", "async with"])
async def test_closing_it_leaves_the_channels_as_they_are(how: str) -> None:
    """It stands in no line any more, and receives no more."""
    first, second = Chan[int](1), Chan[int](1)
    merged = merge(first, second)
    with pytest.raises(trio.WouldBlock):
        merged.receive_nowait()
    match how:
        case "close":
            merged.close()
        case "aclose":
            await merged.aclose()
        case "with":
            with merged:
                pass
        case _:
            async with merged:
                pass
    for channel in (first, second):
        assert not channel.closed
        assert OrderedDict.__len__(channel._state.receivers) == 0
        channel.send_nowait(1)
    with pytest.raises(trio.ClosedResourceError):
        await merged.receive()
    with pytest.raises(trio.ClosedResourceError):
        merged.receive_nowait()


async def test_the_same_channel_twice_is_harmless() -> None:
    """Each value comes once."""
    channel = Chan[int](math.inf)
    values: list[Any] = []
    async with trio.open_nursery() as nursery:
        await line_up(nursery, collect, merge(channel, channel.receiver, channel), values)
        for number in range(10):
            await channel.send(number)
        channel.close()
    assert values == [*range(10), "end"]


async def test_each_channel_is_equally_likely() -> None:
    """However much another one holds."""
    chance.seed(1)
    merged = merge(filled(*[0] * 2000), filled(*[1] * 300), filled(*[2] * 300))
    drawn = Counter([await merged.receive() for _ in range(600)])
    assert all(160 < drawn[number] < 240 for number in range(3))


async def test_an_abandoned_channel_is_an_error_once() -> None:
    """Somebody has closed its receiving end; the others go on."""
    abandoned, other = Chan[int](), filled(1)
    abandoned.receiver.close()
    merged = merge(abandoned, other)
    outcomes: list[Any] = []
    for _ in range(3):
        try:
            outcomes.append(await merged.receive())
        except (ChanClosedError, ChanBrokenError, EndOfChannel) as error:
            outcomes.append((type(error), error.case))
    assert sorted(map(str, outcomes)) == sorted(
        map(str, [(ChanClosedError, 0), 1, (EndOfChannel, None)])
    )


async def test_one_task_at_a_time_may_receive() -> None:
    """As trio's protocol of receiving ends allows."""
    channel = Chan[int]()
    merged = merge(channel)
    async with trio.open_nursery() as nursery:
        await line_up(nursery, merged.receive)
        with pytest.raises(trio.BusyResourceError):
            await merged.receive()
        channel.send_nowait(1)


# In a select


async def choose(into: list[Any], *cases: Case[Any]) -> None:
    """Note the value of the case that happens, or the error."""
    try:
        _, value = await select(*cases)
    except (EndOfChannel, ChanClosedError) as error:
        into.append((type(error), error.case))
    else:
        into.append(value)


async def test_a_select_receives_from_whatever_channel_has_a_value() -> None:
    """At once or later; the value is that of the case of the merged channel, whose index it has."""
    full, unbuffered = Chan[int](1), Chan[int]()
    merged = merge(full, unbuffered)
    full.send_nowait(1)
    assert await select(None, merged.on_receive()) == (1, 1)
    assert select_nowait(merged.on_receive(), default("nothing")) == (1, "nothing")
    values: list[Any] = []
    async with trio.open_nursery() as nursery:
        await line_up(nursery, choose, values, Chan[int]().on_receive(), merged.on_receive())
        unbuffered.send_nowait(2)
    assert values == [2]
    for channel in (full, unbuffered):
        assert not channel._state.receivers


async def test_a_select_goes_on_until_the_last_channel_has_ended() -> None:
    """And then gets the end, with its own label; a channel that ends before is no event."""
    channels = [Chan[int]() for _ in range(3)]
    merged = merge(*channels)
    values: list[Any] = []
    async with trio.open_nursery() as nursery:
        await line_up(nursery, choose, values, None, merged.on_receive())
        for channel in channels:
            assert values == []
            channel.close()
            await wait_all_tasks_blocked()
        assert values == [(EndOfChannel, 1)]
    with pytest.raises(EndOfChannel) as caught:
        await select(merged=merged.on_receive())
    assert caught.value.case == "merged"
    with pytest.raises(EndOfChannel):
        select_nowait(merge().on_receive(), default())


async def test_a_select_receives_from_the_others_when_one_has_ended() -> None:
    """Whether that has ended before or meanwhile."""
    ended, later, last = filled(), Chan[int](), Chan[int](1)
    merged = merge(ended, later, last)
    values: list[Any] = []
    async with trio.open_nursery() as nursery:
        await line_up(nursery, choose, values, merged.on_receive())
        later.close()
        await wait_all_tasks_blocked()
        last.send_nowait(3)
    assert values == [3]
    with pytest.raises(trio.WouldBlock):
        select_nowait(merged.on_receive())


@pytest.mark.parametrize("waiting", [True, False])
async def test_a_select_gets_the_error_of_an_abandoned_channel_once(waiting: bool) -> None:
    """As a receive is; the others go on."""
    abandoned, other = Chan[int](), Chan[int](1)
    merged = merge(abandoned, other)
    outcomes: list[Any] = []
    async with trio.open_nursery() as nursery:
        if waiting:
            await line_up(nursery, choose, outcomes, merged.on_receive())
            abandoned.receiver.close()
            await wait_all_tasks_blocked()
        else:
            abandoned.receiver.close()
            await choose(outcomes, merged.on_receive())
        assert outcomes == [(ChanClosedError, 0)]
        await line_up(nursery, choose, outcomes, merged.on_receive())
        other.send_nowait(1)
    assert outcomes == [(ChanClosedError, 0), 1]


@pytest.mark.parametrize("waiting", [True, False])
async def test_a_select_ends_when_the_merged_channel_is_closed(waiting: bool) -> None:
    """With the same kind of error as a receive; the channels keep what they hold."""
    channel = Chan[int](1)
    merged = merge(channel)
    outcomes: list[Any] = []
    async with trio.open_nursery() as nursery:
        if waiting:
            await line_up(nursery, choose, outcomes, merged.on_receive())
        merged.close()
        channel.send_nowait(1)
        if not waiting:
            await choose(outcomes, merged.on_receive())
    assert outcomes == [(ChanClosedError, 0)]
    assert channel.drain() == [1]


async def test_several_tasks_may_select_while_another_one_receives() -> None:
    """In order, each value once."""
    channels = Chan[int](), Chan[int]()
    merged = merge(*channels)
    values: list[Any] = []

    async def receive() -> None:
        values.append(("receive", await merged.receive()))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, choose, values, merged.on_receive())
        await line_up(nursery, receive)
        await line_up(nursery, choose, values, merged.on_receive())
        for number, channel in enumerate([*channels, channels[0]]):
            channel.send_nowait(number)
            await wait_all_tasks_blocked()
    assert values == [0, ("receive", 1), 2]


async def test_a_cancelled_select_loses_nothing() -> None:
    """It stands in no line any more."""
    channels = Chan[int](1), Chan[int](1)
    merged = merge(*channels)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await line_up(nursery, select, merged.on_receive(), merged.on_close())
            scope.cancel()
    for channel in channels:
        assert not channel._state.receivers
        assert not channel._state.watchers
        channel.send_nowait(1)


async def test_its_priority_is_that_of_the_case() -> None:
    """Above and below others."""
    for _ in range(20):
        merged, other = merge(filled(1), filled(1)), filled(2)
        assert select_nowait(other.on_receive(), merged.on_receive(priority=1)) == (1, 1)
        assert select_nowait(other.on_receive(priority=1), merged.on_receive()) == (0, 2)
        # One that has ended does not stand in the way of what is less urgent.
        assert select_nowait(merge(filled(), Chan[int]()).on_receive(priority=1), default(3)) == (
            1,
            3,
        )


async def test_it_counts_as_one_case_for_each_channel() -> None:
    """Each of them, and of the other cases, is equally likely."""
    chance.seed(1)
    merged = merge(filled(*[0] * 900), filled(*[1] * 900))
    other = filled(*[2] * 900)
    drawn = Counter([(await select(merged.on_receive(), other.on_receive()))[1] for _ in "x" * 900])
    assert all(240 < drawn[number] < 360 for number in range(3))


async def test_a_strategy_that_follows_the_clock_may_be_among_them(
    autojump_clock: MockClock,
) -> None:
    """Each channel has an alarm of its own."""
    slow, slower = Chan[int](strategy=Later(1)), Chan[int](strategy=Later(2))
    slow.send_nowait(1)
    slower.send_nowait(2)
    merged = merge(slower, slow)
    start = trio.current_time()
    moments = []
    for expected in (1, 2):
        assert await select(merged.on_receive()) == (0, expected)
        moments.append(trio.current_time() - start)
    assert moments == pytest.approx([1, 2])


async def test_all_channels_have_to_close() -> None:
    """Whatever they hold, in whatever order, before or meanwhile."""
    channels = [Chan[int](1) for _ in range(4)]
    for channel in channels:
        channel.send_nowait(1)
    merged = merge(*channels)
    values: list[Any] = []
    channels[1].close()
    async with trio.open_nursery() as nursery:
        await line_up(nursery, choose, values, merged.on_close(), Chan[int]().on_receive())
        for number in (0, 3, 2):
            assert values == []
            assert select_nowait(merged.on_close(), default("open")) == (1, "open")
            channels[number].close()
            await wait_all_tasks_blocked()
        assert values == [None]
    assert await select(a=merged.on_close()) == ("a", None)
    assert await select(merge().on_close()) == (0, None)


@pytest.mark.parametrize("waiting", [True, False])
async def test_closing_the_merged_channel_is_a_close(waiting: bool) -> None:
    """Even while all channels are open."""
    merged = merge(Chan[int]())
    values: list[Any] = []
    async with trio.open_nursery() as nursery:
        if waiting:
            await line_up(nursery, choose, values, merged.on_close())
        merged.close()
        if not waiting:
            await choose(values, merged.on_close())
    assert values == [None]


# In a selector


async def test_a_selector_receives_from_merged_channels() -> None:
    """Until all have ended; then the case goes."""
    channels = [Chan[int](1) for _ in range(3)]
    selector = Selector[str, Any]()
    selector.add(merge(*channels).on_receive(), "merged")
    events: list[Any] = []

    async def loop() -> None:
        async for event in selector:
            events.append(event)  # noqa: PERF401  # the test looks at it meanwhile

    async with trio.open_nursery() as nursery:
        await line_up(nursery, loop)
        for number, channel in enumerate(channels):
            channel.send_nowait(number)
            await wait_all_tasks_blocked()
            channel.close()
            selector.check()
            await wait_all_tasks_blocked()
            assert len(selector) == (0 if number == 2 else 1)
    assert events == [("merged", 0), ("merged", 1), ("merged", 2)]


async def test_a_selector_is_told_of_the_end_of_all() -> None:
    """Once; then the case goes, with all that belonged to it."""
    channels = [Chan[int](1) for _ in range(3)]
    merged = merge(*channels)
    selector = Selector[str, Any]()
    selector.add(merged.on_close(), "closed")
    with pytest.raises(trio.WouldBlock):
        selector.select_nowait()
    async with trio.open_nursery() as nursery:
        events: list[Any] = []

        async def wait() -> None:
            events.append(await selector.select())

        await line_up(nursery, wait)
        for channel in channels:
            assert events == []
            channel.close()
            selector.check()
            await wait_all_tasks_blocked()
    assert events == [("closed", None)]
    assert len(selector) == 0
    with pytest.raises(EndOfChannel):
        await selector.select()
    for channel in channels:
        assert not channel._state.watchers


async def test_a_merged_channel_that_is_over_before_it_is_added() -> None:
    """Ended: it goes silently. Closed: that is an error, once."""
    closed = merge(Chan[int]())
    closed.close()
    selector = Selector[str, Any]()
    selector.add(merge().on_receive(), "ended")
    selector.add(closed.on_receive(), "closed")
    with pytest.raises(ChanClosedError) as caught:
        while True:
            selector.select_nowait()
    assert caught.value.case == "closed"
    with pytest.raises(EndOfChannel):
        selector.select_nowait()


async def test_its_cases_say_what_they_are() -> None:
    """With the number of channels."""
    merged = merge(Chan[int](), Chan[int]())
    assert repr(merged.on_receive()) == (
        "<gochan.Case: receive from <gochan.MergedChan of 2 channels>>"
    )
    assert repr(merged.on_close()) == ("<gochan.Case: close of <gochan.MergedChan of 2 channels>>")
    assert str(merged.on_close()._parts()[0]) == str(merged.on_close())
    receives = [str(part) for part in merged.on_receive()._parts()]
    assert receives[0].startswith("receive from channel")
    assert receives[-1] == "end of <gochan.MergedChan of 2 channels>"


def test_what_can_be_merged() -> None:
    """Channels and their receiving ends; nothing else."""
    with pytest.raises(TypeError, match="merge takes channels and their receiving ends, not 1"):
        merge(Chan[int](), 1)  # type: ignore[type-var]
    with pytest.raises(TypeError, match=r"; write merge\(\*channels\)$"):
        merge([Chan[int](), Chan[int]()])  # type: ignore[type-var]
    with pytest.raises(TypeError, match=r"not 1$"):
        merge(1)  # type: ignore[type-var]
    with pytest.raises(TypeError, match=r"not <gochan\.SendChan"):
        merge(Chan[int]().sender)  # type: ignore[type-var]


def test_it_is_a_receiving_end() -> None:
    """Of trio's kind, and says how many channels there are."""
    merged = merge(Chan[int](), Chan[int]())
    assert isinstance(merged, trio.abc.ReceiveChannel)
    assert repr(merged) == "<gochan.MergedChan of 2 channels>"


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8)), min_size=1, max_size=5),
    st.lists(st.integers(0, 6), max_size=6),
)
@examples(100)
def test_whatever_the_channels_all_comes_once_and_in_order(
    channels: list[tuple[int, int]], patience: list[int]
) -> None:
    """With receives that are cancelled in between."""

    async def main() -> list[tuple[int, int]]:
        received: list[tuple[int, int]] = []
        sources = [Chan[tuple[int, int]](capacity) for capacity, _ in channels]

        async def produce(number: int) -> None:
            with sources[number] as source:
                for index in range(channels[number][1]):
                    await source.send((number, index))

        async def receive(merged: MergedChan[tuple[int, int]], scope: trio.CancelScope) -> None:
            with scope:
                async for value in merged:
                    received.append(value)  # noqa: PERF401  # some, if it is cancelled

        async with trio.open_nursery() as nursery:
            for number in range(len(sources)):
                nursery.start_soon(produce, number)
            with merge(*sources) as merged:
                for steps in patience:
                    scope = trio.CancelScope()
                    async with trio.open_nursery() as receiving:
                        receiving.start_soon(receive, merged, scope)
                        for _ in range(steps):
                            await trio.lowlevel.checkpoint()
                        scope.cancel()
                await receive(merged, trio.CancelScope())
        return received

    received = trio.run(guarded(main))
    for number, (_, size) in enumerate(channels):
        assert [index for one, index in received if one == number] == [*range(size)]


async def test_a_select_of_a_merged_channel_goes_on_when_one_of_several_has_ended() -> None:
    """The end of one of its channels is no reason to return; only that of the last is."""
    first, second = Chan[int](name="first"), Chan[int](name="second")
    merged = merge(first, second)
    got: list[Any] = []

    async def wait() -> None:
        got.append(await select(merged.on_receive()))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        first.close()
        await wait_all_tasks_blocked()
        assert got == []
        second.send_nowait(7)
    assert got == [(0, 7)]


def test_each_part_of_its_case_speaks_for_its_channel() -> None:
    """In reports, in traces, and where a strategy may have given something up."""
    first, second = Chan[int](name="first"), Chan[int](name="second")
    merged = merge(first, second)
    parts = [*merged.on_receive()._parts()]
    channels = [part._thing for part in parts if part._thing in (first, second)]
    assert channels == [first, second]
    for part in parts[:2]:
        assert part._given_up == 0
        assert part._place is part._thing or part._place is not None
        assert part._received(7) == (7,)
        assert "receive from" in part._words(lambda thing: "it")
    for case in (*parts, *merged.on_close()._parts()):
        assert str(case)
        assert case._thing is not None


async def test_a_select_of_a_merged_channel_takes_what_has_come_since_one_has_ended() -> None:
    """The end of one has woken it; before it runs, another has a value."""
    first, second = Chan[int](), Chan[int](1)
    merged = merge(first, second)
    got: list[Any] = []

    async def wait() -> None:
        got.append(await select(merged.on_receive(), Chan[int]().on_receive()))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        first.close()
        second.send_nowait(7)
    assert got == [(0, 7)]


async def test_a_select_of_a_merged_channel_does_another_case_since_one_has_ended() -> None:
    """The same, where it is another case of the select that has become ready."""
    first, other = Chan[int](), Chan[int](1)
    merged = merge(first, Chan[int]())
    got: list[Any] = []

    async def wait() -> None:
        got.append(await select(merged.on_receive(), other.on_receive()))

    async with trio.open_nursery() as nursery:
        await line_up(nursery, wait)
        first.close()
        other.send_nowait(7)
    assert got == [(1, 7)]
