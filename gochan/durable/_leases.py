"""Leases: the jobs that a process has taken from the store."""

# Theory of operation
# -------------------
# A lease begins with a claim and ends when the store has acknowledged what became of the job. In
# between it says how far the job has come here. What is written about it follows from that and
# from the outcome that the job queue gives it; ``account`` is a pure function.

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, Literal, TypeAlias, final

from .._queue import Job, Outcome
from ._codec import Codecs
from ._errors import RetryLater, unwrapped
from ._records import Ending, EndKind, JobRecord, Release, Ticket
from ._retry import Retry
from ._rules import Run, after_release

Account: TypeAlias = Ending | Release
Written: TypeAlias = Literal["yes", "no", "unclear"]  # whether the store took an account

_LONGEST_ERROR: Final = 1000  # characters


@final
class Lease:
    """A job that this process has.

    Attributes:
        record: as it was leased.
        payload: decoded, before it is handed over.
        until: when the lease ends, by trio's clock.
        codecs: makes bytes of its result.
        owner: the durable queue that leased it.
        on_progress: called when its handler has reported how far it is.
        job: in the job queue; ``None`` before and after.
        started: whether its handler was called.
        ended: whether it has ended here.
        wish: why the user wants it cancelled.
        lost: whether the lease is over, so that nothing is written any more.
        returned: whether it was taken out of the job queue to be given back.
        finished_in: whether its end was written in a transaction of the user's.
        value: what its handler returned, if somebody wants to know.
    """

    __slots__ = (
        "codecs",
        "ended",
        "finished_in",
        "job",
        "lost",
        "on_progress",
        "owner",
        "payload",
        "progress",
        "record",
        "returned",
        "started",
        "times",
        "until",
        "value",
        "wish",
    )

    def __init__(
        self,
        record: JobRecord,
        until: float,
        on_progress: Callable[[Lease], object],
        codecs: Codecs,
        owner: object,
    ) -> None:
        self.owner: object = owner
        self.record: JobRecord = record
        self.payload: Any = None
        self.until: float = until
        self.on_progress: Callable[[Lease], object] = on_progress
        self.codecs: Codecs = codecs
        self.job: Job[Lease, bytes] | None = None
        self.started: bool = False
        self.ended: bool = False
        self.wish: str | None = None
        self.lost: bool = False
        self.returned: bool = False
        self.finished_in: bool = False
        self.progress: tuple[float, float | None] | None = None
        self.times: tuple[float, float] = (0.0, 0.0)  # how long it waited and ran here, when it has
        self.value: Any = None

    @property
    def ticket(self) -> Ticket:
        """The run that the lease is for."""
        return Ticket(self.record.id, self.record.version)

    @property
    def attempt(self) -> int:
        """The number of this attempt, the first being 1."""
        return self.record.attempt + 1

    @property
    def waited(self) -> float:
        """How many seconds passed from the submission of the job to the start of this run."""
        assert self.record.started is not None
        return (self.record.started - self.record.submitted).total_seconds() + self.times[0]

    def __repr__(self) -> str:
        return repr(self.payload)  # which is what an error of the job queue is to show

    def encode(self, result: object) -> bytes:
        """Return a result as the store keeps it."""
        return self.codecs.encode_result(self.record.codec, result)

    def cancel(self, reason: str) -> None:
        """End the job here, unless it has ended."""
        if self.job is not None:
            self.job.cancel(reason)


def account(lease: Lease, outcome: Outcome[bytes], retry: Retry) -> Account | None:
    """Return what is to be written about a job that has ended here; ``None`` for nothing."""
    id, version = lease.record.id, lease.record.version
    if lease.lost:
        return None
    if lease.finished_in and outcome.kind == "done":
        # If that was committed, the version has moved, and this changes nothing.
        why = "it was ended in a transaction that was not committed"
        return Release(id, version, "failed", retry.delay(lease.attempt), error=why)
    match outcome.kind:
        case "done":
            return Ending(id, version, "done", outcome.value)
        case "failed":
            return _account_of_failure(lease, outcome.error, retry)
        case "timed_out":
            delay = retry.delay(lease.attempt)
            return Release(id, version, "timed_out", delay, error=outcome.reason)
        case "refused" | "dropped":
            return Ending(id, version, "dropped", error=outcome.reason, started=False)
    if lease.wish is not None and outcome.kind == "cancelled" and not lease.returned:
        return Ending(id, version, "cancelled", error=lease.wish, started=lease.started)
    if lease.started:
        return Release(id, version, "interrupted", count=False, error=outcome.reason)
    return Release(id, version, "unstarted", count=False)


