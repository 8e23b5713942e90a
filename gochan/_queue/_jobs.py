"""A job: one piece of work, and what became of it."""

# Theory of operation
# -------------------
# A job waits, runs and ends, in this order, and ends exactly once, with an Outcome of
# one of eight kinds. It may skip the running. Its queue moves it on; a job by itself
# only remembers why it shall end early. The first cause stays: a cancel that comes
# while a stop already interrupts the job changes nothing any more.
#
# What a handler says about its progress is kept, and otherwise changes nothing.
#
# Invariants (``Job.check`` asserts them)
# ---------------------------------------
# 1. A job has an outcome if and only if it has ended.
# 2. A job has a cancel scope if and only if it is running.

from __future__ import annotations

import functools
import math
from collections.abc import Hashable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar, final

import trio

if TYPE_CHECKING:
    from ._queue import JobQueue

P = TypeVar("P")
R = TypeVar("R")

State: TypeAlias = Literal["waiting", "running", "ended"]
Cause: TypeAlias = Literal[
    "timed_out", "cancelled", "interrupted", "refused", "dropped", "handed_back"
]
Kind: TypeAlias = Literal["done", "failed"] | Cause
KINDS: Final[tuple[Kind, ...]] = (
    "done",
    "failed",
    "timed_out",
    "cancelled",
    "interrupted",
    "refused",
    "dropped",
    "handed_back",
)


@final
@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """How a job ended."""

    kind: Kind
    """One word, ``done``, ``failed`` (the handler raised), ``timed_out``, ``cancelled`` (by
    `Job.cancel`, or with its queue), ``interrupted`` (by a stop), ``refused`` or ``dropped``
    (by the strategy), or ``handed_back`` (it never ran)."""
    value: R | None = None
    """What the handler returned, if the job is done."""
    error: BaseException | None = None
    """What the handler raised, if the job failed."""
    reason: str = ""
    """Why it was cancelled, dropped, refused or handed back, as far as anybody said."""
    waited: float = 0.0
    """Seconds from its submission to its start, or to its end if it never ran."""
    ran: float = 0.0
    """Seconds that the handler worked on it."""


