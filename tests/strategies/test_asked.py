"""What a strategy is told about the time, and when it need not be told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import Chan
from gochan.strategies import Empty, Filter, Strategy, Verdict, needs_time


class Listens(Strategy[Any]):
    """First in, first out; notes what it is told."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.told: list[float] = []

    def offer(self, item: Any, now: float) -> Verdict:
        self.told.append(now)
        return super().offer(item, now)

    def take(self, now: float) -> Any:
        self.told.append(now)
        return super().take(now)


class Ignores(Listens):
    """The same, and says that it does not matter."""

    ignores_time = True


class Passes(Filter[Any]):
    """Says nothing about the time."""


class PassesIgnoring(Filter[Any]):
    """Does."""

    ignores_time = True


class Follows(Ignores):
    """Follows the clock, whatever it says."""

    def next_change(self, now: float) -> None: ...


class OwnClock(trio.abc.Clock):
    """A clock of a user, which counts how often it is read."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.reads = 0

    def start_clock(self) -> None: ...

    def current_time(self) -> float:
        self.reads += 1
        return self.start + time.perf_counter()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - self.start - time.perf_counter()


def test_it_is_told_the_time_of_the_current_run() -> None:
    """Also if the channel was used in another run before, on another clock."""
    strategy = Listens(10)
    channel = Chan[int](strategy=strategy)

    async def use() -> None:
        for operation in (lambda: channel.send_nowait(1), channel.receive_nowait):
            before = trio.current_time()
            operation()
            assert before <= strategy.told[-1] <= trio.current_time()

    for clock in (None, OwnClock(5e5), None, MockClock(rate=2), OwnClock(1e6), MockClock()):
        trio.run(use, clock=clock)
    assert len(strategy.told) == 12


async def test_it_is_told_the_time_as_it_passes(autojump_clock: MockClock) -> None:
    """Each operation is at its own moment."""
    strategy = Listens(10)
    channel = Chan[int](strategy=strategy)
    start = trio.current_time()
    for _ in range(3):
        channel.send_nowait(1)
        await trio.sleep(1.5)
    channel.receive_nowait()
    assert strategy.told == [start, start + 1.5, start + 3, start + 4.5]


def test_outside_a_run_it_is_told_zero() -> None:
    """If the time does not decide about others."""
    strategy = Listens(10)
    channel = Chan[int](strategy=strategy)
    channel.send_nowait(1)
    channel.receive_nowait()
    assert strategy.told == [0.0, 0.0]
    with pytest.raises(RuntimeError, match=r"has to be done by a task inside trio\.run"):
        Chan[int](strategy=Follows(10)).send_nowait(1)


CHAINS: dict[str, tuple[Callable[[], Strategy[Any]], bool]] = {
    "default": (lambda: Strategy(1), False),
    "listens": (lambda: Listens(1), True),
    "ignores": (lambda: Ignores(1), False),
    "follows": (lambda: Follows(1), True),
    "passes": (lambda: Passes(), False),
    "passes, listens": (lambda: Passes() | Listens(1), True),
    "passes, ignores": (lambda: Passes() | Ignores(1), True),
    "says so, ignores": (lambda: PassesIgnoring() | Ignores(1), False),
    "says so twice, listens": (lambda: PassesIgnoring() | PassesIgnoring() | Listens(1), True),
    "says so, passes, ignores": (lambda: PassesIgnoring() | Passes() | Ignores(1), True),
    "says so, follows": (lambda: PassesIgnoring() | Follows(1), True),
}


@pytest.mark.parametrize(("make", "needed"), CHAINS.values(), ids=CHAINS)
def test_the_clock_is_read_only_if_one_of_them_may_need_it(
    make: Callable[[], Strategy[Any]], needed: bool
) -> None:
    """To read it costs about as much as to ask a simple strategy."""
    assert needs_time(make()) == needed
    clock = OwnClock(5e5)

    async def use() -> None:
        channel = Chan[int](strategy=make())
        reads = clock.reads
        channel.send_nowait(1)
        channel.receive_nowait()
        with pytest.raises(trio.WouldBlock):
            channel.receive_nowait()
        assert (clock.reads - reads > 0) == needed

    trio.run(use, clock=clock)


async def test_waiting_tasks_make_no_difference_to_that() -> None:
    """They are served at once, at whatever moment it is told."""
    strategy = Ignores(1)
    channel = Chan[int](strategy=strategy)
    received = []

    async def receive() -> None:
        received.append(await channel.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        await channel.send(1)
    assert received == [1]
    assert {*strategy.told} == {0.0}


async def test_a_receiver_that_waits_after_another_has_left_sleeps(
    autojump_clock: MockClock,
) -> None:
    """The strategy was asked for it, so it need not look once more."""

    class Never(Strategy[Any]):
        asked = 0

        def take(self, now: float) -> Any:
            self.asked += 1
            raise Empty

        def next_change(self, now: float) -> float:
            return now + 1000

    strategy = Never(1)
    channel = Chan[int](strategy=strategy)
    for _ in range(3):
        with trio.move_on_after(1):
            await channel.receive()
    assert strategy.asked == 3
