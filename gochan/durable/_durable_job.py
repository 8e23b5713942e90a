"""A durable job: a number in a store, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, NoReturn, TypeVar, final

from .._queue import Cancelled, Done, Dropped, Failed, Outcome, TimedOut
from ._errors import HandlerError, JobGone, KeyTaken, StoreError
from ._records import Enqueued, JobRecord
from ._store import Store
from ._watch import Fate, Watch

R_co = TypeVar("R_co", covariant=True)


@final
class DurableJob(Generic[R_co]):
    """A job in a store.

    Attributes:
        id: its number in the store.
        created: False if it was there already, with the same key, when it was submitted.
    """

    __slots__ = ("_fate", "_queue", "_store", "_watch", "created", "id")

    def __init__(
        self, store: Store, queue: str, watch: Watch, fate: Fate, *, created: bool = True
    ) -> None:
        self._store = store
        self._queue = queue
        self._watch = watch
        self._fate = fate
        self.id: Final[int] = fate.id
        self.created: Final[bool] = created

    async def record(self) -> JobRecord:
        """Return everything that the store knows about it.

        Raises:
            JobGone: the store does not keep it any more.
            StoreUnavailable: the store cannot be reached.
        """
        (record,) = await self._store.look([self.id])
        if record is None:
            raise self._gone()
        return record

    def _gone(self) -> JobGone:
        return JobGone(
            f"job {self.id} of queue {self._queue!r} is not in the store any more, if it ever was; "
            "`keep` of open_durable_queue says how long jobs stay"
        )

    async def wait(self) -> Outcome[R_co]:
        """Wait until the job has ended, in whichever process, and return how.

        A job that failed has an outcome like any other: its ``error`` is a `HandlerError`. If the
        call is cancelled, the job goes on. While the store cannot be reached, this waits.

        Raises:
            JobGone: the store does not keep it any more.
        """
        await self._watch.wait(self._fate)
        outcome: Outcome[R_co] | None = self._fate.outcome
        if outcome is None:
            raise self._gone()
        return outcome

    async def cancel(self, reason: str = "") -> bool:
        """End the job early, as ``cancelled``; return whether there was anything to end.

        One that does not run ends at once. One that runs is told, wherever it is, and ends when
        its handler has ended; if that returns nevertheless, the job is done. One that has ended
        stays as it is. This does not wait for the end; `wait` does.

        Args:
            reason: for people; the error of the job's record, and the reason of its outcome.

        Raises:
            StoreUnavailable: the store cannot be reached.
        """
        (answer,) = await self._store.cancel([self.id], reason)
        return answer != "unknown"

    async def retry(self) -> None:
        """Let the job run again that has ended, with as many attempts as it had at first.

        Raises:
            KeyTaken: another job has its key; its ``id`` says which.
            JobGone: the store does not keep it any more.
            StoreError: it has not ended.
            StoreUnavailable: the store cannot be reached.
        """
        (answer,) = await self._store.retry([self.id])
        if answer == "unknown":
            raise self._gone()
        where = f"job {self.id} of queue {self._queue!r}"
        if isinstance(answer, Enqueued):
            raise KeyTaken(f"{where} cannot run again: job {answer.id} has its key", answer.id)
        if answer == "live":
            raise StoreError(f"{where} has not ended, so it cannot run again")
        self._fate.reopen()

    def __await__(self) -> NoReturn:
        raise TypeError("a job cannot be awaited; write `await job.wait()` for its outcome")

    def __repr__(self) -> str:
        return f"<gochan.durable.DurableJob {self.id} of queue {self._queue!r}>"


def outcome_of(record: JobRecord, decode: Callable[[bytes], Any]) -> Outcome[Any]:
    """Return the outcome that a record of an ended job says."""
    assert record.ended is not None
    began = ended = record.ended
    if record.attempts:  # the end of the job may be later than that of its last run
        began, ended = record.attempts[-1].started, record.attempts[-1].ended
    waited = (began - record.submitted).total_seconds()
    ran = (ended - began).total_seconds()
    reason = record.error or ""
    match record.kind:
        case "done":
            value = None if record.result is None else decode(record.result)
            return Done(value, waited, ran)
        case "failed":
            return Failed(HandlerError(reason), waited, ran)
        case "timed_out":
            return TimedOut(reason, waited, ran)
        case "dropped":
            return Dropped(reason, waited, ran)
    return Cancelled(reason, waited, ran)
