"""Suspects: jobs that may be what kills their workers."""

# Theory of operation
# -------------------
# A job that has twice had a worker that was lost may be what kills them. Such *suspects* run one
# at a time in each process, so that one that does kill it takes no other with it; and their
# handlers are called when their starts are marked, so that it is known who has run. So are those of
# jobs that may start only once: after a crash, such a job must not be taken for one that did not.

from __future__ import annotations

from typing import Final

from ._records import JobRecord

APART: Final = 1.0  # seconds that a suspect is put off while another one runs

_LOST: Final = 2  # workers


def is_suspect(record: JobRecord) -> bool:
    """Whether a job may be what kills its workers."""
    return record.lost + record.crashes >= _LOST


def is_marked_first(record: JobRecord) -> bool:
    """Whether the start of a job is marked before its handler is called."""
    return is_suspect(record) or record.max_attempts == 1
