"""Durable queues: jobs that survive their process, and fleets of processes that share them."""

# The files, from the bottom up: each uses only those above it.
#
# What is said:
#   _errors         what can go wrong
#   _logs           the loggers
#   _records        what a store is told, and what it tells
#   _plain_data     records as JSON can say them
#   _queue_records  what holds for a queue, and how many jobs it has
#   _times          seconds of a store, datetimes of users
#   _arguments      what users say about queues and jobs, checked
#   _codec          payloads and results as bytes
#   _msgspec        payloads of a type
#   _retry          whether a job is tried again, and when
#
# A store:
#   _rules          what becomes of a job when its run is over
#   _explaining     why a job waits, in sentences
#   _store          what a durable queue needs of it
#   _roster         who works, where a store knows that
#   _foreseeing     who could run a job that waits, and when it should start
#   _clock          the time by a store that has no clock of its own
#   _bells          hints that something may have happened
#   _book_store     what stores have in common: a book, and a desk to reach it
#   _memory         the store in memory
#
# A queue on a store:
#   _outage         asking again while the store cannot be reached
#   _beside         tasks beside a block
#   _leases         the jobs that a process has, and what is written about them
#   _tracing        what goes along with a job, from its submit to its runs
#   _counters       what a process has done, in numbers
#   _reporter       writes what became of jobs
#   _telling        counts, logs, and the hooks of the user
#   _tender         does what time demands
#   _suspects       jobs that may be what kills their workers
#   _feeder         claims jobs for the workers of a job queue, and keeps the leases
#   _submissions    sends jobs in batches
#   _watch          who waits hears how a job ended
#   _durable_job    a job, wherever it is
#   _making         what a submit says, checked and encoded
#   _stored_queue   a queue for anybody who can reach the store
#   _durable_queue  the queue
#   _current_queue  the queue whose handler is running
#   _limits         what holds for the whole fleet
#   _block          how it begins and ends
#   _opening        `open_durable_queue`, and what is wrong with its arguments
#   _periodic       a job for each tick
#   _opentelemetry  traces that go on from a submit to its runs
#   _metrics        what Prometheus is told
#
# Opening stores:
#   _spec           what plugins offer
#   _sqlite         the store on SQLite
#   _opening_store  a store by its address

from ._bells import Bells
from ._beside import Beside, beside
from ._book_store import BookStore, Desk
from ._clock import StoreClock
from ._codec import Codec, JsonCodec, json_codec
from ._counters import ProcessCounters
from ._current_queue import current_queue
from ._durable_job import DurableJob
from ._durable_queue import DurableQueue
from ._errors import (
    HandlerError,
    JobGone,
    KeyTaken,
    LeaseLost,
    QueueFull,
    RetryLater,
    StoreClosed,
    StoreError,
    StoreUnavailable,
)
from ._explaining import explain
from ._foreseeing import explain_job
from ._leases import RunningJob, current_job
from ._metrics import export_metrics
from ._msgspec import msgspec_codec
from ._opening import open_durable_queue
from ._opening_store import open_store
from ._opentelemetry import open_telemetry_tracing
from ._periodic import periodic
from ._plain_data import plain_data
from ._queue_records import Keep, QueueCounts, QueueSettings
from ._records import (
    END_KINDS,
    STATES,
    Attempt,
    Ending,
    EndKind,
    Enqueued,
    Explanation,
    Held,
    Hint,
    JobRecord,
    Migration,
    NewJob,
    ProgressReport,
    Refusal,
    Release,
    State,
    Tended,
    Ticket,
    Worker,
)
from ._retry import Retry
from ._roster import KnownWorker, Roster
from ._rules import After, Run, after_ending, after_loss, after_release
from ._spec import StoreSpec
from ._store import Cancelling, Retrying, Store
from ._telling import EndedRun
from ._times import moment
from ._tracing import Tracing

__all__ = [
    "END_KINDS",
    "STATES",
    "After",
    "Attempt",
    "Bells",
    "Beside",
    "BookStore",
    "Cancelling",
    "Codec",
    "Desk",
    "DurableJob",
    "DurableQueue",
    "EndKind",
    "EndedRun",
    "Ending",
    "Enqueued",
    "Explanation",
    "HandlerError",
    "Held",
    "Hint",
    "JobGone",
    "JobRecord",
    "JsonCodec",
    "Keep",
    "KeyTaken",
    "KnownWorker",
    "LeaseLost",
    "Migration",
    "NewJob",
    "ProcessCounters",
    "ProgressReport",
    "QueueCounts",
    "QueueFull",
    "QueueSettings",
    "Refusal",
    "Release",
    "Retry",
    "RetryLater",
    "Retrying",
    "Roster",
    "Run",
    "RunningJob",
    "State",
    "Store",
    "StoreClock",
    "StoreClosed",
    "StoreError",
    "StoreSpec",
    "StoreUnavailable",
    "Tended",
    "Ticket",
    "Tracing",
    "Worker",
    "after_ending",
    "after_loss",
    "after_release",
    "beside",
    "current_job",
    "current_queue",
    "explain",
    "explain_job",
    "export_metrics",
    "json_codec",
    "moment",
    "msgspec_codec",
    "open_durable_queue",
    "open_store",
    "open_telemetry_tracing",
    "periodic",
    "plain_data",
]

# Users see these in tracebacks and in the documentation under the name they import.
for _name in __all__:
    if getattr(globals()[_name], "__module__", "").startswith("gochan."):
        globals()[_name].__module__ = "gochan.durable"
del _name
