"""In this room a wake-up that is lost would let a test hang, so each has a guard."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def every_test_is_guarded(no_hanging: None) -> None:
    """Let a test fail if it would hang."""
