"""A job: one piece of work, from its submission to its outcome."""

# Theory of operation
# -------------------
# A job waits, runs and ends, in this order, and ends exactly once, with an outcome of
# one of eight kinds. It may skip the running. Its owner, a queue, moves it on. The job
# itself only remembers why it is to end early. The first cause stays: a cancel has no
# effect on a job that a stop has already interrupted.
#
# The outcome is made when somebody first looks at it; until then the job keeps its kind and
# its content: the value of a job that is done, the error of one that failed, or the reason.
#
# Invariants (``Job.check`` asserts them)
# ---------------------------------------
# 1. A job has a kind of outcome if and only if it has ended.
# 2. A job has a cancel scope if and only if it is running.

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, Generic, Literal, NoReturn, Protocol, TypeAlias, TypeVar, final

import trio

from ..strategies import check_number
from ._errors import error_of
from ._outcomes import OUTCOMES, Cause, Done, Kind, Outcome
from ._progress import Progress

P = TypeVar("P")
R = TypeVar("R")

State: TypeAlias = Literal["waiting", "running", "ended"]


class Owner(Protocol):
    """What a job knows of its queue."""

    def name_job(self, job: Job[Any, Any]) -> str:
        """Return the default name of ``job``."""

    def cancel_job(self, job: Job[Any, Any], reason: str) -> None:
        """End ``job`` early, unless something else already does.

        Raises:
            RuntimeError: called from another thread or run.
        """

    def open_cleanup(self) -> trio.CancelScope:
        """Return a scope in which a job can clean up although it is cancelled."""


