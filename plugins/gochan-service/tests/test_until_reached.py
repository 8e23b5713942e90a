"""An agent that starts while its server is away: it waits, and says so now and then."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import pairwise

import pytest
import trio
from gochan_service._commands._until_reached import until_reached
from trio.testing import MockClock

from gochan.durable import StoreError, StoreUnavailable


def away_until(moment: float) -> Callable[[], object]:
    """Return a function that raises until a moment; then it returns."""

    def ask() -> None:
        if trio.current_time() < moment:
            raise StoreUnavailable("nobody is there")

    return ask


async def test_what_cannot_be_reached_is_tried_again(autojump_clock: MockClock) -> None:
    """Every few seconds, until it can; the work is done once then."""
    asked: list[float] = []
    ask = away_until(3000.0)

    async def work() -> None:
        asked.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        ask()

    await until_reached(work, lambda line: None)
    assert 3000.0 <= asked[-1] <= 3002.0
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert max(pauses) <= 2.0
    assert min(pauses) >= 1.0


async def test_it_is_said_at_once_and_once_a_minute(autojump_clock: MockClock) -> None:
    """Not each time; and nothing if nobody has to wait."""
    said: list[tuple[float, str]] = []

    def say(line: str) -> None:
        said.append((trio.current_time(), line))

    async def work() -> None:
        await trio.lowlevel.checkpoint()
        ask()

    ask = away_until(0.0)
    await until_reached(work, say)
    assert said == []
    ask = away_until(150.0)
    await until_reached(work, say)
    assert {line for _, line in said} == {"waits for the server, and tries again: nobody is there"}
    assert [moment for moment, _ in said] == [
        0.0,
        pytest.approx(61, abs=1.5),
        pytest.approx(122, abs=3),
    ]


async def test_what_waiting_cannot_mend_ends_it(autojump_clock: MockClock) -> None:
    """Such as a wrong secret."""
    for error in (StoreError("the secret"), ValueError("the address")):

        async def work(error: Exception = error) -> None:
            await trio.lowlevel.checkpoint()
            raise error

        with pytest.raises(type(error), match=str(error)):
            await until_reached(work, lambda line: None)
        assert trio.current_time() == 0.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_wait(number: int, autojump_clock: MockClock) -> None:
    """In order, though nothing has begun; as process 1 of a container, too."""

    async def work() -> None:
        assert trio.current_time() < 15.0
        if trio.current_time() > 10.0:
            os.kill(os.getpid(), number)
        await trio.lowlevel.checkpoint()
        raise StoreUnavailable("nobody is there")

    await until_reached(work, lambda line: None)
    assert trio.current_time() > 10.0
