"""What goes over the wire between agents, people's commands and the server."""

# The files, from the bottom up: each uses only those above it.
#
#   _bounds    what no store can keep
#   _calls     the calls of a store, and their answers
#   _steps     the routes for agents in any language
#   _exchange  many calls in one request, and the bells in its answer

from ._calls import CALLS, Call, CallFailed, Claim, Configure, Workers, answer_of, call_of
from ._exchange import Answer, Exchange, Exchanged, Trouble, decode, encode
from ._steps import (
    FILE_NAME,
    Accept,
    Accepted,
    AgentSaid,
    Detail,
    Details,
    Heard,
    Heartbeat,
    Noted,
    Offered,
    Part,
    Parts,
    Request,
    Run,
    Sizes,
    Statuses,
    StatusOf,
    Tickets,
    Watch,
    Watched,
)

__all__ = [
    "CALLS",
    "FILE_NAME",
    "Accept",
    "Accepted",
    "AgentSaid",
    "Answer",
    "Call",
    "CallFailed",
    "Claim",
    "Configure",
    "Detail",
    "Details",
    "Exchange",
    "Exchanged",
    "Heard",
    "Heartbeat",
    "Noted",
    "Offered",
    "Part",
    "Parts",
    "Request",
    "Run",
    "Sizes",
    "StatusOf",
    "Statuses",
    "Tickets",
    "Trouble",
    "Watch",
    "Watched",
    "Workers",
    "answer_of",
    "call_of",
    "decode",
    "encode",
]
