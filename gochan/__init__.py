"""Go-style channels, select and job queues for trio."""

# The layers, from the bottom. A module uses only its own layer and those above it here.
#
#   errors      _errors: the few exceptions that trio has no word for
#   waiting     _pacing: how often an operation lets the scheduler run
#               _waiting: how a task sleeps until somebody comes for it
#               _choosing: the cases of a select, and how it waits
#               _urn, _deadlines: which of very many cases comes next
#               _strategy: what decides about waiting items, the protocol
#               _filter: what stands before another strategy
#   channel     _channel: send, receive, close; with _keeper, _cases, _ends
#               _batches: many values at once
#   select      _select: wait for the first of several cases
#               _timers, _wait_group, _signals: more to wait for
#               _selector: the same cases again and again; with _standing
#               _merge: several channels as one
#   strategies  strategies: the built-in ones
#               _hooks, _chains, _plugins: those of others, by name
#   proof       testing: whether a strategy keeps the rules; import it yourself
#   queue       _jobs: one piece of work
#               _whereabouts, _stop: where a task is; a stop, and its report
#               _queue: workers that run jobs
#   stopping    _stopping: signals that stop a queue, and room to clean up
#   sight       debug: who waits where, and what has happened; import it yourself
#   simulation  _loads: jobs that come at certain moments
#               _simulation: a queue in virtual time
#               _figures: what has come of it
#   command     _command_line: what gochan accepts and prints
#               _listing: what it says about plugins
#               _run: a job for each line; with _child, _display
#               _sim: several of them under the same load; with _plot

from __future__ import annotations

from . import lowlevel, strategies
from ._batches import Batches, Unsent
from ._channel import Chan, ChanStatistics
from ._choosing import Case
from ._ends import ReceiveChan, SendChan
from ._errors import (
    ChanBrokenError,
    ChanClosedError,
    EndOfChannel,
    JobFailed,
    NameConflictError,
    PluginError,
    PluginWarning,
    Refused,
    UnknownStrategyError,
)
from ._hooks import hookimpl
from ._jobs import Job, Outcome, Progress, current_job
from ._merge import MergedChan, merge
from ._plugins import strategy
from ._queue import JobQueue, QueueStatistics, open_job_queue
from ._select import default, select, select_nowait
from ._selector import Selector
from ._signals import open_signal_chan
from ._stop import StopReport, StuckJob
from ._stopping import SignalStop, cleanup, stop_all, stop_on_signals
from ._strategy import StrategySpec
from ._timers import Ticker, after, at, every
from ._wait_group import WaitGroup

__all__ = [
    "Batches",
    "Case",
    "Chan",
    "ChanBrokenError",
    "ChanClosedError",
    "ChanStatistics",
    "EndOfChannel",
    "Job",
    "JobFailed",
    "JobQueue",
    "MergedChan",
    "NameConflictError",
    "Outcome",
    "PluginError",
    "PluginWarning",
    "Progress",
    "QueueStatistics",
    "ReceiveChan",
    "Refused",
    "Selector",
    "SendChan",
    "SignalStop",
    "StopReport",
    "StrategySpec",
    "StuckJob",
    "Ticker",
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
