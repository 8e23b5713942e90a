"""A folder for each command."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gochan._command.run.output._results import safe_name

from .. import processes
from ..processes import ONE, Gochan, RunLines, finish

run_lines = processes.run_lines
gochan = processes.gochan


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder, but for the record."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = json.loads(files.pop("job.json"))
    assert record["outcome"] in {"done", "failed", "timed_out", "interrupted"}
    return files


def test_each_command_has_a_folder(run_lines: RunLines, tmp_path: Path) -> None:
    """And its output is still printed."""
    script = "echo out $1; echo err $1 >&2; exit $1"
    path = tmp_path / "new" / "results"
    ended = run_lines(
        b"0\n3\n", *ONE, "-q", "--keep-going", "--results", path, "--", "sh", "-c", script, "sh"
    )
    assert ended.out == b"out 0\nout 3\n"
    assert contents(path / "0") == {"stdout": b"out 0\n", "stderr": b"err 0\n", "status": b"0\n"}
    assert contents(path / "3") == {"stdout": b"out 3\n", "stderr": b"err 3\n", "status": b"3\n"}
    record = json.loads((path / "3/job.json").read_text())
    assert record.items() >= {"seq": 2, "line": "3", "status": 3, "outcome": "failed"}.items()


@pytest.mark.parametrize("name", ["out/{}", "{1}", "a{/.}", "{#}"])
def test_a_place_in_the_name_of_the_folder_is_refused(
    run_lines: RunLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """GNU parallel fills it in; here, each command has a folder anyway."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    ended = run_lines(b"a\n", "--results", name, "echo")
    assert (ended.status, ended.out, os.listdir()) == (2, b"", [])
    (line,) = ended.complaints
    assert "each command gets a folder in this one" in line


def test_lines_that_come_are_there_too(run_lines: RunLines, tmp_path: Path) -> None:
    """Without tags."""
    run_lines(
        b"x\n", "--lb", "--tag", "--results", tmp_path / "r", "--", "sh", "-c", "printf 'a\\nb'"
    )
    assert contents(tmp_path / "r/x") == {"stdout": b"a\nb", "stderr": b"", "status": b"0\n"}


@pytest.mark.parametrize(
    ("script", "status"), [("kill -9 $$", b"137\n"), ("sleep 100", b"143\n"), ("exit 3", b"3\n")]
)
def test_the_status_is_that_of_a_shell(
    run_lines: RunLines, tmp_path: Path, script: str, status: bytes
) -> None:
    """Of a command whose time is up, it is that of SIGTERM."""
    run_lines(b"x\n", "--timeout", "0.3", "--results", tmp_path, "--", "sh", "-c", script)
    assert contents(tmp_path / "x") == {"stdout": b"", "stderr": b"", "status": status}


