"""The calls of a store as they are sent, and their answers."""

# Theory of operation
# -------------------
# A call is a name and the arguments of a method of `gochan.durable.Store`; the records are sent as
# they are, bytes as base64, times as RFC 3339 says. What JSON cannot say is said in another way:
# an infinite number as null, and the two sorts of answers to a submission in one shape.

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from gochan.durable import (
    Cancelling,
    Ending,
    EndKind,
    Enqueued,
    Explanation,
    Held,
    JobRecord,
    Keep,
    KnownWorker,
    NewJob,
    ProgressReport,
    QueueCounts,
    QueueSettings,
    Refusal,
    Release,
    Retrying,
    State,
    Store,
    Tended,
    Ticket,
    Worker,
)

from ._bounds import LONGEST, check_job, check_span

Id: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1000)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Span: TypeAlias = Annotated[float, Meta(ge=0, le=LONGEST)]
Lease: TypeAlias = Annotated[float, Meta(gt=0, le=366 * 86_400)]

_MOST: Final = 10_000  # things in one call

Ids: TypeAlias = Annotated[list[Id], Meta(max_length=_MOST)]
Tickets: TypeAlias = Annotated[list[Ticket], Meta(max_length=_MOST)]


def null() -> Raw:
    """Return the JSON that says nothing; a schema could not say it as a default."""
    return Raw(b"null")


