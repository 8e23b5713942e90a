"""An exchange: many calls in one request, and the bells that have rung in its answer."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, Union

import msgspec
from msgspec import Meta, Raw, Struct, field

from gochan.durable import Hint

from ._bounds import check_size
from ._calls import CALLS, null
from ._steps import AgentSaid

T = TypeVar("T")

Trouble: TypeAlias = Literal["unavailable", "refused", "audit", "error"]
"""Why a call was not made: the store is away, it is not allowed or no such call, the law is broken,
or anything else."""

AnyCall: TypeAlias = Union[tuple(CALLS.values())]  # type: ignore[valid-type]  # noqa: UP007

LONGEST_WAIT: Final = 60.0


class Exchange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends.

    Attributes:
        agent: who sends it, if that is an agent; it is there as long as it sends.
        calls: to be made, in any order, each on its own.
        listener: a word that the client has drawn, if it wants to hear bells.
        queues: whose bells it wants to hear.
        wait: how many seconds to wait for a bell.
        heard: the number of the last answer that it has of each server, by the server's word; what
            has been told since is told again. By default it has all answers.
    """

    agent: AgentSaid | None = None
    calls: Annotated[list[AnyCall], Meta(max_length=1000)] = []
    listener: Annotated[str, Meta(min_length=8, max_length=64)] | None = None
    queues: Annotated[list[str], Meta(max_length=1000)] = []
    wait: Annotated[float, Meta(ge=0, le=LONGEST_WAIT)] = 0.0
    heard: Annotated[dict[str, int], Meta(max_length=16)] | None = None


class Answer(Struct, frozen=True):
    """What became of a call: its value, or what went wrong."""

    value: Raw = field(default_factory=null)
    trouble: Trouble | None = None
    why: str = ""


class Exchanged(Struct, frozen=True):
    """What the server answers.

    Attributes:
        now: the time by the clock of the store, in seconds since the epoch.
        answers: to the calls, in their order.
        hints: the bells that have rung since the last answer to this listener, by queue.
        server: a word that the server has drawn when it started.
        number: of this answer, among those to this listener.
        lease: for how many seconds jobs should be leased; 0 if the server has no wish.
    """

    now: float
    answers: list[Answer] = []
    hints: dict[str, list[Hint]] = {}
    server: str = ""
    number: int = 0
    lease: float = 0.0


encode = msgspec.json.Encoder().encode


def decode(raw: bytes, kind: type[T]) -> T:
    """Return what was sent.

    Raises:
        ValueError: it is no such thing, or there is something in it that no store can keep.
    """
    try:
        thing: T = _decoder(kind).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    check_size(raw, thing)
    return thing


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind]
