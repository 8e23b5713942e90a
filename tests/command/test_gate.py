"""The gate: how many commands run, in which order they start, and what holds them back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan._command.run.pace._gate import Gate, GateShut, Hold


class Until:
    """A condition that holds commands back until a moment."""

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.started: list[float] = []

    def hold(self, now: float) -> Hold | None:
        return Hold("too early", self.moment - now) if now < self.moment else None

    def note_start(self, now: float) -> None:
        self.started.append(now)


def entering(
    gate: Gate, seen: list[str], name: str, *, front: bool = False
) -> Callable[..., object]:
    async def enter() -> None:
        try:
            await gate.enter(front=front)
        except GateShut:
            name_seen = f"not {name}"
        else:
            name_seen = name
        seen.append(name_seen)

    return enter


async def test_where_nothing_holds_commands_back_there_is_no_wait(
    autojump_clock: MockClock,
) -> None:
    """Not even for other tasks."""
    gate = Gate(2)
    coroutine = gate.enter()
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert gate.running == 1


async def test_never_more_run_than_may_and_they_start_in_order(autojump_clock: MockClock) -> None:
    """But for those at the front."""
    gate, seen = Gate(1), list[str]()
    async with trio.open_nursery() as nursery:
        await gate.enter()
        for name in "ab":
            nursery.start_soon(entering(gate, seen, name))
            await wait_all_tasks_blocked()
        nursery.start_soon(entering(gate, seen, "again", front=True))
        await wait_all_tasks_blocked()
        assert (seen, gate.running, gate.reason) == ([], 1, "")
        for expected in (["again"], ["again", "a"], ["again", "a", "b"]):
            gate.leave()
            await wait_all_tasks_blocked()
            assert (seen, gate.running) == (expected, 1)


async def test_a_greater_limit_lets_more_start(autojump_clock: MockClock) -> None:
    gate, seen = Gate(1), list[str]()
    async with trio.open_nursery() as nursery:
        await gate.enter()
        for name in "abc":
            nursery.start_soon(entering(gate, seen, name))
            await wait_all_tasks_blocked()
        gate.limit = 3
        gate.ring()
        await wait_all_tasks_blocked()
        assert (seen, gate.running) == (["a", "b"], 3)
        gate.leave()


async def test_a_condition_is_asked_again_when_it_says(autojump_clock: MockClock) -> None:
    """It hears of the start."""
    until = Until(trio.current_time() + 7)
    gate, seen = Gate(2, [until]), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(entering(gate, seen, "a"))
        await wait_all_tasks_blocked()
        assert gate.reason == "too early"
    assert until.started == [until.moment]
    assert gate.reason == ""


async def test_while_it_is_paused_nothing_starts(autojump_clock: MockClock) -> None:
    gate, seen = Gate(2), list[str]()
    gate.paused = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(entering(gate, seen, "a"))
        await wait_all_tasks_blocked()
        assert (seen, gate.reason, gate.paused) == ([], "paused", True)
        gate.paused = False
    assert seen == ["a"]


async def test_once_it_is_shut_all_are_turned_away(autojump_clock: MockClock) -> None:
    """Those that wait, those whose turn it would be, and those that come."""
    gate, seen = Gate(1), list[str]()
    async with trio.open_nursery() as nursery:
        await gate.enter()
        for name in "ab":
            nursery.start_soon(entering(gate, seen, name))
            await wait_all_tasks_blocked()
        gate.leave()
        gate.shut()
    assert sorted(seen) == ["not a", "not b"]
    with pytest.raises(GateShut):
        await gate.enter()


async def test_one_that_gives_up_leaves_the_line(autojump_clock: MockClock) -> None:
    gate, seen = Gate(1), list[str]()
    async with trio.open_nursery() as nursery:
        await gate.enter()
        with trio.move_on_after(1):
            await gate.enter()
        nursery.start_soon(entering(gate, seen, "a"))
        await wait_all_tasks_blocked()
        gate.leave()
    assert (seen, gate.running) == (["a"], 1)
