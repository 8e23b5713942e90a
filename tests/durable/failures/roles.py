"""Roles: what the processes of a fleet do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

import trio

import gochan
from gochan.durable import Retry, current_job, open_durable_queue, open_store

from .ledger import QUEUE, Ledger


async def work(
    folder: Path,
    address: str,
    *,
    options: dict[str, Any],
    lease: float = 1.0,
    workers: int = 4,
    drain: float = 20.0,
    attempts: int = 1000,
    **more: Any,
) -> None:
    """Run jobs until a SIGTERM comes."""
    ledger = Ledger(folder)

    async def handle(payload: dict[str, Any]) -> list[int]:
        job = current_job()
        run = {"id": job.id, "version": job.record.version, "group": job.record.group}
        ledger.note("begun", **run)
        if "poison" in payload:
            await trio.sleep(payload["poison"])
            os.kill(os.getpid(), signal.SIGKILL)
        if "blocks" in payload and not job.record.attempts:
            ledger.note("stopped", of=os.getpid())
            time.sleep(payload["blocks"])  # noqa: ASYNC251  # that is what is wrong with it
        else:
            try:
                await trio.sleep(payload.get("seconds", 0.0))
            except trio.Cancelled:
                ledger.note("cut", cause=job.cause, **run)
                raise
        ledger.note("run", **run)
        return [os.getpid(), job.record.version]

    retry = Retry(max_attempts=attempts, first=0.05, factor=1.0, jitter=0.0)
    async with (
        open_store(address, **options) as store,
        open_durable_queue(
            store, QUEUE, handle, workers=workers, lease=lease, retry=retry, **more
        ) as queue,
        gochan.stop_on_signals(queue, drain=drain, say=lambda _: None) as stop,
    ):
        ledger.note("ready")
        await stop.wait()
    ledger.note("left")


async def produce(
    folder: Path,
    address: str,
    *,
    options: dict[str, Any],
    tasks: int = 3,
    pause: float = 0.01,
    count: int | None = None,
    seconds: float = 0.005,
    groups: int = 0,
    delay: float | None = None,
    filler: int = 0,
) -> None:
    """Submit jobs, all of them different, for ever or up to a count for each task."""
    ledger = Ledger(folder)

    async def submit(task: int) -> None:
        number = 0
        while count is None or number < count:
            number += 1
            payload: dict[str, Any] = {"n": f"{os.getpid()}-{task}-{number}", "seconds": seconds}
            if filler:
                payload["filler"] = token_hex(filler // 2)  # which cannot be compressed
            group = f"g{number % groups}" if groups else None
            job = await queue.submit(payload, max_attempts=1000, group=group, delay=delay)
            ledger.note("stored", id=job.id, payload=payload)
            await trio.sleep(pause)

    async with open_store(address, **options) as store, open_durable_queue(store, QUEUE) as queue:
        ledger.note("ready")
        async with trio.open_nursery() as nursery:
            for task in range(tasks):
                nursery.start_soon(submit, task)
    ledger.note("left")


ROLES: dict[str, Callable[..., Awaitable[None]]] = {"work": work, "produce": produce}
