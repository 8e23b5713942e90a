"""What is left if gochan itself is killed: nothing."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from gochan._children import _guardian
from gochan._children._guardian import Guardian, guarding

from .. import processes
from ..processes import sleepers, start, state_of, wait_until

marker = processes.marker


def guardian_of(parent: int) -> int | None:
    """Return the guardian of a run, once it is there."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            of = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if of == parent and (path / "comm").read_text() == "gochan-guardian\n":
                return int(path.name)
    return None


@pytest.mark.parametrize("moment", [0.0, 0.003, 0.01, 0.05, 0.2])
def test_no_command_goes_on_when_gochan_is_killed(marker: str, moment: float) -> None:
    """At whatever moment, and whatever the commands have started in their sessions."""
    script = f"timeout 5000 sleep {marker} & exec sleep {marker}"
    arguments = ["run", "--workers", "20", "--", "sh", "-c", script]
    with start(*arguments, lines=processes.numbers(50)) as running:
        wait_until(lambda: sleepers(marker), "the first command")
        time.sleep(moment)
        running.signal(signal.SIGKILL)
        running.process.wait()
        wait_until(lambda: not sleepers(marker), "their end")


def test_they_have_time_to_clean_up(tmp_path: Path, marker: str) -> None:
    """Before that ends, they are not killed."""
    script = f"""
        trap 'sleep 0.1; echo cleaned >{tmp_path}/log; exit' TERM
        touch {tmp_path}/ready
        sleep {marker} & wait
    """
    with start("run", "--", "sh", "-c", script, lines=b"a\n") as running:
        wait_until((tmp_path / "ready").exists, "the command")
        running.signal(signal.SIGKILL)
        wait_until((tmp_path / "log").exists, "it to clean up")


def test_what_ignores_term_is_killed_at_last(marker: str) -> None:
    """The guardian does not wait for ever."""
    command = processes.changed("_children._guardian", "_GRACE = 0.1")
    script = f"trap '' TERM; exec sleep {marker}"
    with start("run", "--", "sh", "-c", script, lines=b"a\n", command=command) as running:
        wait_until(lambda: sleepers(marker), "the command")
        running.signal(signal.SIGKILL)
        wait_until(lambda: not sleepers(marker), "its end")


def test_the_guardian_ends_with_the_run() -> None:
    """Signals to gochan, and from the terminal, do not end it before."""
    with start("run", "--", "sleep", lines=b"0.5\n") as running:
        wait_until(lambda: guardian_of(running.process.pid), "the guardian")
        mine = guardian_of(running.process.pid)
        assert mine is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(mine, number)
        assert os.getsid(mine) == mine
        assert running.ended().status == 0
    assert state_of(mine) == "-"


def test_a_command_that_was_just_being_started_is_found(
    marker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table has no number of it yet, but that of its job, which is in its environment."""
    job = 10**9 + os.getpid()
    arguments = ["sleep", marker]
    process = os.posix_spawnp(
        "sleep", arguments, {**os.environ, "GOCHAN_JOB": str(job)}, setsid=True
    )
    wait_until(lambda: sleepers(marker), "the command")
    us = os.getpid()
    assert _guardian._find_new([job - 1, job], {process}, parent=us) == set()
    assert _guardian._find_new([job + 1], set(), parent=us) == set()
    assert _guardian._find_new([job - 1, job], set(), parent=0) == set()  # one of another gochan
    monkeypatch.setattr(_guardian, "_NEW", -1.0)
    assert _guardian._find_new([job - 1, job], set(), parent=us) == set()
    monkeypatch.undo()
    assert _guardian._find_new([job - 1, job], set(), parent=us) == {process}
    _guardian._end({process})
    os.waitpid(process, 0)


def test_as_many_commands_are_guarded_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others run, too. A place is used again."""
    monkeypatch.setattr(_guardian, "_SLOTS", 3)
    guardian = Guardian()
    places = [guardian.expect({}) for _ in range(3)]
    assert places == [1, 2, 0]
    for place in places:
        guardian.enter(place, 10)
        guardian.leave(place)
    assert guardian.expect({}) == 2


def test_the_end_of_a_pipe_is_the_end_of_the_guardian() -> None:
    """If there is nothing to end."""
    with guarding() as guardian:
        process = guardian.process
        assert process is not None
        place = guardian.expect({})
        guardian.enter(place, process)
        guardian.leave(place)
    assert guardian.process is None
    assert state_of(process) == "-"


def test_it_gives_up_on_what_cannot_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not stay for ever itself."""
    monkeypatch.setattr(_guardian, "_GRACE", 0.03)
    monkeypatch.setattr(_guardian.Session, "signal", lambda *arguments, **options: True)
    _guardian._end({os.getsid(0)})
