"""``gochan jobs``: tables for people, JSON for programs, and nothing is changed."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest

from gochan._command.queues._as_json import text_of
from gochan._command.queues._words import age, table
from gochan._command.terminal import printable
from gochan.durable import NewJob, Store, Worker, moment

from .. import processes
from ..processes import Gochan
from . import stores
from .stores import complaint, fill, in_store

gochan = processes.gochan
folder = stores.folder

DB = "sqlite:jobs.db"


def test_the_newest_jobs_come_first_below_the_counts(folder: Path, gochan: Gochan) -> None:
    """A kind that never occurred has no column, and without an error there is no column for it."""
    fill(DB, {"to": "ada"}, "grace")
    fill(DB, "cat.jpg", queue="images", priority=3)
    ended = gochan("jobs", DB)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.decode().splitlines() == [
        " QUEUE   SCHEDULED  WAITING  RUNNING",
        " ───────────────────────────────────",
        " images          0        1        0",
        " mails           0        2        0",
        "",
        " ID  QUEUE   STATE    ATTEMPT     AGE  PAYLOAD",
        " ──────────────────────────────────────────────────",
        '  3  images  waiting      0/5     0 s  "cat.jpg"',
        '  2  mails   waiting      0/5     0 s  "grace"',
        '  1  mails   waiting      0/5     0 s  {"to":"ada"}',
    ]


def test_what_failed_says_why(
    folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long texts are cut, so that each job has one line; what has no room is never a number."""
    monkeypatch.setenv("COLUMNS", "80")
    fill(DB, "x" * 1000, "bad", run=True, max_attempts=1)
    lines = gochan("jobs", DB).out.decode().splitlines()
    assert lines[0].split() == ["QUEUE", "SCHEDULED", "WAITING", "RUNNING", "DONE", "FAILED"]
    bad, long = lines[-2:]
    assert bad.split()[:6] == ["2", "mails", "failed", "1/1", "0", "s"]
    assert bad.endswith("  ValueError: no such …")
    assert long.split()[2] == "done"
    assert "xxx…" in long
    assert max(map(len, lines)) <= 80


def test_only_what_was_asked_for(folder: Path, gochan: Gochan) -> None:
    """By queue, state, kind, and in pages."""

    def ids(*options: str) -> list[int]:
        found = gochan("jobs", DB, "--json", *options)
        assert (found.status, found.err) == (0, "")
        return [job["id"] for job in json.loads(found.out)["jobs"]]

    fill(DB, "a", "bad", run=True, max_attempts=1)
    fill(DB, "b", "c")
    fill(DB, "d", queue="images")
    assert ids() == [5, 4, 3, 2, 1]
    assert ids("--queue", "mails") == [4, 3, 2, 1]
    assert ids("--state", "waiting") == [5, 4, 3]
    assert ids("--state", "waiting", "--state", "ended") == [5, 4, 3, 2, 1]
    assert ids("--kind", "done") == [1]
    assert ids("--kind", "done", "--kind", "failed") == [2, 1]
    assert ids("--state", "failed") == [2]
    assert ids("--state", "failed", "--state", "waiting") == [5, 4, 3, 2]
    assert ids("--state", "failed", "--state", "ended") == [2, 1]
    assert ids("--state", "failed", "--state", "done", "--kind", "done") == [1]
    assert ids("--state", "failed", "--kind", "done") == []
    assert ids("--limit", "2") == [5, 4]
    assert ids("--limit", "2", "--before", "4") == [3, 2]
    text = gochan("jobs", DB, "--limit", "2").out.decode()
    assert text.endswith("older ones: --before 4\n")


def test_json_has_the_names_of_the_records(folder: Path, gochan: Gochan) -> None:
    """In one document; times are those of ISO 8601, and payloads are themselves."""
    fill(DB, {"to": "ada"}, key="ada", labels={"gpu": "yes"}, expires=1000, timeout=float("inf"))
    found = json.loads(gochan("jobs", DB, "--json").out)
    assert found["queues"]["mails"]["waiting"] == 1
    (job,) = found["jobs"]
    assert job["payload"] == {"to": "ada"}
    assert job["result"] is None
    assert job["timeout"] is None, "JSON has no infinity"
    assert job["labels"] == {"gpu": "yes"}
    assert (job["key"], job["attempts"]) == ("ada", [])
    wait = datetime.fromisoformat(job["expires"]) - datetime.fromisoformat(job["submitted"])
    assert 999 < wait.total_seconds() < 1001