@final
@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come, as its handler said last. As a string ``"3/10"``, or ``"3"``."""

    done: float
    """How much is done, in whatever unit the handler counts."""
    total: float | None = None
    """How much there is to do; ``None`` if that is not known."""

    @property
    def fraction(self) -> float | None:
        """The share that is done, from 0 to 1; ``None`` if the total is not known."""
        if self.total is None:
            return None
        return min(1.0, self.done / self.total) if self.total else 1.0

    def __str__(self) -> str:
        return f"{self.done}" if self.total is None else f"{self.done}/{self.total}"


@final
class Job(Generic[P, R]):
    """One piece of work in a job queue; made by `JobQueue.submit`.

    Attributes:
        id: counts up from 1 in each queue.
        payload: what was submitted.
        priority: for strategies that look at it; the higher goes first.
        key: for strategies that group jobs.
        timeout: how many seconds it may run, ``None`` for any time.
    """

    __slots__ = (
        "__weakref__",
        "_cause",
        "_ended",
        "_name",
        "_outcome",
        "_progress",
        "_queue",
        "_reason",
        "_scope",
        "_started",
        "_submitted",
        "id",
        "key",
        "payload",
        "priority",
        "timeout",
    )

    def __init__(
        self,
        queue: JobQueue[P, R],
        payload: P,
        timeout: float | None,
        priority: int,
        key: Hashable,
    ) -> None:
        self._queue = queue
        self.id: int = 0  # until it is admitted or refused
        self.payload: Final[P] = payload
        self.timeout: Final[float | None] = timeout
        self.priority: Final[int] = priority
        self.key: Final[Hashable] = key
        self._submitted = trio.current_time()
        self._started: float | None = None
        self._scope: trio.CancelScope | None = None
        self._cause: Cause | None = None
        self._reason = ""
        self._outcome: Outcome[R] | None = None
        self._ended: trio.Event | None = None  # made when somebody waits
        self._name: str | None = None
        self._progress: Progress | None = None

    @property
    def name(self) -> str:
        """What it is called in displays and reports; may be set, for instance by its handler.

        By default its number and its handler, such as ``"job 3 (fetch)"``.

        Raises:
            TypeError: it is set to something that is not a ``str``.
        """
        if self._name is None:
            return f"job {self.id} ({self._queue._handler_name})"
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, not {name!r}")
        self._name = name

    @property
    def state(self) -> State:
        """``waiting``, ``running`` or ``ended``."""
        if self._outcome is not None:
            return "ended"
        return "waiting" if self._scope is None else "running"

    @property
    def outcome(self) -> Outcome[R] | None:
        """How the job ended; ``None`` as long as it has not."""
        return self._outcome

    @property
    def cause(self) -> Cause | None:
        """The word of its outcome, from the moment when something ends the job early.

        ``None`` until then, and if it ends by itself.
        A handler that is cancelled can look here, by way of `current_job`, to tell a
        timeout from a cancel from a stop.
        """
        if self._cause is None and self._scope is not None:
            if self._scope.cancel_called:
                return "timed_out"
            if self._queue._cancelled:
                return "cancelled"
        return self._cause

    @property
    def age(self) -> float:
        """Seconds since its start; 0 before that, and after its end how long it ran."""
        if self._outcome is not None:
            return self._outcome.ran
        return 0.0 if self._started is None else trio.current_time() - self._started

    def progress(self, done: float, total: float | None = None) -> None:
        """Say how far the job has come, for displays; called by its handler.

        ::

            for number, page in enumerate(pages, start=1):
                await convert(page)
                current_job().progress(number, len(pages))

        It may be called from the handler's threads as well. A job that is not running takes
        no notice.

        Args:
            done: how much is done, not negative, in whatever unit.
            total: how much there is to do, in the same unit; ``None`` if that is not known.

        Raises:
            TypeError: an amount is not a number.
            ValueError: an amount is negative, infinite or NaN.
        """
        _check_amount("done", done)
        if total is not None:
            _check_amount("total", total)
        if self._scope is not None:
            self._progress = Progress(done, total)

    @property
    def progressed(self) -> Progress | None:
        """What its handler said last about its progress; ``None`` if it has said nothing."""
        return self._progress

    def cancel(self, reason: str = "") -> None:
        """End the job early: ``cancelled``. No other job is touched.

        A job that waits ends at once. One that runs gets `trio.Cancelled`, and ends when
        its handler has ended; if the handler returns nevertheless, the job is done. A job
        that is ending or has ended stays as it is. May be called any number of times.

        Args:
            reason: kept in ``outcome.reason``.

        Raises:
            RuntimeError: called from another thread or run, for a job that has not ended.
        """
        if self._outcome is None:
            self._queue._check_run()
            if self.cause is None:
                self._queue._cancel(self, reason)

    async def wait(self) -> Outcome[R]:
        """Wait until the job has ended, and return how. Never raises what the handler raised.

        If it is cancelled, the job goes on.
        """
        if self._ended is None:
            self._ended = trio.Event()
            if self._outcome is not None:
                self._ended.set()
        await self._ended.wait()
        assert self._outcome is not None
        return self._outcome

    def _start(self) -> trio.CancelScope:
        """Go from waiting to running; return the scope in which the handler runs."""
        self._started = trio.current_time()
        limit = math.inf if self.timeout is None else self._started + self.timeout
        self._scope = trio.CancelScope(deadline=limit)
        return self._scope

    def _lift_timeout(self) -> None:
        """Let it run on for any time; for a handler whose work proper is over."""
        assert self._scope is not None
        self._scope.deadline = math.inf

    def _interrupt(self, cause: Cause, reason: str) -> None:
        """Cancel the handler, unless something else has done so already."""
        if self._scope is not None and self.cause is None:
            self._cause = cause
            self._reason = reason
            self._scope.cancel(reason=reason or cause)

    def _end(
        self,
        now: float,
        kind: Kind,
        reason: str,
        value: R | None,
        error: BaseException | None,
    ) -> Outcome[R]:
        """End, and wake whoever waits for that."""
        started = now if self._started is None else self._started
        self._outcome = Outcome(
            kind, value, error, reason, waited=started - self._submitted, ran=now - started
        )
        self._cause = None if kind == "done" or kind == "failed" else kind
        self._scope = None
        if self._ended is not None:
            self._ended.set()
        return self._outcome

    def __repr__(self) -> str:
        how = self.state if self._outcome is None else self._outcome.kind
        return f"<gochan.Job {self.id}: {how}>"

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        assert (self.state == "ended") == (self._outcome is not None)
        assert (self.state == "running") == (self._scope is not None)


def _check_amount(name: str, amount: float) -> None:
    """Raise unless ``amount`` is a number of things that there may be."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"{name} must be a number, not {amount!r}")
    if not 0 <= amount < math.inf:
        raise ValueError(f"{name} must be >= 0 and finite, not {amount!r}")


def name_of(handler: object) -> str:
    """Return what a handler is called."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return str(getattr(handler, "__name__", type(handler).__name__))


# The job whose handler is running; set by its queue.
CURRENT: Final[ContextVar[Job[Any, Any]]] = ContextVar("gochan job")


def current_job() -> Job[Any, Any]:
    """Return the job whose handler is running.

    Raises:
        RuntimeError: called from elsewhere.
    """
    try:
        return CURRENT.get()
    except LookupError:
        raise RuntimeError("current_job() works only inside a job's handler") from None
