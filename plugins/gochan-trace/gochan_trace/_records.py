"""What a recorder keeps: a record of each operation, and arrows between records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._events import Ending
from ._places import Lane, Place


@dataclass(slots=True, eq=False)
class Record:
    """One operation or one job, as far as it is known."""

    lane: Lane
    verb: str
    place: Place | None = None
    value: str | None = None
    cases: tuple[str, ...] = ()
    case: int | str | None = None
    chosen: str = ""
    job: int | None = None
    first: int = -1  # until it is recorded
    last: int = -1  # until it has ended
    start: float = 0.0
    end: float = 0.0
    waited: bool = False
    outcome: Ending = "waiting"
    buffered: int | None = None
    reason: str = ""
    thing: Any = None  # where it happens, until it has ended
    submitted: Any = None  # the job that it submits, until it has ended


@dataclass(slots=True, eq=False)
class Arrow:
    """A value that went from one operation to another."""

    place: Place
    value: str
    sent: Record
    received: Record
