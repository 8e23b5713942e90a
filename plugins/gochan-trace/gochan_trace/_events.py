"""The contents of a trace: operations, and the values that went from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

# How an operation or a job ends. The last two are for those that have not ended.
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

    Many things can happen at the same time, above all under a clock that only moves when all
    tasks wait. So each moment at which an operation begins to wait, or ends, also has a number,
    its step. Steps count up from 0, in the order of events.
    """

    task: str
    """The task that did it. Tasks of the same name are numbered."""
    verb: str
    """What it did: the name of the method, such as ``send`` or ``receive_many``. Each turn of
    ``async for`` is a ``receive``, and `gochan.Selector` and `gochan.merge` count as ``select``.
    ``tick`` is a wait for a `gochan.Ticker`; ``wait``, ``add`` and ``done`` are methods of
    `gochan.WaitGroup`. ``drop`` is a value that was given up, ``job`` a job, and ``phase`` the
    beginning of a phase in the stop of a queue."""
    channel: str | None
    """The name of the channel, or ``"channel 1"``; for a select, the channel of the case that
    was done, if it has one. It may also be a queue, a selector or a wait group."""
    value: str | None
    """The value that was sent or received, shortened; several as a list; ``None`` without any."""
    start: float
    """When it was done or began to wait, in seconds since the trace began."""
    end: float
    """When it was done or its wait ended; later than ``start`` only if it waited."""
    first: int
    """The step of ``start``."""
    last: int
    """The step of ``end``."""
    waited: bool
    """Whether it had to wait. A job always "waits" for the end of its handler."""
    outcome: Ending
    """How it ended: ``done``, ``cancelled``, ``closed``, ``refused``, ``would block``, or
    ``failed`` for any other error; ``waiting`` if it has not ended yet. For a job, ``running``
    or the kind of its outcome."""
    cases: tuple[str, ...] = ()
    """What a select could do, in words."""
    case: int | str | None = None
    """Which of them was done: its position, name or label. A label that is neither an ``int`` nor
    a ``str`` is given by its ``repr``, shortened."""
    chosen: str = ""
    """The same in words, as in ``cases``."""
    job: int | None = None
    """The number of the job that was submitted, or ran."""
    buffered: int | None = None
    """How many values the channel held afterwards."""
    reason: str = ""
    """Why a job ended as it did, or why a value was dropped."""

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
    """A value that went from one operation to another, or a job from its submit to its start."""

    channel: str
    """The name of the channel, or its number in the trace; the name of the job queue."""
    value: str
    """The ``repr`` of the value, shortened."""
    sent: TraceEvent
    """The send, or the submit."""
    received: TraceEvent
    """The operation that received it, or the job."""
