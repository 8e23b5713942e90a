"""``gochan migrate``: which schema a store has, and the newest."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from gochan._command.queues import _place
from gochan.durable import open_store
from gochan.durable._sqlite import _schema

from .. import processes
from ..processes import Gochan
from . import stores
from .stores import complaint, fill

gochan = processes.gochan
folder = stores.folder

DB = "sqlite:jobs.db"
NEWEST = _schema.NEWEST


def test_a_new_store_and_one_that_is_up_to_date(folder: Path, gochan: Gochan) -> None:
    """The first is made."""
    ended = gochan("migrate", DB)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.decode() == f"sqlite:jobs.db is new, and has schema {NEWEST}\n"
    assert gochan("migrate", DB).out.decode() == (
        f"sqlite:jobs.db has schema {NEWEST}, the newest that this gochan knows\n"
    )
    assert json.loads(gochan("migrate", DB, "--json").out) == {"found": NEWEST, "now": NEWEST}


def test_an_older_store(folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets what it lacks; its jobs stay."""
    fill(DB, 1)
    more = (*_schema.MIGRATIONS, "CREATE TABLE more(x) STRICT;\n".replace("x", "x INTEGER"))
    monkeypatch.setattr(_schema, "MIGRATIONS", more)
    monkeypatch.setattr(_schema, "NEWEST", NEWEST + 1)
    assert f"needs schema {NEWEST + 1}; bring it up to date by `gochan migrate`" in complaint(
        gochan("jobs", DB)
    )
    assert gochan("migrate", DB).out.decode() == (
        f"sqlite:jobs.db had schema {NEWEST}, and has schema {NEWEST + 1} now\n"
    )
    assert json.loads(gochan("jobs", DB, "--json").out)["jobs"][0]["id"] == 1


def test_a_newer_store_is_refused(folder: Path, gochan: Gochan) -> None:
    """It is not touched."""
    fill(DB, 1)
    connection = sqlite3.connect("jobs.db")
    connection.execute("UPDATE gochan_schema SET version = 99")
    connection.commit()
    connection.close()
    line = complaint(gochan("migrate", DB))
    assert line == (
        f"gochan: sqlite:jobs.db has schema 99, and this gochan knows schemas up to {NEWEST}; "
        "use a newer gochan"
    )


def test_a_store_without_a_schema(
    folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Says so: here, one in memory."""
    monkeypatch.setattr(_place, "open_store", lambda address: open_store("memory:"))
    line = complaint(gochan("migrate", "other:"))
    assert line == "gochan: memory: has no schema that could be migrated"
