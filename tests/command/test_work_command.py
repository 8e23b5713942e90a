"""``gochan work``: real worker processes, their arguments, signals and ends."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path

import pytest

from gochan._command.queues._shares import shares
from gochan.durable import JobRecord, NewJob, Store

from .. import processes
from ..processes import INT, TERM, Gochan, Running, finish, start, wait_until
from . import stores
from .stores import complaint, fill, in_store

gochan = processes.gochan
folder = stores.folder

DB = "sqlite:jobs.db"
SHARED = ("--option", "shared=true")


def record(number: int = 1) -> JobRecord:
    """Return what the store knows of a job; a worker may have it open."""
    (found,) = in_store(DB, lambda store: store.look([number]), access="read")
    assert found is not None
    return found


def wait_for(state: str, number: int = 1) -> None:
    wait_until(
        lambda: state in (record(number).state, record(number).kind), f"job {number} {state}"
    )


# Working


def test_jobs_are_run_until_there_are_none(folder: Path) -> None:
    """A line says what is worked on, another one what was done."""
    fill(DB, "ada", "bad", max_attempts=1)
    ended = finish("work", DB, "mails", "shop:send", "--workers", "2", "--until-empty", cwd=folder)
    assert (ended.status, ended.out) == (0, b"")
    first, *_, last = ended.err.splitlines()
    assert re.fullmatch(
        r"gochan: worker \S+:\d+ runs jobs of sqlite:jobs.db: mails \(shop:send, 2 workers\)", first
    )
    assert last == "gochan: mails: 1 done, 1 failed"
    assert record(1).result == b'{"sent":"ada"}'
    assert record(2).error == "ValueError: no such person"


def test_several_queues(folder: Path) -> None:
    """Each has its handler, and its share of the workers. One may not be empty when another is."""
    fill(DB, "ada")
    fill(DB, "cat", queue="images")
    ended = finish(
        "work", DB, "mails=shop:send", "images=shop:sender", "--weight", "mails=3",
        "--until-empty", cwd=folder,
    )  # fmt: skip
    assert ended.status == 0
    assert "mails (shop:send, 3 workers), images (shop:sender, 1 worker)" in ended.err
    assert "gochan: mails: 1 done\ngochan: images: 1 done\n" in ended.err
    assert record(2).result == b'"cat"'


def test_a_job_of_one_queue_may_submit_to_another(folder: Path) -> None:
    """So all are looked at once more."""
    (folder / "chain.py").write_text(
        """
from gochan.durable import NewJob, current_queue

async def first(payload):
    await current_queue().store.enqueue([NewJob(queue="a", payload=b"1", delay=0.1)])

async def second(payload):
    pass
