"""The figures of a job queue at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """A job queue at one moment. The first count is the sum of the ten that follow."""

    submitted: int
    """How many jobs there have been, each in one of the following counts."""
    waiting: int
    """How many wait for a worker now."""
    running: int
    """How many handlers run now."""
    done: int
    """How many handlers returned."""
    failed: int
    """How many handlers raised."""
    timed_out: int
    """How many ran longer than their ``timeout``."""
    cancelled: int
    """How many were ended by `Job.cancel`, or because an error left the block of the queue."""
    interrupted: int
    """How many a stop cancelled because its time was up."""
    refused: int
    """How many the strategy turned away."""
    dropped: int
    """How many the strategy gave up while they waited."""
    handed_back: int
    """How many never ran, because the queue ended first."""
    workers: int
    """How many workers there are."""
    jobs_per_second: float
    """How many jobs ended after running, per second since the queue was opened."""
    worst_wait: float | None
    """Seconds that a job submitted now would wait, if all before it take as long as the
    jobs so far: (waiting + 1) x mean time / workers. ``None`` until a job has run."""
