"""Opening an agent: a durable queue whose store is a server."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec

from gochan.durable import DurableQueue, Store, open_durable_queue

from .._remote import HttpStore
from .._wire import AgentSaid
from ._one_job import OneJob

_LEASE: Final = 30.0  # seconds, if the server is an older one and does not say

P = TypeVar("P")
R = TypeVar("R")


@asynccontextmanager
async def open_agent_at(
    store: HttpStore,
    queue: str,
    handler: Callable[[P], Awaitable[R]],
    *,
    capacity: int = 1,
    labels: Mapping[str, str] | None = None,
    machine: str | None = None,
    lease: float | None = None,
    timeout: float = 3600.0,
    grace: float = 5.0,
    once: bool = False,
    job: int | None = None,
) -> AsyncIterator[DurableQueue[P, R]]:
    """Run the jobs of a server inside the block; see `gochan_service.open_agent`."""
    machine = socket.gethostname() if machine is None else machine
    name = f"{machine}:{os.getpid()}"  # as the durable queue calls itself
    said = AgentSaid(name, capacity, machine, dict(labels or {}), phase="", held=0)
    store.introduce(lambda: said)
    place: Store = store if job is None else OneJob(store, job)
    jobs: DurableQueue[P, R]

    async def once_only(payload: P) -> R:
        jobs.job_queue.stop_soon(drain=math.inf, grace=grace)
        return await handler(payload)

    only = once or job is not None
    async with open_durable_queue(
        place,
        queue,
        once_only if only else handler,
        workers=1 if only else capacity,
        lease=(store.lease or _LEASE) if lease is None else lease,
        timeout=timeout,
        machine=machine,
        labels=labels or {},
        grace=grace,
    ) as opened:
        jobs = opened
        store.introduce(lambda: _now(said, jobs))
        yield jobs


def _now(said: AgentSaid, jobs: DurableQueue[Any, Any]) -> AgentSaid:
    """Return what an agent says of itself now."""
    counts, phase = jobs.job_queue.statistics(), jobs.job_queue.phase
    held = counts.waiting + counts.running
    return msgspec.structs.replace(said, phase="" if phase == "run" else phase, held=held)


@asynccontextmanager
async def open_agent_by(
    opening: AbstractAsyncContextManager[HttpStore, bool | None],
    queue: str,
    handler: Callable[[P], Awaitable[R]],
    **options: Any,
) -> AsyncIterator[DurableQueue[P, R]]:
    """Open a store, and run the jobs of a queue inside the block."""
    async with opening as store, open_agent_at(store, queue, handler, **options) as jobs:
        yield jobs
