"""A comparison: everything that a store says about its jobs, beside the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from itertools import zip_longest

from ..durable import JobRecord, QueueCounts, Store
from ._model_jobs import ModelJob
from ._store_blame import NOTHING_STORED, blame_for_record
from ._store_inquiry import StoreInquiry
from ._store_likeness import expected_record, same
from ._store_model import StoreModel
from ._store_rules import StoreRule
from ._store_shown import shown


class StoreComparison(StoreInquiry):
    """Compares one store with the model.

    Attributes:
        model: what is known about the store.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.model = StoreModel()
        self._seen: dict[int, int] = {}  # how often the state of a job had moved at the last look
        self._gone: set[int] = set()

    async def compare(self) -> None:
        """Look at everything."""
        await self._look("compare", [])

    async def _look(self, operation: str, touched: Iterable[int]) -> None:
        """Compare every job, and all counts, with the model."""
        ids = [*self.model.jobs]
        records = await self.store.look([*ids, *self._gone, self.model.last_id + 1])
        asked = len(ids) + len(self._gone) + 1
        if len(records) != asked:
            self.fail(StoreRule.ANSWERS, f"look gave {len(records)} answers about {asked} jobs.")
        there = {record.id for record in records if record is not None}
        for id, record in zip_longest([*ids, *self._gone], records):
            if id is None and record is not None:
                rule = StoreRule.WHOLE if operation == NOTHING_STORED else StoreRule.STORED
                self.fail(rule, f"There is a job {record.id}, which should not be there.")
            given = id if record is None else record.id
            if id is not None and (given != id or (record is None and id in there)):
                self.fail(StoreRule.ANSWERS, f"look gave {shown(record)} for job {id}.")
            if id is not None:
                self._check(id, record, operation, touched)
        await self._check_counts(operation)

    def _check(
        self, id: int, record: JobRecord | None, operation: str, touched: Iterable[int]
    ) -> None:
        job = self.model.jobs.get(id)
        gone = {"purge": StoreRule.PURGE, "tend": StoreRule.KEEP}.get(operation, StoreRule.STORED)
        if job is None:
            if record is not None:
                self.fail(gone, f"Job {id} was deleted, and is there all the same.")
        elif record is None:
            self.fail(gone, f"Job {id} is not there any more.")
        else:
            self._check_record(record, job, operation, touched)

    def _check_record(
        self, record: JobRecord, job: ModelJob, operation: str, touched: Iterable[int]
    ) -> None:
        for name, value in expected_record(job).items():
            actual = getattr(record, name)
            if not same(actual, value):
                moved = job.moves != self._seen.get(job.id, 0)
                rule = blame_for_record(name, operation, record, job, touched, moved=moved)
                self.fail(
                    rule,
                    f"After {operation}, {name} of job {job.id} is {self._shown(actual)}; "
                    f"it has to be {self._shown(value)}.",
                )
        self._check_version(record, job)

    def _check_version(self, record: JobRecord, job: ModelJob) -> None:
        moves, before = self._seen.get(job.id, -1), job.version
        if moves >= 0 and moves == job.moves and record.version != before:
            self.fail(
                StoreRule.VERSION,
                f"The version of job {job.id} went from {before} to {record.version}, though it "
                f"is still {record.state}.",
            )
        if moves >= 0 and moves != job.moves and record.version <= before:
            self.fail(
                StoreRule.VERSION,
                f"The version of job {job.id} is {record.version}, after {before}, though its "
                "state has changed.",
            )
        job.version, self._seen[job.id] = record.version, job.moves

    async def _check_counts(self, after: str) -> None:
        for queue in [*self.model.queues]:
            expected = self.model.counts(queue)
            for operation, rule in (("statistics", StoreRule.COUNTS), ("audit", StoreRule.AUDIT)):
                try:
                    counts: QueueCounts = await getattr(self.store, operation)(queue)
                except AssertionError as error:  # though all rows and counts are right
                    self.fail(rule, f"{operation} raised AssertionError: {error}.")
                counts = replace(counts, pruned={k: n for k, n in counts.pruned.items() if n})
                for one in fields(QueueCounts):
                    actual, wanted = getattr(counts, one.name), getattr(expected, one.name)
                    if actual != wanted:
                        if one.name == "paused":
                            rule = StoreRule.PAUSE
                        elif after == NOTHING_STORED:
                            rule = StoreRule.WHOLE
                        self.fail(
                            rule, f"{operation} says that {one.name} of queue {queue!r} is "
                            f"{actual}; it is {wanted}."
                        )  # fmt: skip
