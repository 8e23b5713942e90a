"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gochan.lowlevel import yield_interval


@pytest.fixture(params=["paced", "strict"])
def both_modes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the test twice: with the default pace, and with a schedule point in every call."""
    if request.param == "paced":
        yield
    else:
        with yield_interval(0):
            yield