"""
    )
    fill(DB, "x", queue="b")
    ended = finish("work", DB, "a=chain:second", "b=chain:first", "--until-empty", cwd=folder)
    assert "gochan: a: 1 done\ngochan: b: 1 done\n" in ended.err


def test_options_reach_the_queue(folder: Path) -> None:
    """Machine and labels are those of the worker, and time limits and pauses those of its jobs."""
    fill(DB, "slow", labels={"gpu": "yes"}, machine="box", max_attempts=1)
    fill(DB, "bad", max_attempts=2)
    ended = finish(
        "work", DB, "mails", "shop:send", "--until-empty", "--machine", "box", "--label", "gpu=yes",
        "--timeout", "0.1", "--retry-first", "0.01", cwd=folder,
    )  # fmt: skip
    assert "worker box:" in ended.err
    assert ended.err.endswith("gochan: mails: 2 failed, 1 timed out\n")
    assert record(1).kind == "timed_out"
    assert len(record(2).attempts) == 2


def test_why_an_attempt_failed_is_a_line(folder: Path) -> None:
    """Unless the module of the handler has set up logging, which then says where it goes."""
    fill(DB, "bad", max_attempts=2)
    options = ("--until-empty", "--retry-first", "0.01")
    ended = finish("work", DB, "mails", "shop:send", *options, cwd=folder)
    lines = [line for line in ended.err.splitlines() if line.startswith("gochan: job 1 of queue")]
    first, last = lines
    assert first.startswith(
        "gochan: job 1 of queue 'mails' failed on attempt 1 of 2, and runs agai"
    )
    assert last.startswith("gochan: job 1 of queue 'mails' failed on attempt 2 of 2: ")
    assert "Traceback" not in ended.err

    (folder / "logged.py").write_text(
        "import logging, shop\nlogging.basicConfig(format='LOG %(message)s')\nsend = shop.send\n"
    )
    fill(DB, "bad", max_attempts=1)
    ended = finish("work", DB, "mails", "logged:send", *options, cwd=folder)
    assert "LOG job 2 of queue 'mails' failed on attempt 1 of 1: " in ended.err
    assert "gochan: job" not in ended.err


@pytest.mark.parametrize(
    ("options", "attempts", "least", "most"),
    [
        (["--retry-first", "500"], 1, 450, 550),
        (["--retry-first", "0.01", "--retry-factor", "1000"], 2, 9, 11),
        (["--retry-first", "500", "--retry-most", "100"], 1, 90, 110),
    ],
)
def test_how_long_the_pauses_are(
    folder: Path, options: list[str], attempts: int, least: float, most: float
) -> None:
    """Give or take a tenth, which is up to chance."""
    fill(DB, "bad")
    with start("work", DB, "mails", "shop:send", *options, cwd=folder) as running:
        wait_until(lambda: len(record().attempts) == attempts, "the attempts")
        running.signal(TERM)
        assert running.ended().status == 0
    job = record()
    assert job.run_at is not None
    assert least <= (job.run_at - job.attempts[-1].ended).total_seconds() <= most


def test_jobs_that_were_leased_in_advance_are_given_back(folder: Path) -> None:
    """They are not counted as cancelled, and have not been tried."""
    fill(DB, *range(1000), "slow", *range(200))
    options = ("--workers", "1", "--drain", "0")
    with start("work", DB, "mails", "shop:send", *options, cwd=folder) as running:
        wait_until(lambda: record(1001).attempt == 1, "the start of the slow job")
        wait_for("running", 1002)
        running.signal(TERM)
        ended = running.ended()
    last = re.fullmatch(r"gochan: mails: 1000 done, (\d+) given back", ended.err.splitlines()[-1])
    assert last is not None, ended.err
    assert int(last[1]) > 1
    assert (record(1002).state, record(1002).attempts) == ("waiting", ())


def test_two_processes_share_the_work(folder: Path) -> None:
    """On one file; each job runs once."""
    fill(DB)
    arguments = ("work", DB, "mails", "shop:send", "--workers", "1", "--drain", "0", *SHARED)
    with start(*arguments, cwd=folder) as one, start(*arguments, cwd=folder) as other:
        one.expect("runs jobs of")
        other.expect("runs jobs of")
        fill_shared(["slow", "slow"])
        wait_for("running", 1)
        wait_for("running", 2)
        assert record(1).worker != record(2).worker
        for running in (one, other):
            running.signal(TERM)
            ended = running.ended()
            assert ended.status == 0
            assert ended.err.endswith("mails: 1 given back\n")


def fill_shared(payloads: list[str]) -> None:
    async def enqueue(store: Store) -> None:
        jobs = [NewJob(queue="mails", payload=json.dumps(one).encode()) for one in payloads]
        await store.enqueue(jobs)

    in_store(DB, enqueue, shared=True)


# Stopping


def test_sigterm_in_a_job(folder: Path) -> None:
    """It is cancelled after the drain, given back, and the attempt does not count."""
    fill(DB, "slow")
    options = ("--drain", "0.1", "--lease", "5000")
    with start("work", DB, "mails", "shop:send", *options, cwd=folder) as running:
        wait_for("running")
        job = record()
        assert job.started is not None
        assert job.lease_until is not None
        assert (job.lease_until - job.started).total_seconds() > 4000
        running.signal(TERM)
        ended = running.ended()
    assert (ended.status, ended.out) == (0, b"")
    assert "no further job starts, 1 job may finish within 0.1 s" in ended.err
    assert "cancelling what runs" in ended.err
    assert ended.err.endswith("gochan: mails: 1 given back\n")
    job = record()
    assert (job.state, job.attempt) == ("waiting", 0)
    assert [attempt.kind for attempt in job.attempts] == ["interrupted"]


def test_an_end_that_cannot_be_written(folder: Path) -> None:
    """It is said which jobs will run again. Here another program holds the file."""
    fill(DB, "slow")
    options = ("--drain", "0", "--grace", "0.1")
    with start("work", DB, "mails", "shop:send", *options, cwd=folder) as running:
        wait_for("running")
        other = sqlite3.connect(folder / "jobs.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        running.signal(TERM)
        running.expect("could not be written, so they will run again: 1")
        other.close()
        ended = running.ended()
    assert ended.status == 0
    assert "gochan: mails: 1 given back\n" in ended.err


def test_sigint_without_a_job(folder: Path) -> None:
    """It ends at once."""
    with start("work", DB, "mails", "shop:send", cwd=folder) as running:
        running.expect("runs jobs of")
        running.signal(INT)
        ended = running.ended()
    assert ended.status == 0
    assert ended.err.endswith("gochan: mails: no job was run\n")


def test_a_job_that_is_stuck(folder: Path) -> None:
    """It is named, nobody waits for it, and what else has ended is written."""
    (folder / "stuck.py").write_text(
        "import time, trio\n"
        "async def handle(payload):\n"
        "    if payload == 'stuck':\n"
        "        await trio.to_thread.run_sync(time.sleep, 1000)\n"
    )
    fill(DB, "stuck", "quick")
    options = ("--drain", "0.1", "--grace", "0.1")
    with start("work", DB, "mails", "stuck:handle", *options, cwd=folder) as running:
        wait_for("done", 2)
        running.signal(TERM)
        ended = running.ended()
    assert ended.status == 1
    assert "gochan: mails: 1 done, 1 stuck\njob 1" in ended.err
    assert "waiting for a thread that runs time.sleep" in ended.err
    assert "stuck.py" in ended.err
    assert record(2).kind == "done"


# Reloading


def test_a_worker_starts_again_when_a_file_changes(folder: Path) -> None:
    """With the same number; a file that cannot be imported is said, and then mended."""

    def write(text: str) -> None:
        (folder / "version.py").write_text(f"async def handle(payload):\n    return {text}\n")

    def result_of(payload: int, running: Running) -> str:
        fill_shared([str(payload)])
        wait_for("done", payload)
        return (record(payload).result or b"").decode()

    write('"first"')
    arguments = ("work", DB, "mails", "version:handle", "--reload", *SHARED)
    with start(*arguments, cwd=folder) as running:
        running.expect("runs jobs of")
        assert result_of(1, running) == '"first"'
        write("(")
        running.expect("version.py has changed")
        running.expect("SyntaxError")
        running.expect("; waiting for a change")
        write('"second"')
        wait_until(lambda: running.err.count("runs jobs of") == 2, "the second start")
        assert result_of(2, running) == '"second"'
        running.signal(TERM)
        ended = running.ended()
    assert ended.status == 0
    pids = re.findall(r"worker \S+?:(\d+) runs", ended.err)
    assert pids == [str(running.process.pid)] * 2
    assert "gochan: mails: 1 done\n" in ended.err


def test_a_change_waits_for_jobs_as_long_as_any_stop(folder: Path) -> None:
    """The job that was interrupted is run by the new one."""
    fill(DB, "slow")
    options = ("--reload", "--drain", "0")
    with start("work", DB, "mails", "shop:send", *options, cwd=folder) as running:
        wait_for("running")
        (folder / "shop.py").write_text("async def send(payload):\n    return 'new'\n")
        running.expect("shop.py has changed\n")
        wait_for("done")
        running.signal(TERM)
        assert running.ended().err.endswith("gochan: mails: 1 done\n")
    assert record().attempt == 1


def test_a_worker_that_waits_for_a_change_can_be_ended(folder: Path) -> None:
    """By Ctrl-C, as any other."""
    with start("work", DB, "mails", "shop:nothing", "--reload", cwd=folder) as running:
        running.expect("; waiting for a change")
        running.signal(INT)
        assert running.ended().status == 130


# Arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mails"], ["QUEUE=module:function, not 'mails'"]),
        (["mails", "shop:nothing"], ["there is no 'nothing'"]),
        (["mails", "shop:plain"], ["is not an async function"]),
        (["mails", "shop:send", "images"], ["not 'mails'"]),
        (["=shop:send"], ["QUEUE=module:function"]),
        (["mails=shop:send", "mails=shop:send"], ["queue 'mails' has two handlers"]),
        (["a=shop:send", "b=shop:send", "-w", "1"], ["2 queues need at least as many --workers"]),
        (["mails=shop:send", "--weight", "a=2"], ["--weight is for a queue", "not 'a'"]),
        (["mails=shop:send", "--weight", "mails=0"], ["must be 1 or more, not '0'"]),
        (["mails=shop:send", "--weight", "mails=x"], ["must be 1 or more, not 'x'"]),
        (["mails=shop:send", "--folder", "/nonexistent"], ["--folder", "/nonexistent"]),
        (["mails=shop:send", "--lease", "0"], ["--lease"]),
        (["mails=shop:send", "--retry-factor", "0.5"], ["--retry-factor"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    folder: Path, gochan: Gochan, arguments: list[str], words: list[str]
) -> None:
    """And no store is made."""
    line = complaint(gochan("work", DB, *arguments))
    for word in words:
        assert word in line
    assert "jobs.db" not in os.listdir()


@pytest.mark.parametrize(
    ("workers", "weights", "counts"),
    [
        (4, {"a": 1}, {"a": 4}),
        (2, {"a": 100, "b": 1}, {"a": 1, "b": 1}),
        (8, {"a": 3, "b": 1}, {"a": 6, "b": 2}),
        (6, {"a": 3, "b": 2, "c": 1}, {"a": 3, "b": 2, "c": 1}),
        (5, {"a": 1, "b": 1}, {"a": 3, "b": 2}),
        (12, {"a": 10, "b": 1, "c": 1}, {"a": 10, "b": 1, "c": 1}),
        (7, {"a": 5, "b": 2, "c": 2}, {"a": 4, "b": 2, "c": 1}),
    ],
)
def test_shares_are_in_proportion(
    workers: int, weights: dict[str, int], counts: dict[str, int]
) -> None:
    """At least one for each, and the first ones get the rest."""
    assert shares(workers, weights) == counts
