"""Signals as a channel; the signals are real, sent by this process to itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gochan import after, open_signal_chan, select

pytestmark = pytest.mark.usefixtures("both_modes")

USR1, USR2 = signal.SIGUSR1, signal.SIGUSR2


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """Collect the numbers of the signals that reach the handlers of before."""
    numbers: list[int] = []
    earlier = {number: signal.getsignal(number) for number in (USR1, USR2)}
    for number in earlier:
        signal.signal(number, lambda number, _: numbers.append(number))
    yield numbers
    for number, handler in earlier.items():
        signal.signal(number, handler)


def kill(number: int) -> None:
    os.kill(os.getpid(), number)


raised = pytest.mark.parametrize("send", [signal.raise_signal, kill])


@raised
async def test_a_signal_is_received_by_its_number(
    send: Callable[[int], None], handled: list[int]
) -> None:
    """Also by a task that waits, and in a select; the earlier handler does not hear of it."""
    async with open_signal_chan(USR1, USR2) as signals:
        with trio.fail_after(30):
            send(USR2)
            assert await signals.receive() == USR2
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait_and_send, send)
                assert await select(after(3600), signal=signals.on_receive()) == ("signal", USR1)
    assert handled == []


async def wait_and_send(send: Callable[[int], None]) -> None:
    await wait_all_tasks_blocked()
    send(USR1)


async def test_signals_are_kept_until_received_in_their_order(handled: list[int]) -> None:
    """Any number of them, also the same again."""
    numbers = [USR1, USR2, USR2, USR1, USR1]
    async with open_signal_chan(USR1, USR2) as signals:
        for number in numbers:
            signal.raise_signal(number)
        with trio.fail_after(30):
            assert [await signals.receive() for _ in numbers] == numbers
    assert handled == []


async def test_only_the_signals_asked_for_are_caught(handled: list[int]) -> None:
    """The others go where they went before."""
    async with open_signal_chan(USR1) as signals:
        signal.raise_signal(USR2)
        await wait_all_tasks_blocked()
        assert (handled, len(signals)) == ([USR2], 0)


@pytest.mark.parametrize("how", ["leave", "raise", "cancel"])
async def test_the_earlier_handlers_come_back(how: str, handled: list[int]) -> None:
    """However the block is left; from then on signals go there again."""
    before = [signal.getsignal(number) for number in (USR1, USR2)]
    with trio.CancelScope() as scope:
        try:
            # Asking for one twice is no reason to restore the wrong one.
            async with open_signal_chan(USR1, USR2, USR1):
                assert not {*before} & {signal.getsignal(USR1), signal.getsignal(USR2)}
                if how == "raise":
                    raise KeyError
                if how == "cancel":
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
        except KeyError:
            assert how == "raise"
    assert [signal.getsignal(number) for number in (USR1, USR2)] == before
    signal.raise_signal(USR1)
    assert handled == [USR1]


async def test_the_channel_closes_on_the_way_out(handled: list[int]) -> None:
    """A loop over it ends."""
    received: list[int] = []

    async def collect(signals: Any) -> None:
        async for number in signals:
            received.append(number)  # noqa: PERF401  # it fills up while it runs

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            async with open_signal_chan(USR1) as signals:
                nursery.start_soon(collect, signals)
                signal.raise_signal(USR1)
                await wait_all_tasks_blocked()
            assert signals.closed
    assert received == [USR1]


async def test_blocks_nest(handled: list[int]) -> None:
    """The inner one has the signals while it is open, and passes on what it leaves."""
    with trio.fail_after(30):
        async with open_signal_chan(USR1) as outer:
            async with open_signal_chan(USR1) as inner:
                signal.raise_signal(USR1)
                assert await inner.receive() == USR1
                signal.raise_signal(USR1)
                await wait_all_tasks_blocked()
                assert (len(outer), len(inner)) == (0, 1)
            assert await outer.receive() == USR1
    assert handled == []


# None is swallowed


@pytest.mark.parametrize("how", ["leave", "raise", "cancel"])
async def test_signals_that_nobody_received_are_raised_on_exit(
    how: str, handled: list[int]
) -> None:
    """In their order, by the earlier handlers, however the block is left."""
    with trio.CancelScope() as scope:
        try:
            async with open_signal_chan(USR1, USR2) as signals:
                for number in (USR1, USR2, USR1, USR2):
                    signal.raise_signal(number)
                assert await signals.receive() == USR1
                await wait_all_tasks_blocked()
                assert handled == []
                if how == "raise":
                    raise KeyError
                if how == "cancel":
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
        except KeyError:
            assert how == "raise"
    assert handled == [USR2, USR1, USR2]


async def test_a_signal_that_strikes_at_the_very_end_is_raised_too(handled: list[int]) -> None:
    """Even if there was no time left to send it into the channel."""
    async with open_signal_chan(USR1):
        signal.raise_signal(USR1)
    await wait_all_tasks_blocked()
    assert handled == [USR1]


def test_a_signal_that_strikes_at_the_end_of_the_run_is_raised_too(handled: list[int]) -> None:
    """The run does not end before it has been passed on."""

    async def main() -> None:
        async with open_signal_chan(USR1):
            signal.raise_signal(USR1)

    trio.run(main)
    assert handled == [USR1]


class Stop(Exception):
    """What a handler raises."""


@pytest.fixture
def stopping(handled: list[int]) -> None:
    """Let the earlier handler of one signal raise, as those that end a program do."""

    def stop(number: int, _: object) -> None:
        handled.append(number)
        raise Stop

    signal.signal(USR1, stop)


def test_the_earlier_handler_may_raise(handled: list[int], stopping: None) -> None:
    """As it would have done without the block."""

    async def main() -> None:
        async with open_signal_chan(USR1):
            signal.raise_signal(USR1)
            await wait_all_tasks_blocked()

    with pytest.raises(Stop):
        trio.run(main)
    assert handled == [USR1]


def test_a_handler_that_raises_does_not_swallow_the_other_signals(
    handled: list[int], stopping: None
) -> None:
    """All that were not received are raised, before the exception goes on."""

    async def main() -> None:
        async with open_signal_chan(USR1, USR2):
            for number in (USR2, USR1, USR2, USR1):
                signal.raise_signal(number)
            await wait_all_tasks_blocked()

    with pytest.raises(Stop):
        trio.run(main)
    assert handled == [USR2, USR1, USR2, USR1]


def test_a_handler_that_raises_at_the_very_end_does_not_break_trio(
    handled: list[int], stopping: None
) -> None:
    """A signal may come so late that it cannot be sent any more; that is no internal error."""

    async def main() -> None:
        async with open_signal_chan(USR1):
            signal.raise_signal(USR1)
        await wait_all_tasks_blocked()

    with pytest.raises(Stop):
        trio.run(main)
    assert handled == [USR1]


async def test_closing_the_channel_inside_the_block_loses_no_signal(handled: list[int]) -> None:
    """What cannot be received any more is raised on the way out; nothing spins meanwhile."""
    async with open_signal_chan(USR1) as signals:
        signals.close()
        signal.raise_signal(USR1)
        with trio.fail_after(3):  # an endless stream of callbacks would keep this from returning
            await wait_all_tasks_blocked(0.001)
    await wait_all_tasks_blocked()
    assert handled == [USR1]


# SIGINT


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT mean what it usually does, also where the tests run in the background."""
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, earlier)


