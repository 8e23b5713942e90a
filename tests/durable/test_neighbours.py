"""Several processes on one file: bells between them, and no work done twice."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
import trio

from gochan.durable import Hint, NewJob, StoreError, Worker, open_durable_queue, open_store

WORKER = """
import sys, trio
from gochan.durable import open_durable_queue, open_store

async def double(number):
    return 2 * number

async def main():
    async with open_store(sys.argv[1], shared=True) as store:
        async with open_durable_queue(store, "numbers", double) as queue:
            print("ready", flush=True)
            await trio.to_thread.run_sync(sys.stdin.read)

trio.run(main)
"""


async def test_a_worker_in_another_process_is_woken(tmp_path: Path) -> None:
    """And who waits here hears of the end; nobody polls."""
    address = f"sqlite:{tmp_path}/jobs.db"
    async with open_store(address, shared=True) as store, trio.open_nursery() as nursery:
        process = await nursery.start(start_worker, address)
        async with open_durable_queue(store, "numbers") as queue:
            with trio.fail_after(30):
                for number in range(5):
                    job = await queue.submit(number)
                    assert (await job.wait()).value == 2 * number
            assert (await job.record()).worker != f"{os.uname().nodename}:{os.getpid()}"
        await process.stdin.aclose()
        await process.wait()


async def start_worker(address: str, *, task_status: trio.TaskStatus[trio.Process]) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", WORKER, address], stdin=-1, stdout=-1
    )
    assert process.stdout is not None
    said = b""
    while said != b"ready\n":
        said += await process.stdout.receive_some()
    task_status.started(process)
    await process.stdout.aclose()


async def test_two_stores_on_one_file_ring_each_other(tmp_path: Path) -> None:
    """A hint goes to all the others; a socket whose process has died is removed."""
    address = f"sqlite:{tmp_path}/jobs.db"
    async with (
        open_store(address, shared=True) as one,
        open_store(address, shared=True) as other,
        other.listen("q") as bell,
    ):
        dead = tmp_path / "jobs.db-bells" / "dead"
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
            bound.bind(str(dead))
        await one.enqueue([NewJob(queue="q", payload=b"1")])
        with trio.fail_after(5):
            assert await bell.receive() == Hint("waiting")
        await one.enqueue([NewJob(queue="q", payload=b"1")])
        with trio.fail_after(5):
            assert (await bell.receive()).what == "waiting"
        assert not dead.exists()
    assert not (tmp_path / "jobs.db-bells").exists()


async def test_a_hint_about_too_many_jobs_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fits into a datagram all the same."""
    monkeypatch.setattr("gochan.durable._sqlite._neighbours._MOST_BYTES", 1000)
    address = f"sqlite:{tmp_path}/jobs.db"
    async with (
        open_store(address, shared=True) as one,
        open_store(address, shared=True) as other,
        other.listen("q") as bell,
    ):
        await one.enqueue([NewJob(queue="q", payload=b"1") for _ in range(500)])
        await one.cancel([*range(1, 500)], "no")
        with trio.fail_after(5):
            while (hint := await bell.receive()).what != "ended":
                pass
        assert hint.ids == ()


async def test_without_bells_changes_are_seen_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a second: the file says whether somebody else has written."""
    monkeypatch.setattr("gochan.durable._sqlite._sqlite_store._LOOK", 0.02)
    folder = tmp_path / "jobs.db-bells"
    folder.write_text("no folder, so no socket")
    address = f"sqlite:{tmp_path}/jobs.db"
    async with (
        open_store(address, shared=True) as one,
        open_store(address, shared=True) as other,
        other.listen("q") as bell,
    ):
        await one.enqueue([NewJob(queue="q", payload=b"1")])
        with trio.fail_after(5):
            assert await bell.receive() == Hint("changed")
        (record,) = await other.claim("q", 5, Worker("w"), 30.0)
        assert record.id == 1


async def test_nonsense_at_the_bell_is_ignored(tmp_path: Path) -> None:
    """Anybody may write to a socket."""
    import socket

    address = f"sqlite:{tmp_path}/jobs.db"
    async with open_store(address) as store, store.listen("q") as bell:
        (own,) = (tmp_path / "jobs.db-bells").iterdir()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            for data in (b"nonsense", b"[1]", b'{"q": 7}', b'{"q": [["ended", [3]]]}'):
                sender.sendto(data, str(own))
        with trio.fail_after(5):
            assert await bell.receive() == Hint("ended", (3,))


async def test_a_second_process_is_refused_where_sqlite_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how to do it all the same."""
    monkeypatch.setattr("gochan.durable._sqlite._sole_use._SAFE", (99,))
    address = f"sqlite:{tmp_path}/jobs.db"
    async with open_store(address):
        with pytest.raises(StoreError, match=r"another process has .*shared=True"):
            async with open_store(address):
                pass
    async with open_store(address, shared=True), open_store(address, shared=True):
        pass


async def test_a_path_that_is_too_long_for_a_socket(tmp_path: Path) -> None:
    """There are no bells then, and nothing is left open."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    async with open_store(f"sqlite:{folder}/jobs.db") as store:
        await store.enqueue([NewJob(queue="q", payload=b"1")])
    gc.collect()  # a socket that nobody has closed would be a warning
