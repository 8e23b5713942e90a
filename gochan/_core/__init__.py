"""Channels and select: how tasks meet, and how they wait.

This is the face of the room: what other rooms may use.
"""

# The files, from the bottom up: each uses only those above it.
#
# What everything uses:
#   _trio_private    what gochan uses of trio that is not public
#   _threads         in which thread a thing may be used
#   _errors          what trio has no word for
#   _words           values and names in messages
#   _arguments       numbers are checked where they are given
#   _observer        the slot for one observer, and what it is told
#   _pacing          how often an operation lets other tasks run
#
# How tasks wait:
#   _lines           tasks that wait for one thing, oldest first
#   _waiters         the wait of a plain operation, in one line
#   _alarm           a wait that time may end
#   _chooser         a wait in several lines at once
#
# What a channel is:
#   _statistics      a channel at one moment
#   _parts           buffer, lines, and how they look from outside
#   _ending          how it is closed, at either end
#   _state           what is done at once, and who waits
#   _cases           what a select can do with a channel
#   _many            many values in one call
#
# Select:
#   _choice          the fair draw, and the wait for the first of several cases
#   _results         the types that a select returns
#   _misuse          what people write instead of a case
#   _select          the functions themselves
#
# What users hold:
#   _looking         what every end shows
#   _batches         values in lists
#   _receiving       what every end that receives can do
#   _sending         what every end that sends can do
#   _closing         closing, and the blocks that do it
#   _ends            the ends of a channel, one by one
#   _channel         both ends in one
#   _memory_channel  ends that are counted, as trio's are
#   _safe_channel    an async generator that is read as a channel
#
# What else a select can wait for:
#   _wait_group      until everything that was started is done
#   _timers          time
#   _signals         signals of the operating system, by a channel
#   _selector        the same cases, again and again; a folder with a map of its own
#   _merge           several channels as one

from __future__ import annotations

from _gochan_chance import chance

from ._alarm import TimedOffer
from ._arguments import check_bool, check_capacity, check_count, check_number, check_seconds
from ._batches import Batches
from ._cases import (
    NEVER,
    Case,
    CloseCase,
    Default,
    ReceiveCase,
    ReceiveOkCase,
    SendCase,
    check_priority,
)
from ._channel import Chan, state_behind
from ._choice import Choice, spare_choices
from ._chooser import Chooser
from ._closing import Closing
from ._ends import ReceiveChan, SendChan
from ._errors import ChanBrokenError, ChanClosedError, EndOfChannel, Refused
from ._lines import NOTHING, Line, Nothing, Role, Waiter, first
from ._many import Unsent
from ._memory_channel import (
    MemoryChannelStatistics,
    MemoryReceiveChannel,
    MemorySendChannel,
    open_memory_channel,
)
from ._merge import MergedChan, merge
from ._observer import SLOT, Observer, Operation, told, told_now
from ._pacing import OUTSIDE, forget_entries, yield_interval
from ._parts import NO_BUFFER
from ._safe_channel import as_safe_channel
from ._select import default, select, select_nowait
from ._selector import Decider, Selector, heap_here
from ._signals import open_signal_chan
from ._state import ChanState
from ._statistics import ChanStatistics
from ._timers import After, At, TickCase, Ticker, after, at, every
from ._trio_private import how_to_read
from ._wait_group import DoneCase, WaitGroup
from ._waiters import BulkOffer, spare_offers, wait_in
from ._words import brief, shortened, title_of

__all__ = [
    "NEVER",
    "NOTHING",
    "NO_BUFFER",
    "OUTSIDE",
    "SLOT",
    "After",
    "At",
    "Batches",
    "BulkOffer",
    "Case",
    "Chan",
    "ChanBrokenError",
    "ChanClosedError",
    "ChanState",
    "ChanStatistics",
    "Choice",
    "Chooser",
    "CloseCase",
    "Closing",
    "Decider",
    "Default",
    "DoneCase",
    "EndOfChannel",
    "Line",
    "MemoryChannelStatistics",
    "MemoryReceiveChannel",
    "MemorySendChannel",
    "MergedChan",
    "Nothing",
    "Observer",
    "Operation",
    "ReceiveCase",
    "ReceiveChan",
    "ReceiveOkCase",
    "Refused",
    "Role",
    "Selector",
    "SendCase",
    "SendChan",
    "TickCase",
    "Ticker",
    "TimedOffer",
    "Unsent",
    "WaitGroup",
    "Waiter",
    "after",
    "as_safe_channel",
    "at",
    "brief",
    "chance",
    "check_bool",
    "check_capacity",
    "check_count",
    "check_number",
    "check_priority",
    "check_seconds",
    "default",
    "every",
    "first",
    "forget_entries",
    "heap_here",
    "how_to_read",
    "merge",
    "open_memory_channel",
    "open_signal_chan",
    "select",
    "select_nowait",
    "shortened",
    "spare_choices",
    "spare_offers",
    "state_behind",
    "title_of",
    "told",
    "told_now",
    "wait_in",
    "yield_interval",
]
