"""The programs that measure must work, whatever they find. Timings are not tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "benchmarks" / "load.py"
TINY = [
    "--rounds", "1", "--jobs", "200", "--commands", "50", "--samples", "4", "--agents", "8",
    "--seconds", "0.5",
]  # fmt: skip


@pytest.mark.slow
def test_a_service_is_measured_under_load() -> None:
    """Every line says whether its goal is met, or what it would need."""
    command = [sys.executable, str(PROGRAM), *TINY]
    played = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert played.returncode == 0, played.stderr
    lines = played.stdout.splitlines()[2:]
    assert len(lines) == 11
    assert all(line.endswith((", met", "MISSED")) or "left out: " in line for line in lines)
