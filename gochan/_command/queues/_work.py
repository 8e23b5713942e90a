"""Work: a worker process, from its start to its report."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, final

import trio

from ... import SignalStop, StopReport, stop_all, stop_on_signals
from ...durable import DurableQueue, Retry, Store, open_durable_queue
from .._standard_files import complain
from ._handlers import Handler
from ._reloading import INTERVAL, Sources
from ._words import counted

_KINDS: Final = ("done", "failed", "timed_out", "cancelled")

Queue = DurableQueue[Any, Any]


@final
@dataclass(frozen=True, kw_only=True)
class Line:
    """One queue that is worked on."""

    queue: str
    name: str
    """Of the handler."""
    handler: Handler
    workers: int


@final
@dataclass(kw_only=True)
class Work:
    """What a process works on, and how.

    Attributes:
        changed: whether it ended because a file has changed.
    """

    lines: Sequence[Line]
    lease: float
    timeout: float
    retry: Retry
    machine: str | None
    labels: Mapping[str, str]
    drain: float
    grace: float
    until_empty: bool
    sources: Sources | None
    changed: bool = False

    async def run(self, store: Store) -> int:
        """Run jobs until a signal, or until there are none; return an exit status."""
        async with AsyncExitStack() as stack:
            queues = [await stack.enter_async_context(self._open(store, one)) for one in self.lines]
            stop = await stack.enter_async_context(
                stop_on_signals(*queues, drain=self.drain, grace=self.grace, say=complain)
            )
            self._tell_start(store)
            reports = await self._work(queues, stop)
            for queue, report in zip(queues, reports, strict=True):
                _tell_end(queue, report)
            if any(report.stuck for report in reports):
                os._exit(1)  # to leave the block would be to wait for them
        return 0

    def _open(self, store: Store, line: Line) -> Any:
        return open_durable_queue(
            store,
            line.queue,
            line.handler,
            workers=line.workers,
            lease=self.lease,
            timeout=self.timeout,
            retry=self.retry,
            machine=self.machine,
            labels=self.labels,
            grace=self.grace,
        )

    async def _work(self, queues: Sequence[Queue], stop: SignalStop) -> tuple[StopReport, ...]:
        async with trio.open_nursery() as nursery:
            if self.until_empty:
                nursery.start_soon(self._stop_when_empty, queues)
            if self.sources is not None:
                nursery.start_soon(self._stop_when_changed, queues, self.sources)
            reports = await stop.wait()
            nursery.cancel_scope.cancel()
        return reports

    async def _stop_when_empty(self, queues: Sequence[Queue]) -> None:
        """Stop as soon as no queue has a job that has not ended, whoever runs it."""
        while True:
            for queue in queues:
                await queue.join()
            counts = [await queue.statistics() for queue in queues]
            if not any(one.scheduled + one.waiting + one.running for one in counts):
                break
        await self._stop(queues)

    async def _stop_when_changed(self, queues: Sequence[Queue], sources: Sources) -> None:
        """Stop as soon as a file has changed."""
        path = None
        while path is None:
            await trio.sleep(INTERVAL)
            path = await trio.to_thread.run_sync(sources.changed)
        complain(f"{path} has changed")
        self.changed = True
        await self._stop(queues)

    async def _stop(self, queues: Sequence[Queue]) -> None:
        await stop_all(*queues, drain=self.drain, grace=self.grace)

    def _tell_start(self, store: Store) -> None:
        who = f"{self.machine or socket.gethostname()}:{os.getpid()}"
        lines = [
            f"{one.queue} ({one.name}, {counted(one.workers, 'worker')})" for one in self.lines
        ]
        complain(f"worker {who} runs jobs of {store.address}: {', '.join(lines)}")


def _tell_end(queue: Queue, report: StopReport) -> None:
    """Say what has become of the jobs that this process had."""
    ended = [job.outcome for job in report.done]
    unstarted = sum(one is not None and one.kind == "cancelled" and not one.ran for one in ended)
    statistics = queue.job_queue.statistics()
    counts = {kind: int(getattr(statistics, kind)) for kind in _KINDS}
    counts["cancelled"] -= unstarted
    said = [f"{count} {kind.replace('_', ' ')}" for kind, count in counts.items() if count]
    given_back = statistics.interrupted + len(report.handed_back) + unstarted
    if given_back:
        said.append(f"{given_back} given back")
    if report.stuck:
        said.append(f"{len(report.stuck)} stuck")
    complain(f"{queue.name}: {', '.join(said) or 'no job was run'}")
    if report.unwritten:
        jobs = ", ".join(map(str, report.unwritten))
        complain(
            f"{queue.name}: the ends of these jobs could not be written, so they will run again: "
            f"{jobs}"
        )
    for stuck in report.stuck:
        print(stuck, file=sys.stderr, flush=True)
