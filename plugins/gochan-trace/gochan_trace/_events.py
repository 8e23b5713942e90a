"""What a trace tells: operations, and the values that went from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

# How an operation ends, or a job; the last two words are for what has not ended.
Ending: TypeAlias = Literal[
    "done",
    "failed",
    "closed",
    "cancelled",
    "refused",
    "would block",
    "timed_out",
    "interrupted",
    "dropped",
    "handed_back",
    "waiting",
    "running",
]


@final
@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One operation of a task, or one job. As a string it is a line of text.

    Many things can happen at the same moment, above all under a clock that only moves when
    nobody has anything to do. So each moment at which an operation begins to wait, or ends,
    has a number as well, its step; they count up from 0 in the order of what happened.
    """

    task: str
    """The task that did it; of several with the same name, each has a number."""
    verb: str
    """What it did: the name of the method, such as ``send`` or ``receive_many``; ``receive``
    also for each turn of ``async for``. ``select`` also stands for `gochan.Selector` and
    `gochan.merge`. ``tick`` and ``wait`` are those of a `gochan.Ticker` and of a
    `gochan.WaitGroup`, ``add`` and ``done`` change the count of one. ``drop`` is a value that was
    given up, ``job`` a job, and ``phase`` the next phase of the stop of a queue."""
    channel: str | None
    """Where: the name of the channel, or ``"channel 1"``; of a select, where the case was that
    was done, if it was at a channel. It may also be a queue, a selector or a wait group."""
    value: str | None
    """What was sent or received, shortened; several values in a list. ``None`` if nothing was."""
    start: float
    """When it was done, or began to wait; in seconds since the trace began."""
    end: float
    """When it was done, or its wait ended: later than ``start`` only if it waited."""
    first: int
    """The step of ``start``."""
    last: int
    """The step of ``end``."""
    waited: bool
    """Whether it had to wait. A job always "waits": for the end of its handler."""
    outcome: Ending
    """What came of it: ``done``, ``cancelled``, ``closed``, ``refused``, ``would block``, or
    ``failed`` for any other error; ``waiting`` if it has not ended yet. Of a job, it is
    ``running``, or the kind of its outcome."""
    cases: tuple[str, ...] = ()
    """What a select could do, in words."""
    case: int | str | None = None
    """Which of them was done: its position, name or label; other labels than ``int`` and ``str``
    are shortened to their ``repr``."""
    chosen: str = ""
    """The same in words, as in ``cases``."""
    job: int | None = None
    """The number of the job that was submitted, or ran."""
    buffered: int | None = None
    """How many values the channel held afterwards."""
    reason: str = ""
    """Why a job ended as it did, or a value was dropped."""

    @property
    def words(self) -> str:
        """What was done, in a few words."""
        if self.verb == "job":
            return f"job {self.job} ({self.value})"
        words = [self.verb.replace("_", " ")]
        if self.cases:
            words.append(self.chosen or " or ".join(self.cases))
        if self.job is not None:
            words.append(f"job {self.job}")
        if self.value is not None:
            words.append(self.value)
        if self.channel is not None and not self.cases:
            words.append(
                f"{_PREPOSITIONS.get(self.verb.partition('_')[0], '')} {self.channel}".strip()
            )
        return " ".join(words)

    def __str__(self) -> str:
        waited = f", from {self.start:.6g} s" if self.waited else ""
        return f"{self.end:.6g} s  {self.task}: {self.words}{waited}: {self.outcome}"


_PREPOSITIONS = {
    "send": "to",
    "submit": "to",
    "add": "to",
    "receive": "from",
    "drain": "from",
    "drop": "from",
    "phase": "of",
}


@final
@dataclass(frozen=True, slots=True)
class Transfer:
    """A value that went from one operation to another, or a job that was submitted and starts."""

    channel: str
    """The name of the channel, or its number in the trace; the name of the job queue."""
    value: str
    """The ``repr`` of the value, shortened."""
    sent: TraceEvent
    """The send, or the submit."""
    received: TraceEvent
    """The operation that received it, or the job."""
