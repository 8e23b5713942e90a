"""When a run ends early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gochan._command.run.pace._halt import FIRST_FAILURE, Halt

from .. import processes
from ..processes import ONE, RunLines, numbers

gochan = processes.gochan
run_lines = processes.run_lines
marker = processes.marker


@pytest.mark.parametrize(
    ("what", "number", "failed", "done", "reached"),
    [
        ("fail", 1, 0, 9, False),
        ("fail", 1, 1, 0, True),
        ("fail", 3, 2, 9, False),
        ("fail", 3, 3, 0, True),
        ("fail", 3, 4, 0, True),
        ("success", 2, 9, 1, False),
        ("success", 2, 0, 2, True),
        ("done", 3, 1, 1, False),
        ("done", 3, 1, 2, True),
    ],
)
def test_a_number(what: Any, number: int, failed: int, done: int, reached: bool) -> None:
    assert Halt("now", what, number).reached(failed, done, None) is reached


@pytest.mark.parametrize(
    ("what", "percent", "failed", "done", "total", "reached"),
    [
        ("fail", 50, 2, 0, 5, False),
        ("fail", 50, 3, 0, 5, True),
        ("fail", 50, 3, 0, 6, True),
        ("fail", 50, 3, 3, 7, False),
        ("success", 100, 0, 4, 5, False),
        ("success", 100, 0, 5, 5, True),
        ("done", 10, 0, 1, 10, True),
        ("done", 10, 0, 1, 11, False),
        # The total is not known.
        ("fail", 50, 2, 0, None, False),
        ("fail", 50, 2, 1, None, True),
        ("fail", 50, 2, 3, None, False),
        ("success", 1, 0, 50, None, False),
        ("done", 1, 0, 50, None, False),
        # Nothing is no share of nothing.
        ("fail", 1, 0, 0, 0, False),
    ],
)
def test_a_percentage(
    what: Any, percent: int, failed: int, done: int, total: int | None, reached: bool
) -> None:
    rule = Halt("soon", what, percent, percent=True)
    assert rule.reached(failed, done, total) is reached


def test_the_first_failure_ends_a_run_unless_something_else_is_said() -> None:
    assert Halt("soon", "fail", 1) == FIRST_FAILURE


# Whole runs

# The first one waits until all lines are read, so that their number is known.
FAILS_FROM_3 = ("sh", "-c", "echo $1; [ $1 -gt 1 ] || sleep 0.1; [ $1 -lt 3 ]", "sh")


@pytest.mark.parametrize(
    ("rule", "out", "status"),
    [
        ("soon,fail=1", 3, 1),
        ("1", 3, 1),
        ("now,fail=2", 4, 1),
        ("soon,fail=50%", 7, 1),
        ("50%", 7, 1),
        ("never", 10, 1),
        ("0", 10, 1),
        ("now,success=1", 1, 0),
        ("-2", 1, 0),
        ("soon,success=2", 2, 0),
        ("soon,done=2", 2, 0),
        ("soon,done=4", 4, 1),
        ("soon,done=30%", 3, 1),
        ("soon,success=3", 10, 1),
    ],
)
def test_a_run_ends_when_the_rule_says(
    run_lines: RunLines, tmp_path: Path, rule: str, out: int, status: int
) -> None:
    """What is not done is left over in any case."""
    left = tmp_path / "left"
    ended = run_lines(numbers(10), *ONE, "--halt", rule, "--left-over", left, "--", *FAILS_FROM_3)
    assert (ended.out, ended.status) == (numbers(out), status)
    assert left.read_bytes().split() == numbers(10).split()[min(out, 2) :]


def test_now_ends_what_runs_and_soon_does_not(run_lines: RunLines, marker: str) -> None:
    """Without a limit, unless --drain says one."""
    slow = f"[ $1 = ok ] && exit; trap 'exit' TERM; sleep {marker} & wait"
    ended = run_lines(b"slow\nok\n", "-j2", "--halt", "now,success=1", "--", "sh", "-c", slow, "sh")
    assert (ended.status, ended.summary) == (0, {"done": "1", "interrupted": "1"})
    script = "[ $1 != bad ] || exit 1; sleep 0.3; echo fine"
    ended = run_lines(b"good\nbad\nno\n", "-j2", "--", "sh", "-c", script, "sh")
    assert (ended.status, ended.out) == (1, b"fine\n")
    assert "2 jobs may finish; Ctrl-C" in ended.err
