"""Commands that are only shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from .. import processes
from ..processes import Gochan, RunLines, finish

gochan = processes.gochan
run_lines = processes.run_lines


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["touch"], b"touch a\ntouch 'b c'\n"),
        (["touch", "{}", ">x"], b"touch a '>x'\ntouch 'b c' '>x'\n"),
        (["-n2", "touch"], b"touch a 'b c'\n"),
        (["--shell", "touch {} >x"], b"touch a >x\ntouch 'b c' >x\n"),
        (["--pipe", "tee", "x{#}"], b"tee x1\n"),
        (["--columns", " ", "touch", "{1}"], b"touch a\ntouch b\n"),
    ],
)
def test_commands_are_shown_as_one_would_type_them(
    run_lines: RunLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], out: bytes,
) -> None:  # fmt: skip
    """And none runs. There is nothing on standard error, and no file changes."""
    monkeypatch.chdir(tmp_path)
    left = tmp_path / "left"
    left.write_text("from before")
    ended = run_lines(b"a\nb c\n", "--dry-run", "--left-over", left, *arguments)
    assert (ended.status, ended.out, ended.err) == (0, out, "")
    assert sorted(tmp_path.iterdir()) == [left, tmp_path / "lines"]
    assert left.read_text() == "from before"


def test_no_file_is_made(gochan: Gochan, tmp_path: Path) -> None:
    """Since there is nothing to keep in it."""
    gochan("run", "--dry-run", "--left-over", tmp_path / "left", "echo", ":::", "a")
    assert [*tmp_path.iterdir()] == []


def test_what_is_shown_can_be_given_to_a_shell(run_lines: RunLines) -> None:
    """Whatever the lines have."""
    nasty = b'it\'s $(id) `id` "x" \\ * ~ ; & | \n# !\xff\n-n\n'
    ended = run_lines(nasty, "--dry-run", "printf", "%s\\n")
    assert finish(shell=ended.out.decode(errors="surrogateescape")).out == nasty


def test_a_line_without_a_command_is_a_failure(run_lines: RunLines) -> None:
    """The others are shown."""
    ended = run_lines(b"a b\nc\nd e\n", "--dry-run", "-C", " ", "echo", "{2}")
    assert (ended.status, ended.out) == (1, b"echo b\necho e\n")
    assert ended.err == (
        "gochan: line 2 of the input: there is nothing for {2}: there is only 1 value\n"
    )


def test_bad_input_is_said(gochan: Gochan) -> None:
    """As in a run."""
    ended = gochan("run", "--dry-run", "--input", "/proc/self/mem", "echo")
    assert (ended.status, ended.err) == (2, "gochan: cannot read the input: Input/output error\n")


def test_it_ends_when_nobody_reads_it() -> None:
    """At once."""
    ended = finish("run", "--dry-run", "echo", shell='yes | "$@" | head -n 1')
    assert ended.out == b"echo y\n"
    assert ended.err == ""
