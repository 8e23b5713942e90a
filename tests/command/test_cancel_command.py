"""``gochan cancel``: jobs end early, wherever they are."""

from __future__ import annotations

import json
import os
from pathlib import Path

from gochan.durable import Store, Worker

from .. import processes
from ..processes import TERM, Gochan, finish, start, wait_until
from . import stores
from .stores import complaint, fill, in_store

gochan = processes.gochan
folder = stores.folder

DB = "sqlite:jobs.db"
SHARED = ("--option", "shared=true")


async def lease(store: Store) -> None:
    """Let the first job run elsewhere."""
    await store.claim("mails", 1, Worker("box:7"), 30)


def test_each_job_gets_its_answer(folder: Path, gochan: Gochan) -> None:
    """In the order of the arguments. The reason is kept."""
    fill(DB, 1, 2)
    in_store(DB, lease)
    ended = gochan("cancel", DB, "2", "1", "--reason", "not needed")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == b"job 2: cancelled\njob 1: runs, and its worker is told\n"
    one, two = in_store(DB, lambda store: store.look([1, 2]))
    assert one is not None
    assert two is not None
    assert (one.cancel_reason, two.kind, two.error) == ("not needed", "cancelled", "not needed")


def test_a_job_that_had_ended(folder: Path, gochan: Gochan) -> None:
    """It is said, and status 1; the others are cancelled."""
    fill(DB, 1, run=True)
    fill(DB, 2)
    ended = gochan("cancel", DB, "1", "2")
    assert (ended.status, ended.out) == (1, b"job 1: had ended already\njob 2: cancelled\n")
    ended = gochan("cancel", DB, "1", "--json")
    assert (ended.status, json.loads(ended.out)) == (1, [{"id": 1, "answer": "unknown"}])


def test_an_unknown_job_changes_nothing(folder: Path, gochan: Gochan) -> None:
    """Also for the others: it may be a mistake. No file is made."""
    assert "there is no such file" in complaint(gochan("cancel", DB, "1"))
    assert os.listdir() == ["shop.py"]
    fill(DB, 1)
    assert "has no jobs 8, 9, or" in complaint(gochan("cancel", DB, "1", "8", "9"))
    assert "Missing argument 'ID...'" in complaint(gochan("cancel", "--at", DB))
    (record,) = in_store(DB, lambda store: store.look([1]))
    assert record is not None
    assert record.state == "waiting"


def test_a_job_that_runs_in_another_process(folder: Path) -> None:
    """Its handler is cancelled at once, and its worker goes on."""
    fill(DB, "slow")
    with start("work", DB, "mails", "shop:send", *SHARED, cwd=folder) as running:

        def state() -> str:
            jobs = json.loads(finish("show", DB, "1", "--json", cwd=folder).out)
            return str(jobs["kind"] or jobs["state"])

        wait_until(lambda: state() == "running", "the start")
        assert finish("cancel", DB, "1", *SHARED, cwd=folder).status == 0
        wait_until(lambda: state() == "cancelled", "the end")
        running.signal(TERM)
        ended = running.ended()
    assert ended.status == 0
    assert ended.err.endswith("gochan: mails: 1 cancelled\n")
