"""Channels and select: how tasks meet, and how they wait.

This is the face of the room: what other rooms may use.
"""

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
from ._select import default, select, select_nowait
from ._selector import Places, Selector, heap_here
from ._signals import open_signal_chan
from ._state import NO_BUFFER, ChanState
from ._statistics import ChanStatistics
from ._timers import After, At, TickCase, Ticker, after, at, every
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
    "Places",
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
