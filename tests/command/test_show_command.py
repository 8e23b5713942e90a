"""``gochan show``: everything about a job."""

from __future__ import annotations

import json
import re
from pathlib import Path

from gochan.durable import NewJob, ProgressReport, Release, Store, Ticket, Worker

from .. import processes
from ..processes import Gochan
from . import stores
from .stores import complaint, fill, in_store

gochan = processes.gochan
folder = stores.folder

DB = "sqlite:jobs.db"


def shown(gochan: Gochan, number: int) -> dict[str, str]:
    """Return what is shown about a job above the attempts."""
    ended = gochan("show", DB, str(number))
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.decode().partition("\n\n")[0].splitlines()
    rows = [re.fullmatch(r"(\S+(?: \S+)*) {2,}(.*)", line) for line in lines]
    return {row[1]: row[2] for row in rows if row}


async def put_off(store: Store) -> None:
    """Run a job twice; it runs for the third time, with a wish that it be cancelled."""
    await store.enqueue([NewJob(queue="mails", payload=b'"x"')])
    await store.enqueue([NewJob(queue="mails", payload=b"1", after=(1,))])
    for _ in range(2):
        (record,) = await store.claim("mails", 1, Worker("box:7"), 30)
        await store.start([record.ticket])
        error = "OSError: no\nanswer"
        await store.release([Release(record.id, record.version, "failed", error=error)])
    (record,) = await store.claim("mails", 1, Worker("box:7"), 30)
    await store.start([Ticket(record.id, record.version)])
    await store.cancel([1], "")


def test_a_job_that_has_a_history(folder: Path, gochan: Gochan) -> None:
    """What is empty is left out; each attempt that is over has a line."""
    in_store(DB, put_off)
    found = shown(gochan, 1)
    assert [*found] == [
        "id", "queue", "state", "payload", "error", "attempts", "submitted", "started",
        "worker", "lease until", "to be cancelled", "version",
    ]  # fmt: skip
    assert found["state"] == "running"
    assert found["attempts"] == "3 of 5"
    assert found["error"] == "OSError: no\\nanswer"
    assert found["to be cancelled"] == "yes"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", found["submitted"])
    table = gochan("show", DB, "1").out.decode().partition("\n\n")[2].splitlines()
    assert table[0].split() == ["RUN", "WORKER", "STARTED", "SECONDS", "KIND", "ERROR"]
    assert [line.split()[:2] for line in table[2:]] == [["1", "box:7"], ["2", "box:7"]]
    assert shown(gochan, 2)["held by"] == "1 job"


def test_all_that_a_job_can_have(folder: Path, gochan: Gochan) -> None:
    """Here is the rest."""
    fill(
        DB, "ada", run=True, key="k", once_for=100, priority=3, group="g", expires=100, timeout=1.5,
        headers={"traceparent": "00"},
    )  # fmt: skip
    fill(DB, "ada", machine="box", labels={"gpu": "yes", "os": "linux"}, timeout=float("inf"))
    found = shown(gochan, 1)
    assert (found["state"], found["result"], found["timeout"]) == ("done", '"ada"', "1.5 s")
    assert (found["key"], found["priority"], found["group"]) == ("k", "3", "g")
    assert found["headers"] == "traceparent=00"
    assert {"ended", "expires"} <= {*found}
    found = shown(gochan, 2)
    assert (found["machine"], found["labels"]) == ("box", "gpu=yes, os=linux")
    assert found["timeout"] == "none"


def test_progress(folder: Path, gochan: Gochan) -> None:
    """With and without a total; and the reason of a wish."""

    async def work(store: Store) -> None:
        await store.enqueue([NewJob(queue="mails", payload=b"1")] * 2)
        one, two = await store.claim("mails", 2, Worker("box:7"), 30)
        await store.report([ProgressReport(one.id, one.version, 1, 4)])
        await store.report([ProgressReport(two.id, two.version, 2.5)])
        await store.cancel([1], "too late")

    in_store(DB, work)
    assert shown(gochan, 1)["progress"] == "1 of 4"
    assert shown(gochan, 1)["to be cancelled"] == "too late"
    assert shown(gochan, 2)["progress"] == "2.5"


def test_json_is_the_record(folder: Path, gochan: Gochan) -> None:
    """In one document."""
    fill(DB, "ada", run=True)
    found = json.loads(gochan("show", DB, "1", "--json").out)
    assert (found["id"], found["kind"], found["result"]) == (1, "done", "ada")
    (attempt,) = found["attempts"]
    assert [*attempt] == ["worker", "started", "ended", "kind", "error"]


def test_an_unknown_job(folder: Path, gochan: Gochan) -> None:
    """It may have been there once."""
    fill(DB, "ada")
    line = complaint(gochan("show", DB, "7"))
    assert "sqlite:jobs.db has no job 7, or does not keep it any more; `gochan jobs` lists" in line
    assert "9223372036854775807" in complaint(gochan("show", DB, str(2**63)))
