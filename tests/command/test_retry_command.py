"""``gochan retry``: jobs that have ended run again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .. import processes
from ..processes import Gochan
from . import stores
from .stores import complaint, fill, in_store

gochan = processes.gochan
folder = stores.folder

DB = "sqlite:jobs.db"


def states() -> list[str]:
    """Return the states of all jobs of the queue, the oldest first."""
    return [job.state for job in reversed(in_store(DB, lambda store: store.list("mails")))]


def test_each_job_gets_its_answer(folder: Path, gochan: Gochan) -> None:
    """One that has not ended, or whose key another one has, stays as it is: status 1."""
    fill(DB, 1, "bad", run=True, max_attempts=1)
    fill(DB, 3, run=True, key="k")
    fill(DB, 4, key="k")
    ended = gochan("retry", DB, "2")
    assert (ended.status, ended.out, ended.err) == (0, b"job 2: will run again\n", "")
    ended = gochan("retry", DB, "1", "2", "3")
    assert (ended.status, ended.err) == (1, "")
    assert ended.out.decode().splitlines() == [
        "job 1: will run again",
        "job 2: has not ended",
        "job 3: cannot run again, because job 4 has its key",
    ]
    assert states() == ["waiting", "waiting", "ended", "waiting"]
    ended = gochan("retry", DB, "2", "3", "--json")
    assert (ended.status, json.loads(ended.out)) == (
        1,
        [{"id": 2, "answer": "live"}, {"id": 3, "answer": "key taken", "by": 4}],
    )


def test_all_that_failed(folder: Path, gochan: Gochan) -> None:
    """Of one queue; how many is said."""
    fill(DB, 1, "bad", "bad", run=True, max_attempts=1)
    ended = gochan("retry", DB, "--queue", "mails", "--failed")
    assert (ended.status, ended.out) == (0, b"2 jobs of queue 'mails' will run again\n")
    assert states() == ["ended", "waiting", "waiting"]
    ended = gochan("retry", DB, "--queue", "mails", "--failed", "--json")
    assert json.loads(ended.out) == {"retried": 0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give the ids of jobs, or --queue NAME --failed"),
        (["--failed"], "give the ids"),
        (["--queue", "mails"], "give the ids"),
        (["1", "--queue", "mails", "--failed"], "give the ids"),
        (["7"], "has no job 7"),
        (["--queue", "mial", "--failed"], "has no queue 'mial'; did you mean 'mails'?"),
    ],
)
def test_what_is_wrong_is_said(
    folder: Path, gochan: Gochan, arguments: list[str], words: str
) -> None:
    """In one line; and no queue is made."""
    fill(DB, 1)
    assert words in complaint(gochan("retry", DB, *arguments))
    assert in_store(DB, lambda store: store.queues()) == ["mails"]
