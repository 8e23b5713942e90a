"""`gochan completion`: what is suggested, and what shells make of it when Tab is pressed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gochan._command._completion_scripts import SCRIPTS
from gochan._command.queues import _completing

from .. import processes, terminals
from ..processes import Gochan, start
from ..terminals import Terminal
from .stores import fill

gochan = processes.gochan
terminal = terminals.terminal

OWN = Path(sys.executable).parent


# What is suggested


def suggested(gochan: Gochan, *words: str) -> list[str]:
    """Return the kinds and values, as in ``file:`` and ``--tag``."""
    ended = gochan("completion", "bash", *words)
    assert (ended.status, ended.err) == (0, "")
    rows = [line.split("\t") for line in ended.out.decode().splitlines()]
    return [value if kind == "plain" else f"{kind}:{value}" for kind, value, _ in rows]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ru"], ["run"]),
        (["--v"], ["--version"]),
        (["plugins", "--tr"], ["--trace"]),
        (["plugins", "drop-on"], ["drop-on-full"]),
        (["completion", "z"], ["zsh"]),
        (["run", "--le"], ["--left-over"]),
        (["run", "--strategy", "priority-c"], ["priority-cancel"]),
        (["run", "--strategy=priority-c"], ["priority-cancel"]),
        (["run", "--halt", "now,s"], ["now,success=1"]),
        (["run", "--workers", ""], []),
        (["run", "--input", "a"], ["file:a"]),
        (["run", "--input=a"], ["file:a"]),
        (["run", "--left-over", ""], ["file:"]),
        (["run", "--joblog", ""], ["file:"]),
        (["run", "--journal", ""], ["file:"]),
        (["run", "--attach", "a"], ["file:a"]),
        (["run", "--results", ""], ["dir:"]),
        (["run", "--cwd", "a"], ["dir:a"]),
        (["run", ""], ["command:0"]),
        (["run", "-j", "4", "s"], ["command:0"]),
        (["run", "--", "-"], ["command:0"]),
        (["run", "sort", "-n", ""], ["command:2"]),  # that is an option of ours, too
        (["run", "sort", "--t"], ["command:1"]),
        (["run", "--tag", "--", "sort", "--t"], ["command:1"]),
        (["run", "sort", ":::", "a", "b"], ["file:b"]),
        (["run", "sort", "::::", ""], ["file:"]),
        (["--version", ""], []),
        (["no-such-command", ""], []),
    ],
)
def test_what_may_come_next(gochan: Gochan, words: list[str], expected: list[str]) -> None:
    """Options, values and commands; a command within the command is left to the shell."""
    assert suggested(gochan, *words) == expected


DB = "sqlite:jobs.db"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pause", DB, ""], ["mails", "news"]),
        (["pause", "--at", DB, "n"], ["news", "file:n"]),
        (["pause", "jobs.db", "n"], ["news"]),
        (["pause", "n"], ["file:n"]),
        (["pause", "sqlite:no.db", ""], []),
        (["purge", DB, "n"], ["news"]),
        (["jobs", DB, "--queue", "m"], ["mails"]),
        (["jobs", ""], ["file:"]),
        (["jobs", "--at", "s"], ["sqlite:"]),
        (["submit", DB, "--queue", "m"], ["mails"]),
        (["submit", DB, "m"], ["mails"]),
        (["show", DB, ""], ["4", "3", "2", "1"]),
        (["explain", "--at", DB, "4"], ["4", "file:4"]),
        (["cancel", DB, ""], ["4", "3"]),
        (["cancel", DB, "3", ""], ["4", "3"]),
        (["retry", DB, ""], ["2", "1"]),
        (["retry", DB, "--option", "nonsense=1", ""], []),
    ],
)
def test_queues_and_jobs_are_those_of_the_store(
    folder: Path,
    gochan: Gochan,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: list[str],
) -> None:
    """Of the one that the words so far name; from one that cannot be asked, nothing."""
    monkeypatch.setenv("GOCHAN_URL", "sqlite:nothing.db")
    fill(DB, "a", "b", queue="mails", run=True)
    fill(DB, "c", "d", queue="news")
    assert suggested(gochan, *words) == expected


def test_a_store_that_is_slow_suggests_nothing(
    folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who presses Tab waits for long."""
    monkeypatch.setattr(_completing, "_PATIENCE", 0.0)
    fill(DB, "a")
    assert suggested(gochan, "pause", DB, "") == []


