"""Counters: what one process has done with a queue, in plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ._records import EndKind


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessCounters:
    """What this process has done with a queue since it was opened.

    All but ``held`` and ``running`` only grow. `DurableQueue.statistics` has the counts of the
    whole fleet.
    """

    submitted: int
    """Jobs that were stored; one that was there already, by its key, does not count."""
    claimed: int
    """Jobs that were leased."""
    held: int
    """Jobs that are leased now, those included that have ended and whose end is not written."""
    started: int
    """Runs: handlers that were called."""
    running: int
    """Handlers that run now."""
    done: int
    """Jobs whose end, as done, was written."""
    failed: int
    """Jobs whose end, as failed, was written."""
    timed_out: int
    """Jobs whose end, as timed out, was written."""
    cancelled: int
    """Jobs whose end, as cancelled, was written."""
    dropped: int
    """Jobs whose end, as dropped, was written: an inner ``strategy`` turned them away."""
    retried: int
    """Runs that failed or timed out, and after which the job is tried again."""
    put_off: int
    """Runs that raised `RetryLater`, and after which the job goes on."""
    given_back: int
    """Leases that were given back: of runs that a stop interrupted, and of jobs that had not
    started."""
    lost_leases: int
    """Leases that may have ended before the run did, so that it was cancelled."""
    stale_writes: int
    """Ends of runs that the store refused, since somebody else has the job by now."""
    outages: int
    """How many times the store could not be reached."""
    seconds_waited: float
    """How long jobs waited for their starts, all together: from when each could have started."""
    seconds_ran: float
    """How long handlers ran, all together, those that run now not included."""


@final
class Counting:
    """The counters, as they count."""

    def __init__(self) -> None:
        self.submitted = 0
        self.claimed = 0
        self.started = 0
        self.returned = 0  # runs that have ended
        self.ended: dict[EndKind, int] = {
            "done": 0, "failed": 0, "timed_out": 0, "cancelled": 0, "dropped": 0
        }  # fmt: skip
        self.retried = 0
        self.put_off = 0
        self.given_back = 0
        self.lost_leases = 0
        self.stale_writes = 0
        self.seconds_waited: float = 0.0
        self.seconds_ran: float = 0.0

    def read(self, *, held: int, outages: int) -> ProcessCounters:
        """Return what they show at this moment."""
        return ProcessCounters(
            submitted=self.submitted,
            claimed=self.claimed,
            held=held,
            started=self.started,
            running=self.started - self.returned,
            **self.ended,
            retried=self.retried,
            put_off=self.put_off,
            given_back=self.given_back,
            lost_leases=self.lost_leases,
            stale_writes=self.stale_writes,
            outages=outages,
            seconds_waited=self.seconds_waited,
            seconds_ran=self.seconds_ran,
        )
