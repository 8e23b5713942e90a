"""Tests of the example for testing: what a program with channels does, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import Chan
from gochan.lowlevel import yield_interval

from .debounce import debounce


async def test_a_text_is_passed_on_after_a_pause(autojump_clock: MockClock) -> None:
    typed, settled = Chan[str](), Chan[str]()
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(debounce, typed.receiver, settled.sender, 0.5)
            start = trio.current_time()
            for text in ("t", "tr", "trio"):
                await typed.send(text)
                await trio.sleep(0.25)
            assert await settled.receive() == "trio"
            assert trio.current_time() - start == pytest.approx(1.0)
            typed.close()
            assert await settled.receive_ok() == (None, False)


# -- when nothing happens


async def test_nothing_more_is_received_until_the_text_is_taken(autojump_clock: MockClock) -> None:
    typed, settled = Chan[str](9), Chan[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(debounce, typed.receiver, settled.sender, 0.5)
        await typed.send("trio")
        await trio.sleep(1)
        await typed.send("gochan")
        await wait_all_tasks_blocked()
        assert settled.statistics().tasks_waiting_send == 1
        assert len(typed) == 1
        assert await settled.receive() == "trio"
        await wait_all_tasks_blocked()
        assert len(typed) == 0
        with pytest.raises(trio.WouldBlock):
            settled.receive_nowait()
        nursery.cancel_scope.cancel()


# -- with every schedule


@pytest.fixture(params=["usual pace", "a schedule point in every call"], autouse=True)
def pace(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "usual pace":
        yield
    else:
        with yield_interval(0):
            yield


# -- with every choice


@settings(deadline=None)
@given(st.random_module(), st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.7])))
def test_the_last_text_of_every_burst_is_passed_on(seed: object, pauses: list[float]) -> None:
    """What happens at the same moment may come in any order; each seed is another one."""

    async def type_in(typed: Chan[str]) -> None:
        with typed:
            for number, pause in enumerate(pauses):
                await typed.send(f"{number}")
                await trio.sleep(pause)

    async def main() -> list[str]:
        typed, settled = Chan[str](), Chan[str](100)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(type_in, typed)
            nursery.start_soon(debounce, typed.receiver, settled.sender, 0.5)
        return settled.drain()

    passed: Any = trio.run(main, clock=MockClock(autojump_threshold=0))
    last = len(pauses) - 1
    wanted = [str(n) for n, pause in enumerate(pauses) if pause > 0.5 or n == last]
    allowed = [str(n) for n, pause in enumerate(pauses) if pause >= 0.5 or n == last]
    assert {*wanted} <= {*passed} <= {*allowed}
    assert passed == sorted(passed, key=int)
