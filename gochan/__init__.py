"""Go-style channels, select and job queues for trio."""

# The rooms, in order: each uses only those above it, and only by its face, its __init__.
#
#   _core/       channels and select: how tasks meet, and how they wait
#   strategies/  what decides about waiting items: the protocol, the built-in ones, filters
#   _plugins/    what plugins offer: found, loaded, and made by name
#   _queue/      jobs, workers, the ledger, and how they stop
#   _children/   processes: started, heard, and ended with all that they have started
#   durable/     jobs that survive their process: stores, and queues on them; imported when used
#   testing/     for tests: of durable queues, strategies and stores; imported when it is used
#   debug/       who waits where; imported when it is used
#   _command/    the command gochan: a file for each command, and those of plugins

from __future__ import annotations

import sys as _sys
from importlib import import_module as _import_module
from typing import TYPE_CHECKING

# `python -m gochan` imports this before it comes to the command.
if _sys.argv[:1] == ["-m"] and _sys.orig_argv[-len(_sys.argv)] in {"gochan", "-mgochan"}:
    import _gochan_start as _start

    _start.prepare()
    if __file__ != f"{_sys.path[0]}/gochan/__init__.py":  # gochan itself is elsewhere
        _start.forget_current_folder()

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
    as_safe_channel,
    at,
    default,
    every,
    merge,
    open_memory_channel,
    open_signal_chan,
    select,
    select_nowait,
)
from ._plugins import (
    NameConflictError,
    PluginError,
    PluginWarning,
    UnknownStrategyError,
    strategy,
)
from .strategies import StrategySpec

if TYPE_CHECKING:
    from . import debug as debug
    from . import durable as durable
    from . import processes as processes
    from . import testing as testing
    from ._plugins import hookimpl
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
    "as_safe_channel",
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
for _name in {*__all__} & {*globals()}:
    _public = globals()[_name]
    if getattr(_public, "__module__", "").startswith("gochan."):
        _public.__module__ = "gochan"
del TYPE_CHECKING, _name, _public


# The other names are imported when they are used: a program of channels alone need not wait for
# job queues and pluggy, and few programs need debug and testing.
def __getattr__(name: str) -> object:
    if name in {"debug", "durable", "processes", "testing"}:
        return _import_module(f"{__name__}.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "_plugins" if name == "hookimpl" else "_queue"
    globals()[name] = thing = getattr(_import_module(f"{__name__}.{room}"), name)
    return thing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "debug", "durable", "processes", "testing"})
