"""The errors of a job queue: one for each way to end that is not done."""

from __future__ import annotations

from typing import Any, Final

from .._core import brief


class JobError(Exception):
    """A job has not ended as done, so it has no result.

    The base of one class for each way in which that happens. `Job.result` and `JobQueue.map`
    raise them. The text has the payload of the job, shortened.

    Attributes:
        job: the job; ``job.outcome`` has the details.
    """

    def __init__(self, message: str, job: Any = None) -> None:
        super().__init__(message)
        self.job = job


class JobFailed(JobError):
    """A job's handler raised; the handler's own exception is the cause.

    `open_job_queue` raises it, too, unless failures are collected.
    """


class JobTimedOut(JobError):
    """A job ran longer than its ``timeout``."""


class JobCancelled(JobError):
    """A job was cancelled, alone or with its queue."""


class JobInterrupted(JobError):
    """A job was cancelled by a stop of its queue, because its time was up."""


class JobRefused(JobError):
    """The strategy turned a job away."""


class JobDropped(JobError):
    """The strategy gave up a job that was waiting."""


class JobHandedBack(JobError):
    """A job never ran, because its queue ended first."""


_ERRORS: Final[dict[str, tuple[type[JobError], str]]] = {
    "failed": (JobFailed, "failed"),
    "timed_out": (JobTimedOut, "timed out"),
    "cancelled": (JobCancelled, "was cancelled"),
    "interrupted": (JobInterrupted, "was interrupted"),
    "refused": (JobRefused, "was refused"),
    "dropped": (JobDropped, "was dropped"),
    "handed_back": (JobHandedBack, "never ran"),
}


def error_of(job: Any) -> JobError:
    """Return the error for a job that did not end as done; raise it from the job's error."""
    outcome = job.outcome
    kind, verb = _ERRORS[outcome.kind]
    why = repr(outcome.error) if kind is JobFailed else outcome.reason
    return kind(f"{job.name}, payload {brief(job.payload)}, {verb}{f': {why}' if why else ''}", job)
