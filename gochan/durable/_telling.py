"""Telling: what happens to the runs of a process is counted, logged, and told to hooks."""

# Theory of operation
# -------------------
# Everything is told when it has happened here: a start before the handler is called, an end as
# soon as the handler has ended. Whether the store takes what is written about an end is known
# later, so jobs that have ended are counted only then.
#
# The hooks belong to the user and may raise anything. They come last, when the books are right.
# In the job queue, an error of theirs ends the queue, as always there; elsewhere it comes out of
# a task beside the block, which ends the block.

from __future__ import annotations

from collections.abc import Callable
from logging import DEBUG, ERROR, INFO, WARNING
from typing import Any, Final, TypeAlias, final

from .._queue import Done, Outcome, call_hook
from ._counters import Counting
from ._leases import Account, Lease, LeasedJob, RunningJob, Written, end_after
from ._logs import JOBS
from ._records import Ending, EndKind, JobRecord, Release

OnStart: TypeAlias = Callable[[RunningJob], object]
OnEnd: TypeAlias = Callable[["EndedRun"], object]


@final
class EndedRun(LeasedJob):
    """A run of a job that has ended in this process; the hook ``on_end`` is called with it.

    Attributes:
        outcome: how the run ended, as the outcome of a `gochan.Job`. It is ``interrupted`` if a
            stop cut the run off, and ``handed_back`` if the job was leased and never started.
        written: what is going to be written about it: an `Ending`, or a `Release` if the job may
            go on; ``None`` if its lease was lost, so that nothing is.
        kind: how the job ends thereby; ``None`` if it goes on.
    """

    __slots__ = ("kind", "outcome", "written")

    def __init__(self, lease: Lease, outcome: Outcome[Any], written: Account | None) -> None:
        super().__init__(lease)
        self.outcome: Outcome[Any] = outcome
        self.written: Ending | Release | None = written
        self.kind: EndKind | None = None if written is None else end_after(lease, written)

    @property
    def started(self) -> bool:
        """Whether the handler was called."""
        return self._lease.started

    def __repr__(self) -> str:
        return f"<gochan.durable.EndedRun {self.id}: attempt {self.attempt}, {self.outcome.kind}>"


@final
class Telling:
    """What is told about the runs of one queue in this process.

    Attributes:
        counting: its counters.
        listeners: called with each end, beside the hook.
    """

    def __init__(
        self, queue: str, worker: str, on_start: OnStart | None, on_end: OnEnd | None
    ) -> None:
        self.counting: Counting = Counting()
        self.listeners: list[OnEnd] = []
        self._queue = queue
        self._owner = f"queue {queue!r}"
        self._worker = worker
        self._on_start = on_start
        self._on_end = on_end

    def starts(self, lease: Lease) -> None:
        """Tell that a handler is about to be called."""
        self.counting.started += 1
        self._log(DEBUG, lease, "starts")
        if self._on_start is not None:
            call_hook("on_start", self._on_start, RunningJob(lease), self._owner)

    def ends(self, lease: Lease, outcome: Outcome[Any], written: Account | None) -> None:
        """Tell that a run has ended, or that a job was leased and never ran."""
        if lease.started:
            counting, record = self.counting, lease.record
            counting.returned += 1
            counting.seconds_ran += outcome.ran
            counting.seconds_waited += _waited_in_store(record) + outcome.waited
        if written is not None and (outcome.kind != "done" or JOBS.isEnabledFor(INFO)):
            self._log_end(lease, outcome, written)
        if self._on_end is not None or self.listeners:
            if outcome.kind == "done":
                outcome = Done(lease.value, outcome.waited, outcome.ran)
            run = EndedRun(lease, outcome, written)
            for listener in self.listeners:
                listener(run)
            if self._on_end is not None:
                call_hook("on_end", self._on_end, run, self._owner)

    @property
    def wants_values(self) -> bool:
        """Whether anybody wants to know what handlers returned."""
        return self._on_end is not None or bool(self.listeners)

    def written(self, lease: Lease, account: Account, taken: Written) -> None:
        """Tell whether the store has taken what was written about an end."""
        counting = self.counting
        kind = end_after(lease, account, taken)
        if taken == "no" and kind is None:
            counting.stale_writes += 1
            self._log(WARNING, lease, "is somebody else's by now; its end was not written")
        elif kind is not None:
            counting.ended[kind] += 1
        elif account.kind in ("failed", "timed_out"):
            counting.retried += 1
        elif account.kind == "later":
            counting.put_off += 1
        else:
            counting.given_back += 1

    def loses(self, lease: Lease) -> None:
        """Tell that a job is cancelled since its lease may be over."""
        self.counting.lost_leases += 1
        self._log(WARNING, lease, "has lost its lease, and is cancelled here")

    def leaves_unwritten(self, lease: Lease) -> None:
        """Tell that the queue has ended before the end of a run could be written."""
        self._log(ERROR, lease, "has ended here, but that could not be written; it will run again")

    # Logging

    def _log_end(self, lease: Lease, outcome: Outcome[Any], written: Account) -> None:
        attempt = f"on attempt {lease.attempt} of {lease.record.max_attempts}"
        kind, error = end_after(lease, written), None
        if isinstance(outcome.error, Exception):
            error = outcome.error
        match kind or written.kind:
            case "done":
                self._log(INFO, lease, f"is done after {outcome.ran:.3f} s")
            case "failed" | "timed_out" if kind is None:
                assert isinstance(written, Release)
                again = f"{attempt}, and runs again in {written.delay:.1f} s: {written.error}"
                self._log(WARNING, lease, f"{_PAST[written.kind]} {again}", error)
            case "failed" | "timed_out" as kind:
                self._log(ERROR, lease, f"{_PAST[kind]} {attempt}: {written.error}", error)
            case "dropped":
                self._log(WARNING, lease, f"is dropped: {written.error}")
            case "unstarted":
                self._log(DEBUG, lease, "is given back, and has not started")
            case other:
                self._log(INFO, lease, f"is {_PAST[other]}: {written.error}")

    def _log(self, level: int, lease: Lease, text: str, error: Exception | None = None) -> None:
        if JOBS.isEnabledFor(level):
            record = lease.record
            about = {
                "queue": self._queue,
                "job": record.id,
                "attempt": lease.attempt,
                "worker": self._worker,
            }
            message = "job %d of queue %r %s"
            JOBS.log(level, message, record.id, self._queue, text, exc_info=error, extra=about)


_PAST: Final = {
    "failed": "failed",
    "timed_out": "timed out",
    "cancelled": "cancelled",
    "later": "put off",
    "interrupted": "given back",
}


def _waited_in_store(record: JobRecord) -> float:
    """Return how long a job that was leased could have been leased already."""
    begin = record.submitted if record.run_at is None else max(record.submitted, record.run_at)
    assert record.started is not None
    return max(0.0, (record.started - begin).total_seconds())
