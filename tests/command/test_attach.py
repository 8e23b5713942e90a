"""Watching a run that keeps a journal, from another terminal."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .. import processes, terminals
from ..processes import INT, TERM, Gochan, Running, finish, numbers, start, wait_until
from ..terminals import Terminal

gochan = processes.gochan
terminal = terminals.terminal

SCRIPT = "touch begun$1; until [ -e end$1 ]; do sleep 0.02; done; [ $1 != 2 ]"


@contextmanager
def run(folder: Path) -> Iterator[Running]:
    """Start a run with a journal; each command waits for a file of its own."""
    (folder / "script").write_text(SCRIPT)
    options = ["--workers", "1", "--keep-going", "--journal", "journal", "--drain", "0"]
    with start("run", *options, "--", "sh", "script", lines=numbers(3), cwd=folder) as running:
        wait_until((folder / "begun1").exists, "the first command")
        yield running


def end(folder: Path, *numbers: int) -> None:
    for number in numbers:
        (folder / f"end{number}").touch()


def test_another_terminal_shows_the_run_to_its_end(tmp_path: Path, terminal: Terminal) -> None:
    """With its commands and counts; then how it has ended."""
    with (
        run(tmp_path) as running,
        start("run", "--attach", "journal", cwd=tmp_path, **terminal.files) as attached,
    ):
        terminal.expect(r"s sh script 1\n━+  0/3 jobs  1 running  2 waiting")
        end(tmp_path, 1, 2)
        terminal.expect(r"s sh script 3\n━+  2/3 jobs  1 running  1 failed")
        end(tmp_path, 3)
        assert running.ended().status == 1
        assert attached.ended().status == 0
    assert terminal.screen == ["", " done     2", " failed   1", "", "the run has ended"]


def test_it_shows_how_much_there_is_to_do(tmp_path: Path, terminal: Terminal) -> None:
    """As soon as the run knows, whichever run of the journal it is."""
    with run(tmp_path) as running:
        end(tmp_path, 1)
        wait_until((tmp_path / "begun2").exists, "the second command")
        running.signal(TERM)
        running.ended()
    (tmp_path / "begun2").unlink()
    with run(tmp_path) as running:
        wait_until((tmp_path / "begun2").exists, "the second command, once more")
        with start("run", "--attach", "journal", cwd=tmp_path, **terminal.files) as attached:
            terminal.expect(r"1/3 jobs  1 running  1 waiting")
            terminal.type(b"q")
            attached.ended()
        running.signal(signal.SIGKILL)
        running.ended()
    (tmp_path / "end2").touch()
    (tmp_path / "end3").touch()
    with run(tmp_path) as running:
        assert running.ended().status == 1
    listed = finish("jobs", "sqlite:journal", "--queue", "runs", "--json", cwd=tmp_path)
    (row,) = json.loads(listed.out)["jobs"]
    assert row["state"] == "waiting"  # as one item has failed
    assert row["progress"] == [3.0, 3.0]


@pytest.mark.parametrize(("key", "status"), [(b"q", 0), (b"\x03", 128 + INT)])
def test_who_watches_may_leave(tmp_path: Path, terminal: Terminal, key: bytes, status: int) -> None:
    """The run goes on, and no other key does anything to it, but says so."""
    with run(tmp_path) as running:
        with start("run", "--attach", "journal", cwd=tmp_path, **terminal.files) as attached:
            terminal.expect("1 running")
            for pressed in "+-pc":
                terminal.type(pressed.encode())
                terminal.expect(re.escape(f"{pressed} works where the run was started"))
            terminal.type(b"?")
            terminal.expect("keys: q leave, and the run goes on")
            terminal.type(key)
            assert attached.ended().status == status
        assert terminal.screen[-1] == "the run goes on"
        end(tmp_path, 1, 2, 3)
        assert running.ended().status == 1


def test_a_run_that_has_ended_is_summed_up(tmp_path: Path) -> None:
    """In plain lines away from a terminal."""
    with run(tmp_path) as running:
        end(tmp_path, 1)
        wait_until((tmp_path / "begun2").exists, "the second command")
        running.signal(TERM)
        running.ended()
    ended = finish("run", "--attach", "journal", cwd=tmp_path)
    assert ended.status == 0
    assert ended.err == "\n done      1\n waiting   2\n\nthe run has ended\n"


def test_what_is_no_journal_is_an_error(tmp_path: Path, gochan: Gochan) -> None:
    """It is not made, either."""
    missing, other = tmp_path / "missing", tmp_path / "other"
    other.write_text("no database")
    ended = gochan("run", "--attach", missing)
    assert ended.status == 2
    assert ended.complaints == [
        f"gochan: the journal {missing} cannot be opened: No such file or directory"
    ]
    assert not missing.exists()
    assert gochan("run", "--attach", other).complaints == [
        f"gochan: {other} is no journal of gochan run: file is not a database"
    ]


def test_a_journal_with_no_store_in_it_cannot_be_shown(tmp_path: Path) -> None:
    """Such as that of a run which was killed in its first moment."""
    with run(tmp_path) as running:
        end(tmp_path, 1, 2, 3)
        running.ended()
    code = "import sqlite3; sqlite3.connect('journal').executescript('DROP TABLE gochan_schema')"
    assert finish("-c", code, command=(processes.MODULE[0],), cwd=tmp_path).status == 0
    ended = finish("run", "--attach", "journal", cwd=tmp_path)
    assert ended.status == 2
    assert "the journal journal cannot be read" in ended.err
