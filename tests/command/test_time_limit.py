"""The time limit of commands: a number of seconds, or a percentage of their median."""

from __future__ import annotations

import random
from statistics import median_low

from gochan._command.run.pace._time_limit import TimeLimit

from .. import processes
from ..processes import RunLines

gochan = processes.gochan
run_lines = processes.run_lines
marker = processes.marker


def test_a_number_of_seconds_stays() -> None:
    limit = TimeLimit(5)
    limit.note(100)
    assert (limit.seconds, limit.adapts) == (5, False)
    assert TimeLimit().seconds is None


def test_a_percentage_of_the_median_begins_with_the_third_command() -> None:
    limit = TimeLimit(percent=200)
    assert limit.adapts
    seen = []
    for seconds in (10, 2, 4, 6, 8):
        limit.note(seconds)
        seen.append(limit.seconds)
    assert seen == [None, None, 8, 8, 12]


def test_it_is_never_less_than_a_second() -> None:
    limit = TimeLimit(percent=200)
    for _ in range(3):
        limit.note(0.01)
    assert limit.seconds == 1


def test_it_follows_the_last_thousand_commands() -> None:
    """So its memory has a limit, too."""
    limit, rng = TimeLimit(percent=100), random.Random(1)
    times = [rng.choice([2.0, 3.0, 5.0, rng.random() * 9]) + number / 100 for number in range(3000)]
    for number, seconds in enumerate(times, 1):
        limit.note(seconds)
        if number >= 3 and number % 100 == 0:
            assert limit.seconds == max(1, median_low(times[max(0, number - 1001) : number]))
    assert len(limit._times) == len(limit._sorted) == 1001


# Whole runs


def test_a_command_that_hangs_is_ended_by_the_median_of_the_others(
    run_lines: RunLines, marker: str
) -> None:
    """Although it was started first."""
    lines = f"{marker}\n0.1\n0.1\n0.1\n".encode()
    ended = run_lines(lines, "-j2", "--timeout", "300%", "--keep-going", "--", "sleep")
    assert ended.summary == {"done": "3", "timed out": "1"}
    assert ended.commands[-1] == f"timed out: sleep {marker} (it ran longer than 1 s)"
