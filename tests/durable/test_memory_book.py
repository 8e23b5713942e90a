"""The book in memory: its invariants, and what it costs to delete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gochan.durable import BookStore, Ending, Keep, NewJob, QueueSettings, Store, Worker
from gochan.durable._bells import Bells
from gochan.durable._clock import StoreClock
from gochan.durable._memory._memory_book import MemoryBook
from gochan.durable._memory._memory_store import _MemoryDesk
from gochan.testing._check_store import play, play_at_random
from gochan.testing._store_checks import CHECKS


@asynccontextmanager
async def open_checked_store() -> AsyncIterator[Store]:
    """Open a store whose invariants are asserted whenever it is looked at."""
    book = MemoryBook()
    bells, clock = Bells(), StoreClock()
    look = book.look

    def checking(now: float, ids: Any) -> Any:
        book.check()
        return look(now, ids)

    book.look = checking  # type: ignore[method-assign]
    yield BookStore("memory:", _MemoryDesk(book, bells, clock), bells, clock, float("inf"))


def test_the_invariants_hold_after_every_step() -> None:
    """In the histories made for each rule, but for those that only end, and in random ones."""
    for checks in CHECKS.values():
        for check in checks:
            if check.__name__ != "long_chains_end":
                play(open_checked_store, check)
    for number in range(5):
        play_at_random(open_checked_store, f"invariants/{number}")


def test_an_audit_finds_what_is_wrong() -> None:
    """Counts that are not those of the rows."""
    book = MemoryBook()
    book.enqueue(0.0, [NewJob(queue="q", payload=b"1")], False)
    book.audit(0.0, "q")
    book._queue("q").counts["waiting"] += 1
    with pytest.raises(AssertionError, match="queue 'q': the store keeps QueueCounts"):
        book.audit(0.0, "q")


class Counting(MemoryBook):
    """Counts how often it looks at a job that has ended."""

    looks = 0

    def _settled(self, id: int, version: int) -> Any:
        self.looks += 1
        return super()._settled(id, version)


@pytest.mark.parametrize("way", ["purge", "prune", "limit", "keyed"])
def test_deleting_looks_at_each_job_a_few_times(way: str) -> None:
    """Not at all jobs for each, however small the batches are."""
    book, jobs = Counting(), 2000
    once_for = 50.0 if way == "keyed" else 0.0
    for number in range(jobs):
        job = NewJob(queue="q", payload=b"1", key=f"{number}", once_for=once_for)
        book.enqueue(0.0, [job], False)
    for record in book.claim(0.0, "q", jobs, Worker("w"), 30.0):
        book.finish(0.0, [Ending(record.id, record.version, "done")])
    book.looks = 0
    if way == "purge":
        while book.purge(1.0, "q", ["done"], 10):
            pass
    else:
        most = 0 if way == "limit" else 10_000
        book.configure(0.0, "q", QueueSettings(keep=Keep(10.0, 10.0, most)), False)
        while book.tend(1.0 if way == "limit" else 100.0, 10).changed:
            pass
    assert book.statistics(0.0, "q").pruned == {"done": jobs}
    assert book.looks < 5 * jobs


def test_a_claim_looks_at_lines_not_at_jobs() -> None:
    """Behind a thousand jobs of a full group there is one that can go."""
    book = MemoryBook()
    book.configure(0.0, "q", QueueSettings(group_limit=1), False)
    jobs = [NewJob(queue="q", payload=b"1", group="g") for _ in range(1000)]
    book.enqueue(0.0, [*jobs, NewJob(queue="q", payload=b"1")], False)
    looks: list[int] = []
    is_next = book._is_next
    book._is_next = lambda now, entry: looks.append(entry[1]) or is_next(now, entry)  # type: ignore
    records = book.claim(0.0, "q", 2, Worker("w"), 30.0)
    assert [record.id for record in records] == [1, 1001]
    assert len(looks) < 5
