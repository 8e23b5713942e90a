"""The stop of a job queue: its phases, and the report at the end."""

# Theory of operation
# -------------------
# A stop is there before it has begun, in the phase ``run``. When somebody asks for it, the
# queue becomes quiet, and a task goes through the other phases. A phase that waits ends when
# the queue has nothing to wait for any more, or when its time is up. Asking again can only
# hasten it. If the workers end before the stop does, there is nothing left to wait for, and
# the report is made at once.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, final

import trio
from trio.lowlevel import enable_ki_protection

from .._core import SLOT
from ..strategies import check_seconds
from ._countdown import Countdown
from ._jobs import Job
from ._lifecycle import Lifecycle
from ._stop_report import StopReport, make_report
from ._workers import Workers

Phase: TypeAlias = Literal["run", "quiet", "drain", "cancel", "release", "report"]
Finish: TypeAlias = Literal["running", "queued"]

# How many steps of the scheduler a stop leaves, at its very end, to jobs whose time for
# cleaning up is just over. Those that need more are stuck.
_LAST_STEPS: Final = 10
_REASON: Final = "the queue was stopped"


@final
class Stop:
    """The stop of one queue, whether it has begun or not.

    Attributes:
        phase: the one that it is in.
        finish: whether waiting jobs may start.
        report: what it brought about; ``None`` until it is over.
        reported: set when there is a report.
        watchers: called whenever a phase begins.
    """

    def __init__(self, lives: Lifecycle[Any, Any], workers: Workers[Any, Any]) -> None:
        self.phase: Phase = "run"
        self.finish: Finish = "running"
        self.report: StopReport | None = None
        self.reported = trio.Event()
        self.watchers: list[Callable[[], object]] = []
        self.countdown = Countdown(lives.cleanups)
        self.lives = lives
        self._workers = workers
        self._ended: list[Job[Any, Any]] = []
        self._since = 0.0  # when the phase began
        self._seconds: dict[str, float] = {}

    def seconds_left(self) -> float | None:
        """Return how long the phase may still last; ``None`` if no stop is under way."""
        if self.phase == "run" or self.report is not None:
            return None
        return self.countdown.seconds_left()

    def ask(self, drain: float, grace: float, finish: Finish) -> None:
        """Begin, or hasten what is under way."""
        begins = self.phase == "run"
        self.countdown.hasten(drain, grace)
        if finish == "running":
            self.lives.halt()
            if self.finish == "queued":
                self.lives.release(_REASON)
        if begins:
            self._begin(finish)

    def _begin(self, finish: Finish) -> None:
        self.phase = "quiet"
        self.finish = finish
        self._since = trio.current_time()
        self.lives.listeners.append(self._ended.append)
        self.lives.close()
        self._tell()
        if self._workers.over:
            self.end()
        else:
            self._workers.start(self.run, name=f"stop of {self.lives.name}")

    def skip(self) -> None:
        """Go on to the next phase, if a stop is under way."""
        if self.phase != "run":
            self.countdown.skip()

    # Phases

    @enable_ki_protection
    async def run(self) -> None:
        """Go through the phases, in time also if jobs ignore it, or the queue is cancelled."""
        lives, countdown = self.lives, self.countdown
        ledger = lives.ledger
        self._enter("drain")
        try:
            rest = ledger.wait_idle if self.finish == "queued" else ledger.wait_at_rest
            await countdown.wait(rest, countdown.drain_end)
        finally:
            with trio.CancelScope(shield=True):
                lives.halt()
                if ledger.running:
                    countdown.end_by(trio.current_time() + countdown.grace)
                    self._enter("cancel")
                    lives.interrupt("interrupted", _REASON)
                    await countdown.wait(ledger.wait_at_rest, countdown.hard_end)
                self._enter("release")
                countdown.end_by(trio.current_time())
                lives.release(_REASON)
                for _ in range(_LAST_STEPS):
                    if ledger.running:
                        await trio.lowlevel.checkpoint()
                self.end()

    def end(self) -> None:
        """Report, if there is a stop without a report yet; what still runs is stuck."""
        if self.phase != "run" and self.report is None:
            self._note_time()
            self.report = make_report(
                self._ended, self.lives.ledger.running, self._seconds, self.lives.own_name
            )
            self.phase = "report"
            self.reported.set()
            self._tell()

    def _enter(self, phase: Phase) -> None:
        self._note_time()
        self.phase = phase
        self._tell()

    def _note_time(self) -> None:
        """Note how long the phase took that ends now."""
        now = trio.current_time()
        self._seconds[self.phase] = now - self._since
        self._since = now

    def _tell(self) -> None:
        """Tell those who watch the phases that another one has begun."""
        observer = SLOT.observer
        if observer is not None:
            observer.enters_phase(self.lives, self.phase)
        for watcher in [*self.watchers]:
            try:
                watcher()
            except BaseException as error:
                why = f"announcing a phase of a stop raised {error!r}"
                self.lives.user_code.break_(error, why)


def check_plan(drain: float, grace: float, finish: Finish) -> tuple[float, float, Finish]:
    """Return how a queue shall be stopped, if that makes sense.

    Raises:
        TypeError, ValueError: it does not.
    """
    if finish not in ("running", "queued"):
        raise ValueError(f'finish must be "running" or "queued", not {finish!r}')
    return check_seconds("drain", drain), check_seconds("grace", grace), finish
