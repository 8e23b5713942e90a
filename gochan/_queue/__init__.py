"""The job queue: jobs, workers, the ledger, and stopping."""

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
from ._jobs import Job, Progress, State, cleanup, current_job
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
    "belongs_to_user",
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
