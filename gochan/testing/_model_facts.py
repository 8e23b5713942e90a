"""What is known about a store: everything that can be asked of the model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from copy import copy
from typing import Any

from ..durable import EndKind, QueueCounts, State, Worker
from ._model_jobs import ModelJob, ModelQueue
from ._store_rules import StoreRule


class ModelFacts:
    """Jobs, and a few facts about each queue. Every question goes through all of them."""

    def __init__(self) -> None:
        self.jobs: dict[int, ModelJob] = {}
        self.queues: dict[str, ModelQueue] = {}
        self.last_id = 0

    def queue(self, name: str) -> ModelQueue:
        """Return what is kept about a queue."""
        return self.queues.setdefault(name, ModelQueue())

    def of(self, queue: str) -> list[ModelJob]:
        """Return the jobs of a queue."""
        return [job for job in self.jobs.values() if job.new.queue == queue]

    def copied(self) -> dict[str, Any]:
        """Return all that is known, as it is now."""
        jobs = {id: copy(job) for id, job in self.jobs.items()}
        for job in jobs.values():
            job.needs, job.attempts = [*job.needs], [*job.attempts]
        queues = {name: copy(queue) for name, queue in self.queues.items()}
        return {"jobs": jobs, "queues": queues, "last_id": self.last_id}

    def holder(self, now: float, queue: str, key: str | None) -> ModelJob | None:
        """Return the job that has a key."""
        for job in self.of(queue):
            if key is not None and job.new.key == key and job.has_key(now):
                return job
        return None

    def room(self, queue: str) -> float:
        """Return how many more jobs may wait."""
        return self.queue(queue).rules.capacity - sum(job.idle for job in self.of(queue))

    def obstacle(self, now: float, job: ModelJob, worker: Worker) -> StoreRule | None:
        """Return the rule that keeps a job from starting; ``None`` if it can."""
        kept = self.queue(job.new.queue)
        limit = kept.rules.group_limit
        running = [one for one in self.of(job.new.queue) if one.state == "running"]
        in_group = sum(one.new.group == job.new.group for one in running)
        suits = job.new.machine in (None, worker.machine) and all(
            worker.labels.get(name) == value for name, value in job.new.labels.items()
        )
        obstacles = {
            StoreRule.ONE_WORKER: job.state == "running",
            StoreRule.ENDING: job.state == "ended",
            StoreRule.AFTER: bool(job.needs),
            StoreRule.DUE: job.state == "scheduled",
            StoreRule.PAUSE: kept.paused,
            StoreRule.EXPIRY: job.expired(now),
            StoreRule.SUITS: not suits,
            StoreRule.GROUPS: (
                job.new.group is not None and limit is not None and in_group >= limit
            ),
        }
        return next((rule for rule, holds in obstacles.items() if holds), None)

    def run(self, id: int, version: int) -> ModelJob | None:
        """Return the job of a run that is not over."""
        job = self.jobs.get(id)
        running = job is not None and job.state == "running" and job.version == version
        return job if running else None

    def outdated(self, now: float) -> list[ModelJob]:
        """Return the jobs that are not kept any longer."""
        found: list[ModelJob] = []
        for queue, kept in self.queues.items():
            keep = kept.rules.keep
            done = [job for job in self.of(queue) if job.kind == "done"]
            for job in sorted(self.of(queue), key=lambda job: (job.ended or 0.0, job.id)):
                if job.ended is None or job.has_key(now):
                    continue
                age = keep.done if job.kind == "done" else keep.others
                too_many = job in done and len(done) > keep.most_done
                if job.ended + age <= now or too_many:
                    found.append(job)
                    if job in done:
                        done.remove(job)
        return found

    def next_change(self) -> float:
        """Return when time will demand something of a job that has not ended."""
        moments = [job.lease_until for job in self.jobs.values() if job.state == "running"]
        moments += [job.expires for job in self.jobs.values() if job.idle]
        moments += [
            job.run_at for job in self.jobs.values() if job.state == "scheduled" and not job.needs
        ]
        return min((moment for moment in moments if moment is not None), default=math.inf)

    def purgeable(self, now: float, queue: str, kinds: Collection[EndKind]) -> list[ModelJob]:
        """Return the jobs that a purge may delete."""
        return [job for job in self.of(queue) if job.kind in kinds and not job.has_key(now)]

    def list(
        self,
        queue: str,
        states: Collection[State],
        kinds: Collection[EndKind],
        limit: int,
        before: int | None,
        after: int | None,
    ) -> list[int]:
        return [
            job.id
            for job in sorted(self.of(queue), key=lambda job: job.id, reverse=after is None)
            if not states or job.state in states
            if not kinds or job.kind in kinds
            if before is None or job.id < before
            if after is None or job.id > after
        ][:limit]

    def ahead(self, job: ModelJob) -> int:
        """Return how many waiting jobs come before one."""
        return sum(one.rank < job.rank for one in self.of(job.new.queue) if one.state == "waiting")

    def counts(self, queue: str) -> QueueCounts:
        kept = self.queues.get(queue, ModelQueue())
        found: Counter[str] = Counter(job.kind or job.state for job in self.of(queue))
        return QueueCounts(
            stored=kept.stored, pruned=dict(kept.pruned), paused=kept.paused, **found
        )
