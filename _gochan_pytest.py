"""The plugin for pytest, as far as every run of pytest in this environment loads it.

It stands beside the package, because importing a module of the package would import gochan and
trio, which most runs need not have. What it does to a test is in `gochan.debug.pytest_plugin`,
which is imported when a test asks for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gochan.testing import OpenTestQueue

_WHO_WAITS = pytest.StashKey[str]()


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

    These are tasks in the fixture ``nursery`` of pytest-trio, which are cancelled otherwise.
    Tasks of other fixtures do not count.
    """


@pytest.fixture
def durable_queue() -> OpenTestQueue:
    """Open durable queues inside an async test: this is `gochan.testing.open_test_queue`.

    It opens nothing before the test says ``async with durable_queue(handler) as queue:``. So
    whatever the queue raises is raised in the test, and no task outlives it.
    """
    from gochan.testing import open_test_queue  # it imports gochan and trio

    return open_test_queue


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Watch the test, if that was asked for, before another plugin hands it to trio."""
    item.stash[_WHO_WAITS] = ""
    deadlocks = bool(
        item.get_closest_marker("gochan_deadlocks") or item.config.getini("gochan_deadlocks")
    )
    nobody_waits = "gochan_nobody_waits" in getattr(item, "fixturenames", ())
    function = getattr(item, "obj", None)
    # Around a test of hypothesis, trio is started for each example.
    handle = getattr(function, "hypothesis", None)
    owner, name = (item, "obj") if handle is None else (handle, "inner_test")
    test = getattr(owner, name, None)
    if not (deadlocks or nobody_waits) or not inspect.iscoroutinefunction(test):
        return (yield)
    from gochan.debug.pytest_plugin import watch  # it imports gochan and trio

    def tell(who: str) -> None:
        item.stash[_WHO_WAITS] = who

    setattr(owner, name, watch(test, tell, deadlocks=deadlocks, nobody_waits=nobody_waits))
    try:
        return (yield)
    finally:
        setattr(owner, name, test)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell which tasks waited when a test failed."""
    report = yield
    who = item.stash.get(_WHO_WAITS, "")
    if who and call.when == "call" and report.failed:
        report.sections.append(("gochan: who waits", who))
    return report
