"""What is known of a store at one moment: one look at it."""

# Theory of operation
# -------------------
# Everything is asked at once: a server gets it in one request. What could be endless is cut: only
# so many jobs of each sort are looked at, and only so many queues are looked into, those first in
# which most goes on.

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar, final

import trio

from ....durable import END_KINDS, JobRecord, KnownWorker, QueueCounts, Roster, Store

T = TypeVar("T")

_QUEUES: Final = 50
_RUNNING: Final = 200
_WAITING: Final = 20
_ENDED: Final = 50

_BAD: Final = tuple(kind for kind in END_KINDS if kind != "done")


@final
@dataclass(frozen=True, slots=True)
class Known:
    """A store at one moment.

    Attributes:
        address: where it is.
        now: the time by its clock, in seconds since the epoch.
        queues: how many jobs each queue has.
        running: the jobs that run, the oldest first.
        waiting: some that wait, the oldest first.
        ended: some that ended otherwise than as done, the newest end first.
        workers: who has been heard of; nobody, if the store does not know.
    """

    address: str
    now: float
    queues: Mapping[str, QueueCounts]
    running: Sequence[JobRecord] = ()
    waiting: Sequence[JobRecord] = ()
    ended: Sequence[JobRecord] = ()
    workers: Sequence[KnownWorker] = ()


async def look(store: Store) -> Known:
    """Ask a store for all of that.

    Raises:
        StoreError: it cannot be reached, or does not answer.
    """
    names = await store.queues()
    counts = await _all([partial(store.statistics, name) for name in names])
    queues = dict(zip(names, counts, strict=True))
    busy = sorted(queues, key=lambda name: _busyness(queues[name]))[:_QUEUES]
    running = await _jobs(
        [partial(store.list, name, states=["running"], limit=_RUNNING) for name in busy]
    )
    waiting = await _jobs(
        [partial(store.list, name, states=["waiting"], limit=_WAITING, after=0) for name in busy]
    )
    ended = await _jobs([partial(store.list, name, kinds=_BAD, limit=_ENDED) for name in busy])
    return Known(
        store.address,
        store.now(),
        queues,
        sorted(running, key=lambda job: (job.started or job.submitted, job.id)),
        sorted(waiting, key=lambda job: (-job.priority, job.id)),
        sorted(ended, key=lambda job: (job.ended or job.submitted, job.id), reverse=True),
        await store.workers() if isinstance(store, Roster) else (),
    )


def _busyness(counts: QueueCounts) -> tuple[int, int, int]:
    return -counts.running, -counts.waiting, -counts.stored


async def _jobs(
    questions: Sequence[Callable[[], Awaitable[Sequence[JobRecord]]]],
) -> list[JobRecord]:
    return [job for jobs in await _all(questions) for job in jobs]


async def _all(questions: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Ask everything at once; return the answers in the order of the questions."""
    answers: dict[int, T] = {}

    async def ask(number: int) -> None:
        answers[number] = await questions[number]()

    async with trio.open_nursery() as nursery:
        for number in range(len(questions)):
            nursery.start_soon(ask, number)
    return [answers[number] for number in range(len(questions))]