def _account_of_failure(lease: Lease, error: BaseException, retry: Retry) -> Account:
    id, version = lease.record.id, lease.record.version
    error = unwrapped(error)
    if isinstance(error, RetryLater):
        return Release(id, version, "later", error.seconds, error.count, str(error))
    if retry.wants(error):
        return Release(id, version, "failed", retry.delay(lease.attempt), error=text_of(error))
    return Ending(id, version, "failed", error=text_of(error))


def end_after(lease: Lease, account: Account, written: Written = "unclear") -> EndKind | None:
    """Return how the job ends by this run, as far as is known here; ``None`` if not."""
    if lease.finished_in and written != "yes" and (written == "no" or isinstance(account, Release)):
        return "done"  # by the transaction, or the store would have taken the account
    if written == "no":
        return None
    if isinstance(account, Ending):
        return account.kind
    record = lease.record
    run = Run(record.attempt, record.max_attempts, False, record.crashes, record.lost, lease.wish)
    return after_release(run, account).kind


def text_of(error: BaseException) -> str:
    """Return an error as it is stored."""
    text = f"{type(error).__qualname__}: {error}"
    if isinstance(error, BaseExceptionGroup):
        text = f"{text}: {'; '.join(map(text_of, error.exceptions))}"
    return text if len(text) <= _LONGEST_ERROR else f"{text[: _LONGEST_ERROR - 1]}…"


CURRENT: Final[ContextVar[Lease]] = ContextVar("gochan durable job")


class LeasedJob:
    """What everybody may know of a job that this process has, or had."""

    __slots__ = ("_lease",)

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    @property
    def id(self) -> int:
        """Its number in the store."""
        return self._lease.record.id

    @property
    def record(self) -> JobRecord:
        """What the store knew about it when it was leased."""
        return self._lease.record

    @property
    def attempt(self) -> int:
        """The number of this attempt, the first being 1."""
        return self._lease.attempt


@final
class RunningJob(LeasedJob):
    """The job whose handler is running; see `current_job`."""

    __slots__ = ()

    @property
    def cause(self) -> str | None:
        """Why it ends early, as `gochan.Job.cause` says it; or ``lost_lease``.

        After a lost lease somebody else may run the job, and nothing that this run returns counts.
        """
        if self._lease.lost:
            return "lost_lease"
        return None if self._lease.job is None else self._lease.job.cause

    @property
    def reason(self) -> str:
        """Why it ends early, in words; ``""`` as long as it does not."""
        return "" if self._lease.job is None else self._lease.job.reason

    @property
    def seconds_left(self) -> float:
        """How long it may still run: until its timeout; infinite without one."""
        job = self._lease.job
        if job is None or job.timeout is None:
            return float("inf")
        return max(0.0, job.timeout - job.age)

    def encode(self, result: Any) -> bytes:
        """Return a result as its store keeps it."""
        return self._lease.encode(result)

    def note_finished_in(self) -> None:
        """Hear that it was ended in a transaction of the user's. For stores."""
        self._lease.finished_in = True

    def progress(self, done: float, total: float | None = None) -> None:
        """Report how far the job has come; everybody who looks at its record can see it.

        It is written about once a second. A thread calls it by `trio.from_thread.run_sync`.
        Otherwise the same as `gochan.Job.progress`.
        """
        job = self._lease.job
        if job is not None:
            job.progress(done, total)
            self._lease.progress = done, total
            self._lease.on_progress(self._lease)

    def __repr__(self) -> str:
        return f"<gochan.durable.RunningJob {self.id}: attempt {self.attempt}>"


def current_job() -> RunningJob:
    """Return the job whose handler is running.

    Raises:
        RuntimeError: called from elsewhere.
    """
    try:
        return RunningJob(CURRENT.get())
    except LookupError:
        raise RuntimeError("current_job() works only inside a durable job's handler") from None
