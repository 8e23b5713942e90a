"""``gochan explain``: why a job waits."""

from __future__ import annotations

import json
from pathlib import Path

from .. import processes
from ..processes import Gochan
from . import stores
from .stores import complaint, fill, in_store

gochan = processes.gochan
folder = stores.folder

DB = "sqlite:jobs.db"


def test_the_reasons_are_sentences(folder: Path, gochan: Gochan) -> None:
    """One a line, the most important one first."""
    fill(DB, 1, 2)
    in_store(DB, lambda store: store.pause("mails", paused=True))
    ended = gochan("explain", DB, "2")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == (b"Queue 'mails' is paused.\n1 job is ahead of it.\nAhead of it: job 1.\n")


def test_json(folder: Path, gochan: Gochan) -> None:
    """An object."""
    fill(DB, 1, 2)
    nobody = "No job of its queue runs, and none has ended: perhaps no worker is there."
    assert json.loads(gochan("explain", DB, "2", "--json").out) == {
        "id": 2,
        "reasons": ["1 job is ahead of it.", "Ahead of it: job 1.", nobody],
        "ahead": 1,
        "starts": None,
    }


def test_when_it_should_start(folder: Path, gochan: Gochan) -> None:
    """By how fast jobs have ended."""
    fill(DB, 1, 2, run=True)
    fill(DB, 3)
    assert b"It should start" in gochan("explain", DB, "3").out
    assert json.loads(gochan("explain", DB, "3", "--json").out)["starts"] is not None


def test_an_error_cannot_command_the_terminal(folder: Path, gochan: Gochan) -> None:
    fill(DB, 1)
    in_store(DB, lambda store: store.cancel([1], "\x1b[2J"))
    assert b"cancelled" in gochan("explain", DB, "1").out
    assert b"\x1b" not in gochan("explain", DB, "1").out


def test_an_unknown_job(folder: Path, gochan: Gochan) -> None:
    fill(DB, 1)
    assert "has no job 7" in complaint(gochan("explain", DB, "7"))
