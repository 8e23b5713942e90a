"""The programs that measure must work, whatever they find. Timings are not tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from .places import until

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


@pytest.mark.slow
def test_a_fleet_ends_with_the_program_that_breaks_it(tmp_path: Path) -> None:
    """SIGTERM leaves no process and no folder, whatever was just happening."""
    command = [sys.executable, str(PROGRAM.with_name("failures.py")), "--without-postgres"]
    breaker = subprocess.Popen(
        [*command, "--only", "server killed"], env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: len(fleet_in(tmp_path)) >= 4, "a server and three agents")
    finally:
        breaker.terminate()
        assert breaker.wait(60) == 128 + signal.SIGTERM
    until(lambda: not fleet_in(tmp_path), "the end of all")
    assert [*tmp_path.iterdir()] == []


def fleet_in(folder: Path) -> list[str]:
    """Return the processes of a fleet in a folder."""
    mark = f"GOCHAN_FLEET={folder}/".encode()
    there = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes():
                there.append(process.name)
    return there
