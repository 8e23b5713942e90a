"""What commands leave behind outside of their sessions."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from gochan._children import _orphans
from gochan._command.run import _left_behind

from .. import processes
from ..processes import ONE, finish, sleepers, start, state_of, wait_until

marker = processes.marker


def daemon(marker: str, tmp_path: Path) -> str:
    """Return a script that starts a daemon, and ends when that is there."""
    inner = f"touch {tmp_path}/ready; exec sleep {marker} >/dev/null 2>&1"
    return f"setsid sh -c '{inner}' & until [ -e {tmp_path}/ready ]; do sleep 0.01; done"


def test_a_daemon_that_was_left_behind_is_told(tmp_path: Path, marker: str) -> None:
    """It goes on: it was meant to."""
    ended = finish("run", "--", "sh", "-c", daemon(marker, tmp_path), lines=b"a\n")
    (process,) = sleepers(marker)
    os.kill(process, signal.SIGKILL)
    assert ended.status == 0
    assert ended.complaints == [
        f"gochan: still running, because commands have left behind: {process} (sleep {marker})"
    ]


def test_with_reap_it_is_ended(tmp_path: Path, marker: str) -> None:
    """It gets TERM first."""
    script = f"""
        setsid sh -c 'trap "echo bye >{tmp_path}/log; exit" TERM; touch {tmp_path}/ready
            sleep {marker} >/dev/null 2>&1 & wait' &
        until [ -e {tmp_path}/ready ]; do sleep 0.01; done
    """
    ended = finish("run", "--reap", "--", "sh", "-c", script, lines=b"a\n")
    assert ended.status == 0
    assert not sleepers(marker)
    assert (tmp_path / "log").exists()
    assert re.search(r"^gochan: ending what commands have left behind: ", ended.err, re.MULTILINE)


def test_one_that_ignores_term_is_killed(tmp_path: Path, marker: str) -> None:
    """After the grace."""
    script = f"trap '' TERM; {daemon(marker, tmp_path)}"
    ended = finish("run", "--reap", "--grace", "0.2", "--", "sh", "-c", script, lines=b"a\n")
    assert ended.status == 0
    assert not sleepers(marker)


def test_many_are_not_all_named(tmp_path: Path, marker: str) -> None:
    """Eight are enough."""
    script = f"for i in 1 2 3 4 5 6 7 8 9 10; do setsid sleep {marker} >&- 2>&- & done; sleep 0.3"
    ended = finish("run", "--reap", "--", "sh", "-c", script, lines=b"a\n")
    (complaint,) = ended.complaints
    assert complaint.count(f"(sleep {marker})") == 8
    assert complaint.endswith(" and 2 more")


def test_dead_orphans_are_reaped_while_the_run_goes_on(tmp_path: Path) -> None:
    """In a container, nobody else would do it."""
    script = (
        f"setsid sh -c 'echo $$ >{tmp_path}/pid' & until [ -e {tmp_path}/go ]; do sleep 0.01; done"
    )
    with start("run", *ONE, "--", "sh", "-c", f"({script})", lines=b"a\n") as running:
        path = tmp_path / "pid"
        wait_until(lambda: path.exists() and path.read_text(), "the daemon")
        process = int(path.read_text())
        wait_until(lambda: state_of(process) == "-", "its end to be noticed")
        (tmp_path / "go").touch()
        assert running.ended().complaints == []


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs namespaces")
def test_the_first_process_of_a_container_reaps_all(tmp_path: Path) -> None:
    """Of whatever parent they were the children."""
    can = subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True)
    if can.returncode:
        pytest.skip("there are no namespaces here")
    script = f"""
        for i in 1 2 3 4 5; do setsid sh -c '(exit 3) & exit 0' & done
        sleep 0.6
        grep -l '^State:.Z' /proc/[0-9]*/status >{tmp_path}/zombies
        exit 0
    """
    shell = 'exec unshare --pid --fork --mount-proc "$@"'
    ended = finish("run", *ONE, "--", "sh", "-c", script, lines=b"a\n", shell=shell)
    assert ended.status == 0
    assert (tmp_path / "zombies").read_text() == ""


def test_a_process_that_has_gone_is_a_number() -> None:
    """Nothing else is known of it, and it need not be reaped."""
    assert _left_behind._shown(2**22 + 1) == str(2**22 + 1)
    assert _orphans._reap(2**22 + 1)
