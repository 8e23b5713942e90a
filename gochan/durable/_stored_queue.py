"""A queue of a store, for anybody who can reach that: what is in it, and how it is steered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from .._queue import Outcome
from ..strategies import check_count
from ._arguments import check_id, check_words
from ._codec import Codecs
from ._durable_job import DurableJob, outcome_of
from ._errors import QueueFull, StoreError
from ._foreseeing import explain_job
from ._outage import Outages
from ._queue_records import QueueCounts
from ._records import END_KINDS, STATES, EndKind, Explanation, JobRecord, Refusal, State
from ._store import Store
from ._watch import Watch

R = TypeVar("R")


class StoredQueue(Generic[R]):
    """The part of `DurableQueue` for which nothing has to be stored or run."""

    def __init__(self, store: Store, name: str, codecs: Codecs, outages: Outages) -> None:
        self.name = name
        self.store = store
        self._codecs = codecs
        self._watch = Watch(store, outages, self._outcome_of)

    # Looking

    def job(self, id: int) -> DurableJob[R]:
        """Return the job with this number; whether there is one is not looked at.

        Raises:
            TypeError, ValueError: the number is no `int`, or less than 1.
        """
        check_id("id", id)
        return DurableJob(self.store, self.name, self._watch, self._watch.fate(id), created=False)

    async def jobs(
        self,
        *,
        state: State | Collection[State] = (),
        kind: EndKind | Collection[EndKind] = (),
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
    ) -> Sequence[JobRecord]:
        """Return records of jobs, the newest first; but if ``after`` is given, the oldest first.

        Args:
            state: only those in this state, or in one of these.
            kind: only those that ended in this way, or in one of these.
            limit: at most so many.
            before: only jobs with a lower id: the last one of the page before.
            after: only jobs with a higher id; 0 for all.

        Raises:
            TypeError, ValueError: an argument is of the wrong type, or out of range.
        """
        return await self.store.list(
            self.name,
            states=check_words("state", state, STATES),
            kinds=check_words("kind", kind, END_KINDS),
            limit=check_count("limit", limit, least=1),
            before=None if before is None else check_id("before", before),
            after=None if after is None else check_count("after", after),
        )

    async def statistics(self) -> QueueCounts:
        """Return the counts of jobs in the whole fleet, as the store keeps them."""
        return await self.store.statistics(self.name)

    async def audit(self) -> QueueCounts:
        """Check that no job is lost or counted twice, and return the counts.

        All rows are counted, in one snapshot, so it takes longer the more jobs are kept.

        Raises:
            AssertionError: the law is broken.
        """
        return await self.store.audit(self.name)

    async def explain(self, id: int) -> Explanation | None:
        """Say why a job waits, and when it should start, or why it ended so; see `explain_job`."""
        return await explain_job(self.store, check_id("id", id))

    def decode(self, record: JobRecord) -> Any:
        """Return the payload of a record.

        Raises:
            StoreError: there is no codec for it here.
            ValueError: the codec cannot decode it.
        """
        return self._codecs.decode(record.codec, record.payload)

    def _outcome_of(self, record: JobRecord) -> Outcome[Any]:
        return outcome_of(record, partial(self._codecs.decode_result, record.codec))

    # Steering

    async def pause(self) -> None:
        """Let no job start in the whole fleet, until `resume`; those that run go on.

        That is kept in the store, and holds for processes that come later, too. Jobs can still be
        submitted, become due and expire. To pause twice is no error.
        """
        await self.store.pause(self.name, paused=True)

    async def resume(self) -> None:
        """Let jobs start again; no error if the queue is not paused."""
        await self.store.pause(self.name, paused=False)

    async def retry_failed(self) -> int:
        """Let all jobs run again that failed or timed out; return how many there are.

        Each may start as often as it could at first, and does not expire any more. Those whose key
        another job has stay as they are. This asks the store in pages of 500; if it is cancelled,
        the jobs of some pages run again and the others do not.
        """
        retried, before = 0, None
        while True:
            page = await self.jobs(kind=("failed", "timed_out"), limit=500, before=before)
            if not page:
                return retried
            answers = await self.store.retry([record.id for record in page])
            for record, answer in zip(page, answers, strict=True):
                if answer == "retried":
                    self._watch.reopen(record.id)
                    retried += 1
            before = page[-1].id

    async def purge(self, kind: EndKind | Collection[EndKind]) -> int:
        """Delete the jobs that ended in this way, or in one of these; return how many there were.

        Those that still have their key, by ``once_for``, stay. This asks the store in pages of 500;
        if it is cancelled, the jobs of some pages are deleted.
        """
        kinds = check_words("kind", kind, END_KINDS)
        purged = 0
        while deleted := await self.store.purge(self.name, kinds, 500):
            purged += deleted
        return purged


def refused(refusal: Refusal) -> StoreError:
    """Return what the submitter of a job gets that was not stored."""
    return QueueFull(refusal.reason) if refusal.full else StoreError(refusal.reason)
