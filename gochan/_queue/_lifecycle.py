"""The life of the jobs of one queue: how they are admitted, started, ended and taken back."""

# Theory of operation
# -------------------
# Every change of a job passes through here, and happens where it is called for, without a
# switch of tasks: a job is entered when the strategy admits it (or a worker takes it
# directly), moved when its handler starts, and closed by ``end``, the only place that
# gives a job its outcome. First the books are changed, then everybody who wants to know is
# told: the stop that is under way, the results, tasks that wait, the strategy, the hooks.
#
# Three things end the work of a queue. A *close* accepts no more jobs. A *halt* lets no
# further job start. To *abandon* is to do both, to hand back what waits, and to cancel
# what runs.
#
# Invariant (``audit`` asserts it, besides those of the ledger)
# -------------------------------------------------------------
# Every job that waits in the strategy is entered as waiting, or was cancelled there.

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import Context
from threading import get_ident
from typing import Any, Generic, TypeVar, final

import trio
from trio.lowlevel import Task, enable_ki_protection

from .._core import OUTSIDE, SLOT, Refused
from ..strategies import Strategy
from ._cleanups import Cleanups
from ._intake import Intake
from ._jobs import Job
from ._ledger import Ledger
from ._outcomes import Cause, Kind
from ._results import Results
from ._user_code import Hook, UserCode

P = TypeVar("P")
R = TypeVar("R")


