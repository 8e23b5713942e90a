"""Runs under signals: each line is done or kept, and a signal that was ignored stays so."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ..processes import CANCELS, DRAINS, ONE, TERM, Running, numbers, start, wait_until

LEDGER = Path(__file__).parent.parent / "benchmarks" / "signals.py"


@pytest.mark.parametrize("keeps", ["left-over", "journal"])
@pytest.mark.parametrize("scenario", ["int", "int int", "fails, int", "reader goes", "kill"])
def test_each_line_is_done_or_kept(scenario: str, keeps: str) -> None:
    """Whatever happens, and whenever; see the benchmark for more of it."""
    command = [sys.executable, LEDGER, "--times", "1", "--only", keeps, scenario]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{keeps:9} {scenario:24} 1 runs, 0 wrong\n")


def run_with_ignored(number: int, folder: Path) -> AbstractContextManager[Running]:
    """Start a run of two lines, as a parent does that ignores a signal."""
    script = "touch begun; until [ -e end ]; do sleep 0.02; done"
    return start(
        "run", *ONE, "--", "sh", "-c", script,
        lines=numbers(2), cwd=folder, shell=f'trap "" {number}; exec "$@"',
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_was_ignored_at_the_start_stays_so(tmp_path: Path, number: int) -> None:
    """It is for others: the run is in the background of a script, or under nohup."""
    with run_with_ignored(number, tmp_path) as running:
        wait_until((tmp_path / "begun").exists, "the first command")
        running.signal(number)
        (tmp_path / "end").touch()
        ended = running.ended()
    assert ended.status == 0
    assert ended.summary == {"done": "2"}


def test_sigterm_ends_a_run_that_ignores_ctrl_c(tmp_path: Path) -> None:
    """As ever."""
    with run_with_ignored(signal.SIGINT, tmp_path) as running:
        wait_until((tmp_path / "begun").exists, "the first command")
        running.signal(TERM)
        running.signal(signal.SIGINT)  # which would move the stop on
        running.expect(DRAINS)
        (tmp_path / "end").touch()
        ended = running.ended()
    assert ended.status == 128 + TERM
    assert CANCELS not in ended.err
