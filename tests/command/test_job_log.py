"""The log in the format of GNU parallel."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from .. import processes
from ..processes import ONE, RunLines, finish

run_lines = processes.run_lines
gochan = processes.gochan

HEADER = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand"

SCRIPT = """
    case $1 in
        good) echo good;;
        bad) exit 3;;
        killed) kill -9 $$;;
        slow) sleep 100;;
    esac
"""

LINES = b"good\nbad\nkilled\nslow\n"


def test_the_log_has_a_line_for_each_command(run_lines: RunLines, tmp_path: Path) -> None:
    """Once it has ended, however that was."""
    log = tmp_path / "log"
    log.write_text("of yesterday\n")
    before = time.time()
    run_lines(
        LINES, *ONE, "--keep-going", "--timeout", "0.3", "--joblog", log,
        "--", "sh", "-c", SCRIPT, "sh",
    )  # fmt: skip
    header, *lines = log.read_text().splitlines()
    assert header == HEADER
    columns = [line.split("\t") for line in lines]
    assert [each[4:8] for each in columns] == [
        ["0", "5", "0", "0"],
        ["0", "0", "3", "0"],
        ["0", "0", "0", "9"],
        ["0", "0", "-1", "15"],
    ]
    assert [each[0] for each in columns] == ["1", "2", "3", "4"]
    for (_, host, start, seconds, *_, command), line in zip(columns, LINES.split(), strict=True):
        assert host == ":"
        assert before - 1 < float(start) < time.time() + 1
        assert re.fullmatch(r" *\d+\.\d{3}", seconds)
        assert len(seconds) == 10
        assert command == f"sh -c '{SCRIPT}' sh {line.decode()}".replace("\n", "\0")


def test_a_plus_appends(run_lines: RunLines, tmp_path: Path) -> None:
    """The header is there once."""
    log = tmp_path / "log"
    for line in (b"a\n", b"b\xff\n"):
        run_lines(line, "--joblog", f"+{log}", "--", "echo")
    header, *lines = log.read_bytes().splitlines()
    assert header.decode() == HEADER
    assert [line.split(b"\t")[-1] for line in lines] == [b"echo a", b"echo 'b\xff'"]


def test_the_log_may_be_a_pipe(run_lines: RunLines) -> None:
    """Or any other file that keeps nothing."""
    assert run_lines(b"a\n", "--joblog", "/dev/null", "--", "echo").status == 0


def test_a_log_that_cannot_be_written_is_a_failure(run_lines: RunLines) -> None:
    """Nobody could tell afterwards what was done."""
    ended = run_lines(b"a\n", "--joblog", "/dev/full", "--keep-going", "--", "echo")
    assert (ended.status, ended.summary) == (1, {"failed": "1"})
    assert "No space left on device" in ended.err


def test_a_log_that_cannot_be_opened_is_an_error(run_lines: RunLines, tmp_path: Path) -> None:
    """Before anything is run."""
    ended = run_lines(b"a\n", "--joblog", tmp_path / "no" / "log", "--", "echo")
    assert (ended.status, ended.out) == (2, b"")
    assert "--joblog" in ended.err


@pytest.mark.skipif(shutil.which("parallel") is None, reason="GNU parallel is not installed")
def test_parallel_goes_on_where_the_log_ends(run_lines: RunLines, tmp_path: Path) -> None:
    """It skips what is done, and with --resume-failed runs again what failed."""
    log = tmp_path / "log"
    script = tmp_path / "script"
    script.write_text('#!/bin/sh\necho "$1"; [ "$1" != 2 ]\n')
    script.chmod(0o755)
    run_lines(b"1\n2\n", *ONE, "--keep-going", "--joblog", log, "--", script)
    for option, expected in (("--resume", b"3\n"), ("--resume-failed", b"2\n")):
        command = ["parallel", option, "--joblog", log, script, ":::", "1", "2", "3"]
        ended = subprocess.run(command, capture_output=True, check=False)
        assert ended.stdout == expected


def test_what_blocks_send_is_in_the_log(tmp_path: Path) -> None:
    """In bytes. A command for a shell is there as it was typed."""
    log = tmp_path / "log"
    finish("run", "--joblog", log, "--pipe", "wc", lines=b"1234\n")
    finish("run", "--joblog", f"+{log}", "--shell", "echo {1}", ":::", "a b", "c")
    rows = [line.split("\t") for line in log.read_text().splitlines()[1:]]
    assert (rows[0][4], rows[0][8]) == ("5", "wc")
    assert {row[8] for row in rows[1:]} == {"echo 'a b'", "echo c"}
