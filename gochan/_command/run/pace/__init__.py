"""How many commands run, when one may start, and when a run ends early."""

# The files, from the bottom up: each uses only those above it.
#
#   _gate        through which each command must go before it starts
#   _conditions  what has to be true then: a rate, load, memory
#   _rest        the same for the machine: a rest after the first few
#   _halt        when a run ends early
#   _time_limit  how long a command may run

from __future__ import annotations

from ._conditions import Load, Memory, Rate, available_memory
from ._gate import Condition, Gate, GateShut
from ._halt import FIRST_FAILURE, Halt
from ._rest import Rest, needs_rest
from ._time_limit import TimeLimit

__all__ = [
    "FIRST_FAILURE",
    "Condition",
    "Gate",
    "GateShut",
    "Halt",
    "Load",
    "Memory",
    "Rate",
    "Rest",
    "TimeLimit",
    "available_memory",
    "needs_rest",
]
