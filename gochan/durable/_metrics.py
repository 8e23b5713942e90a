"""Metrics: Prometheus is told what is in queues, and what this process does with them."""

# Theory of operation
# -------------------
# A scrape usually comes from another thread, in which the store cannot be asked. So a task asks
# it once in a while, and keeps the answers; a scrape reads what is there. The counters of the
# process are plain numbers, which any thread can read. Times of runs go into histograms of
# prometheus_client, which has locks of its own.

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

import trio

from ..strategies import check_seconds
from ._beside import beside
from ._durable_queue import DurableQueue
from ._errors import StoreUnavailable
from ._queue_records import QueueCounts
from ._records import END_KINDS
from ._telling import EndedRun

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

_LIVE: Final = ("scheduled", "waiting", "running")
_BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0, 3600.0)


@asynccontextmanager
async def export_metrics(
    *queues: DurableQueue[Any, Any],
    registry: CollectorRegistry | None = None,
    every: float = 15.0,
    buckets: Sequence[float] = _BUCKETS,
) -> AsyncIterator[None]:
    """Tell Prometheus about queues, as long as the block lasts.

    ::

        async with export_metrics(queue):
            prometheus_client.start_http_server(9000)
            await trio.sleep_forever()

    What is in a queue is asked of its store when the block begins and every few seconds; while the
    store cannot be reached, the last answer stands. All queues of a process go into one call.

    Args:
        queues: at least one, of different names; their names are the label ``queue``.
        registry: where the metrics are registered; by default, that of prometheus_client.
        every: seconds between two looks at the stores.
        buckets: upper bounds of the histogram of run times, in seconds.

    Raises:
        ImportError: prometheus_client is not installed.
        TypeError, ValueError: an argument is of the wrong type, or out of range; or the registry
            has such metrics already.
    """
    check_seconds("every", every, more_than=0, finite=True)
    names = [queue.name for queue in queues]
    if not names or len({*names}) < len(names):
        raise ValueError(f"export_metrics needs queues of different names, not {names!r}")
    try:
        import prometheus_client
    except ImportError:
        raise ImportError(
            "export_metrics needs the package prometheus-client; install gochan with its extra "
            "metrics"
        ) from None
    registry = prometheus_client.REGISTRY if registry is None else registry
    collector = _Collector(queues, buckets)
    await collector.look()
    registry.register(collector)
    try:
        with ExitStack() as watching:
            for queue in queues:
                watching.enter_context(queue.watch_runs(partial(collector.hear, queue.name)))
            async with beside(partial(collector.look_for_ever, every)):
                yield
    finally:
        registry.unregister(collector)


@final
@dataclass(frozen=True, slots=True)
class _Seen:
    """What a store has said about a queue."""

    counts: QueueCounts
    oldest: float | None  # since when the oldest waiting job could start, by the store's clock


@final
class _Collector:
    """What a registry asks for metrics, in whatever thread."""

    def __init__(self, queues: Sequence[DurableQueue[Any, Any]], buckets: Sequence[float]) -> None:
        from prometheus_client import Histogram

        self._queues = queues
        self._seen: dict[str, _Seen] = {}
        self._times = Histogram(
            "gochan_run_duration_seconds",
            "How long runs took in this process, by how they ended.",
            ["queue", "outcome"],
            buckets=buckets,
            registry=None,
        )

    def hear(self, queue: str, run: EndedRun) -> None:
        """Hear that a run has ended."""
        if run.started:
            self._times.labels(queue, run.outcome.kind).observe(run.outcome.ran)

    # In trio

    async def look_for_ever(self, every: float) -> None:
        """Ask the stores once in a while."""
        while True:
            await trio.sleep(every)
            await self.look()

    async def look(self) -> None:
        """Ask the stores, as far as they can be reached."""
        for queue in self._queues:
            with suppress(StoreUnavailable):
                counts = await queue.statistics()
                oldest = None
                for record in await queue.jobs(state="waiting", after=0, limit=1):
                    oldest = max(record.submitted, record.run_at or record.submitted).timestamp()
                self._seen[queue.name] = _Seen(counts, oldest)

    # In any thread

    def describe(self) -> Iterable[Metric]:
        """Say which metrics there are; so a registry need not ask for them."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield from self._store_metrics()
        yield from self._process_metrics()
        yield from self._times.collect()

    def _store_metrics(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        jobs = GaugeMetricFamily(
            "gochan_queue_jobs", "Jobs in the queue, by state.", labels=["queue", "state"]
        )
        kept = GaugeMetricFamily(
            "gochan_queue_kept_jobs",
            "Jobs that have ended and that the store keeps, by how they ended.",
            labels=["queue", "kind"],
        )
        age = GaugeMetricFamily(
            "gochan_queue_oldest_waiting_age_seconds",
            "How long the oldest waiting job could have started; 0 if none waits.",
            labels=["queue"],
        )
        paused = GaugeMetricFamily(
            "gochan_queue_paused", "Whether the queue is paused.", labels=["queue"]
        )
        for queue in self._queues:
            seen = self._seen.get(queue.name)
            if seen is None:
                continue
            for state in _LIVE:
                jobs.add_metric([queue.name, state], getattr(seen.counts, state))
            for kind in END_KINDS:
                kept.add_metric([queue.name, kind], getattr(seen.counts, kind))
            oldest = queue.store.now() if seen.oldest is None else seen.oldest
            age.add_metric([queue.name], max(0.0, queue.store.now() - oldest))
            paused.add_metric([queue.name], float(seen.counts.paused))
        yield from (jobs, kept, age, paused)

    def _process_metrics(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        running = GaugeMetricFamily(
            "gochan_running_jobs", "Handlers that run in this process.", labels=["queue"]
        )
        ended = CounterMetricFamily(
            "gochan_jobs_ended",
            "Jobs whose end this process has written, by how they ended.",
            labels=["queue", "kind"],
        )
        counters = {
            name: CounterMetricFamily(f"gochan_{metric}", text, labels=["queue"])
            for name, metric, text in _COUNTERS
        }
        for queue in self._queues:
            now = queue.counters()
            running.add_metric([queue.name], now.running)
            for kind in END_KINDS:
                ended.add_metric([queue.name, kind], getattr(now, kind))
            for name, family in counters.items():
                family.add_metric([queue.name], getattr(now, name))
        yield from (running, ended, *counters.values())


# The counter of the process, the metric, and what it says.
_COUNTERS: Final = (
    ("submitted", "jobs_submitted", "Jobs that this process has stored."),
    ("claimed", "jobs_claimed", "Jobs that this process has leased."),
    ("started", "runs_started", "Handlers that were called in this process."),
    ("retried", "runs_retried", "Runs that failed or timed out, and whose jobs are tried again."),
    ("put_off", "runs_put_off", "Runs that put their jobs off."),
    ("given_back", "leases_given_back", "Leases that were given back, as by a stop."),
    ("lost_leases", "leases_lost", "Leases that were lost before the run ended."),
    ("stale_writes", "stale_writes", "Ends of runs that the store refused."),
    ("outages", "store_outages", "How many times the store could not be reached."),
    ("seconds_waited", "wait_seconds", "How long jobs that started here had waited."),
)
