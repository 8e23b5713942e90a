"""Outcomes: the eight ways in which a job ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeAlias, TypeVar, final

R = TypeVar("R")

Cause: TypeAlias = Literal[
    "timed_out", "cancelled", "interrupted", "refused", "dropped", "handed_back"
]
Kind: TypeAlias = Literal["done", "failed"] | Cause
KINDS: Final[tuple[Kind, ...]] = (
    "done",
    "failed",
    "timed_out",
    "cancelled",
    "interrupted",
    "refused",
    "dropped",
    "handed_back",
)


@final
@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """How a job ended."""

    kind: Kind
    """One word, ``done``, ``failed`` (the handler raised), ``timed_out``, ``cancelled`` (by
    `Job.cancel`, or with its queue), ``interrupted`` (by a stop), ``refused`` or ``dropped``
    (by the strategy), or ``handed_back`` (it never ran)."""
    value: R | None = None
    """What the handler returned, if the job is done."""
    error: BaseException | None = None
    """What the handler raised, if the job failed."""
    reason: str = ""
    """Why it was cancelled, dropped, refused or handed back, as far as anybody said."""
    waited: float = 0.0
    """Seconds from its submission to its start, or to its end if it never ran."""
    ran: float = 0.0
    """Seconds that the handler worked on it."""
