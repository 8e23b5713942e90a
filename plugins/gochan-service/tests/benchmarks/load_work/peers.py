"""The same work elsewhere: streaQ, whose queue is in Redis."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import IO, Any

import anyio

from ._fleet import PROGRAM, Figures


def missing() -> str:
    """Say what is not installed; nothing if all is there."""
    if shutil.which("redis-server") is None:
        return "no redis-server"
    return "" if importlib.util.find_spec("streaq") else "the group bench-service is not installed"


@contextmanager
def _redis() -> Iterator[str]:
    """Start Redis inside the block, as it is shipped, but at a free port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            _until_open(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def _until_open(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return


def _worker(url: str, concurrency: int, ends: Sequence[int] = ()) -> tuple[Any, Any]:
    """Return a worker, and its task, which says so when that many have been run."""
    from streaq import Worker

    worker: Any = Worker(redis_url=url, concurrency=concurrency)
    numbers = count(1)

    @worker.task(name="nothing", silent=True)
    async def nothing(payload: int) -> None:
        if next(numbers) in ends:
            print("done", flush=True)

    return worker, nothing


def be_streaq(url: str, concurrency: int, *ends: int) -> None:
    """Be a worker of streaQ's."""
    worker, _ = _worker(url, concurrency, ends)
    worker.run_sync()


def streaq(n: int, concurrency: int) -> Figures:
    """Return how many jobs a worker of streaQ's ends in a second."""
    few = n // 10
    with _redis() as url:
        arguments = json.dumps([url, concurrency, few, few + n])
        words = [sys.executable, str(PROGRAM), "--be", "streaq", arguments]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                return anyio.run(_play, url, few, n, process.stdout)
            finally:
                process.kill()


async def _play(url: str, few: int, n: int, said: IO[bytes]) -> Figures:
    worker, nothing = _worker(url, 1)
    async with worker:

        async def do(jobs: int) -> None:
            await worker.enqueue_many([nothing.enqueue(number) for number in range(jobs)])
            assert await anyio.to_thread.run_sync(said.readline) == b"done\n"

        await do(few)  # which is not measured
        begin = time.perf_counter()
        await do(n)
        return {"jobs/s": n / (time.perf_counter() - begin)}