def test_a_line_that_is_run_again_replaces_its_folder_and_no_other(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """Whatever its number is now. The same line twice in a run has two folders."""
    options = (*ONE, "--results", tmp_path / "r", "--", "sh", "-c")
    run_lines(b"a\nb\nb\n", *options, "echo first $GOCHAN_JOB")
    run_lines(b"b\n", *options, "echo second")
    outputs = {path.name: (path / "stdout").read_text() for path in (tmp_path / "r").iterdir()}
    assert outputs == {"a": "first 1\n", "b": "second\n", "b~2": "first 3\n"}


def test_a_command_that_is_tried_again_keeps_its_folder(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """Which has what the last attempt has left."""
    script = f"echo >>{tmp_path}/count; wc -l <{tmp_path}/count; [ $(wc -l <{tmp_path}/count) = 2 ]"
    path = tmp_path / "results"
    ended = run_lines(b"x\n", "--retries", "2", "--results", path, "--", "sh", "-c", script, "sh")
    assert ended.status == 0
    assert [each.name for each in path.iterdir()] == ["x"]
    assert contents(path / "x") == {"stdout": b"2\n", "stderr": b"", "status": b"0\n"}


def test_with_a_journal_a_folder_stays_with_its_line(
    run_lines: RunLines, tmp_path: Path, gochan: Gochan
) -> None:
    """Also if the line comes once more, and only that is run in a later run."""
    script = "echo $GOCHAN_JOB $(cat word); [ $GOCHAN_JOB != 2 ] || [ -e go ]"
    options = (*ONE, "-q", "--keep-going", "--cwd", tmp_path, "--journal", tmp_path / "journal")
    options += ("--results", tmp_path / "r", "--retry-failed", "--", "sh", "-c", script)
    (tmp_path / "word").write_text("first")
    run_lines(b"a\na\na\n", *options)
    (tmp_path / "word").write_text("second")
    (tmp_path / "go").touch()
    (tmp_path / "r" / "b").mkdir()
    (tmp_path / "r" / "b" / "job.json").write_text("no job")  # of somebody else
    assert run_lines(b"a\na\na\nb\n", *options).status == 0
    said = {path.parent.name: path.read_text() for path in (tmp_path / "r").glob("*/stdout")}
    assert said == {
        "a": "1 first\n",
        "a~2": "2 second\n",
        "a~3": "3 first\n",
        "b": "4 second\n",
    }


def test_there_is_a_status_only_if_all_else_is_whole(tmp_path: Path) -> None:
    """Neither a status of the last time, nor one of a run that was killed."""
    folder = tmp_path / "r" / "x"
    folder.mkdir(parents=True)
    (folder / "status").write_text("0\n")
    script = f"ls {folder}; kill -9 $PPID"
    finish("run", "--results", tmp_path / "r", "--", "sh", "-c", script, "sh", lines=b"x\n")
    assert {path.name for path in folder.iterdir()} == {"stdout", "stderr"}


def test_columns_have_spaces_between_them_in_a_name(gochan: Gochan, tmp_path: Path) -> None:
    """Blocks have numbers."""
    gochan("run", "--results", tmp_path, "echo", ":::", "a", ":::", "1", "/")
    finish("run", "--results", tmp_path, "--pipe", "wc", lines=b"x\n")
    assert {path.name for path in tmp_path.iterdir()} == {"a 1", "a %2F", "1"}


def test_a_folder_that_cannot_be_made_is_a_failure(run_lines: RunLines, tmp_path: Path) -> None:
    """Of this command."""
    (tmp_path / "a").write_text("a file")
    ended = run_lines(b"a\nb\n", *ONE, "--keep-going", "--results", tmp_path, "--", "echo")
    assert (ended.status, ended.out) == (1, b"b\n")
    assert "its results cannot be kept: File exists" in ended.err


def test_a_folder_for_all_that_cannot_be_made_is_an_error(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """Before anything is run."""
    (tmp_path / "file").touch()
    ended = run_lines(b"a\n", "--results", tmp_path / "file" / "x", "--", "echo")
    assert (ended.status, ended.out) == (2, b"")
    assert "--results" in ended.err


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"plain name.txt", b"plain name.txt"),
        (b"a/b", b"a%2Fb"),
        (b"..", b"%2E."),
        (b"../../etc", b"%2E.%2F..%2Fetc"),
        (b"-rf", b"%2Drf"),
        (b"50%", b"50%25"),
        (b"a~2", b"a%7E2"),
        (b"tab\tend\r", b"tab%09end%0D"),
        ("é 漢字".encode(), "é 漢字".encode()),
        (b"\xff", b"%FF"),
        (b"", b""),
        (b"x" * 200, b"x" * 110 + b"~" + hashlib.sha256(b"x" * 200).hexdigest()[:16].encode()),
    ],
)
def test_a_name_is_readable_and_safe(line: bytes, name: bytes) -> None:
    """It is the line, as far as that can be."""
    assert safe_name(line) == name


@given(st.binary(), st.binary())
def test_names_differ_and_fit(one: bytes, other: bytes) -> None:
    """Whatever the lines are."""
    name = safe_name(one)
    assert (name == safe_name(other)) == (one == other)
    assert not name.startswith((b".", b"-"))
    assert len(name) <= 143
    assert os.path.basename(name) == name
    assert not re.search(r"[/\x00-\x1f\x7f]", name.decode())