def test_payloads_of_other_codecs_are_base64(folder: Path, gochan: Gochan) -> None:
    """Below the name of the codec; people see how long they are."""

    async def store(store: Store) -> None:
        await store.enqueue([NewJob(queue="mails", payload=b"\xff", codec="pickle")])

    in_store(DB, store)
    assert json.loads(gochan("jobs", DB, "--json").out)["jobs"][0]["payload"] == {"pickle": "/w=="}
    assert b"1 bytes of pickle" in gochan("jobs", DB).out


def test_a_store_without_jobs(folder: Path, gochan: Gochan) -> None:
    """Says so."""

    async def nothing(store: Store) -> None:
        pass

    in_store(DB, nothing)
    assert gochan("jobs", DB).out == b"no queues\n"


def test_a_paused_queue_is_marked(folder: Path, gochan: Gochan) -> None:
    fill(DB, "a")
    in_store(DB, lambda store: store.pause("mails", paused=True))
    assert b" mails (paused) " in gochan("jobs", DB).out


def test_looking_changes_nothing(folder: Path, gochan: Gochan) -> None:
    """No file is made, and a worker may have it open, whatever the version of SQLite."""
    assert complaint(gochan("jobs", DB)) == (
        "gochan: sqlite:jobs.db cannot be opened: there is no such file"
    )
    assert os.listdir() == ["shop.py"]

    async def look(store: Store) -> None:
        await store.enqueue([NewJob(queue="mails", payload=b"1")])
        await store.claim("mails", 1, Worker("other"), 30)
        assert b"running" in processes.finish("jobs", DB, cwd=folder).out

    in_store(DB, look, shared=False)


def test_an_older_schema_is_not_migrated_by_a_look(folder: Path, gochan: Gochan) -> None:
    """Which would be a change; it is said what makes it."""
    fill(DB, "a")
    connection = sqlite3.connect("jobs.db")
    connection.execute("UPDATE gochan_schema SET version = -1")
    connection.commit()
    connection.close()
    assert "has schema -1, and this gochan needs" in complaint(gochan("jobs", DB))
    assert "gochan migrate" in complaint(gochan("jobs", DB))


def test_an_unknown_queue(folder: Path, gochan: Gochan) -> None:
    """The nearest is named, or all."""
    fill(DB, "a")
    fill(DB, "a", queue="images")
    assert "has no queue 'mail'; did you mean 'mails'?" in complaint(
        gochan("jobs", DB, "--queue", "mail")
    )
    assert "has no queue 'x'; it has: images, mails" in complaint(
        gochan("jobs", DB, "--queue", "x")
    )


# Words


def test_text_cannot_command_the_terminal(folder: Path, gochan: Gochan) -> None:
    """Whoever may submit a job may not do more."""
    fill(DB, "\x1b[31mred\x9b2J", key="a")
    out = gochan("jobs", DB).out.decode()
    assert "\x1b" not in out
    assert "\x9b" not in out
    assert printable("\x1b[1m\n\x9b漢 ") == "\\x1b[1m\\n\\x9b漢 "


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0.9, "0 s"), (59, "59 s"), (61, "1 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_ages(seconds: float, text: str) -> None:
    """In whole units; a clock that went back shows none below nothing."""
    assert age(moment(1000.0), 1000.0 + seconds) == text


def test_a_table_takes_text_as_it_is() -> None:
    """No brackets are markup, and no colons are pictures."""
    assert table(["A", "B"], [["[red]x", ":smile:"]]).splitlines()[-1] == " [red]x  :smile:"


def test_json_of_lists() -> None:
    """Of whatever a store says."""
    assert text_of([(1, None), {"a": float("nan")}], indent=None) == '[[1, null], {"a": null}]'