class CallFailed(Exception):
    """An answer is not what the call asks for."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """`QueueSettings`, with null for what is infinite."""

    group_limit: Count | None
    capacity: Count | None
    when_full: Literal["refuse", "drop-oldest"]
    keep_done: Span | None
    keep_others: Span | None
    most_done: Count | None

    @staticmethod
    def of(settings: QueueSettings) -> Settings:
        """Return settings as they are sent."""
        keep = settings.keep
        return Settings(
            settings.group_limit,
            _finite(settings.capacity),
            settings.when_full,
            _finite(keep.done),
            _finite(keep.others),
            _finite(keep.most_done),
        )

    def settings(self) -> QueueSettings:
        """Return what was sent."""
        keep = Keep(_or_inf(self.keep_done), _or_inf(self.keep_others), _or_inf(self.most_done))
        return QueueSettings(self.group_limit, _or_inf(self.capacity), self.when_full, keep)


class Submitted(Struct, frozen=True):
    """What became of a job that was sent: it is stored, or the reason why not."""

    id: int | None = None
    created: bool = False
    reason: str = ""
    full: bool = False
    follows: bool = False

    @staticmethod
    def of(answer: Enqueued | Refusal) -> Submitted:
        """Return an answer as it is sent."""
        if isinstance(answer, Enqueued):
            return Submitted(answer.id, answer.created)
        return Submitted(reason=answer.reason, full=answer.full, follows=answer.follows)

    def answer(self) -> Enqueued | Refusal:
        """Return what was sent."""
        if self.id is not None:
            return Enqueued(self.id, self.created)
        return Refusal(self.reason, self.full, self.follows)


class Retried(Struct, frozen=True):
    """What became of a retry; with an id, another job has the key."""

    what: Literal["retried", "live", "unknown", "taken"]
    id: int | None = None

    @staticmethod
    def of(answer: Retrying) -> Retried:
        """Return an answer as it is sent."""
        return Retried("taken", answer.id) if isinstance(answer, Enqueued) else Retried(answer)

    def answer(self) -> Retrying:
        """Return what was sent."""
        if self.what == "taken":
            return Enqueued(self.id or 0, created=False)
        return self.what


class Call(Struct, frozen=True, forbid_unknown_fields=True, tag_field="call", tag=str.lower):
    """A call of a store; its fields are the arguments, in order.

    Attributes:
        returns: the type of its answer.
    """

    returns: ClassVar[Any]

    def check(self) -> None:
        """Look at what its type does not say.

        Raises:
            ValueError: a store could not keep it.
        """

    async def make(self, store: Store) -> Any:
        """Make the call, and return the answer as it is sent."""
        method = getattr(store, str(type(self).__struct_config__.tag))
        return await method(*(getattr(self, name) for name in self.__struct_fields__))

    @staticmethod
    def received(answer: Any) -> Any:
        """Return the answer of the store from what was sent."""
        return answer


class Configure(Call, frozen=True):
    """Keep settings, or ask for them."""

    queue: Name
    settings: Settings | None
    update: bool = False
    returns: ClassVar = Settings

    async def make(self, store: Store) -> Settings:
        """Make the call."""
        settings = None if self.settings is None else self.settings.settings()
        return Settings.of(await store.configure(self.queue, settings, update=self.update))

    @staticmethod
    def received(answer: Settings) -> QueueSettings:
        """Return the settings."""
        return answer.settings()


class Enqueue(Call, frozen=True):
    """Store jobs."""

    jobs: Annotated[list[NewJob], Meta(max_length=_MOST)]
    whole: bool = False
    returns: ClassVar = list[Submitted]

    def check(self) -> None:
        """Look at the jobs."""
        for job in self.jobs:
            check_job(job)

    async def make(self, store: Store) -> list[Submitted]:
        """Make the call."""
        return [Submitted.of(one) for one in await store.enqueue(self.jobs, whole=self.whole)]

    @staticmethod
    def received(answer: list[Submitted]) -> list[Enqueued | Refusal]:
        """Return what became of them."""
        return [one.answer() for one in answer]


class Offer(Call, frozen=True):
    """Ask for jobs that could be leased."""

    queue: Name
    n: Count
    worker: Worker
    returns: ClassVar = list[Ticket]


class Accept(Call, frozen=True):
    """Lease jobs that were offered."""

    tickets: Tickets
    worker: Worker
    lease: Lease
    returns: ClassVar = list[JobRecord | None]


class Claim(Call, frozen=True):
    """Lease the next jobs."""

    queue: Name
    n: Count
    worker: Worker
    lease: Lease
    returns: ClassVar = list[JobRecord]


class Start(Call, frozen=True):
    """Mark that handlers were called."""

    tickets: Tickets
    returns: ClassVar = list[bool]


class Extend(Call, frozen=True):
    """Let leases end later."""

    tickets: Tickets
    lease: Lease
    returns: ClassVar = list[Held]


class Report(Call, frozen=True):
    """Keep how far runs have come."""

    reports: Annotated[list[ProgressReport], Meta(max_length=_MOST)]
    returns: ClassVar = list[bool]


class Finish(Call, frozen=True):
    """End runs, and their jobs."""

    endings: Annotated[list[Ending], Meta(max_length=_MOST)]
    returns: ClassVar = list[bool]


class Releasing(Call, frozen=True, tag="release"):
    """End runs whose jobs may go on."""

    releases: Annotated[list[Release], Meta(max_length=_MOST)]
    returns: ClassVar = list[bool]

    def check(self) -> None:
        """Look at the delays."""
        for release in self.releases:
            check_span("delay", release.delay)


class Cancel(Call, frozen=True):
    """End jobs as cancelled."""

    ids: Ids
    reason: str
    returns: ClassVar = list[Cancelling]


class Retry(Call, frozen=True):
    """Let ended jobs run again."""

    ids: Ids
    attempts: Count | None = None
    returns: ClassVar = list[Retried]

    async def make(self, store: Store) -> list[Retried]:
        """Make the call."""
        return [Retried.of(one) for one in await store.retry(self.ids, self.attempts)]

    @staticmethod
    def received(answer: list[Retried]) -> list[Retrying]:
        """Return what became of them."""
        return [one.answer() for one in answer]


class Look(Call, frozen=True):
    """Ask what is known about jobs."""

    ids: Ids
    returns: ClassVar = list[JobRecord | None]


class List(Call, frozen=True):
    """Ask for jobs of a queue."""

    queue: Name
    states: list[State]
    kinds: list[EndKind]
    limit: Count
    before: Id | None
    after: Id | None
    returns: ClassVar = list[JobRecord]

    async def make(self, store: Store) -> Any:
        """Make the call."""
        return await store.list(
            self.queue,
            states=self.states,
            kinds=self.kinds,
            limit=self.limit,
            before=self.before,
            after=self.after,
        )


class Queues(Call, frozen=True):
    """Ask for the names of the queues."""

    returns: ClassVar = list[str]


class Statistics(Call, frozen=True):
    """Ask for the counts of a queue."""

    queue: Name
    returns: ClassVar = QueueCounts


class Audit(Call, frozen=True):
    """Have the rows of a queue counted."""

    queue: Name
    returns: ClassVar = QueueCounts


class Explain(Call, frozen=True):
    """Ask why a job waits, or ended so."""

    id: Id
    returns: ClassVar = Explanation | None


class Workers(Call, frozen=True):
    """Ask which agents have been heard of."""

    returns: ClassVar = list[KnownWorker]


class Pause(Call, frozen=True):
    """Pause a queue, or resume it."""

    queue: Name
    paused: bool
    returns: ClassVar = bool


class Purge(Call, frozen=True):
    """Delete jobs that have ended."""

    queue: Name
    kinds: list[EndKind]
    n: Count
    returns: ClassVar = int


class Tend(Call, frozen=True):
    """Do what time demands."""

    n: Count = 500
    returns: ClassVar = Tended


CALLS: Final[dict[str, type[Call]]] = {
    str(one.__struct_config__.tag): one for one in Call.__subclasses__()
}
"""All calls, by the names of the methods."""


def call_of(operation: str, *arguments: Any) -> Call:
    """Return the call of a method with these arguments."""
    if operation == "configure":
        queue, settings, update = arguments
        return Configure(queue, None if settings is None else Settings.of(settings), update)
    return CALLS[operation](
        *(list(a) if isinstance(a, (tuple, set, frozenset)) else a for a in arguments)
    )


_decoders: Final = {one: msgspec.json.Decoder(one.returns) for one in CALLS.values()}


def answer_of(call: Call, raw: bytes | Raw) -> Any:
    """Return the answer of a store from what was sent.

    Raises:
        CallFailed: it is no such answer.
    """
    try:
        return call.received(_decoders[type(call)].decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CallFailed(f"the answer to {type(call).__name__} cannot be read: {error}") from None


def _finite(number: float) -> Any:
    return None if number == math.inf else number


def _or_inf(number: float | None) -> float:
    return math.inf if number is None else number
