"""The routes for agents in any language: what they take, and what they answer."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Raw, Struct, field

from gochan.durable import Held, Ticket

from ._calls import Id, Name, null

LONGEST_REQUEST: Final = 30.0
LONGEST_WATCH: Final = 60.0
FILE_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,199}$"

Status: TypeAlias = Literal["running", "progress", "done", "failed", "timed_out", "cancelled"]


class AgentSaid(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent says of itself; what it does not say is as it said before.

    Attributes:
        name: no other agent has it.
        capacity: how many jobs it runs at the same time.
        machine: jobs that are pinned to it are for this agent.
        labels: jobs that need some of these are for this agent.
        phase: of its stop, such as ``drain``; empty if it does not stop.
        held: how many jobs it has; `healthz` counts the tickets instead.
    """

    name: Name
    capacity: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    machine: str | None = None
    labels: dict[str, str] | None = None
    phase: Annotated[str, Meta(max_length=20)] | None = None
    held: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None


class Run(Struct, frozen=True, forbid_unknown_fields=True):
    """A ticket: a run of a job, or the offer of one.

    Attributes:
        id: of the job.
        version: of the offer, and another one from when it is accepted; fences off old runs.
    """

    id: Id
    version: Id

    @property
    def ticket(self) -> Ticket:
        """The same for the store."""
        return Ticket(self.id, self.version)


Runs: TypeAlias = Annotated[list[Run], Meta(max_length=1000)]


class Heartbeat(Struct, frozen=True, forbid_unknown_fields=True):
    """An agent is there, and has these tickets."""

    agent: AgentSaid
    tickets: Runs = []


class Heard(Struct, frozen=True):
    """What has become of the tickets.

    Attributes:
        held: in their order; end what is ``cancelled`` or ``lost``, and report the former only.
        lease: for how many seconds they are the agent's without another heartbeat.
        draining: whether the agent gets no more jobs, since an operator has said so.
    """

    held: list[Held]
    lease: float
    draining: bool


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """An agent wants jobs.

    Attributes:
        queue: of which queue.
        n: how many at most.
        wait: for how many seconds, if there are none.
    """

    agent: AgentSaid
    queue: Name
    n: Annotated[int, Meta(ge=1, le=1000)] = 1
    wait: Annotated[float, Meta(ge=0, le=LONGEST_REQUEST)] = LONGEST_REQUEST


class Offered(Struct, frozen=True):
    """Jobs that the agent may accept, they are not its own yet; and whether it gets no more."""

    tickets: list[Run]
    draining: bool = False


class Accept(Struct, frozen=True, forbid_unknown_fields=True):
    """An agent wants to own these jobs."""

    agent: AgentSaid
    queue: Name
    tickets: Runs


class Accepted(Struct, frozen=True):
    """What has become of the tickets.

    Attributes:
        accepted: those that are the agent's from now on, with their new versions.
        lost: those that are not.
        tickets: others instead of the lost ones, which can be accepted next.
        lease: for how many seconds the accepted ones are the agent's without a heartbeat.
    """

    accepted: list[Run]
    lost: list[Run]
    tickets: list[Run]
    lease: float


class Tickets(Struct, frozen=True, forbid_unknown_fields=True):
    """Some runs of an agent."""

    agent: AgentSaid
    tickets: Runs


class Detail(Struct, frozen=True):
    """What an agent needs to know of a job that it owns.

    Attributes:
        payload: if it is JSON.
        payload_base64: if it is anything else.
        timeout: how many seconds the run may take; null for any time.
        attempt: how many starts there were before.
    """

    id: int
    version: int
    queue: str
    payload: Raw | None
    payload_base64: bytes | None
    timeout: float | None
    attempt: int
    headers: dict[str, str]


class Details(Struct, frozen=True):
    """Of the runs, in their order; null for those that are over."""

    details: list[Detail | None]


class StatusOf(Struct, frozen=True, forbid_unknown_fields=True):
    """How a run goes, or how it has ended.

    Attributes:
        status: ``running``, ``progress`` of a run that goes on; the others of one that has ended.
        result: any JSON, if it is done.
        result_base64: the result, where the payload was in base64.
        error: why, if it ended otherwise.
        retry: whether a run that failed or timed out may be tried again.
        delay: after how many seconds; by default, longer after each attempt.
        done: how much is done, for ``progress``.
        total: how much there is to do.
    """

    id: Id
    version: Id
    status: Status
    result: Raw = field(default_factory=null)
    result_base64: bytes | None = None
    error: Annotated[str, Meta(max_length=10_000)] | None = None
    retry: bool = True
    delay: Annotated[float, Meta(ge=0, le=366 * 86_400)] | None = None
    done: float = 0.0
    total: float | None = None


class Statuses(Struct, frozen=True, forbid_unknown_fields=True):
    """Of some runs of an agent."""

    agent: AgentSaid
    reports: Annotated[list[StatusOf], Meta(max_length=1000)]


class Noted(Struct, frozen=True):
    """Whether each was taken; false where the run was over."""

    taken: list[bool]


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the log, or of a file, of a run.

    Attributes:
        name: ``log`` for what the run prints; others are files.
        offset: where it belongs, in bytes from the beginning of the file.
    """

    id: Id
    version: Id
    name: Annotated[str, Meta(pattern=FILE_NAME)]
    offset: Id
    data: bytes


class Parts(Struct, frozen=True, forbid_unknown_fields=True):
    """Some parts, in order; if it is said who sends them, the runs have to be its own."""

    parts: Annotated[list[Part], Meta(max_length=1000)]
    agent: AgentSaid | None = None


class Sizes(Struct, frozen=True):
    """The size of each file now; less than expected: go on there.

    It is null where the run is over, or the file has grown too long: nothing more is taken.
    """

    sizes: list[int | None]


class Watch(Struct, frozen=True, forbid_unknown_fields=True):
    """An agent wants to know as soon as one of these is cancelled, or is its own no more."""

    agent: AgentSaid
    tickets: Runs
    wait: Annotated[float, Meta(ge=0, le=LONGEST_WATCH)] = LONGEST_WATCH


class Watched(Struct, frozen=True):
    """What has become of the tickets; both are empty if nothing has.

    Attributes:
        cancelled: the reasons of those that are to be cancelled, by the number of the job.
        lost: those that are over for this agent.
    """

    cancelled: dict[str, str]
    lost: list[Run]
