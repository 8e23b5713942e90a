"""A sample of the ledger under signals: no line is both done and left over, and none missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LEDGER = Path(__file__).parent.parent / "benchmarks" / "signals.py"


@pytest.mark.parametrize("scenario", ["int", "int int", "fails, int", "reader goes", "kill"])
def test_each_line_is_done_or_left_over(scenario: str) -> None:
    """Whatever happens, and whenever; see the benchmark for more of it."""
    command = [sys.executable, LEDGER, "--times", "1", scenario]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n") == [f"{scenario:24} 1 runs, 0 wrong", ""]
