"""Rules: what becomes of a job when its run is over. Pure functions, the same for all stores."""

# Theory of operation
# -------------------
# Only a start counts as an attempt. A lease that is lost before the start does not, or jobs
# that were leased beside one that kills its worker would fail together with it.
#
# The start is marked in the row by a batch that comes a little later. So there are two cases
# at the end of a run: either the mark was set, and ``attempt`` counts this start already, or
# the end counts it.

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ._records import MOST_LOST, Ending, EndKind, Release


@final
@dataclass(frozen=True, slots=True)
class Run:
    """What has to be known about a job that runs."""

    attempt: int
    """How many starts count."""
    max_attempts: int
    """How many there may be."""
    marked: bool
    """Whether ``attempt`` counts this start already."""
    crashes: int
    """How many starts had no end."""
    lost: int
    """How many leases ended before a start."""
    wish: str | None
    """Why it is to be cancelled, if that is wished."""


@final
@dataclass(frozen=True, slots=True)
class After:
    """What becomes of it."""

    kind: EndKind | None
    """How it ends; ``None`` if it can start again."""
    error: str | None
    """Why."""
    attempt: int
    """How many starts count from now on."""
    crashes: int
    """How many starts had no end."""
    lost: int
    """How many leases ended before a start."""


def after_ending(run: Run, ending: Ending) -> After:
    """Return what becomes of a job whose worker ends it."""
    attempt = run.attempt + (ending.started and not run.marked)
    kind, error = ending.kind, None if ending.kind == "done" else ending.error
    if kind != "done" and run.wish is not None:
        kind, error = "cancelled", run.wish
    return After(kind, error, attempt, run.crashes, run.lost)


def after_release(run: Run, release: Release) -> After:
    """Return what becomes of a job whose worker gives it back."""
    counts = release.count and release.kind != "unstarted"
    attempt = run.attempt + counts - run.marked
    kind: EndKind | None = None
    error = release.error
    if run.wish is not None:
        kind, error = "cancelled", run.wish
    elif counts and attempt >= run.max_attempts:
        kind = "timed_out" if release.kind == "timed_out" else "failed"
    return After(kind, error, attempt, run.crashes, run.lost)


def after_loss(run: Run) -> After:
    """Return what becomes of a job whose lease has ended."""
    crashes, lost = run.crashes + run.marked, run.lost + (not run.marked)
    kind: EndKind | None = None
    error = None
    if run.wish is not None:
        kind, error = "cancelled", run.wish
    elif run.marked and run.attempt >= run.max_attempts:
        kind, error = "failed", f"lost {_times(crashes)}"
    elif lost >= MOST_LOST:
        kind, error = "failed", f"lost {_times(lost)} before it started"
    return After(kind, error, run.attempt, crashes, lost)


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"
