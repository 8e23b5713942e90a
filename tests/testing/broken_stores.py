"""Stores that are broken on purpose, each in one way, and what is to be said about it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import trio

from gochan.durable import Enqueued, Refusal, Tended, Ticket
from gochan.durable._bells import Bells
from gochan.durable._book_store import BookStore
from gochan.durable._clock import StoreClock
from gochan.durable._memory._memory_book import MemoryBook
from gochan.durable._memory._memory_store import _MemoryDesk
from gochan.testing._store_rules import StoreRule

R = StoreRule


@dataclass
class Sin:
    """A broken store, the rule that it breaks, and whether random histories are to find it."""

    name: str
    factory: Callable[[], AbstractAsyncContextManager[Any]]
    rule: StoreRule
    at_random: bool
    alike: frozenset[StoreRule]
    """Rules whose breach looks the same in a random history."""


SINS: list[Sin] = []


def sin(
    rule: StoreRule, *alike: StoreRule, at_random: bool = True
) -> Callable[[type[Any]], type[Any]]:
    """Add a book, or a store on one, to the list."""

    def add(broken: type[Any]) -> type[Any]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Any]:
            is_book = issubclass(broken, MemoryBook)
            book = broken() if is_book else MemoryBook()
            bells, clock = Bells(), StoreClock()
            desk = _MemoryDesk(book, bells, clock)
            make = BookStore if is_book else broken
            store = make("broken:", desk, bells, clock, math.inf)
            yield store
            await store.aclose()

        SINS.append(Sin(broken.__name__, opened, rule, at_random, frozenset({rule, *alike})))
        return broken

    return add


# What every store has


@sin(R.CLOCK, R.STORED)
class HasAClockOfItsOwn(BookStore):
    def now(self) -> float:
        return 0.0


@sin(R.ANSWERS)
class ForgetsAnAnswer(MemoryBook):
    def start(self, now, tickets):
        return super().start(now, tickets)[:1]


@sin(R.ANSWERS, at_random=False)
class HatesEmptyBatches(MemoryBook):
    def finish(self, now, endings):
        if not endings:
            raise ValueError("nothing to do")
        return super().finish(now, endings)


@sin(R.ANSWERS)
class MixesUpAnswers(MemoryBook):
    def look(self, now, ids):
        return sorted(super().look(now, ids), key=lambda record: record.id if record else -1)


@sin(R.ANSWERS)
class ForgetsToLook(MemoryBook):
    def look(self, now, ids):
        return super().look(now, ids)[:-1]


@sin(R.ANSWERS)
class SaysNothing(MemoryBook):
    def enqueue(self, now, jobs, whole):
        super().enqueue(now, jobs, whole)
        return [None for _ in jobs]


@sin(R.STORED)
class LosesHeaders(MemoryBook):
    def _record(self, row):
        return replace(super()._record(row), headers={})


@sin(R.IDS, R.STORED)
class UsesIdsAgain(MemoryBook):
    def enqueue(self, now, jobs, whole):
        self._last = max(self._rows, default=0)
        return super().enqueue(now, jobs, whole)


def ignores_the_version(*operations: str) -> type[Any]:
    class IgnoresTheVersion(MemoryBook):
        pass

    def broken(name: str) -> Callable[..., Any]:
        def operation(self, now, things, *more):
            things = [
                replace(one, version=self._rows[one.id].version) if one.id in self._rows else one
                for one in things
            ]
            return getattr(super(IgnoresTheVersion, self), name)(now, things, *more)

        return operation

    for name in operations:
        setattr(IgnoresTheVersion, name, broken(name))
    IgnoresTheVersion.__name__ = f"IgnoresTheVersionAt{operations[0].title()}"
    return IgnoresTheVersion


for name in ("start", "extend", "report", "finish", "release", "accept"):
    also = [R.OFFER] if name == "accept" else []
    sin(R.VERSION, *also, at_random=name == "finish")(ignores_the_version(name))


@sin(R.VERSION)
class MovesTheVersionAtRenewals(MemoryBook):
    def _extend(self, now, row, lease):
        row.version += row.lease_until is not None
        super()._extend(now, row, lease)


@sin(R.VERSION)
class EndsWithTheSameVersion(MemoryBook):
    def _move(self, row, state):
        super()._move(row, state)
        row.version -= state == "ended"


@sin(R.COUNTS)
class CountsPrunedTwice(MemoryBook):
    def _delete(self, row, book):
        super()._delete(row, book)
        book.pruned[row.kind] += 1


@sin(R.AUDIT)
class AuditLies(MemoryBook):
    def audit(self, now, queue):
        counts = super().audit(now, queue)
        return replace(counts, done=0, stored=counts.stored - counts.done)


@sin(R.AUDIT)
class AuditFails(MemoryBook):
    def audit(self, now, queue):
        counts = super().audit(now, queue)
        assert not counts.running, "something runs"
        return counts


@sin(R.LIST)
class ListsTheOldestFirst(MemoryBook):
    def list(self, now, *arguments):
        return super().list(now, *arguments)[::-1]


@sin(R.LIST)
class ListsOneTooFew(MemoryBook):
    def list(self, now, queue, states, kinds, limit, before, after):
        return super().list(now, queue, states, kinds, limit, before and before - 1, after)


@sin(R.LIST, at_random=False)
class ListsFromTheWrongEnd(MemoryBook):
    def list(self, now, queue, states, kinds, limit, before, after):
        jobs = super().list(now, queue, states, kinds, 1000, before, after)
        return jobs[:limit] if after is None else jobs[-limit:]


@sin(R.QUEUES)
class ListsAllQueues(MemoryBook):
    def list(self, now, queue, *arguments):
        other = super().list(now, "b" if queue == "a" else "a", *arguments)
        return [*super().list(now, queue, *arguments), *other]


@sin(R.QUEUES)
class ForgetsQueues(MemoryBook):
    def queues(self, now):
        return super().queues(now)[:1]


@sin(R.SETTINGS)
class TakesAllSettings(MemoryBook):
    def configure(self, now, queue, settings, update):
        return super().configure(now, queue, settings, True)


@sin(R.SETTINGS)
class ForgetsUnlimitedCapacity(MemoryBook):
    def configure(self, now, queue, settings, update):
        kept = super().configure(now, queue, settings, update)
        return replace(kept, capacity=100) if kept.capacity == math.inf else kept


# Who runs when


@sin(R.ORDER)
class NewestFirst(MemoryBook):
    def _pick(self, now, book, n, worker):
        return sorted(
            super()._pick(now, book, n, worker), key=lambda row: (-row.new.priority, -row.id)
        )


@sin(R.ORDER, R.GROUPS)
class LowestPriorityFirst(MemoryBook):
    def _line_up(self, row, book):
        new = row.new
        row.new = replace(new, priority=-new.priority)
        super()._line_up(row, book)
        row.new = new


@sin(R.ORDER, R.GROUPS)
class KeepsOneBack(MemoryBook):
    def _pick(self, now, book, n, worker):
        rows = super()._pick(now, book, n, worker)
        if len(rows) > 1:
            self._line_up(rows.pop(), book)
        return rows


@sin(R.ONE_WORKER)
class GivesAJobToTwo(MemoryBook):
    def claim(self, now, queue, n, worker, lease):
        running = [row for row in self._rows_of(queue) if row.state == "running"]
        records = super().claim(now, queue, n, worker, lease)
        return records or [self._record(row) for row in running[:n]]


@sin(R.ONE_WORKER)
class ClaimsEachTwice(MemoryBook):
    def claim(self, now, queue, n, worker, lease):
        return super().claim(now, queue, n, worker, lease) * 2


@sin(R.OFFER, R.ONE_WORKER, R.LEASES)
class LeasesWhatItOffers(MemoryBook):
    def offer(self, now, queue, n, worker):
        return [record.ticket for record in super().claim(now, queue, n, worker, 30.0)]


@sin(R.OFFER)
class OffersOldTickets(MemoryBook):
    def offer(self, now, queue, n, worker):
        return [
            Ticket(ticket.id, ticket.version - 1) for ticket in super().offer(now, queue, n, worker)
        ]


@sin(R.SUITS, R.GROUPS)
class IgnoresLabels(MemoryBook):
    def claim(self, now, queue, n, worker, lease):
        labels = {k: v for row in self._rows_of(queue) for k, v in row.new.labels.items()}
        return super().claim(now, queue, n, replace(worker, labels=labels), lease)


@sin(R.SUITS, R.GROUPS)
class IgnoresMachines(MemoryBook):
    def claim(self, now, queue, n, worker, lease):
        machines = [row.new.machine for row in self._rows_of(queue) if row.new.machine]
        machine = worker.machine or next(iter(machines), None)
        return super().claim(now, queue, n, replace(worker, machine=machine), lease)


@sin(R.PAUSE)
class ClaimsWhilePaused(MemoryBook):
    def claim(self, now, queue, n, worker, lease):
        book = self._queue(queue)
        paused, book.paused = book.paused, False
        records = super().claim(now, queue, n, worker, lease)
        book.paused = paused
        return records


@sin(R.PAUSE)
class IsSilentAboutPauses(MemoryBook):
    def statistics(self, now, queue):
        return replace(super().statistics(now, queue), paused=False)


@sin(R.PAUSE)
class PausesWhatRuns(MemoryBook):
    def pause(self, now, queue, paused):
        for row in self._rows_of(queue):
            if row.state == "running" and paused:
                self._move(row, "scheduled")
        return super().pause(now, queue, paused)


@sin(R.PAUSE)
class ResumesTwice(MemoryBook):
    def pause(self, now, queue, paused):
        super().pause(now, queue, paused)
        return True


@sin(R.DUE)
class ForgetsDelays(MemoryBook):
    def _enqueue(self, now, job, last):
        answer = super()._enqueue(now, replace(job, delay=0.0), last)
        if isinstance(answer, Enqueued) and answer.created and job.delay:
            row = self._rows[answer.id]
            row.run_at = max(row.run_at or 0.0, row.submitted + job.delay)
        return answer


@sin(R.DUE)
class StartsAllThatIsScheduled(MemoryBook):
    def tend(self, now, n):
        for row in [*self._rows.values()]:
            if row.state == "scheduled" and not row.needs:
                super()._let_wait(math.inf, row)
        return super().tend(now, n)


@sin(R.EXPIRY)
class ClaimsWhatHasExpired(MemoryBook):
    def _is_next(self, now, entry):
        return super()._is_next(-math.inf, entry)


@sin(R.EXPIRY)
class DropsTooEarly(MemoryBook):
    def _expire(self, now, n):
        return super()._expire(now + 30, n)


@sin(R.EXPIRY, at_random=False)
class DropsWhatHasRun(MemoryBook):
    def _end(self, now, row, kind, error):
        expired = kind == "failed" and row.expires is not None and row.expires <= now
        if expired and row.state != "running":
            kind = "dropped"
        super()._end(now, row, kind, error)


@sin(R.GROUPS, at_random=False)
class FreesGroupsTwice(MemoryBook):
    def _move(self, row, state):
        book = self._queue(row.new.queue)
        if row.state == "running" and book.groups[row.new.group] > 1:
            book.groups[row.new.group] -= 1
        super()._move(row, state)


@sin(R.GROUPS)
class FullGroupsHoldUpAll(MemoryBook):
    def _pick(self, now, book, n, worker):
        waiting = [row for row in self._rows_of(book.name) if row.state == "waiting"]
        for row in sorted(waiting, key=lambda row: (-row.new.priority, row.id))[:1]:
            if row.new.group is not None and book.groups[row.new.group] >= book.limit:
                return []
        return super()._pick(now, book, n, worker)


@sin(R.LEASES)
class ForgetsExtensions(MemoryBook):
    def extend(self, now, tickets, lease):
        before = {id: row.lease_until for id, row in self._rows.items()}
        answers = super().extend(now, tickets, lease)
        for id, until in before.items():
            self._rows[id].lease_until = until
        return answers


@sin(R.LEASES, at_random=False)
class TakesExtendedJobsBack(MemoryBook):
    """It looks at the first end of the lease only, and says so nowhere."""

    def _rescue(self, now, n):
        for until, id, version in sorted(self._leases):
            row = self._run(Ticket(id, version))
            if row is not None and until <= now:
                row.lease_until = until
        return super()._rescue(now, n)


@sin(R.LEASES, R.TEND)
class NeverTakesJobsBack(MemoryBook):
    def _rescue(self, now, n):
        return 0


# What counts


@sin(R.ATTEMPTS)
class CountsALease(MemoryBook):
    def _lease(self, now, row, worker, lease):
        row.attempt += 1
        return super()._lease(now, row, worker, lease)


@sin(R.ATTEMPTS)
class CountsInterruptions(MemoryBook):
    def _release(self, now, release):
        ran = release.kind != "unstarted"
        return super()._release(now, replace(release, count=release.count or ran))


@sin(R.ATTEMPTS)
class TriesOnceTooOften(MemoryBook):
    def _release(self, now, release):
        row = self._run(release)
        if row is not None:
            row.max_attempts += 1
        done = super()._release(now, release)
        if row is not None:
            row.max_attempts -= 1
        return done


@sin(R.ATTEMPTS, at_random=False)
class LosesForEver(MemoryBook):
    def _rescue(self, now, n):
        for row in self._rows.values():
            if row.state == "running" and row.lost == 19 and not row.marked:
                row.lost -= 1
        return super()._rescue(now, n)


@sin(R.LOG, R.DROP_OLDEST, at_random=False)
class LogsForEver(MemoryBook):
    def _note(self, now, row, kind, error):
        row.attempts = type(row.attempts)(row.attempts)  # without a limit
        super()._note(now, row, kind, error)


@sin(R.LOG, at_random=False)
class ForgetsHowManyItForgot(MemoryBook):
    def _note(self, now, row, kind, error):
        super()._note(now, row, kind, error)
        row.forgotten = 0


@sin(R.LOG)
class LogsTheWrongKind(MemoryBook):
    def _note(self, now, row, kind, error):
        super()._note(now, row, "failed" if kind == "timed_out" else kind, error)


@sin(R.ENDING, R.RETRY)
class LosesResults(MemoryBook):
    def _finish(self, now, ending):
        return super()._finish(now, replace(ending, result=None))


@sin(R.ENDING, R.CANCEL)
class EndsAsDone(MemoryBook):
    def _finish(self, now, ending):
        kind = "done" if ending.kind == "cancelled" else ending.kind
        return super()._finish(now, replace(ending, kind=kind))


@sin(R.CANCEL, at_random=False)
class ForgetsAWishAtRelease(MemoryBook):
    def _release(self, now, release):
        row = self._run(release)
        if row is not None:
            row.wish = None
        return super()._release(now, release)


@sin(R.CANCEL, at_random=False)
class ForgetsAWishAtALoss(MemoryBook):
    def _rescue(self, now, n):
        for row in self._rows.values():
            if row.state == "running" and row.lease_until <= now:
                row.wish = None
        return super()._rescue(now, n)


@sin(R.CANCEL, at_random=False)
class WishesForEver(MemoryBook):
    def _lease(self, now, row, worker, lease):
        wish = row.wish or row.error
        super()._lease(now, row, worker, lease)
        row.wish = wish if wish == "not needed" else None
        return self._record(row)


@sin(R.CANCEL)
class EndsWhatRuns(MemoryBook):
    def _cancel(self, now, id, reason):
        row = self._rows.get(id)
        if row is not None and row.state == "running":
            self._end(now, row, "cancelled", reason)
        return super()._cancel(now, id, reason)


@sin(R.RETRY)
class RetryKeepsExpires(MemoryBook):
    def _retry(self, now, id, attempts):
        expires = self._rows[id].expires if id in self._rows else None
        answer = super()._retry(now, id, attempts)
        if answer == "retried":
            self._rows[id].expires = expires
        return answer


@sin(R.RETRY)
class RetryGrantsNothing(MemoryBook):
    def _retry(self, now, id, attempts):
        most = self._rows[id].max_attempts if id in self._rows else 0
        answer = super()._retry(now, id, attempts)
        if answer == "retried":
            self._rows[id].max_attempts = most
        return answer


@sin(R.PROGRESS)
class ForgetsProgress(MemoryBook):
    def report(self, now, reports):
        return super().report(now, [replace(report, total=None) for report in reports])


# What is stored


@sin(R.KEY)
class ForgetsKeys(MemoryBook):
    def _lease(self, now, row, worker, lease):
        self._queue(row.new.queue).keys.pop(row.new.key, None)
        return super()._lease(now, row, worker, lease)


@sin(R.KEY)
class KeepsKeysForEver(MemoryBook):
    def _holder(self, now, key, book):
        return book.keys.get(key)


@sin(R.KEY)
class ForgetsOnceFor(MemoryBook):
    def _holder(self, now, key, book):
        return super()._holder(math.inf, key, book)


@sin(R.KEY)
class SharesKeysAmongQueues(MemoryBook):
    def _holder(self, now, key, book):
        for other in [*self._queues.values()]:
            if (holder := super()._holder(now, key, other)) is not None:
                return holder
        return None


@sin(R.KEY)
class RetriesBesideTheHolder(MemoryBook):
    def _retry(self, now, id, attempts):
        if id in self._rows:
            self._queue(self._rows[id].new.queue).keys.pop(self._rows[id].new.key, None)
        return super()._retry(now, id, attempts)


@sin(R.RECEIPT, R.KEY)
class StoresAReceiptTwice(MemoryBook):
    def _known(self, now, job, book):
        return super()._known(now, replace(job, receipt=None), book)


@sin(R.WHOLE, R.CAPACITY, R.DROP_OLDEST)
class SaysThatHalfABatchIsStored(MemoryBook):
    def enqueue(self, now, jobs, whole):
        answers = super().enqueue(now, jobs, whole)
        return [
            Enqueued(1000 + place) if isinstance(answer, Refusal) and answer.follows else answer
            for place, answer in enumerate(answers)
        ]


@sin(R.WHOLE, R.CAPACITY, R.DROP_OLDEST)
class BlamesEachJobOfABatch(MemoryBook):
    def enqueue(self, now, jobs, whole):
        answers = super().enqueue(now, jobs, whole)
        return [
            replace(answer, follows=False) if isinstance(answer, Refusal) else answer
            for answer in answers
        ]


@sin(R.WHOLE)
class CountsWhatIsUndone(MemoryBook):
    def _undo(self, last, before):
        super()._undo(last, before)
        for book in self._queues.values():
            book.counts["stored"] += 1


@sin(R.WHOLE)
class StoresHalfABatch(MemoryBook):
    def _undo(self, last, before):
        pass


@sin(R.WHOLE, R.AFTER, R.DROP_OLDEST, R.COUNTS, R.STORED, R.AUDIT)
class DropsForNothing(MemoryBook):
    def _undo(self, last, before):
        super()._undo(last, {})


@sin(R.CAPACITY, R.DROP_OLDEST)
class HasRoomForOneMore(MemoryBook):
    def configure(self, now, queue, settings, update):
        kept = super().configure(now, queue, settings, update)
        book = self._queue(queue)
        if book.settings is settings is not None:
            book.settings = replace(settings, capacity=settings.capacity + 1)
            self.said = {**getattr(self, "said", {}), queue: settings}
        return getattr(self, "said", {}).get(queue, kept)


@sin(R.CAPACITY, R.DROP_OLDEST)
class CountsRunningJobs(MemoryBook):
    def _enqueue(self, now, job, last):
        book = self._queue(job.queue)
        book.counts["waiting"] += book.counts["running"]
        answer = super()._enqueue(now, job, last)
        book.counts["waiting"] -= book.counts["running"]
        return answer


@sin(R.CAPACITY, R.WHOLE)
class SaysNotThatItIsFull(MemoryBook):
    def _enqueue(self, now, job, last):
        answer = super()._enqueue(now, job, last)
        return replace(answer, full=False) if isinstance(answer, Refusal) else answer


@sin(R.DROP_OLDEST)
class DropsOneThatHasRun(MemoryBook):
    def _make_room(self, now, job, book):
        if self._drops(book):
            for row in self._rows_of(book.name):
                if row.idle and row.attempts and row.new.priority <= job.priority:
                    self._end(now, row, "dropped", "full")
                    return True
        return super()._make_room(now, job, book)


@sin(R.DROP_OLDEST)
class DropsThoughThereIsRoom(MemoryBook):
    def _enqueue(self, now, job, last):
        book = self._queue(job.queue)
        if self._drops(book) and 1 <= book.room < math.inf:
            self._make_room(now, job, book)
        return super()._enqueue(now, job, last)


@sin(R.DROP_OLDEST)
class DropsTheNewest(MemoryBook):
    def _make_room(self, now, job, book):
        rows = [row for row in self._rows_of(book.name) if row.idle and not row.attempts]
        rows = [row for row in rows if row.new.priority <= job.priority]
        if not rows or not self._drops(book):
            return False
        self._end(now, max(rows, key=lambda row: row.id), "dropped", "full")
        return True


@sin(R.AFTER)
class LosesADependent(MemoryBook):
    def _end(self, now, row, kind, error):
        if row.id in self._dependents:
            self._dependents[row.id] = self._dependents[row.id][1:]
        super()._end(now, row, kind, error)


@sin(R.AFTER)
class RefusesToWaitForOthers(MemoryBook):
    def _missing(self, job, last):
        return Refusal("no") if job.after else None


@sin(R.AFTER, R.ENDING)
class SaysNotWhyADependentEnds(MemoryBook):
    def _end_alone(self, now, row, kind, error):
        super()._end_alone(now, row, kind, None if row.new.after else error)


@sin(R.AFTER)
class LetsHeldJobsGo(MemoryBook):
    def claim(self, now, queue, n, worker, lease):
        records = super().claim(now, queue, n, worker, lease)
        for row in [*self._rows_of(queue)]:
            if row.needs:
                row.needs.clear()
                self._let_wait(now, row)
        return records


@sin(R.AFTER)
class RunsThoughItsNeedFailed(MemoryBook):
    def _end(self, now, row, kind, error):
        for id in self._dependents.pop(row.id, ()):
            if id in self._rows and row.id in self._rows[id].needs:
                self._rows[id].needs.discard(row.id)
                self._let_wait(now, self._rows[id])
        super()._end(now, row, kind, error)


@sin(R.AFTER)
class ForgetsThatANeedHasFailed(MemoryBook):
    def _enqueue(self, now, job, last):
        failed = [id for id in job.after if id in self._rows and self._rows[id].state == "ended"]
        if failed:
            job = replace(job, after=tuple(id for id in job.after if id not in failed))
        return super()._enqueue(now, job, last)


# Keeping house


@sin(R.PURGE, at_random=False)
class PurgeFreesKeys(MemoryBook):
    def _take_keys(self, now, book):
        super()._take_keys(math.inf, book)


@sin(R.PURGE)
class PurgesNothing(MemoryBook):
    def purge(self, now, queue, kinds, n):
        book = self._queue(queue)
        return min(n, sum(len(book.endings[kind]) for kind in kinds))


@sin(R.PURGE)
class PurgesEverything(MemoryBook):
    def purge(self, now, queue, kinds, n):
        return super().purge(now, queue, kinds, 500)


@sin(R.KEEP, R.COUNTS)
class PrunesTooEarly(MemoryBook):
    def _prune(self, now, book, n):
        return super()._prune(now + 3, book, n)


@sin(R.KEEP)
class PrunesTooLate(MemoryBook):
    def _prune(self, now, book, n):
        return super()._prune(now - 15, book, n)


@sin(R.KEEP, at_random=False)
class KeepsTooMany(MemoryBook):
    def _prune(self, now, book, n):
        settings = book.settings
        if settings is not None:
            book.settings = replace(settings, keep=replace(settings.keep, most_done=math.inf))
        pruned = super()._prune(now, book, n)
        book.settings = settings
        return pruned


@sin(R.TEND, R.LEASES)
class TendsTwice(MemoryBook):
    def tend(self, now, n):
        tended = super().tend(now, n)
        again = [row for row in self._rows.values() if row.state == "waiting" and row.run_at]
        for row in again:
            self._move(row, "waiting")
        return replace(tended, changed=tended.changed + len(again))


@sin(R.TEND, R.LEASES, R.VERSION)
class TendsTwiceAndIsSilent(MemoryBook):
    def tend(self, now, n):
        tended = super().tend(now, n)
        for row in self._rows.values():
            if row.state == "waiting" and row.run_at:
                self._move(row, "waiting")
        return tended


@sin(R.ATTEMPTS)
class LosesTwice(MemoryBook):
    def _rescue(self, now, n):
        for row in self._rows.values():
            row.lost += row.state == "running" and row.lease_until <= now and not row.marked
        return super()._rescue(now, n)


@sin(R.TEND)
class SeesNothingToDo(MemoryBook):
    def tend(self, now, n):
        return Tended(super().tend(now, n).changed)


@sin(R.TEND)
class ComesTooLate(MemoryBook):
    def tend(self, now, n):
        tended = super().tend(now, n)
        return replace(tended, next=None if tended.next is None else tended.next + 1)


@sin(R.TEND)
class NeverRests(MemoryBook):
    def tend(self, now, n):
        return replace(super().tend(now, n), next=0.0)


@sin(R.EXPLAIN)
class IsSilent(MemoryBook):
    def explain(self, now, id):
        explanation = super().explain(now, id)
        return explanation and replace(explanation, reasons=())


@sin(R.EXPLAIN, at_random=False)
class ForgetsThePause(MemoryBook):
    def explain(self, now, id):
        explanation = super().explain(now, id)
        return explanation and replace(
            explanation, reasons=tuple(one.replace("paused", "odd") for one in explanation.reasons)
        )


@sin(R.EXPLAIN)
class CountsThoseBehind(MemoryBook):
    def explain(self, now, id):
        explanation = super().explain(now, id)
        return explanation and replace(explanation, ahead=explanation.ahead + 1)


@sin(R.CANCELLED_CALL, at_random=False)
class IsInterrupted(BookStore):
    async def enqueue(self, jobs, *, whole=False):
        if whole:
            return await super().enqueue(jobs, whole=True)
        answers = []
        for job in jobs:
            answers += await super().enqueue([job])
            await trio.lowlevel.checkpoint()
        return answers


# Bells


def loses(what: str) -> type[Any]:
    class Loses(BookStore):
        def __init__(self, address, desk, bells, clock, patience):
            super().__init__(address, desk, bells, clock, patience)
            ring = bells.ring
            bells.ring = lambda rung: ring(
                {queue: [h for h in hints if h.what != what] for queue, hints in rung.items()}
            )

    Loses.__name__ = f"LosesTheBell{what.title()}"
    return Loses


for what in ("waiting", "scheduled", "ended", "cancel", "room", "resumed", "changed"):
    sin(R.BELLS, at_random=False)(loses(what))


@sin(R.CLOSED, at_random=False)
class IsNeverClosed(BookStore):
    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@sin(R.CLOSED, at_random=False)
class RaisesAtTheEnd(BookStore):
    closed = False

    async def aclose(self) -> None:
        self.closed = True

    async def enqueue(self, jobs, *, whole=False):
        if self.closed:
            raise RuntimeError("closed")
        return await super().enqueue(jobs, whole=whole)
