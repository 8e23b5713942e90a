"""A plugin for pytest: async tests that fail with a report instead of waiting for ever.

Every run of pytest in an environment with trio-gochan loads it, by its entry point.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Generator
from contextlib import nullcontext
from typing import Any, Final

import pytest
import trio

from ._deadlocks import detect_deadlocks
from ._report import report

__all__ = ["gochan_nobody_waits"]

_WHO_WAITS: Final = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a project have deadlocks found in all its tests."""
    parser.addini(
        "gochan_deadlocks",
        "let every async test that trio runs fail with a gochan.debug.DeadlockError "
        "when all its tasks wait for one another",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "gochan_deadlocks: let this async test, which trio runs, fail with a "
        "gochan.debug.DeadlockError when all its tasks wait for one another",
    )


@pytest.fixture
def gochan_nobody_waits() -> None:
    """Let an async test fail if one of its tasks still waits in gochan when it returns.

    Those are tasks in the fixture ``nursery`` of pytest-trio, which are cancelled otherwise.
    Tasks of other fixtures do not count.
    """


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Put what was asked for around the test, before another plugin hands it to trio."""
    item.stash[_WHO_WAITS] = ""
    deadlocks = bool(
        item.get_closest_marker("gochan_deadlocks") or item.config.getini("gochan_deadlocks")
    )
    nobody_waits = "gochan_nobody_waits" in getattr(item, "fixturenames", ())
    function = getattr(item, "obj", None)
    # Around a test of hypothesis trio is started for each example.
    handle = getattr(function, "hypothesis", None)
    owner, name = (item, "obj") if handle is None else (handle, "inner_test")
    test = getattr(owner, name, None)
    if not (deadlocks or nobody_waits) or not inspect.iscoroutinefunction(test):
        return (yield)
    setattr(owner, name, _watch(test, item, deadlocks=deadlocks, nobody_waits=nobody_waits))
    try:
        return (yield)
    finally:
        setattr(owner, name, test)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell who waited when a test failed."""
    report = yield
    who = item.stash.get(_WHO_WAITS, "")
    if who and call.when == "call" and report.failed:
        report.sections.append(("gochan: who waits", who))
    return report


def _watch(
    test: Callable[..., Awaitable[object]],
    item: pytest.Item,
    *,
    deadlocks: bool,
    nobody_waits: bool,
) -> Callable[..., Awaitable[object]]:
    """Return the same test, watched."""

    @functools.wraps(test)
    async def watched(*arguments: Any, **named: Any) -> object:
        __tracebackhide__ = True
        if not trio.lowlevel.in_trio_task():
            return await test(*arguments, **named)
        try:
            with detect_deadlocks() if deadlocks else nullcontext():
                value = await test(*arguments, **named)
        except BaseException:
            who = report()
            if who.waits:
                item.stash[_WHO_WAITS] = str(who)
            raise
        me = trio.lowlevel.current_task()
        left = [wait for wait in report().waits if _is_below(wait.task, me)]
        if nobody_waits and left:
            lines = "\n".join(map(str, left))
            pytest.fail(f"at the end of the test, tasks of it wait in gochan:\n{lines}", False)
        return value

    return watched


def _is_below(task: Any, ancestor: Any) -> bool:
    """Whether a task is in a nursery of another one, or of a task that is."""
    while task.parent_nursery is not None:
        task = task.parent_nursery.parent_task
        if task is ancestor:
            return True
    return False
