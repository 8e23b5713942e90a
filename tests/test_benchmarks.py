"""The programs that measure must work, whatever they find. Timings are not tests."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "benchmarks" / "durable.py"
BY_ITSELF = ("1 task", "idle", "wake-up")
BESIDE_PEERS = ("shipped", "batches")


def rows(*words: str) -> list[str]:
    command = [
        sys.executable, PROGRAM, "--rounds", "1", "--jobs", "200", "--many", "2000",
        "--seconds", "1", "--rows", *words,
    ]  # fmt: skip
    played = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert played.returncode == 0, played.stderr
    return played.stdout.splitlines()[2:]


@pytest.mark.slow
def test_durable_queues_are_measured() -> None:
    """Every line says whether its goal is met, or that it has none."""
    lines = rows(*BY_ITSELF)
    assert len(lines) == 5
    assert all(line.endswith(("met", "MISSED", "-")) for line in lines)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("huey") is None, reason="the group bench-durable is not installed")
def test_durable_queues_are_measured_beside_their_peers() -> None:
    """Each of them works with the peer as it is today."""
    lines = rows(*BESIDE_PEERS)
    assert len(lines) == 2
    assert all(line.endswith(("met", "MISSED", "-")) for line in lines)
