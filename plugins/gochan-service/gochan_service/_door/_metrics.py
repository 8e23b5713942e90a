"""Metrics: what Prometheus is told about a server."""

# Theory of operation
# -------------------
# A scrape asks the store for the counts of all queues; then a collector hands them on together
# with the counts of agents and polls. There is a registry for each scrape, so nothing is told of
# a queue that is not there any more, and two servers in one process do not meet.

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, final

import trio

from gochan.durable import END_KINDS, QueueCounts, Store

from ._agents import Agents
from ._cache import Cache

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_LIVE: Final = ("scheduled", "waiting", "running")
_RECENT: Final = 90.0  # seconds for which an agent that is not heard of counts


class NoMetrics(ValueError):
    """A package is missing."""


@final
class Meter:
    """Tells what is in the queues of a store, and who works on them."""

    def __init__(self, store: Store, agents: Agents, cache: Cache) -> None:
        self._store = store
        self._agents = agents
        self._cache = cache

    async def tell(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics in the format that is wanted, and the name of the format.

        Raises:
            NoMetrics: prometheus_client is not installed.
            StoreUnavailable: the store cannot be reached.
        """
        try:
            from prometheus_client import CollectorRegistry
            from prometheus_client.exposition import choose_encoder
        except ImportError:
            raise NoMetrics(
                "metrics need the package prometheus-client; install gochan with its extra metrics"
            ) from None
        counts = {name: await self._store.statistics(name) for name in await self._store.queues()}
        registry = CollectorRegistry()
        registry.register(_Collector(counts, self._agents, self._cache))
        encode, kind = choose_encoder(accept)
        return encode(registry), kind


@final
class _Collector:
    """What is told in one scrape."""

    def __init__(self, counts: dict[str, QueueCounts], agents: Agents, cache: Cache) -> None:
        self._counts = counts
        self._agents = agents
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield from self._of_queues()
        yield from self._of_agents()
        yield from self._of_cache()

    def _of_queues(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        jobs = GaugeMetricFamily(
            "gochan_queue_jobs", "Jobs in the queue, by state.", labels=["queue", "state"]
        )
        ended = CounterMetricFamily(
            "gochan_queue_ended_jobs", "Jobs that have ended, by how.", labels=["queue", "kind"]
        )
        paused = GaugeMetricFamily(
            "gochan_queue_paused", "Whether the queue is paused.", labels=["queue"]
        )
        for queue, counts in self._counts.items():
            for state in _LIVE:
                jobs.add_metric([queue, state], getattr(counts, state))
            for kind in END_KINDS:
                total = getattr(counts, kind) + counts.pruned.get(kind, 0)
                ended.add_metric([queue, kind], total)
            paused.add_metric([queue], float(counts.paused))
        yield from (jobs, ended, paused)

    def _of_agents(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        since = trio.current_time() - _RECENT
        present = [one for one in self._agents.all() if one.polls or one.seen >= since]
        figures: tuple[tuple[str, str, Any], ...] = (
            ("agents", "Agents that have been heard of lately.", len(present)),
            ("agents_draining", "Agents that get no more jobs.", sum(a.draining for a in present)),
            ("agents_capacity", "Jobs that they can run.", sum(a.capacity for a in present)),
            ("agents_held_jobs", "Jobs that they say they run.", sum(a.held for a in present)),
            ("agents_polls", "Requests of agents that wait.", sum(a.polls for a in present)),
        )
        for name, text, number in figures:
            yield GaugeMetricFamily(f"gochan_{name}", text, value=number)

    def _of_cache(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        asked = CounterMetricFamily(
            "gochan_cache_requests",
            "Answers about jobs, by where they came from.",
            labels=["result"],
        )
        asked.add_metric(["hit"], self._cache.hits)
        asked.add_metric(["miss"], self._cache.misses)
        yield asked
        kept = "Bytes of answers that are kept."
        yield GaugeMetricFamily("gochan_cache_bytes", kept, value=self._cache.size)
