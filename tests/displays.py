"""What the tests of displays show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gochan import Progress, QueueStatistics


@dataclass
class Shown:
    """A job that runs, as far as it is shown."""

    name: str
    age: float
    progressed: Progress | None = None


def counts(submitted: int, *, waiting: int = 0, running: int = 0, **ended: int) -> QueueStatistics:
    """Return the statistics of a queue in which the jobs not mentioned are done."""
    others: dict[str, Any] = dict.fromkeys(
        ["failed", "timed_out", "cancelled", "interrupted", "refused", "dropped", "handed_back"], 0
    )
    others.update(ended, workers=4, jobs_per_second=0.0, worst_wait=None)
    done = submitted - waiting - running - sum(ended.values())
    return QueueStatistics(
        submitted=submitted, waiting=waiting, running=running, done=done, **others
    )
