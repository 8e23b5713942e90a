"""``gochan purge``: jobs that have ended are deleted."""

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


def test_only_those_that_ended_like_this_go(folder: Path, gochan: Gochan) -> None:
    """How many is said."""
    fill(DB, 1, "bad", "bad", run=True, max_attempts=1)
    fill(DB, 4)
    ended = gochan("purge", DB, "mails", "--kind", "failed", "--kind", "timed_out")
    assert (ended.status, ended.out, ended.err) == (0, b"2 jobs of queue 'mails' deleted\n", "")
    found = in_store(DB, lambda store: store.list("mails"))
    assert [record.id for record in found] == [4, 1]
    assert json.loads(gochan("purge", DB, "mails", "--kind", "done", "--json").out) == {"purged": 1}


def test_what_is_wrong_is_said(folder: Path, gochan: Gochan) -> None:
    """Nothing is deleted by mistake."""
    fill(DB, 1, run=True)
    assert "--kind" in complaint(gochan("purge", DB, "mails"))
    assert "waiting" in complaint(gochan("purge", DB, "mails", "--kind", "waiting"))
    assert "has no queue 'x'" in complaint(gochan("purge", DB, "x", "--kind", "done"))
    assert len(in_store(DB, lambda store: store.list("mails"))) == 1
