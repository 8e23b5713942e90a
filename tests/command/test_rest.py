"""A rest at the start, after which Linux spreads commands over the processors."""

from __future__ import annotations

import sys

import pytest
import trio
from trio.testing import MockClock

from gochan._children import count_processors
from gochan._command.run.pace import Gate, Rest, needs_rest


async def _starts(gate: Gate, pauses: list[float]) -> list[float]:
    """Return when commands start, each of which wants to so long after the one before."""
    begin = trio.current_time()
    starts = []
    for pause in pauses:
        await trio.sleep(pause)
        await gate.enter()
        starts.append(trio.current_time() - begin)
    return starts


async def test_the_first_commands_start_at_once_and_the_next_after_a_rest(
    autojump_clock: MockClock,
) -> None:
    starts = await _starts(Gate(1000, [Rest(2)]), [0, 0, 0, 0, 0.001])
    assert starts == pytest.approx([0, 0, 0.03, 0.03, 0.031])


async def test_commands_that_come_later_have_no_rest(autojump_clock: MockClock) -> None:
    starts = await _starts(Gate(1000, [Rest(2)]), [0, 1, 0.05, 0])
    assert starts == pytest.approx([0, 1, 1.05, 1.05])


async def test_who_waits_for_the_rest_waits_for_no_reason_that_is_shown(
    autojump_clock: MockClock,
) -> None:
    gate = Gate(1000, [Rest(1)])
    await gate.enter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.enter)
        await trio.testing.wait_all_tasks_blocked()
        assert (gate.running, gate.reason) == (1, "")
    assert gate.running == 2


@pytest.mark.skipif(sys.platform != "linux", reason="it is about Linux")
def test_there_is_a_rest_where_each_command_has_a_processor() -> None:
    processors = count_processors()
    assert not needs_rest(1)
    assert needs_rest(processors) == (processors > 1)
    assert not needs_rest(processors + 1)
