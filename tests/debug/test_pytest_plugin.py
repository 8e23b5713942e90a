"""The plugin for pytest: its marker, its fixture, and what it adds to the output."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

START = """
import pytest, trio
from gochan import Chan
from gochan.debug import DeadlockError

pytestmark = pytest.mark.trio

async def receive(channel):
    await channel.receive()
"""


def outcome(pytester: pytest.Pytester, tests: str, *, settings: str = "", **counts: int) -> str:
    """Run tests by a pytest of their own; return what it prints."""
    pytester.makeini(f"[pytest]\nstrict_markers = true\nfilterwarnings = error\n{settings}\n")
    pytester.makepyfile(START + tests)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(**counts)
    return result.stdout.str()


def test_a_marked_test_fails_instead_of_hanging(pytester: pytest.Pytester) -> None:
    """The error names the task, the channel and the line."""
    text = outcome(
        pytester,
        """
@pytest.mark.gochan_deadlocks
async def test_hangs():
    await Chan(name="never").receive()

@pytest.mark.gochan_deadlocks
async def test_ends():
    await trio.sleep(0)
""",
        failed=1,
        passed=1,
    )
    assert "gochan.debug.DeadlockError: all tasks are asleep" in text
    assert "receive from channel 'never', in test_hangs (test_a_marked_test_fails" in text


def test_all_tests_by_an_option(pytester: pytest.Pytester) -> None:
    """Then no test needs the marker, and plain functions stay as they are."""
    outcome(
        pytester,
        """
async def test_hangs():
    with pytest.raises(DeadlockError):
        await trio.lowlevel.checkpoint()
        await Chan(name="never").receive()

class TestIt:
    async def test_hangs(self):
        await Chan(name="never").receive()

@pytest.mark.parametrize("number", [1, 2])
async def test_ends(number):
    assert number
""",
        settings="gochan_deadlocks = true",
        failed=2,
        passed=2,
    )
    pytester.makepyfile("def test_plain(): pass")
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_without_the_marker_nothing_is_looked_at(pytester: pytest.Pytester) -> None:
    """A test that would hang is left alone, here with a time limit."""
    outcome(
        pytester,
        """
async def test_waits():
    with trio.move_on_after(0.05) as scope:
        with trio.CancelScope() as inner:
            trio.lowlevel.spawn_system_task(cancel, inner)
            await Chan().receive()
    assert inner.cancelled_caught

async def cancel(scope):
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()

import trio.testing
""",
        passed=1,
    )


def test_fixtures_of_pytest_trio_work_in_a_marked_test(pytester: pytest.Pytester) -> None:
    """The clock, the nursery, and async fixtures."""
    outcome(
        pytester,
        """
@pytest.fixture
async def channel(nursery):
    channel = Chan(1)
    nursery.start_soon(channel.send, 5)
    yield channel

@pytest.mark.gochan_deadlocks
async def test_receives(channel, autojump_clock, nursery):
    await trio.sleep(100)
    assert await channel.receive() == 5
    nursery.start_soon(channel.receive)
    with pytest.raises(trio.Cancelled):
        await trio.Event().wait()
""",
        failed=1,
    )


def test_every_example_of_hypothesis_is_watched(pytester: pytest.Pytester) -> None:
    """Each runs trio again."""
    text = outcome(
        pytester,
        """
from hypothesis import given, settings, strategies as st

@pytest.mark.gochan_deadlocks
@pytest.mark.parametrize("extra", [0, 1])
@settings(database=None, max_examples=20)
@given(number=st.integers(0, 10))
async def test_hangs(number, extra):
    channel = Chan(5)
    for _ in range(number + extra):
        await channel.send(None)
