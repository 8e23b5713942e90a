"""Several channels received from as if they were one."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from gochan import Chan, ChanBrokenError, ChanClosedError, EndOfChannel, MergedChan, merge
from gochan._core._choosing import chance

from ..examples import examples
from ..lines import line_up

pytestmark = pytest.mark.usefixtures("both_modes")


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


def test_what_can_be_merged() -> None:
    """Channels and their receiving ends; nothing else."""
    with pytest.raises(TypeError, match="merge takes channels and their receiving ends, not 1"):
        merge(Chan[int](), 1)  # type: ignore[type-var]
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

    received = trio.run(main)
    for number, (_, size) in enumerate(channels):
        assert [index for one, index in received if one == number] == [*range(size)]
