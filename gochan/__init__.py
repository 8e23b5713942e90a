"""Go-style channels, select and job queues for trio."""

# The rooms, in order: each uses only those above it, and only by its face, its __init__.
#
#   _core/       channels and select: how tasks meet, and how they wait
#   strategies/  what decides about waiting items: the protocol, the built-in ones, filters
#   _plugins/    strategies of others, found, loaded and made by name
#   _queue/      jobs, workers, the ledger, and how they stop
#   testing/     whether a strategy keeps the rules; import it yourself
#   debug/       who waits where; import it yourself
#   _command/    what the command gochan accepts, does and prints

from __future__ import annotations

from . import lowlevel, strategies
from ._core import (
    Batches,
    Case,
    Chan,
    ChanBrokenError,
    ChanClosedError,
    ChanStatistics,
    EndOfChannel,
    MemoryChannelStatistics,
    MemoryReceiveChannel,
    MemorySendChannel,
    MergedChan,
    ReceiveChan,
    Refused,
    Selector,
    SendChan,
    Ticker,
    Unsent,
    WaitGroup,
    after,
    at,
    default,
    every,
    merge,
    open_memory_channel,
    open_signal_chan,
    select,
    select_nowait,
)
from ._core._errors import (
    NameConflictError,
    PluginError,
    PluginWarning,
    UnknownStrategyError,
)
from ._plugins._hooks import hookimpl
from ._plugins._plugins import strategy
from ._queue import (
    Cancelled,
    Done,
    Dropped,
    Failed,
    HandedBack,
    Interrupted,
    Job,
    JobCancelled,
    JobDropped,
    JobError,
    JobFailed,
    JobHandedBack,
    JobInterrupted,
    JobQueue,
    JobRefused,
    JobTimedOut,
    Outcome,
    Progress,
    QueueStatistics,
    Rejected,
    SignalStop,
    StopReport,
    StuckJob,
    TimedOut,
    cleanup,
    current_job,
    open_job_queue,
    stop_all,
    stop_on_signals,
)
from .strategies import StrategySpec

__all__ = [
    "Batches",
    "Cancelled",
    "Case",
    "Chan",
    "ChanBrokenError",
    "ChanClosedError",
    "ChanStatistics",
    "Done",
    "Dropped",
    "EndOfChannel",
    "Failed",
    "HandedBack",
    "Interrupted",
    "Job",
    "JobCancelled",
    "JobDropped",
    "JobError",
    "JobFailed",
    "JobHandedBack",
    "JobInterrupted",
    "JobQueue",
    "JobRefused",
    "JobTimedOut",
    "MemoryChannelStatistics",
    "MemoryReceiveChannel",
    "MemorySendChannel",
    "MergedChan",
    "NameConflictError",
    "Outcome",
    "PluginError",
    "PluginWarning",
    "Progress",
    "QueueStatistics",
    "ReceiveChan",
    "Refused",
    "Rejected",
    "Selector",
    "SendChan",
    "SignalStop",
    "StopReport",
    "StrategySpec",
    "StuckJob",
    "Ticker",
    "TimedOut",
    "UnknownStrategyError",
    "Unsent",
    "WaitGroup",
    "after",
    "at",
    "cleanup",
    "current_job",
    "default",
    "every",
    "hookimpl",
    "lowlevel",
    "merge",
    "open_job_queue",
    "open_memory_channel",
    "open_signal_chan",
    "select",
    "select_nowait",
    "stop_all",
    "stop_on_signals",
    "strategies",
    "strategy",
]

# Users see these in tracebacks and in the documentation under the name they import.
for _name in __all__:
    _public = globals()[_name]
    if getattr(_public, "__module__", "").startswith("gochan."):
        _public.__module__ = "gochan"
del _name, _public