def test_the_environment_names_the_store(
    folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no word does. A job is shown with its queue, its payload and its state."""
    fill(DB, "a")
    monkeypatch.setenv("GOCHAN_URL", DB)
    assert suggested(gochan, "pause", "") == ["mails", "file:"]
    ended = gochan("completion", "bash", "show", "1")
    assert ended.out.splitlines()[0] == b'plain\t1\tmails: "a" (waiting)'


def test_a_suggestion_has_its_help_in_one_line(gochan: Gochan) -> None:
    """Zsh and fish show it."""
    ended = gochan("completion", "fish", "run", "--keep-g")
    assert ended.out == b"plain\t--keep-going\tThe same as --halt never.\n"


@pytest.mark.parametrize("shell", SCRIPTS)
def test_without_words_it_prints_the_script(gochan: Gochan, shell: str) -> None:
    """For the shell to source."""
    assert gochan("completion", shell).out.decode() == SCRIPTS[shell]


# What shells make of it

needs = {
    shell: pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed")
    for shell in SCRIPTS
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with the scripts, and with a command that has a file of its own."""
    for shell, script in SCRIPTS.items():
        (tmp_path / f"script.{shell}").write_text(script)
    (tmp_path / "my folder").mkdir()
    (tmp_path / "lines of mine").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZDOTDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


class Shell:
    """A shell that waits for keys, with the script loaded."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def completes(self, typed: str, shown: str) -> None:
        """Type this and Tab; the line must become that."""
        self._terminal.type(f"{typed}\t".encode())
        self._terminal.expect(rf"\$ {shown}$")


def open_shell(terminal: Terminal, *command: str, prepare: str) -> Iterator[Shell]:
    variables = {"PS1": "$ ", "PATH": f"{OWN}:/usr/local/bin:/usr/bin:/bin", "TERM": "dumb"}
    files = {**terminal.files, "stdin": terminal.slave}
    with start(command=command, variables=variables, **files):
        terminal.type(f"{prepare}; clear; echo ready\n".encode())
        terminal.expect(r"(?m)^ready\n\$$")
        yield Shell(terminal)


@pytest.fixture
def bash(terminal: Terminal, folder: Path) -> Iterator[Shell]:
    command = ("bash", "--noprofile", "--norc", "-i")
    yield from open_shell(terminal, *command, prepare="source script.bash")


@pytest.fixture
def zsh(terminal: Terminal, folder: Path) -> Iterator[Shell]:
    prepare = "autoload -Uz compinit; compinit -D -u; source script.zsh"
    yield from open_shell(terminal, "zsh", "-f", "-i", prepare=prepare)


CASES = [
    ("gochan run --left", "gochan run --left-over"),
    ("gochan run --halt now,success=", "gochan run --halt now,success=1"),
    ("gochan run --input=li", r"gochan run --input=lines\\ of\\ mine"),
    ("gochan run --cwd m", r"gochan run --cwd my\\ folder/"),
    ("gochan run -j 4 sha256s", "gochan run -j 4 sha256sum"),
    (
        "true | gochan run wc {} ::: a::b=c li",
        r"true \| gochan run wc {} ::: a::b=c lines\\ of\\ mine",
    ),
]


@needs["bash"]
@pytest.mark.parametrize(("typed", "shown"), CASES)
def test_bash_completes_a_line(bash: Shell, typed: str, shown: str) -> None:
    """In a real one, at a real terminal."""
    bash.completes(typed, shown)


@needs["zsh"]
@pytest.mark.parametrize(("typed", "shown"), CASES)
def test_zsh_completes_a_line(zsh: Shell, typed: str, shown: str) -> None:
    """As above."""
    zsh.completes(typed, shown)


@needs["fish"]
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("gochan run --halt=now,s", "--halt=now,success=1"),
        ("gochan run --input=li", "--input=lines of mine"),
        ("gochan run --cwd m", "my folder/"),
        ("gochan run -j 4 sha256s", "sha256sum"),
        ("gochan run ls --almost", "--almost-all"),
    ],
)
def test_fish_completes_a_line(folder: Path, typed: str, found: str) -> None:
    """It can be asked without a terminal."""
    program = "source script.fish; complete --do-complete $argv[1]"
    asked = subprocess.run(
        ["fish", "-c", program, typed],
        env={"PATH": f"{OWN}:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.partition("\t")[0] for line in asked.stdout.splitlines()] == [found]
    assert asked.stderr == ""