@final
class Lifecycle(Generic[P, R]):
    """Changes jobs and books together, and is what a job knows of its queue."""

    def __init__(
        self,
        handler_name: str,
        strategy: Strategy[Job[P, R]],
        grace: float,
        on_start: Hook | None,
        on_end: Hook | None,
        *,
        name: str | None,
        keep_results: bool,
        strategy_is_ours: bool,
    ) -> None:
        self.own_name: str | None = name  # that the program has given the queue
        self.name: str = handler_name if name is None else name
        self.ledger: Ledger[Job[P, R]] = Ledger()
        self.intake: Intake[Job[P, R]] = Intake(strategy, self.ledger.admit, self._drop)
        self.results: Results[Job[P, R]] = Results(keep=keep_results)
        self.user_code: UserCode = UserCode(
            strategy, on_start, on_end, self._break_off, strategy_is_ours=strategy_is_ours
        )
        self.cleanups: Cleanups = Cleanups(grace)
        self.halting: bool = False  # whether no further job is to start
        self.now: Callable[[], float] = trio.lowlevel.current_clock().current_time
        self.body: trio.CancelScope = trio.CancelScope()  # around the block of open_job_queue
        # What is called with each job that has ended: the results, and the stop under way.
        self.listeners: list[Callable[[Job[P, R]], object]] = []
        if keep_results:
            self.listeners.append(self.results.add)
        self._state = self.intake.state
        self._tells_hook = on_end is not None
        self._tells_strategy = self.user_code.listens
        self._strategy = strategy
        self._untold: deque[Job[P, R]] = deque()  # whose end the hook has not been told
        self._telling = False
        self._thread = get_ident()

    def check_run(self) -> None:
        """Raise `RuntimeError` unless called in the run of the queue."""
        # A run keeps to its thread, and a thread has one run at a time.
        if get_ident() != self._thread:
            raise RuntimeError(OUTSIDE)

    @property
    def title(self) -> str:
        """What the queue is called in messages."""
        if self.own_name is None:
            return f"the job queue of {self.name}"
        return f"job queue {self.own_name!r}"

    # What a job knows

    def name_job(self, job: Job[Any, Any]) -> str:
        """Return the default name of ``job``."""
        return f"job {job.id} ({self.name})"

    @enable_ki_protection
    def cancel_job(self, job: Job[Any, Any], reason: str) -> None:
        """Do what `Job.cancel` says with a job that has not ended."""
        self.check_run()
        if job in self.ledger.running:
            job._interrupt("cancelled", reason)
        else:
            self.end(job, "cancelled", reason)

    def open_cleanup(self) -> trio.CancelScope:
        """Return a scope in which a job can clean up; a stop may bring its end forward."""
        return self.cleanups.open()

    # A life

    def refuse(self, job: Job[P, R], error: Refused) -> Refused:
        """End a job that the strategy has refused; return what its submitter gets."""
        self.ledger.refuse(job)
        self.end(job, "refused", error.reason)
        return Refused(error.reason, error.retry_after, job.payload)

    def start(self, job: Job[P, R], task: Task, scope: trio.CancelScope) -> Context:
        """Move a job to the running ones, in ``scope``; return the context of its handler."""
        self.ledger.start(job, task)
        observer = SLOT.observer
        if observer is not None:
            observer.starts(self, job, task)
        return job._start(scope, self.now())

    def end(self, job: Job[P, R], kind: Kind, content: object) -> None:
        """Give a job its outcome, once, and tell everybody who wants to know.

        Args:
            job: admitted or refused.
            kind: how it ends.
            content: the value of a job that is done, the error of one that failed, the reason
                for all others.
        """
        now = self.now()
        ran = job._end(now, kind, content)
        ledger = self.ledger
        was_running = ledger.close(job, kind, ran)
        observer = SLOT.observer
        if observer is not None:
            reason = "" if kind in ("done", "failed") else str(content)
            observer.finishes(self, job, kind, reason)
        for listener in self.listeners:
            listener(job)
        if not ledger.running and (ledger.watched or self._state.closed):
            self.note_idleness()
        # From here on the books are right, so the user's code may be called.
        if self._tells_hook:
            self._tell_hook(job, now, ran=was_running)
        elif was_running:
            if self._tells_strategy:
                self.tell_strategy(job, now)
        elif kind == "cancelled":
            self.user_code.ask(self._state.discard, job)

    def follow_results(self) -> AsyncIterator[Job[P, R]]:
        """Return a new iterator over the results."""
        results = self.results.follow(self.ledger.count_ended())
        if self.results.add not in self.listeners:
            self.listeners.append(self.results.add)
        self.note_idleness()
        return results

    def _tell_hook(self, job: Job[P, R], now: float, *, ran: bool) -> None:
        """Tell strategy and hook of an end.

        Either may end further jobs. Their ends are told to the hook in turn, not from inside
        its call, so that there may be any number.
        """
        outermost, self._telling = not self._telling, True
        self._untold.append(job)
        try:
            self._tell_strategy_of_end(job, now, ran=ran)
            while outermost and self._untold:
                self.user_code.call("on_end", self._untold.popleft())
        finally:
            self._telling = not outermost

    def _tell_strategy_of_end(self, job: Job[P, R], now: float, *, ran: bool) -> None:
        if ran:
            self.tell_strategy(job, now)
        elif job._kind == "cancelled":
            self.user_code.ask(self._state.discard, job)

    def tell_strategy(self, job: Job[P, R], now: float) -> None:
        """Tell the strategy that a job which it gave out has ended."""
        outcome = job.outcome
        assert outcome is not None
        try:
            self._strategy.finished(
                job,
                now,
                waited=outcome.waited,
                ran=outcome.ran,
                ok=outcome.kind == "done",
            )
            if self.user_code.learns:
                self._state.ask_again()
        except BaseException as error:
            self.user_code.blame_strategy(error)

    def note_idleness(self) -> None:
        """Wake the tasks that wait for idleness; if it is final, end the results."""
        self.ledger.wake()
        if self.ledger.idle and self.intake.closed:
            self.results.close()

    def take_back(self, jobs: Iterable[Job[P, R]], reason: str, kind: Kind = "handed_back") -> None:
        """End jobs that will not run, except those that were cancelled where they waited."""
        for job in list(jobs):
            if job._kind is None:
                self.end(job, kind, reason)

    def _drop(self, job: Job[P, R], reason: str) -> None:
        """End a job that the strategy has given up."""
        self.take_back([job], reason, "dropped")

    # The end of all

    @enable_ki_protection
    def close(self) -> None:
        """Accept no more jobs."""
        if not self.intake.closed:
            self.user_code.ask(self._close)
            self.note_idleness()

    def _close(self) -> None:
        self.take_back(self.intake.close(), "the queue was closed")
        if self._strategy.hands_back and not len(self._strategy):
            # Then workers hand back the jobs in their hands, too, if they have not started.
            self.take_back(self.ledger.waiting, "the queue was closed")

    def halt(self) -> None:
        """Let no further job start."""
        self.halting = True

    def release(self, reason: str) -> None:
        """Hand back every job that waits, also those in a worker's hand."""
        self.user_code.ask(self.intake.channel.drain)
        self.take_back(self.ledger.waiting, reason)

    def interrupt(self, cause: Cause, reason: str) -> None:
        """Cancel every job that runs."""
        for job in self.ledger.running:
            job._interrupt(cause, reason)

    @enable_ki_protection
    def abandon(self, reason: str) -> None:
        """End everything: nobody is interested any more."""
        self.halt()
        self.close()
        self.release(reason)
        self.interrupt("cancelled", reason)

    def _break_off(self, reason: str) -> None:
        self.body.cancel()  # before a submit that waits there sees a closed channel
        self.abandon(reason)

    def audit(self) -> bool:
        """Return whether no job is lost or counted twice."""
        waiting = [job for job in self._strategy.items if job.state != "ended"]
        return self.ledger.audit() and all(job in self.ledger.waiting for job in waiting)
