"""Records: what a store is told, and what it tells.

All are immutable. Times in them are seconds since the epoch by the clock of the store, but in a
`JobRecord` they are aware datetimes. Spans of time are seconds.
"""

# Annotations are no strings here: these classes say that they are of gochan.durable, where not all
# names in them are known, and tools for data look at the types of fields.

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias, final

State: TypeAlias = Literal["scheduled", "waiting", "running", "ended"]
"""Where a job is: its time has not come, it can start, it is leased, or it is over."""

EndKind: TypeAlias = Literal["done", "failed", "timed_out", "cancelled", "dropped"]
"""How a job can end."""

Held: TypeAlias = Literal["held", "cancelled", "lost"]
"""What has become of a lease: it holds, it holds and the job is to be cancelled, it is over."""

STATES: Final[tuple[State, ...]] = ("scheduled", "waiting", "running", "ended")
END_KINDS: Final[tuple[EndKind, ...]] = ("done", "failed", "timed_out", "cancelled", "dropped")

KEPT_ATTEMPTS: Final = 20
"""How many attempts of a job a store remembers; it counts the others."""

MOST_LOST: Final = 20
"""How often the lease of a job may be lost before its start; then the job fails."""


@final
@dataclass(frozen=True, kw_only=True)  # without slots, so that a template is copied at once
class NewJob:
    """A job to be stored."""

    queue: str
    """The name of its queue."""
    payload: bytes
    """What the handler will be called with, encoded."""
    codec: str = "json"
    """The name of the encoding."""
    key: str | None = None
    """At most one job with this key is in the queue that has not ended; see `Store.enqueue`."""
    once_for: float = 0.0
    """How long the key stays taken after the end of the job."""
    priority: int = 0
    """The higher goes first; jobs of one priority go in the order of their ids."""
    delay: float = 0.0
    """How long it must wait before it can start."""
    run_at: float | None = None
    """When it can start; if there is a delay, too, the later of the two. It may be over."""
    expires: float | None = None
    """It must not start at that time or later."""
    timeout: float | None = None
    """How long an attempt may take; ``None`` for any time."""
    max_attempts: int = 5
    """How often it may be started."""
    group: str | None = None
    """Jobs of one group may have a limit; see `QueueSettings`."""
    machine: str | None = None
    """It may only run on the worker of this name."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """It may only run on a worker that has all of these."""
    after: tuple[int, ...] = ()
    """The ids of jobs that have to end first, of whatever queue of the same store."""
    after_all: Literal["done", "ended"] = "done"
    """Whether these must end as done, or just end."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What travels with the job, such as a ``traceparent``."""
    receipt: str | None = None
    """A word drawn by the submitter: as long as this job is kept, no other one is stored with it.

    So a call whose answer was lost can be repeated.
    """


@final
@dataclass(frozen=True, slots=True)
class Enqueued:
    """A job is stored."""

    id: int
    """Its number in the store; later jobs have higher ones, and none is used twice."""
    created: bool = True
    """False: there was one already that has the key, and this is its id."""


@final
@dataclass(frozen=True, slots=True)
class Refusal:
    """A job is not stored."""

    reason: str
    """A sentence for people."""
    full: bool = False
    """Whether the queue has no room, so that a later attempt may succeed."""
    follows: bool = False
    """Whether it could have been stored, and only follows from the refusal of another job of the
    same call."""


@final
@dataclass(frozen=True, slots=True)
class Worker:
    """Who asks for jobs: a process."""

    name: str
    """What records call it, for people: such as ``"host:1234"``."""
    machine: str | None = None
    """Jobs that are pinned to this machine are for it as well."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Jobs that need some of these are for it as well."""

    def suits(self, machine: str | None, labels: Mapping[str, str]) -> bool:
        """Whether a job that is pinned like this may run here."""
        if machine is not None and machine != self.machine:
            return False
        return all(self.labels.get(name) == value for name, value in labels.items())


@final
@dataclass(frozen=True, slots=True)
class Ticket:
    """One run of a job, or the offer of one; its version is another one as soon as that is over."""

    id: int
    """Of the job."""
    version: int
    """Of the job, since the run began, or as it was offered."""


@final
@dataclass(frozen=True, slots=True)
class Ending:
    """A run is over, and with it the job."""

    id: int
    """Of the job."""
    version: int
    """Of the run: see `Ticket`."""
    kind: EndKind
    """How the job ends; attempts that are left do not matter. See `Store.finish`."""
    result: bytes | None = None
    """What the handler returned, encoded; kept if the job ends as done."""
    error: str | None = None
    """The reason, for all kinds but done."""
    started: bool = True
    """Whether the handler was called, so that the attempt counts, and the log gets a line."""


ReleaseKind: TypeAlias = Literal["failed", "timed_out", "later", "interrupted", "unstarted"]
"""How a run ended whose job may go on: its handler raised, or took too long, or put the job off,
or was interrupted; or was never called."""


@final
@dataclass(frozen=True, slots=True)
class Release:
    """A run is over, but the job is not, as long as it has attempts left.

    If a cancel is wished, the job ends as cancelled, with the reason of the wish. Otherwise, if the
    attempt counts and was the last one, the job ends: as timed out if the attempt has, as failed in
    all other cases. Otherwise it goes on; `after_release` decides.
    """

    id: int
    """Of the job."""
    version: int
    """Of the run: see `Ticket`."""
    kind: ReleaseKind
    """How the run ended. If ``unstarted``, the attempt does not count, and the log gets no line."""
    delay: float = 0.0
    """How long the job must wait before it can start again."""
    count: bool = True
    """Whether the attempt counts. If not, a mark of its start is taken back."""
    error: str | None = None
    """What the handler raised, or another reason; the job keeps it unless it is ``None``."""


