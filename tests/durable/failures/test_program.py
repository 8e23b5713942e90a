"""The program that counts what is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ...benchmarks import failures
from .ledger import Verdict

PROGRAM = Path(failures.__file__)


def test_it_prints_a_table() -> None:
    """As a script, from anywhere."""
    command = [sys.executable, str(PROGRAM), "--without-postgres", "--only", "calls", "--times"]
    done = subprocess.run([*command, "100"], capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    head, _, row = done.stdout.splitlines()[:3]
    assert head.split() == ["failure", "times", "jobs", "lost", "doubled", "left", "s"]
    assert row.startswith("SQLite: calls cancelled")
    assert row.split()[3] == "100"
    assert row.split()[5:8] == ["0", "0", "0"]


@pytest.mark.parametrize("what", ["lost", "doubled", "left"])
def test_it_fails_if_anything_was_lost_doubled_or_left_behind(
    what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says what."""

    async def happen(folder: Path, times: int) -> Verdict:
        return Verdict(times=times, **{what: ["job 7 is gone"]})

    monkeypatch.setattr(failures, "on_sqlite", lambda: [failures.Row("a failure", 3, happen)])
    monkeypatch.setattr(sys, "argv", ["failures.py", "--without-postgres"])
    assert failures.main() == 1
    assert "a failure: job 7 is gone" in capsys.readouterr().out


def test_a_failure_that_does_not_come_to_an_end_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others happen all the same."""

    async def happen(folder: Path, times: int) -> Verdict:
        raise ValueError("too bad")

    row = failures.Row("a failure", 3, happen)
    monkeypatch.setattr(failures, "on_sqlite", lambda: [row, row])
    monkeypatch.setattr(sys, "argv", ["failures.py", "--without-postgres"])
    assert failures.main() == 1
    assert capsys.readouterr().out.count("ValueError: too bad") == 2
