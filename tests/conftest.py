"""Fixtures for all tests."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from gochan.lowlevel import yield_interval

from .guard import guarded, run_in_virtual_time


@pytest.fixture(params=["paced", "strict"])
def both_modes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the test twice: with the default pace, and with a schedule point in every call."""
    if request.param == "paced":
        yield
    else:
        with yield_interval(0):
            yield


@pytest.fixture
def no_hanging(request: pytest.FixtureRequest) -> None:
    """Let an async test fail if it would hang."""
    if inspect.iscoroutinefunction(request.node.obj):
        request.node.obj = guarded(request.node.obj)


@pytest.fixture
def virtual_time(request: pytest.FixtureRequest) -> None:
    """Run an async test in virtual time, so that one that would hang fails at once.

    As the fixture ``autojump_clock`` does, but for tests that do not name it as an argument.
    """
    if inspect.iscoroutinefunction(request.node.obj):
        request.node.add_marker(pytest.mark.trio(run=run_in_virtual_time), append=False)
