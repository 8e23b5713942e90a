"""Records about a queue: what holds for it in the whole fleet, and how many jobs it has."""

# Annotations are no strings here: these classes say that they are of gochan.durable, where not all
# names in them are known, and tools for data look at the types of fields.

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, final

from ..strategies import check_count, check_seconds
from ._records import EndKind


@final
@dataclass(frozen=True, slots=True)
class Keep:
    """How long jobs are kept that have ended; ``math.inf`` for ever.

    Raises:
        TypeError, ValueError: an argument is of the wrong type, or less than 0.
    """

    done: float = 86_400.0
    """Seconds, for jobs that are done."""
    others: float = 14 * 86_400.0
    """Seconds, for all others."""
    most_done: int | float = 100_000
    """At most so many jobs that are done; the oldest go first."""

    def __post_init__(self) -> None:
        check_seconds("done", self.done)
        check_seconds("others", self.others)
        check_count("most_done", self.most_done, infinite=True)


@final
@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What holds for a queue in the whole fleet; kept in the store."""

    group_limit: int | None = None
    """How many jobs of one group may run at the same time."""
    capacity: int | float = math.inf
    """How many jobs may be scheduled or waiting."""
    when_full: Literal["refuse", "drop-oldest"] = "refuse"
    """Whether a job is refused that has no room, or another one is dropped for it."""
    keep: Keep = Keep()
    """How long jobs are kept that have ended."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """The jobs of a queue, by where they are. All of them together are the jobs ever stored."""

    stored: int = 0
    """Jobs that were ever stored."""
    scheduled: int = 0
    """Their time has not come, or other jobs have to end first."""
    waiting: int = 0
    """They can start."""
    running: int = 0
    """They are leased."""
    done: int = 0
    """Their handler returned."""
    failed: int = 0
    """They have used up their attempts, or raised what is not tried again."""
    timed_out: int = 0
    """Their last attempt took too long."""
    cancelled: int = 0
    """Somebody wanted that, or a job that they need has not become done."""
    dropped: int = 0
    """They expired, or were given up for others."""
    pruned: Mapping[EndKind, int] = field(default_factory=dict)
    """Jobs that have ended and are not kept any more, by kind."""
    paused: bool = False
    """Whether no job starts until the queue is resumed."""

    @property
    def balanced(self) -> bool:
        """Whether the law holds: stored = scheduled + waiting + running + ended + pruned."""
        live = self.scheduled + self.waiting + self.running
        ended = self.done + self.failed + self.timed_out + self.cancelled + self.dropped
        return self.stored == live + ended + sum(self.pruned.values())
