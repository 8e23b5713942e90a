"""Steps: the routes for agents, by name, with what they take and answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Final, final

from .._wire import (
    Accept,
    Accepted,
    Details,
    Heard,
    Heartbeat,
    Noted,
    Offered,
    Parts,
    Request,
    Sizes,
    Statuses,
    Tickets,
    Watch,
    Watched,
)
from ._tickets import TicketOffice
from ._waiting import Wait


@final
@dataclass(frozen=True, slots=True)
class Step:
    """A route for agents.

    Attributes:
        name: its last part.
        takes: what is sent.
        answers: what is answered, with 200; with 409 if nothing was won or taken.
        make: what is done.
        conflicts: whether 409 can be the answer.
    """

    name: str
    takes: type[Any]
    answers: type[Any]
    make: Callable[[TicketOffice, Any, Wait], Awaitable[Any]]
    conflicts: bool = True

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return cleandoc(self.make.__doc__ or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """What an agent needs to know to use it, in a few sentences."""
        return cleandoc(self.make.__doc__ or "").partition("\n\n")[2].replace("``", "`")


STEPS: Final = {
    step.name: step
    for step in (
        Step("healthz", Heartbeat, Heard, TicketOffice.healthz, conflicts=False),
        Step("request", Request, Offered, TicketOffice.request, conflicts=False),
        Step("accept", Accept, Accepted, TicketOffice.accept),
        Step("details", Tickets, Details, TicketOffice.details),
        Step("updateStatus", Statuses, Noted, TicketOffice.update_status),
        Step("upload", Parts, Sizes, TicketOffice.upload),
        Step("reset", Tickets, Noted, TicketOffice.reset),
        Step("watch", Watch, Watched, TicketOffice.watch, conflicts=False),
    )
}


def status_of(answer: Any) -> int:
    """Return 409 if somebody else was faster with everything that was asked for, otherwise 200."""
    match answer:
        case Accepted(accepted=[], lost=[_, *_]):
            return 409
        case Details(details=[_, *_] as details):
            return 200 if any(details) else 409
        case Noted(taken=[_, *_] as taken):
            return 200 if any(taken) else 409
        case Sizes(sizes=[_, *_] as sizes):
            return 409 if all(size is None for size in sizes) else 200
    return 200
