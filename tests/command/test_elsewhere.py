"""Options as xargs and GNU parallel call them."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from gochan._command._run_command import run_command
from gochan._command.run_options import _elsewhere

from .. import processes
from ..processes import ONE, Gochan

gochan = processes.gochan


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["--jobs", "1"], b"a b\nc d\n"),
        (["--max-procs=1"], b"a b\nc d\n"),
        (["--arg-file", "list"], b"1 a b\n1 c d\n2 a b\n2 c d\n"),
        (["--colsep", " "], b"a b\nc d\n"),
        (["--max-args", "2"], b"a b c d\n"),
        (["--linebuffer"], b"a b\nc d\n"),
        (["--dryrun"], b"echo 'a b'\necho 'c d'\n"),
        (["--dryrun", "--wd=/"], b"echo 'a b'\necho 'c d'\n"),
    ],
)
def test_names_of_the_same_are_taken(
    gochan: Gochan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], out: bytes,
) -> None:  # fmt: skip
    """With their values, in either form."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list").write_text("1\n2\n")
    ended = gochan("run", *ONE, *arguments, "echo", ":::", "a b", "c d")
    assert (ended.status, ended.out) == (0, out)


@pytest.mark.parametrize("name", sorted(_elsewhere._SAME))
def test_names_of_the_same_are_for_options_that_there_are(name: str) -> None:
    """And are not options of ours themselves."""
    ours = {option for parameter in run_command.params for option in parameter.opts}
    assert _elsewhere._SAME[name] in ours
    assert name not in ours


@pytest.mark.parametrize("words", [["--bar"], ["-r"], ["-0r"], ["--eta", "--no-run-if-empty"]])
def test_what_is_always_so_may_be_said(gochan: Gochan, words: list[str]) -> None:
    """And changes nothing."""
    ended = gochan("run", *words, *ONE, "echo", ":::", "a")
    assert (ended.status, ended.out, ended.complaints) == (0, b"a\n", [])


def test_the_words_of_the_command_stay(gochan: Gochan) -> None:
    """Options of ours end where it begins."""
    ended = gochan("run", "--jobs", "1", "echo", "--jobs", "--bar", ":::", "--colsep")
    assert ended.out == b"--jobs --bar --colsep\n"


@pytest.mark.parametrize("name", sorted(_elsewhere._INSTEAD))
def test_there_is_an_answer_for_what_is_called_otherwise(gochan: Gochan, name: str) -> None:
    """In one line, before anything runs; what it tells to type can be typed."""
    ended = gochan("run", name, "2", "echo", ":::", "a")
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.complaints
    start, answer = f"gochan: there is no {name}: ", _elsewhere._INSTEAD[name]
    assert line == start + answer
    ours = {option for parameter in run_command.params for option in parameter.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", answer)) - {"--version"}
    assert named <= ours
    assert name not in ours


def test_what_nobody_knows_is_guessed_by_its_letters(gochan: Gochan) -> None:
    """As for other commands."""
    (line,) = gochan("run", "--wrokers", "2", "echo", ":::", "a").complaints
    assert "No such option '--wrokers'" in line
    assert "--workers" in line


def test_names_of_others_are_not_suggested() -> None:
    """By Tab and the help; they are for those who know them."""
    help_text = run_command.get_help(click.Context(run_command, info_name="gochan run"))
    assert "--jobs" not in help_text
    assert " -r" not in help_text


@pytest.mark.parametrize("arguments", [[], ["-j", "2"], ["--"]])
def test_a_missing_command_is_said(gochan: Gochan, arguments: list[str]) -> None:
    """With what GNU parallel would do: there, lines are commands."""
    ended = gochan("run", *arguments)
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.complaints
    assert "no command; 'sh -c' would run each line" in line


@pytest.mark.parametrize("words", [["-N0"], ["-N", "0"], ["-k", "-N", "0", "-q"]])
def test_commands_that_get_nothing_of_a_line_are_said(gochan: Gochan, words: list[str]) -> None:
    """As -N 0 has it there; with our --batch 0, all lines would be in one command."""
    ended = gochan("run", *words, "echo", ":::", "a", "b")
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.complaints
    assert "'sh -c COMMAND' gets a line and leaves it" in line
    assert gochan("run", "-n0", "echo", *words, ":::", "a", "b").status == 0
    assert gochan("run", "-q", "sh", "-c", "echo x", ":::", "a", "b").out == b"x\nx\n"


def test_a_delay_alone_is_said_to_do_nothing(gochan: Gochan) -> None:
    """For GNU parallel, it is between starts."""
    ended = gochan("run", "--delay", "2", "echo", ":::", "a")
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.complaints
    assert "--rate 1/2s spaces starts" in line


@pytest.mark.parametrize("words", [["{= uc =}"], ["mv", "{}", "{=", "s/a/b/", "=}"]])
def test_a_place_with_a_program_is_refused(gochan: Gochan, words: list[str]) -> None:
    """As text, it might be the name of a file, and the line would come last."""
    ended = gochan("run", "--shell", "echo", *words, ":::", "a")
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.complaints
    assert "there is no {= … =}" in line
