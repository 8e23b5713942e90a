"""Behind a pooler that gives each transaction another session, as pgbouncer does."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
import trio

from gochan.durable import Ending, NewJob, Store, Worker, open_durable_queue

from .conftest import Open, Server, free_port

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")


@pytest.fixture
def pooler(server: Server) -> Iterator[str]:
    """Run one; return the address of a store behind it."""
    if PROGRAM is None:
        pytest.skip("there is no pgbouncer")
    port = free_port()
    settings = server.folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={server.port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 2\nunix_socket_dir =\n"
    )
    settings.chmod(0o644)
    process = subprocess.Popen(
        [*server.as_user, PROGRAM, str(settings)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp",
    )  # fmt: skip
    address = server.address.replace(f":{server.port}", f":{port}")
    for _ in range(100):
        try:
            psycopg.connect(address, connect_timeout=2).close()
        except psycopg.OperationalError:
            pass
        else:
            break
    yield address
    process.terminate()
    process.wait()


async def test_stores_work_behind_it(pooler: str, open_store: Open) -> None:
    """Several share two sessions, and none leaves anything behind in one."""

    async def cycle(store: Store) -> None:
        for _ in range(15):
            await store.enqueue([NewJob(queue="mail", payload=b"")] * 3)
            records = await store.claim("mail", 3, Worker("w"), 30.0)
            ends = [Ending(one.id, one.version, "done", b"1") for one in records]
            assert all(await store.finish(ends))

    async with open_store(address=pooler) as one, open_store(address=pooler) as two:
        async with trio.open_nursery() as nursery:
            for store in (one, two):
                nursery.start_soon(cycle, store)
        assert (await one.audit("mail")).stored == 90


async def test_a_worker_behind_it_looks_by_itself(pooler: str, open_store: Open) -> None:
    """It hears no bell, so it takes a second."""

    async def handle(number: int) -> int:
        return number * 2

    async with (
        open_store(address=pooler) as one,
        open_store(address=pooler) as two,
        open_durable_queue(one, "sums", handle),
        open_durable_queue(two, "sums") as queue,
    ):
        with trio.fail_after(20):
            assert (await (await queue.submit(4)).wait()).value == 8
