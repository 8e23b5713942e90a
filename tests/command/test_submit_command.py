"""``gochan submit``: payloads, options, and waiting for outcomes."""

from __future__ import annotations

import io
import json
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gochan._command.queues import _place, _submit_command
from gochan.durable import (
    Ending,
    EndKind,
    JobRecord,
    NewJob,
    Store,
    StoreError,
    StoreUnavailable,
    Worker,
    open_durable_queue,
)

from .. import processes, terminals
from ..processes import Gochan, finish, start
from . import stores
from .stores import complaint, fill, in_store, nobody

gochan = processes.gochan
terminal = terminals.terminal
folder = stores.folder

DB = "sqlite:jobs.db"

Give = Callable[[bytes], None]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Put something on standard input."""

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


def records() -> list[JobRecord]:
    """Return the jobs of the queue ``mails``, the oldest first."""
    return [*reversed(in_store(DB, lambda store: store.list("mails")))]


def payloads() -> list[object]:
    return [json.loads(record.payload) for record in records()]


class Forgetful:
    """A store that stores what it is given, and then does not say so, the first times."""

    loses_answers = True

    def __init__(self, store: Store, lost: float) -> None:
        self._store = store
        self._lost = lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def enqueue(self, jobs: Sequence[NewJob], *, whole: bool = False) -> Any:
        answers = await self._store.enqueue(jobs, whole=whole)
        self._lost -= 1
        if self._lost >= 0:
            raise StoreUnavailable("peer closed connection")
        return answers


@pytest.mark.parametrize(("lost", "status"), [(0, 0), (1, 0), (math.inf, 2)])
def test_jobs_are_sent_again_if_an_answer_was_lost(
    lost: float,
    status: int,
    folder: Path,
    gochan: Gochan,
    give: Give,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are stored once. After a while it is said that nobody knows."""
    give(b"a\nb\n")
    opened = _place.open_store

    @asynccontextmanager
    async def forgetful(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
        async with opened(*arguments, **options) as store:
            yield Forgetful(store, lost)

    monkeypatch.setattr(_place, "open_store", forgetful)
    if status:
        monkeypatch.setattr(_submit_command, "_INSISTS", 0.05)
    ended = gochan("submit", DB, "mails")
    assert ended.status == status
    assert ended.out == (b"" if status else b"1\n2\n")
    assert ("nobody knows" in ended.err) == (status == 2)
    assert payloads() == ["a", "b"]


# Payloads


def test_a_payload_is_json(folder: Path, gochan: Gochan, give: Give) -> None:
    """From the argument, or from standard input after -. The id is printed."""
    ended = gochan("submit", DB, "mails", '{"to": "ada"}')
    assert (ended.status, ended.out, ended.err) == (0, b"1\n", "")
    give(b"[1,\n 2]\n")
    assert gochan("submit", DB, "mails", "-").out == b"2\n"
    assert gochan("submit", "--queue", "mails", '"é"', "--at", DB).out == b"3\n"
    assert payloads() == [{"to": "ada"}, [1, 2], "é"]


def test_each_line_may_be_a_payload(folder: Path, gochan: Gochan, give: Give) -> None:
    """Empty lines are skipped; the jobs are in the order of the lines."""
    give(b'1\n\n"two"\r\n  \n{"three": 3}')
    assert gochan("submit", DB, "mails", "--lines").out == b"1\n2\n3\n"
    give(b"")
    assert gochan("submit", DB, "mails", "--lines", "-").out == b""
    assert payloads() == [1, "two", {"three": 3}]


def test_lines_of_text(folder: Path, gochan: Gochan, give: Give) -> None:
    """Each is a payload, as it is; none are no error."""
    give(b"./a.png\r\n\n./b c.png\n{}")
    assert gochan("submit", DB, "--queue", "mails").out == b"1\n2\n3\n"
    give(b"./a\nb.png\0\0./c.png\r\0")
    assert gochan("submit", DB, "mails", "-0").out == b"4\n5\n"
    give(b"")
    ended = gochan("submit", DB, "mails")
    assert (ended.status, ended.out) == (0, b"")
    give(b"a\n")
    assert gochan("submit", DB, "mails", "--key", "one").out == b"6\n"
    assert payloads() == ["./a.png", "./b c.png", "{}", "./a\nb.png", "./c.png\r", "a"]


def test_many_lines_of_text(folder: Path, gochan: Gochan, give: Give) -> None:
    """They are stored in parts, and in their order."""
    give("".join(f"{number}\n" for number in range(2500)).encode())
    ended = gochan("submit", DB, "mails", "--json")
    assert [json.loads(line)["id"] for line in ended.out.splitlines()] == [*range(1, 2501)]
    stored = in_store(DB, lambda store: store.list("mails", limit=3000))
    assert [json.loads(one.payload) for one in stored] == [str(n) for n in reversed(range(2500))]


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        (["ada"], b"", ["PAYLOAD is not JSON", "column 1", """as in '"text"'"""]),
        (["{1}"], b"", ["PAYLOAD is not JSON: Expecting property name"]),
        ([""], b"", ["PAYLOAD is not JSON"]),
        (["NaN"], b"", ["PAYLOAD is not JSON: it has no NaN"]),
        (["[" * 100_000], b"", ["PAYLOAD is not JSON: "]),
        (["-"], b"", ["standard input is not JSON"]),
        ([], b"\xff", ["standard input is not UTF-8"]),
        (["--lines"], b"1\n\nx\n", ["line 3 of standard input is not JSON"]),
        (["--lines", "1"], b"", ["--lines is about the lines of standard input"]),
        (["--null", "1"], b"", ["--null is about the lines of standard input"]),
        (["--lines", "--key", "a"], b"1\n2\n", ["all lines would be the same job"]),
        (["1", "--queue", "letters"], b"", ["'1' is one word too many"]),
        (["1", "--once-for", "3"], b"", ["give --key, too"]),
        (["1", "--run-at", "tomorrow"], b"", ["'tomorrow' is not a date and time", "2030-01-31T"]),
        (["1", "--run-at", "2030-01-31T12:00"], b"", ["with an offset"]),
        (["1", "--run-at", "3"], b"", ["'3' is not a date and time"]),
        (["1", "--expires", "soon"], b"", ["nor a number of seconds"]),
        (["1", "--expires", "inf"], b"", ["expires must be >= 0 and", "not inf"]),
        (["1", "--priority", "x"], b"", ["--priority", "'x' is not a whole number"]),
        (["1", "--priority", str(2**63)], b"", ["--priority", "is not from -9223"]),
        (["1", "--max-attempts", "0"], b"", ["--max-attempts", "0 is not from 1 to"]),
        (["1", "--after", "7"], b"", ["job 7"]),
        (["1", "--after", "x"], b"", ["--after"]),
        (["1", "--label", "gpu"], b"", ["'gpu' is not like NAME=VALUE"]),
        ([json.dumps("x" * 2_000_000)], b"", ["the payload has 2000002 bytes"]),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(
    folder: Path, gochan: Gochan, give: Give, arguments: list[str], given: bytes, words: list[str]
) -> None:
    """In one line; the good lines are not stored either."""
    give(given)
    line = complaint(gochan("submit", DB, "mails", *arguments))
    for word in words:
        assert word in line
    fill(DB)
    assert records() == []


def test_a_queue_without_a_name(folder: Path, gochan: Gochan) -> None:
    """Such as by a variable of the shell that is not set."""
    assert "Invalid value for 'QUEUE': it is empty." in complaint(gochan("submit", DB, "", "1"))
    assert "Missing argument 'QUEUE'" in complaint(gochan("submit", "--at", DB))
    assert os.listdir() == ["shop.py"]


def test_a_missing_payload_is_not_waited_for_on_a_terminal(
    folder: Path, terminal: terminals.Terminal
) -> None:
    """Nobody would know what the command is doing; with - it waits, as other commands do."""
    ended = finish("submit", DB, "mails", cwd=folder, stdin=terminal.slave)
    assert "PAYLOAD" in complaint(ended)


def test_a_closed_standard_input(
    folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in complaint(gochan("submit", DB, "mails"))


# Options


def test_options_are_those_of_the_job(folder: Path, gochan: Gochan) -> None:
    """Each reaches the record."""
    gochan("submit", DB, "mails", "1")
    options = (
        "--key k --once-for 60 --priority -3 --run-at 2040-01-31T12:00+01:00 "
        "--expires 2041-01-31T12:00Z --timeout 7 --max-attempts 2 --group g --machine m "
        "--label gpu=yes --label os=linux --header a=b=c --after 1 --after-all ended"
    )
    ended = gochan("submit", DB, "mails", "2", *options.split())
    assert (ended.status, ended.err) == (0, "")
    _, job = records()
    assert (job.key, job.priority, job.timeout, job.max_attempts) == ("k", -3, 7, 2)
    assert (job.group, job.machine, job.held_by) == ("g", "m", 1)
    assert (job.labels, job.headers) == ({"gpu": "yes", "os": "linux"}, {"a": "b=c"})
    assert job.run_at == datetime(2040, 1, 31, 11, tzinfo=UTC)
    assert job.expires == datetime(2041, 1, 31, 12, tzinfo=UTC)
    gochan("submit", DB, "mails", "3", "--delay", "100", "--expires", "200")
    job = records()[-1]
    assert job.run_at is not None
    assert job.expires is not None
    assert 99 < (job.expires - job.run_at).total_seconds() < 101


def test_a_key_that_is_taken(folder: Path, gochan: Gochan) -> None:
    """The other job's id is printed, so a script goes on as if it had been stored."""
    gochan("submit", DB, "mails", "1", "--key", "k")
    ended = gochan("submit", DB, "mails", "2", "--key", "k")
    assert (ended.status, ended.out) == (0, b"1\n")
    assert ended.err == "gochan: nothing was stored: job 1 has the key 'k'\n"
    ended = gochan("submit", DB, "mails", "2", "--key", "k", "--json")
    assert json.loads(ended.out) == {"id": 1, "created": False}


def test_a_full_queue(folder: Path, gochan: Gochan) -> None:
    """All or nothing."""

    async def limit(store: Store) -> None:
        async with open_durable_queue(store, "mails", capacity=1):
            pass

    in_store(DB, limit)
    assert gochan("submit", DB, "mails", "1").status == 0
    assert "is full" in complaint(gochan("submit", DB, "mails", "2"))


# Waiting

SHARED = ("--option", "shared=true")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_waiting_for_outcomes(folder: Path, options: tuple[str, ...]) -> None:
    """A line for each, in the order of the lines; the status is that of the first bad one."""
    arguments = ["submit", DB, "mails", "--lines", "--wait", "--max-attempts", "1"]
    given = b'1\n"bad"\n{"two": 2}\n'
    with start(*arguments, *SHARED, *options, lines=given, cwd=folder) as running:
        processes.wait_until(lambda: stored() == 3, "the jobs")
        in_store(DB, work_off, shared=True)
        ended = running.ended()
    assert (ended.status, ended.err) == (1, "")
    lines = ended.out.decode().splitlines()
    if options:
        jobs = [json.loads(line) for line in lines]
        assert [(job["kind"], job["result"]) for job in jobs] == [
            ("done", 1), ("failed", None), ("done", {"two": 2})
        ]  # fmt: skip
    else:
        assert lines == [
            "1  done  1",
            "2  failed  ValueError: no such person",
            '3  done  {"two":2}',
        ]


def stored() -> int:
    """Return how many jobs the queue has; none if there is no file yet."""
    try:
        counts = in_store(DB, lambda store: store.statistics("mails"), access="read")
    except StoreError:
        return 0
    return counts.stored


async def work_off(store: Store) -> None:
    """Run all jobs."""
    async with open_durable_queue(store, "mails", nobody) as queue:
        await queue.join()


KINDS: list[tuple[EndKind, int]] = [
    ("done", 0), ("failed", 1), ("timed_out", 3), ("cancelled", 4), ("dropped", 5)
]  # fmt: skip


@pytest.mark.parametrize(("kind", "status"), KINDS)
def test_the_status_tells_the_outcome(
    folder: Path, gochan: Gochan, kind: EndKind, status: int
) -> None:
    """Here of a job that has ended already, and is found by its key."""

    async def end(store: Store) -> None:
        await store.enqueue([NewJob(queue="mails", payload=b"1", key="k", once_for=1000)])
        (record,) = await store.claim("mails", 1, Worker("w"), 30)
        error = None if kind == "done" else "for a test"
        result = b"7" if kind == "done" else None
        await store.finish([Ending(record.id, record.version, kind, result, error)])

    in_store(DB, end)
    ended = gochan("submit", DB, "mails", "1", "--key", "k", "--wait")
    assert ended.status == status
    why = "7" if kind == "done" else "for a test"
    assert ended.out.decode() == f"1  {kind.replace('_', ' ')}  {why}\n"


def test_a_job_that_is_not_kept(folder: Path) -> None:
    """Nobody can say how it ended."""

    async def end(store: Store) -> None:
        (record,) = await store.claim("mails", 1, Worker("w"), 30)
        await store.finish([Ending(record.id, record.version, "done", b"1")])
        assert await store.purge("mails", ["done"], 10) == 1

    with start("submit", DB, "mails", "1", "--wait", *SHARED, cwd=folder) as running:
        processes.wait_until(lambda: stored() == 1, "the job")
        running.signal(signal.SIGSTOP)
        in_store(DB, end, shared=True)
        running.signal(signal.SIGCONT)
        ended = running.ended()
    assert (ended.status, ended.out) == (1, b"")
    assert "job 1 of queue 'mails' is not in the store any more" in ended.err


def test_the_job_goes_on_when_waiting_is_interrupted(folder: Path) -> None:
    """By Ctrl-C."""
    with start("submit", DB, "mails", "1", "--wait", *SHARED, cwd=folder) as running:
        processes.wait_until(lambda: stored() == 1, "the job")
        running.signal(signal.SIGINT)
        assert running.ended().status == 130
    (job,) = records()
    assert job.state == "waiting"