""",
        failed=2,
    )
    assert "DeadlockError: all tasks are asleep" in text


def test_a_test_that_another_library_runs_is_left_alone(pytester: pytest.Pytester) -> None:
    """There are no tasks of trio's to look at."""
    pytester.makeini("[pytest]\ngochan_deadlocks = true\nfilterwarnings = error\n")
    pytester.makepyfile(
        """
import asyncio, pytest
pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

async def test_sleeps():
    await asyncio.sleep(0)
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=1)


def test_nobody_may_wait_at_the_end(pytester: pytest.Pytester) -> None:
    """Tasks in the nursery of the test count, and those in nurseries of theirs."""
    text = outcome(
        pytester,
        """
async def nested(channel):
    async with trio.open_nursery() as inner:
        inner.start_soon(receive, channel)

async def test_leaves_one(nursery, gochan_nobody_waits):
    nursery.start_soon(nested, Chan(name="left"))
    await trio.testing.wait_all_tasks_blocked()

async def test_leaves_none(nursery, gochan_nobody_waits):
    channel = Chan()
    nursery.start_soon(receive, channel)
    await trio.testing.wait_all_tasks_blocked()
    await channel.send(1)

async def test_leaves_one_and_says_nothing(nursery):
    nursery.start_soon(receive, Chan())
    await trio.testing.wait_all_tasks_blocked()

@pytest.fixture
async def waiting():
    async with trio.open_nursery() as background:
        background.start_soon(receive, Chan())
        yield
        background.cancel_scope.cancel()

async def test_does_not_count_those_of_fixtures(waiting, gochan_nobody_waits):
    await trio.testing.wait_all_tasks_blocked()

import trio.testing
""",
        failed=1,
        passed=3,
    )
    assert "at the end of the test, these tasks still wait in gochan:" in text
    assert "receive from channel 'left', in receive" in text


def test_when_a_test_fails_the_output_says_who_waits(pytester: pytest.Pytester) -> None:
    """In a section of its own; not if nobody does, and not if the test passes."""
    text = outcome(
        pytester,
        """
pytestmark = [pytest.mark.trio, pytest.mark.gochan_deadlocks]

async def test_fails(nursery):
    nursery.start_soon(receive, Chan(name="busy"))
    await trio.testing.wait_all_tasks_blocked()
    assert False, "for another reason"

async def test_fails_alone():
    assert False, "all by itself"

import trio.testing
""",
        failed=2,
    )
    assert text.count("- gochan: who waits -") == 1
    _, section = text.split("- gochan: who waits -")
    assert "receive from channel 'busy', in receive (test_when_a_test_fails" in section


def test_the_marker_is_registered(pytester: pytest.Pytester) -> None:
    """It is listed, with what it does."""
    result = pytester.runpytest_inprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.gochan_deadlocks: let this async test*"])


def test_it_is_loaded_by_its_entry_point_and_needs_nothing() -> None:
    """Every run of pytest in this environment loads it, and most of them use no gochan."""
    (entry,) = entry_points(group="pytest11", name="gochan")
    check = (
        "import sys, pytest, pluggy; before = {*sys.modules}; "
        f"import {entry.value}; "
        f"print(sorted({{*sys.modules}} - before - {{{entry.value!r}}}))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_run_that_uses_no_gochan_imports_neither_gochan_nor_trio(tmp_path: Path) -> None:
    """From the first to the last hook; nor does hypothesis, which looks for gochan's randomness.

    Here without pytest-trio and anyio, and trio has an entry point for hypothesis itself.
    """
    (tmp_path / "conftest.py").write_text(
        """
import sys

def pytest_unconfigure():
    print("imported:", sorted({"gochan", "trio", "_gochan_pytest"} & {*sys.modules}))
"""
    )
    (tmp_path / "test_it.py").write_text(
        """
import importlib.metadata
find = importlib.metadata.entry_points
importlib.metadata.entry_points = lambda **wanted: [
    entry for entry in find(**wanted) if entry.name != "trio"
]

def test_it():
    import hypothesis
"""
    )
    without = ["-p", "no:trio", "-p", "no:anyio", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *without],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
    )
    assert "1 passed" in done.stdout
    assert "imported: ['_gochan_pytest']" in done.stdout
