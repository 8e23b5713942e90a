"""The first word of a command, when it is no program."""

from __future__ import annotations

from pathlib import Path

import pytest

from .. import processes
from ..processes import Gochan

gochan = processes.gochan


@pytest.mark.parametrize(
    "text",
    [
        "wc -l {} | sort",
        "echo {} >{.}.out",
        "for i in 1 2; do echo {}; done",
        "(cd {} && ls)",
        "A=1 printenv A",
        "{} --version",
    ],
)
def test_a_command_line_in_one_word_is_for_a_shell(gochan: Gochan, text: str) -> None:
    """Which GNU parallel always has; it is said before anything runs, and status is 127."""
    hint = "it is a text for a shell: say --shell, or --bash"
    ended = gochan("run", text, ":::", "a", "b")
    assert (ended.status, ended.out) == (127, b"")
    assert ended.err == f"gochan: {text}: command not found; {hint}\n"


def test_a_path_with_a_space_is_no_command_line(gochan: Gochan, tmp_path: Path) -> None:
    """Also if it is another for each line."""
    folder = tmp_path / "my programs"
    folder.mkdir()
    (folder / "run a").symlink_to("/bin/echo")
    ended = gochan("run", "-q", folder / "run {}", "x{}", ":::", "a")
    assert (ended.status, ended.out) == (0, b"xa\n")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cd", "; it is a word of shells: say --shell, or --bash"),
        (":", "; it is a word of shells: say --shell, or --bash"),
        ("A=1", "; --env A=1 sets a variable"),
        ("f", "; it is a function: say --bash"),
        ("nonexistent", ""),
        ("", ""),
    ],
)
def test_what_to_type_for_a_word_that_is_no_program(
    gochan: Gochan, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    """If that is known."""
    monkeypatch.setenv("BASH_FUNC_f%%", "() { echo; }")
    monkeypatch.setenv("PATH", "/nonexistent")  # some systems have a program called cd
    ended = gochan("run", name, "x", ":::", "a")
    assert (ended.status, ended.out) == (127, b"")
    assert ended.err == f"gochan: {name}: command not found{hint}\n"


def test_functions_are_there_in_bash(gochan: Gochan, monkeypatch: pytest.MonkeyPatch) -> None:
    """If they are exported; so is what else sh does not know."""
    monkeypatch.setenv("BASH_FUNC_f%%", '() { echo "<$1>"; }')
    ended = gochan("run", "-q", "--bash", "[[ {} == a* ]] && f {}", ":::", "a  b")
    assert (ended.status, ended.out) == (0, b"<a  b>\n")


def test_a_command_is_for_one_shell(gochan: Gochan) -> None:
    """As it is written."""
    ended = gochan("run", "--shell", "--bash", "true", ":::", "a")
    assert ended.status == 2
    assert "give one of the two" in ended.err


def test_with_a_shell_nothing_is_wrong_with_its_words(gochan: Gochan) -> None:
    """It finds its functions and its own commands itself."""
    ended = gochan("run", "-q", "--shell", "cd {} && pwd", ":::", "/")
    assert (ended.status, ended.out) == (0, b"/\n")