@final
@dataclass(frozen=True, slots=True)
class ProgressReport:
    """How far a run has come."""

    id: int
    """Of the job."""
    version: int
    """Of the run: see `Ticket`."""
    done: float
    """How much is done, in whatever unit."""
    total: float | None = None
    """How much there is to do; ``None`` if that is not known."""


@final
@dataclass(frozen=True, slots=True)
class Hint:
    """A bell: something may have happened. It may come early, late, twice, or not at all.

    ======================  ======================================================================
    ``waiting``             a job waits: a new one, or again, or since it is held or scheduled no
                            longer; or a job of its group has ended
    ``scheduled``           a job is stored, or put off, that `Store.tend` will have to look at
    ``ended``               a job has ended, in whatever way
    ``cancel``              a job that runs is to be cancelled
    ``room``                a queue that was full is not any more
    ``resumed``             a queue was resumed
    ``changed``             other settings hold; or any of the above, as far as the store knows
    ======================  ======================================================================
    """

    what: Literal["waiting", "scheduled", "ended", "cancel", "room", "resumed", "changed"]
    """Which bell it is."""
    ids: tuple[int, ...] = ()
    """Which jobs, if that is known."""


@final
@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a job that is over."""

    worker: str
    """The name of who had it."""
    started: datetime
    """When the handler was called, or the lease began, if no call was marked."""
    ended: datetime
    """When the end was written."""
    kind: str
    """A kind of `Ending` or `Release`, or ``lost``: its lease ended first."""
    error: str | None = None
    """What that said, but for ``done``."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """Everything that a store knows about a job."""

    id: int
    """Its number in the store."""
    queue: str
    """The name of its queue."""
    state: State
    """Where it is."""
    kind: EndKind | None
    """How it ended; ``None`` until then."""
    version: int
    """Grows with each change of the state, and with nothing else."""
    payload: bytes
    """What the handler is called with, encoded."""
    codec: str
    """The name of the encoding."""
    key: str | None
    """At most one job with this key is in the queue that has not ended."""
    priority: int
    """The higher goes first."""
    group: str | None
    """Jobs of one group may have a limit."""
    machine: str | None
    """It may only run on the worker of this name."""
    labels: Mapping[str, str]
    """It may only run on a worker that has all of these."""
    headers: Mapping[str, str]
    """What travels with the job."""
    submitted: datetime
    """When it was stored."""
    run_at: datetime | None
    """When it can start, or could; ``None`` if that was at once."""
    expires: datetime | None
    """It must not start later than that."""
    timeout: float | None
    """How many seconds an attempt may take."""
    attempt: int
    """How many of its starts count, the present one included once it is marked."""
    max_attempts: int
    """How many there may be; after a retry, so many more than there were."""
    crashes: int
    """How many of its starts had no end: their lease ended first. A retry sets it to 0."""
    lost: int
    """How often its lease ended before its start was marked. A retry sets it to 0."""
    held_by: int
    """How many jobs have to end before it can start; 0 once it has ended."""
    worker: str | None
    """Who has it, or had it last."""
    started: datetime | None
    """When its last run began: the lease, or the call of the handler once that is marked."""
    lease_until: datetime | None
    """When its lease ends, while it runs."""
    ended: datetime | None
    """When it ended."""
    cancel_reason: str | None
    """Why its run is to be cancelled, or was; ``None`` if nobody wished that."""
    progress: tuple[float, float | None] | None
    """How far its last run has come: how much is done, and how much there is."""
    error: str | None
    """Why it ended, or what its last attempt raised; ``None`` if it is done."""
    result: bytes | None
    """What the handler returned, encoded, if it is done."""
    attempts: tuple[Attempt, ...]
    """The last 20 of its runs that are over, the oldest first. It has run if there is any."""
    attempts_forgotten: int
    """How many there were before these."""

    @property
    def ticket(self) -> Ticket:
        """Its present run."""
        return Ticket(self.id, self.version)


@final
@dataclass(frozen=True, slots=True)
class Tended:
    """What `Store.tend` has done, and when there will be something to do."""

    changed: int = 0
    """How many jobs it has moved; 0 if there was nothing to do."""
    next: float | None = None
    """In how many seconds it should be called again; ``None`` if nothing is in sight.

    Too early is fine, but if nothing was changed, it is more than 0.
    """


@final
@dataclass(frozen=True, slots=True)
class Migration:
    """What opening a store has done to its tables: `BookStore.migration`."""

    found: int
    """The version of the tables that were there; 0 if there were none."""
    now: int
    """The version that they have since."""


@final
@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a job waits, or why it ended so."""

    record: JobRecord
    """The job."""
    reasons: tuple[str, ...]
    """Sentences, the most important one first."""
    ahead: int = 0
    """How many jobs of its queue would start before it."""
    starts: datetime | None = None
    """When it should start, if `explain_job` could tell; an estimate."""

    def __str__(self) -> str:
        return "\n".join(self.reasons)
