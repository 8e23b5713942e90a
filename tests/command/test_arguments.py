"""Items from the command line, after ``:::`` and its like."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .. import processes
from ..processes import ONE, Gochan, finish, start

gochan = processes.gochan
run_lines = processes.run_lines


def test_standard_input_is_not_read() -> None:
    """It may be a terminal, or a pipe that nobody closes; it stays for who comes next."""
    with start("run", *ONE, "echo", ":::", "a", "b", stdin=subprocess.PIPE) as running:
        assert running.ended().out == b"a\nb\n"


def test_arguments_may_be_any_bytes_and_begin_with_dashes(gochan: Gochan) -> None:
    """What follows ::: is no option."""
    ended = gochan("run", *ONE, "printf", "[%s]", ":::", "-n", "--help", "\udcff", "")
    assert (ended.status, ended.out) == (0, b"[-n][--help][\xff][]")


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["sh", "-c", "exit 1", ":::", "a", "b c"], b"a\nb c\n"),
        (["sh", "-c", "exit 1", ":::", "a", ":::", "1", "2"], b"a\t1\na\t2\n"),
        (["--null", "sh", "-c", "exit 1", ":::", "a\nb"], b"a\nb\0"),
        (["--header", "sh", "-c", "exit 1", ":::", "n", "a", ":::", "m", "1"], b"n\tm\na\t1\n"),
    ],
)
def test_arguments_are_left_over_as_lines(
    gochan: Gochan, tmp_path: Path, arguments: list[str], left: bytes
) -> None:
    """Values of a combination are columns, with tabs between them."""
    path = tmp_path / "left"
    ended = gochan("run", *ONE, "--left-over", path, *arguments)
    assert (ended.status, path.read_bytes()) == (1, left)


def test_many_combinations_are_left_over_from_where_they_were_not_made(
    gochan: Gochan, tmp_path: Path
) -> None:
    """In order."""
    numbers = [str(number) for number in range(300)]
    path = tmp_path / "left"
    arguments = ["sh", "-c", "test $0$1 != 01", ":::", *numbers, ":::", "0", "1"]
    ended = gochan("run", *ONE, "--left-over", path, *arguments)
    left = path.read_text().splitlines()
    assert left == [f"{one}\t{other}" for one in numbers for other in "01"][1:]
    assert sum(map(int, ended.summary.values())) == 600


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([":::", "a"], ["no command before :::", "sh -c"]),
        (["--header", "echo", ":::"], ["no name"]),
        (["--header", "echo", "{x}", ":::", "a", "1"], ["no column for {x}; there are: a"]),
        (["echo", ":::+", "a"], ["nothing before :::+"]),
        (["--pipe", "-a", "/dev/null", "-a", "/dev/null", "cat"], ["--pipe and :::: exclude"]),
        (["--pipe", "cat", ":::", "a"], ["--pipe and ::: exclude"]),
        (["echo", "::::", "/nonexistent", ":::", "a"], ["/nonexistent: No such file"]),
        (["echo", "::::", "/nonexistent"], ["gochan: /nonexistent: No such file"]),
        (["echo", ":::", "a\tb", ":::", "c"], ["'a\\tb' contains a tab"]),
        (["-C,", "echo", ":::", "a", ":::", "c"], ["omit --columns"]),
        (["--left-over", "left", "echo", ":::", "a\nb"], ["'a\\nb' contains", "--null"]),
    ],
)
def test_what_is_wrong_with_arguments_is_said_before_anything_runs(
    gochan: Gochan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], words: list[str],
) -> None:  # fmt: skip
    """In one line."""
    monkeypatch.chdir(tmp_path)
    ended = gochan("run", *arguments)
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.complaints
    for word in words:
        assert word in line


def test_a_value_with_a_tab_is_fine_alone(gochan: Gochan) -> None:
    """There are no columns then."""
    assert gochan("run", *ONE, "echo", "{1}", ":::", "a\tb").out == b"a\tb\n"


def test_lines_may_come_from_several_files(gochan: Gochan, tmp_path: Path) -> None:
    """Each is a list; they may be linked to arguments; standard input is such a file, too."""
    (tmp_path / "a").write_text("1\n\n2\n")
    (tmp_path / "b").write_text("3")
    files = [tmp_path / "a", tmp_path / "b"]
    assert gochan("run", *ONE, "echo", "::::", *files).out == b"1 3\n2 3\n"
    ended = gochan("run", *ONE, "echo", ":::", "x", "y", "z", "::::+", files[0], files[0])
    assert ended.out == b"x 1 1\ny 2 2\n"
    ended = finish("run", *ONE, "echo", "::::", "-", "::::+", files[0], lines=b"p\nq\n")
    assert ended.out == b"p 1\nq 2\n"
    assert gochan("run", *ONE, "echo", "::::").out == b""


def test_files_of_the_option_come_first(gochan: Gochan, tmp_path: Path) -> None:
    """Before other lists; several of them are lists, too."""
    (tmp_path / "a").write_text("1\n2\n")
    file = tmp_path / "a"
    ended = gochan("run", *ONE, "-a", file, "echo", "{2}{1}", ":::", "x")
    assert ended.out == b"x1\nx2\n"
    ended = gochan("run", *ONE, "-a", file, "-a", file, "echo")
    assert ended.out == b"1 1\n1 2\n2 1\n2 2\n"


def test_the_lines_of_a_single_file_have_numbers(gochan: Gochan, tmp_path: Path) -> None:
    """As arguments have; those of --input are text that may have braces itself."""
    (tmp_path / "a").write_text("x\n")
    assert gochan("run", *ONE, "echo", "{1}", "::::", tmp_path / "a").out == b"x\n"
    assert gochan("run", *ONE, "-a", tmp_path / "a", "echo", "{1}").out == b"{1} x\n"
    assert gochan("run", *ONE, "--pipe", "cat", "::::", tmp_path / "a").out == b"x\n"


def test_batches_of_arguments(gochan: Gochan) -> None:
    """The last one may be smaller, or complete."""
    assert gochan("run", *ONE, "-n2", "echo", ":::", *"abc").out == b"a b\nc\n"
    assert gochan("run", *ONE, "-n2", "echo", ":::", *"abcd").out == b"a b\nc d\n"


def test_no_arguments_are_no_commands(gochan: Gochan) -> None:
    """As when a pattern of the shell matches nothing."""
    assert gochan("run", "echo", ":::").status == 0
    assert gochan("run", "echo", ":::", "a", ":::").out == b""
