"""The job queue: jobs, workers, the ledger, and stopping."""

# The files, from the bottom up: each uses only those above it.
#
# A job:
#   _outcomes     the eight ways in which it ends
#   _errors       the errors that say so
#   _progress     how far it has come
#   _jobs         one piece of work, from submission to outcome
#   _current_job  what its handler can ask for
#
# The jobs of a queue:
#   _ledger       every job under one heading
#   _intake       where jobs wait, behind a strategy
#   _results      ended jobs, for those who iterate over them
#   _handlers     what users may pass, and what it is called
#   _user_code    the calls of strategy and hooks, and who is to blame
#   _cleanups     scopes in which cancelled jobs clean up
#   _lifecycle    every change of a job, with the books
#
# Work:
#   _submitting   how a payload becomes a job that waits
#   _steps        a handler in a context of its own
#   _workers      the tasks that run jobs
#   _map          a handler applied to many payloads
#
# Stopping:
#   _countdown    the two deadlines
#   _stacks       where a task is
#   _stop_report  what has become of every job
#   _stop         the phases
#
# What users see:
#   _statistics   a queue at one moment
#   _queue        the queue
#   _block        how it begins and ends
#   _entering     blocks that have to be entered
#   _opening      `open_job_queue`, and what is wrong with its arguments
#   _announce     what is said about a stop, and the next Ctrl-C
#   _stopping     several queues at once, and signals

from ._current_job import cleanup, current_job
from ._entering import Opening
from ._errors import (
    JobCancelled,
    JobDropped,
    JobError,
    JobFailed,
    JobHandedBack,
    JobInterrupted,
    JobRefused,
    JobTimedOut,
)
from ._handlers import awaited, call_hook, check_handler, check_hook
from ._jobs import Job, State
from ._opening import open_job_queue
from ._outcomes import (
    KINDS,
    Cancelled,
    Cause,
    Done,
    Dropped,
    Failed,
    HandedBack,
    Interrupted,
    Kind,
    Outcome,
    Rejected,
    TimedOut,
)
from ._progress import Progress
from ._queue import JobQueue
from ._stacks import belongs_to_user, describe
from ._statistics import QueueStatistics
from ._stop import Finish, Phase
from ._stop_report import StopReport, StuckJob
from ._stopping import SignalStop, stop_all, stop_on_signals

__all__ = [
    "KINDS",
    "Cancelled",
    "Cause",
    "Done",
    "Dropped",
    "Failed",
    "Finish",
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
    "Kind",
    "Opening",
    "Outcome",
    "Phase",
    "Progress",
    "QueueStatistics",
    "Rejected",
    "SignalStop",
    "State",
    "StopReport",
    "StuckJob",
    "TimedOut",
    "awaited",
    "belongs_to_user",
    "call_hook",
    "check_handler",
    "check_hook",
    "cleanup",
    "current_job",
    "describe",
    "open_job_queue",
    "stop_all",
    "stop_on_signals",
]

# Users see these in tracebacks and in the documentation under the name they import.
for _name in __all__:
    if getattr(globals()[_name], "__module__", "").startswith("gochan."):
        globals()[_name].__module__ = "gochan"
del _name
