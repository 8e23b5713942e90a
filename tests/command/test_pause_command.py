"""``gochan pause`` and ``gochan resume``."""

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


def paused() -> bool:
    return in_store(DB, lambda store: store.statistics("mails")).paused


def test_a_queue_is_paused_and_resumed(folder: Path, gochan: Gochan) -> None:
    """It is said whether that is new, and what there is."""
    fill(DB, 1)
    said = [
        ("pause", "is paused", True),
        ("pause", "was paused", True),
        ("resume", "is not paused", False),
        ("resume", "was not paused", False),
    ]
    for command, words, now in said:
        ended = gochan(command, DB, "mails")
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.decode() == f"queue 'mails' {words}: 0 jobs running, 1 job waiting\n"
        assert paused() is now


def test_json(folder: Path, gochan: Gochan) -> None:
    """An object."""
    fill(DB, 1)
    assert json.loads(gochan("pause", DB, "mails", "--json").out) == {
        "queue": "mails",
        "paused": True,
        "changed": True,
    }


def test_an_unknown_queue(folder: Path, gochan: Gochan) -> None:
    """No queue is made, and no file."""
    assert "there is no such file" in complaint(gochan("pause", DB, "mails"))
    fill(DB, 1)
    assert "did you mean 'mails'?" in complaint(gochan("resume", DB, "mials"))
    assert in_store(DB, lambda store: store.queues()) == ["mails"]
