"""trio's own tests of its channels, read from the trio that is installed."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio


def trios_channel_tests(**replaced: object) -> dict[str, Callable[..., Any]]:
    """Import the tests by name, while trio has these things in the places of its own."""
    path = Path(trio.__file__).parent / "_tests" / "test_channel.py"
    spec = importlib.util.spec_from_file_location("trio._tests.test_channel_of_gochan", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name, thing in replaced.items():
            patch.setattr(trio, name, thing)
        spec.loader.exec_module(module)
    return {name: test for name, test in vars(module).items() if name.startswith("test_")}


def counts_checkpoints(test: Callable[..., Any]) -> bool:
    """Whether it passes only if each call lets other tasks run."""
    return "assert_checkpoints" in inspect.getsource(test)


def arguments_of(test: Callable[..., Any], clock: trio.testing.MockClock) -> list[object]:
    """Return what it is to be called with; the only fixture they use is the clock."""
    return [clock] if inspect.signature(test).parameters else []