def test_an_interrupt_can_be_received(interruptible: None) -> None:
    """Then it is no KeyboardInterrupt; outside the block it is one again."""
    received: list[int] = []

    async def main() -> None:
        async with open_signal_chan(signal.SIGINT) as signals:
            signal.raise_signal(signal.SIGINT)
            with trio.fail_after(30):
                received.append(await signals.receive())
        received.append(0)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert received == [signal.SIGINT, 0]


@pytest.mark.parametrize("late", [False, True])
def test_an_interrupt_that_nobody_received_interrupts(late: bool, interruptible: None) -> None:
    """After the block, as if there had been none."""
    seen: list[str] = []

    async def main() -> None:
        async with open_signal_chan(signal.SIGINT):
            signal.raise_signal(signal.SIGINT)
            if not late:
                await wait_all_tasks_blocked()
            seen.append("end of the block")
        with trio.fail_after(30):
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert seen == ["end of the block"]


# Misuse


async def test_at_least_one_signal_is_needed() -> None:
    """Nothing would ever come."""
    with pytest.raises(TypeError, match="at least one signal"):
        async with open_signal_chan():
            pytest.fail("it must not open")


def test_signals_come_to_the_main_thread_only() -> None:
    """Elsewhere Python could not install a handler; nothing is changed."""
    before = signal.getsignal(USR1)

    async def main() -> None:
        async with open_signal_chan(USR1):
            pytest.fail("it must not open")

    async def in_a_thread() -> None:
        await trio.to_thread.run_sync(trio.run, main)

    with pytest.raises(RuntimeError, match="main thread only"):
        trio.run(in_a_thread)
    assert signal.getsignal(USR1) is before


@pytest.mark.parametrize("number", [signal.SIGKILL, 1000])
async def test_a_signal_that_cannot_be_caught_is_an_error(number: int, handled: list[int]) -> None:
    """Python's own; the handlers installed before it are put back."""
    before = signal.getsignal(USR1)
    with pytest.raises((OSError, ValueError)):
        async with open_signal_chan(USR1, number):
            pytest.fail("it must not open")
    assert signal.getsignal(USR1) is before
