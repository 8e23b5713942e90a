"""Conditions for the start of a command: a rate, the load of the machine, and its memory."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gochan._command.run.pace._conditions import Load, Memory, Rate, available_memory
from gochan._command.run.pace._gate import Gate, Hold

from .. import processes
from ..processes import TERM, RunLines, numbers, start, wait_until

gochan = processes.gochan
run_lines = processes.run_lines


async def test_a_rate_spaces_starts_evenly(autojump_clock: MockClock) -> None:
    """After a time without any, too: nothing is made up for."""
    gate = Gate(1000, [Rate(0.5)])
    starts = []
    begin = trio.current_time()
    for number in range(6):
        if number == 4:
            await trio.sleep(10)
        await gate.enter()
        starts.append(trio.current_time() - begin)
    assert starts == pytest.approx([0, 0.5, 1, 1.5, 11.5, 12])


def test_a_rate_is_kept_although_timers_are_late() -> None:
    """By a little; then the next start comes at its own time."""
    rate = Rate(0.5)
    now = 0.0
    for step in range(100):
        now = max(now, step * 0.5) + 0.02
        assert rate.hold(now) is None
        rate.note_start(now)
    hold = rate.hold(now)
    assert hold is not None
    assert now + hold.seconds == pytest.approx(100 * 0.5, abs=0.03)


def test_a_load_over_the_limit_holds_commands_back() -> None:
    load = 4.0
    condition = Load(4, lambda: load)
    assert condition.hold(0) is None
    condition.note_start(0)
    load = 4.01
    assert condition.hold(0) == Hold("waiting for --load: 4.01 is over 4", 1)


def test_too_little_memory_holds_commands_back() -> None:
    available = 100 << 20
    condition = Memory(100 << 20, lambda: available)
    assert condition.hold(0) is None
    condition.note_start(0)
    available -= 1
    assert condition.hold(0) == Hold("waiting for --memory-free: 99 of 100 MiB are available", 1)


def test_available_memory_is_what_the_system_says(tmp_path: Path) -> None:
    assert 1 << 20 < available_memory() < 1 << 50
    (tmp_path / "meminfo").write_text("MemTotal:  9 kB\nMemAvailable:  3 kB\n")
    assert available_memory(str(tmp_path / "meminfo")) == 3072
    (tmp_path / "meminfo").write_text("MemTotal:  9 kB\n")
    with pytest.raises(OSError, match="does not say how much memory is available"):
        available_memory(str(tmp_path / "meminfo"))


# Whole runs


def test_a_run_keeps_a_rate(run_lines: RunLines) -> None:
    """However many workers there are."""
    ended = run_lines(numbers(5), "-j9", "--rate", "20/s", "--", "sh", "-c", "date +%s.%N", "sh")
    assert ended.status == 0
    times = sorted(float(line) for line in ended.out.splitlines())
    assert times[-1] - times[0] > 0.1


@pytest.mark.parametrize(
    ("option", "value"),
    [("--memory-free", "1000P"), ("--load", "0.000001"), ("--rate", "1/d")],
)
def test_a_run_that_waits_hears_signals(option: str, value: str) -> None:
    """Nothing that waits has been started, so it is handed back."""
    with start("run", "-j2", option, value, "--", "echo", lines=numbers(9)) as running:
        wait_until(lambda: hears(running.process.pid, TERM), "signals to be heard")
        time.sleep(0.2)  # now it waits, or will not any more
        running.signal(TERM)
        ended = running.ended()
    assert ended.status == 128 + TERM
    done = ended.out.count(b"\n")
    assert done == (option == "--rate")
    assert ended.summary["handed back"] == str(9 - done)


def hears(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    (caught,) = re.findall(r"SigCgt:\s+(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(caught, 16) >> (number - 1) & 1)