@final
class Job(Generic[P, R]):
    """One piece of work in a job queue; made by `JobQueue.submit`.

    Attributes:
        id: counts up from 1 in each queue.
        payload: what was submitted.
        priority: for strategies that look at it; higher priorities go first.
        key: for strategies that group jobs.
        timeout: how many seconds it may run, ``None`` for any time.
    """

    __slots__ = (
        "__weakref__",
        "_cause",
        "_content",
        "_context",
        "_ended",
        "_kind",
        "_name",
        "_outcome",
        "_owner",
        "_progress",
        "_reason",
        "_scope",
        "_started",
        "_submitted",
        "_watchers",
        "id",
        "key",
        "payload",
        "priority",
        "timeout",
    )

    def __init__(
        self,
        owner: Owner,
        payload: P,
        timeout: float | None,
        priority: int,
        key: Hashable,
        now: float,
    ) -> None:
        self._owner = owner
        self.id: int = 0  # until it is admitted or refused
        self.payload: Final[P] = payload
        self.timeout: Final[float | None] = timeout
        self.priority: Final[int] = priority
        self.key: Final[Hashable] = key
        self._submitted = now
        self._started: float | None = None
        self._scope: trio.CancelScope | None = None
        self._cause: Cause | None = None  # and then there is a reason
        self._kind: Kind | None = None  # and then there are a content and a time of its end
        self._outcome: Outcome[R] | None = None
        # In which its handler runs, copied where it was submitted; gone when it has ended.
        self._context: Context | None = copy_context()
        self._watchers: dict[Callable[[], object], None] | None = None  # to be called at its end
        self._name: str | None = None
        self._progress: Progress | None = None

    @property
    def name(self) -> str:
        """What displays and reports call it; its handler or anybody else may set it.

        By default its number and its handler, such as ``"job 3 (fetch)"``.

        Raises:
            TypeError: it is set to something that is not a ``str``.
        """
        return self._owner.name_job(self) if self._name is None else self._name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, not {name!r}")
        self._name = name

    @property
    def state(self) -> State:
        """``waiting``, ``running`` or ``ended``."""
        if self._kind is not None:
            return "ended"
        return "waiting" if self._scope is None else "running"

    @property
    def outcome(self) -> Outcome[R] | None:
        """How the job ended; ``None`` until it has."""
        if self._outcome is None and self._kind is not None:
            started = self._ended if self._started is None else self._started
            self._outcome = OUTCOMES[self._kind](
                self._content, waited=started - self._submitted, ran=self._ended - started
            )
        return self._outcome

    @property
    def cause(self) -> Cause | None:
        """Why the job ends early: the word of its outcome, as soon as that is certain.

        ``None`` until then, and if it ends by itself. A handler that is cancelled can look
        here, with `current_job`, to tell a timeout from a cancel from a stop.
        """
        if self._kind is not None:
            return None if self._kind == "done" or self._kind == "failed" else self._kind
        if self._cause is not None or self._scope is None:
            return self._cause
        if self._scope.cancel_called:
            return "timed_out"
        # Otherwise it may be the whole queue that is cancelled, as far as trio shows it.
        status = getattr(self._scope, "_cancel_status", None)
        return "cancelled" if getattr(status, "effectively_cancelled", False) else None

    @property
    def reason(self) -> str:
        """Why the job ends early, as soon as there is a `cause`; ``""`` otherwise.

        After its end, the same as ``outcome.reason``.
        """
        if self.outcome is not None:
            return self.outcome.reason
        return "" if self.cause is None else self._why()[1]

    @property
    def age(self) -> float:
        """Seconds since its start; 0 before that, and after its end how long it ran."""
        if self.outcome is not None:
            return self.outcome.ran
        return 0.0 if self._started is None else trio.current_time() - self._started

    def progress(self, done: float, total: float | None = None) -> None:
        """Report how far the job has come, for displays; called by its handler.

        ::

            for number, page in enumerate(pages, start=1):
                await convert(page)
                current_job().progress(number, len(pages))

        Threads of the handler may call it as well. If the job does not run, nothing happens.

        Args:
            done: how much is done, not negative, in whatever unit.
            total: how much there is to do, in the same unit; ``None`` if that is not known.

        Raises:
            TypeError: an amount is not a number.
            ValueError: an amount is negative, infinite or NaN.
        """
        check_number("done", done, least=0, finite=True)
        if total is not None:
            check_number("total", total, least=0, finite=True)
        if self._scope is not None:
            self._progress = Progress(done, total)

    @property
    def progressed(self) -> Progress | None:
        """What its handler last reported with `progress`; ``None`` if nothing."""
        return self._progress

    def lift_timeout(self) -> None:
        """Let the job run for any time from now on, whatever its ``timeout``.

        For a handler whose main work is over. If the time is up already, or the job does not
        run, nothing happens.
        """
        if self._scope is not None and not self._scope.cancel_called:
            self._scope.deadline = math.inf

    def cancel(self, reason: str = "") -> None:
        """End the job early, as ``cancelled``. Other jobs are not touched.

        A waiting job ends at once. A running one gets `trio.Cancelled` and ends when its
        handler has ended; if the handler returns nevertheless, the job is done. A job that
        is ending or has ended stays as it is. May be called any number of times.

        Args:
            reason: kept in ``outcome.reason``.

        Raises:
            RuntimeError: called from another thread or run, for a job that has not ended.
        """
        if self._kind is None:
            self._owner.cancel_job(self, reason)

    async def wait(self) -> Outcome[R]:
        """Wait until the job has ended, and return how. Never raises what the handler raised.

        If the call is cancelled, the job goes on.
        """
        ended = trio.Event()
        self._watch(ended.set)
        try:
            await ended.wait()
        finally:
            if self._watchers is not None:
                del self._watchers[ended.set]
        outcome = self.outcome
        assert outcome is not None
        return outcome

    async def result(self) -> R:
        """Wait until the job has ended, and return what its handler returned.

        If the call is cancelled, the job goes on.

        Raises:
            JobFailed: the handler raised; its exception is the cause.
            JobTimedOut, JobCancelled, JobInterrupted, JobRefused, JobDropped, JobHandedBack:
                the job ended early. `JobError` is the base of them all.
        """
        await self.wait()
        return self._value()

    def __await__(self) -> NoReturn:
        raise TypeError(
            "a job cannot be awaited; write `await job.result()` for what its handler returns, "
            "or `await job.wait()` for its outcome"
        )

    # For its owner

    def _watch(self, watcher: Callable[[], object]) -> None:
        """Have ``watcher`` called when the job has ended, which may be now."""
        if self._kind is not None:
            watcher()
        elif self._watchers is None:
            self._watchers = {watcher: None}
        else:
            self._watchers[watcher] = None

    def _value(self) -> R:
        """Return what its handler returned; raise the error of a job that did not end as done."""
        outcome = self.outcome
        assert outcome is not None
        if isinstance(outcome, Done):
            value: R = outcome.value
            return value
        raise error_of(self) from outcome.error

    def _start(self, scope: trio.CancelScope, now: float) -> Context:
        """Go from waiting to running in ``scope``; return the context of the handler."""
        self._started = now
        self._scope = scope
        if self.timeout is not None:
            scope.deadline = now + self.timeout
        context: Context = self._context  # type: ignore[assignment]  # it has not ended
        context.run(CURRENT.set, self)
        return context

    def _interrupt(self, cause: Cause, reason: str) -> None:
        """Cancel the handler, unless something else has done so already."""
        if self._scope is not None and self.cause is None:
            self._cause = cause
            self._reason = reason
            self._scope.cancel(reason=reason or cause)

    def _why(self) -> tuple[Kind, str]:
        """Return the kind and the reason with which a cancelled handler ends."""
        if self._cause is not None:
            return self._cause, self._reason
        if self._scope is not None and self._scope.cancel_called:
            return "timed_out", f"it ran longer than {self.timeout} s"
        return "cancelled", "the queue was cancelled"

    def _end(self, now: float, kind: Kind, content: object) -> float:
        """End, and tell those who watch it; return how many seconds it ran."""
        self._kind = kind
        self._content = content
        self._ended = now
        self._scope = self._context = None
        if self._watchers is not None:
            watchers, self._watchers = self._watchers, None
            for watcher in watchers:
                watcher()
        return 0.0 if self._started is None else now - self._started

    def __repr__(self) -> str:
        how = self._kind or self.state
        return f"<gochan.Job {self.id}: {how}>"

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        assert (self.state == "ended") == (self.outcome is not None)
        assert (self.state == "running") == (self._scope is not None)


# The job whose handler is running; set by its queue.
CURRENT: Final[ContextVar[Job[Any, Any]]] = ContextVar("gochan job")
