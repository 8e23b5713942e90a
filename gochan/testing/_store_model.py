"""A small exact model of a store: slow, obvious, and written from the contract alone."""

# Theory of operation
# -------------------
# Every operation changes the jobs, and nothing else. Nothing is kept twice: who has a key, what is
# counted, and who waits for whom follows from the jobs.
#
# The model decides nothing that stores are free to decide. Ids and versions come from the store;
# so does the choice of what is purged first. Sentences that a store makes up are `Says`.

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, final

from ..durable import (
    Ending,
    EndKind,
    Enqueued,
    NewJob,
    QueueSettings,
    Refusal,
    Release,
    Ticket,
    Worker,
)
from ._model_facts import ModelFacts
from ._model_jobs import ModelAttempt, ModelJob, Says
from ._store_rules import StoreRule

_MOST_LOST: Final = 20


@final
class StoreModel(ModelFacts):
    """The operations of a store. Answers about new jobs take the ids that the store gave."""

    # Settings

    def configure(
        self, queue: str, settings: QueueSettings | None, *, update: bool
    ) -> QueueSettings:
        kept = self.queue(queue)
        if settings is not None and (kept.settings is None or update):
            kept.settings = settings
        return kept.rules

    def pause(self, queue: str, *, paused: bool) -> bool:
        kept = self.queue(queue)
        changed = kept.paused != paused
        kept.paused = paused
        return changed

    # Storing

    def enqueue(
        self, now: float, jobs: Sequence[NewJob], ids: Sequence[int | None], *, whole: bool
    ) -> list[Enqueued | Refusal]:
        """Store jobs one after the other; ``ids`` are those that the store gave."""
        before = self.copied()
        known = [*self.jobs]
        answers = [self._enqueue(now, job, id) for job, id in zip(jobs, ids, strict=True)]
        if whole and any(isinstance(answer, Refusal) for answer in answers):
            self.__dict__ = before
            return [
                Refusal(Says(), follows=True)
                if isinstance(answer, Enqueued) and answer.id not in known
                else answer
                for answer in answers
            ]
        return answers

    def _enqueue(self, now: float, new: NewJob, id: int | None) -> Enqueued | Refusal:
        for job in self.jobs.values():
            if new.receipt is not None and job.new.receipt == new.receipt:
                return Enqueued(job.id)
        holder = self.holder(now, new.queue, new.key)
        if holder is not None:
            return Enqueued(holder.id, created=False)
        if any(need not in self.jobs for need in new.after):
            return Refusal(Says())
        if not self._has_room(now, new):
            return Refusal(Says(), full=True)
        if id is None or id in self.jobs or id <= self.last_id:
            id = self.last_id + 1  # the store is wrong, and will be told
        self.last_id = id
        self.queue(new.queue).stored += 1
        run_at = max(
            (at for at in (new.run_at, now + new.delay if new.delay else None) if at is not None),
            default=None,
        )
        needs = [self.jobs[need] for need in dict.fromkeys(new.after)]
        self.jobs[id] = job = ModelJob(
            id=id,
            new=new,
            submitted=now,
            state="scheduled",
            max_attempts=new.max_attempts,
            run_at=run_at,
            expires=new.expires,
            needs=[need.id for need in needs if need.live],
            rule=StoreRule.AFTER if needs else StoreRule.DUE,
        )
        failed = [need for need in needs if not need.live and need.kind != "done"]
        if failed and new.after_all == "done":
            self._end(now, job, "cancelled", Says(), StoreRule.AFTER)
        else:
            self._let_wait(now, job, job.rule)
        return Enqueued(id)

    def _has_room(self, now: float, new: NewJob) -> bool:
        """Make room if need be and if that can be done; return whether there is any."""
        if self.room(new.queue) >= 1:
            return True
        if self.queue(new.queue).rules.when_full == "refuse":
            return False
        victims = [
            job
            for job in self.of(new.queue)
            if job.idle and not job.attempts and job.new.priority <= new.priority
        ]
        if not victims:
            return False
        victim = min(victims, key=lambda job: (job.new.priority, job.id))
        self._end(now, victim, "dropped", Says(), StoreRule.DROP_OLDEST)
        return True

    def _let_wait(self, now: float, job: ModelJob, rule: StoreRule) -> None:
        """Let a scheduled job start, unless it is held or its time has not come."""
        if not job.needs and (job.run_at is None or job.run_at <= now):
            job.move("waiting", rule)

    # Leasing

    def offer(self, now: float, queue: str, n: int, worker: Worker) -> list[int]:
        before = self.copied()
        ids = self.claim(now, queue, n, worker, 1.0)
        self.__dict__ = before
        return ids

    def claim(self, now: float, queue: str, n: int, worker: Worker, lease: float) -> list[int]:
        picked: list[int] = []
        for job in sorted(self.of(queue), key=lambda job: job.rank):
            if len(picked) < n and self.obstacle(now, job, worker) is None:
                self._lease(now, job, worker, lease)
                picked.append(job.id)
        return picked

    def accept(
        self, now: float, tickets: Sequence[Ticket], worker: Worker, lease: float
    ) -> list[int | None]:
        answers: list[int | None] = []
        for ticket in tickets:
            job = self.jobs.get(ticket.id)
            if (
                job is None
                or job.version != ticket.version
                or self.obstacle(now, job, worker) is not None
            ):
                answers.append(None)
            else:
                self._lease(now, job, worker, lease)
                answers.append(ticket.id)
        return answers

    def _lease(self, now: float, job: ModelJob, worker: Worker, lease: float) -> None:
        job.move("running", StoreRule.LEASES)
        job.worker, job.started, job.lease_until = worker.name, now, now + lease
        job.marked, job.wish, job.progress = False, None, None

    def start(self, now: float, tickets: Iterable[Ticket]) -> list[bool]:
        answers: list[bool] = []
        for ticket in tickets:
            job = self.run(ticket.id, ticket.version)
            if job is not None and not job.marked:
                job.marked, job.started, job.attempt = True, now, job.attempt + 1
            answers.append(job is not None)
        return answers

    def extend(self, now: float, tickets: Iterable[Ticket], lease: float) -> list[str]:
        answers: list[str] = []
        for ticket in tickets:
            job = self.run(ticket.id, ticket.version)
            if job is None:
                answers.append("lost")
            else:
                job.lease_until = now + lease
                answers.append("held" if job.wish is None else "cancelled")
        return answers

    def report(self, id: int, version: int, done: float, total: float | None) -> bool:
        job = self.run(id, version)
        if job is not None:
            job.progress = done, total
        return job is not None

    # Ending

    def finish(self, now: float, ending: Ending) -> bool:
        job = self.run(ending.id, ending.version)
        if job is None:
            return False
        kind, error = ending.kind, ending.error
        result, rule = ending.result, StoreRule.ENDING
        if kind == "done":
            error = None
        else:
            result = None
        if ending.started:
            job.attempt += not job.marked
            self._note(now, job, kind, error)
        if kind != "done" and job.wish is not None:
            kind, error, rule = "cancelled", job.wish, StoreRule.CANCEL
        job.result = result
        self._end(now, job, kind, error, rule)
        return True

    def release(self, now: float, release: Release) -> bool:
        job = self.run(release.id, release.version)
        if job is None:
            return False
        ran = release.kind != "unstarted"
        if ran:
            self._note(now, job, release.kind, release.error)
        counts = ran and release.count
        job.attempt += counts - job.marked
        if release.error is not None:
            job.error = release.error
        if job.wish is not None:
            self._end(now, job, "cancelled", job.wish, StoreRule.CANCEL)
        elif counts and job.attempt >= job.max_attempts:
            kind: EndKind = "timed_out" if release.kind == "timed_out" else "failed"
            self._end(now, job, kind, release.error, StoreRule.ATTEMPTS)
        else:
            if release.delay > 0:
                job.run_at = now + release.delay
            self._go_back(now, job, StoreRule.ATTEMPTS)
        return True

    def _go_back(self, now: float, job: ModelJob, rule: StoreRule) -> None:
        job.move("scheduled", rule)
        self._let_wait(now, job, rule)

    def _note(self, now: float, job: ModelJob, kind: str, error: str | None) -> None:
        job.attempts.append(ModelAttempt(job.worker, job.started, now, kind, error))

    def _end(
        self, now: float, job: ModelJob, kind: EndKind, error: str | None, rule: StoreRule
    ) -> None:
        """End a job, and whatever ends with it."""
        ending = [(job, kind, error, rule)]
        while ending:
            job, kind, error, rule = ending.pop()  # the last, so none is there twice
            job.move("ended", rule)
            job.kind, job.error, job.ended = kind, error, now
            job.needs = []
            keeps = job.new.key is not None and job.new.once_for > 0
            job.key_until = now + job.new.once_for if keeps else -math.inf
            for other in self.jobs.values():
                if job.id not in other.needs:
                    continue
                if kind == "done" or other.new.after_all == "ended":
                    other.needs.remove(job.id)
                    self._let_wait(now, other, StoreRule.AFTER)
                else:
                    ending.append((other, "cancelled", Says(), StoreRule.AFTER))

    def cancel(self, now: float, ids: Iterable[int], reason: str) -> list[str]:
        answers: list[str] = []
        for id in ids:
            job = self.jobs.get(id)
            if job is None or not job.live:
                answers.append("unknown")
            elif job.state == "running":
                job.wish = reason if job.wish is None else job.wish
                answers.append("signalled")
            else:
                self._end(now, job, "cancelled", reason, StoreRule.CANCEL)
                answers.append("ended")
        return answers

    def retry(self, now: float, ids: Iterable[int], attempts: int | None) -> list[str | Enqueued]:
        answers: list[str | Enqueued] = []
        for id in ids:
            job = self.jobs.get(id)
            holder = None if job is None else self.holder(now, job.new.queue, job.new.key)
            if job is None:
                answers.append("unknown")
            elif job.live:
                answers.append("live")
            elif holder is not None and holder is not job:
                answers.append(Enqueued(holder.id, created=False))
            else:
                job.max_attempts = job.attempt + (attempts or job.new.max_attempts)
                job.kind = job.ended = job.expires = job.run_at = None
                job.result = job.wish = None
                job.crashes = job.lost = 0
                self._go_back(now, job, StoreRule.RETRY)
                answers.append("retried")
        return answers

    # Time

    def tend(self, now: float) -> None:
        """Do all that time demands: each sort in the order of time."""
        running = [job for job in self.jobs.values() if job.lease_until is not None]
        for job in sorted(running, key=lambda job: (job.lease_until, job.id)):
            if job.lease_until is not None and job.lease_until <= now:
                self._lose(now, job)
        expiring = [job for job in self.jobs.values() if job.expires is not None]
        for job in sorted(expiring, key=lambda job: (job.expires, job.id)):
            if job.idle and job.expired(now):
                kind: EndKind = "failed" if job.attempts else "dropped"
                error = job.error if job.attempts and job.error else Says()
                self._end(now, job, kind, error, StoreRule.EXPIRY)
        for job in [*self.jobs.values()]:
            if job.state == "scheduled":
                self._let_wait(now, job, StoreRule.DUE)
        for job in self.outdated(now):
            self.delete(job)

    def _lose(self, now: float, job: ModelJob) -> None:
        self._note(now, job, "lost", None)
        if job.marked:
            job.crashes += 1
        else:
            job.lost += 1
        if job.wish is not None:
            self._end(now, job, "cancelled", job.wish, StoreRule.CANCEL)
        elif job.marked and job.attempt >= job.max_attempts:
            self._end(now, job, "failed", Says(f"lost {job.crashes} time"), StoreRule.ATTEMPTS)
        elif job.lost >= _MOST_LOST:
            self._end(now, job, "failed", Says(f"lost {job.lost} time"), StoreRule.ATTEMPTS)
        else:
            self._go_back(now, job, StoreRule.LEASES)

    def delete(self, job: ModelJob) -> None:
        """Forget a job that has ended, but for the count."""
        assert job.kind is not None
        self.queue(job.new.queue).pruned[job.kind] += 1
        del self.jobs[job.id]
