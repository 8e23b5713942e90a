"""The job queue: jobs, workers, the ledger, and stopping."""

from ._jobs import Job, Progress, State, cleanup, current_job
from ._opening import open_job_queue
from ._outcomes import KINDS, Cause, Kind, Outcome
from ._queue import JobQueue
from ._stacks import belongs_to_user, describe
from ._statistics import QueueStatistics
from ._stop import Finish, Phase
from ._stop_report import StopReport, StuckJob
from ._stopping import SignalStop, stop_all, stop_on_signals

__all__ = [
    "KINDS",
    "Cause",
    "Finish",
    "Job",
    "JobQueue",
    "Kind",
    "Outcome",
    "Phase",
    "Progress",
    "QueueStatistics",
    "SignalStop",
    "State",
    "StopReport",
    "StuckJob",
    "belongs_to_user",
    "cleanup",
    "current_job",
    "describe",
    "open_job_queue",
    "stop_all",
    "stop_on_signals",
]
