"""Rows of queues, workers, jobs and ends, each cut to the width of the terminal."""

# Theory of operation
# -------------------
# A row is made of cells of a fixed width, so that they stand below each other, and of a last one
# that takes what is left. Cells for which a narrow terminal has no room are left out.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from ....durable import JobRecord, QueueCounts
from ...terminal import Row, Span, fit, printable, seconds_in_words, width_of
from .._words import data_of, state_of
from ._history import History
from ._lanes import SILENT, End, Lane
from ._sparkline import sparkline

_AGE: Final = 9
_GAUGE: Final = 10

# From how many columns on there is room for more.
_ROOMY: Final = 90
_WIDE: Final = 120


def cell(text: str, width: int, style: str = "", *, right: bool = False) -> Span:
    """Return text that takes exactly ``width`` cells, with one more that is empty."""
    text = fit(printable(text), width)
    rest = " " * (width - width_of(text))
    return Span(f"{rest}{text} " if right else f"{text}{rest} ", style)


def cut(row: Row, columns: int) -> Row:
    """Return a row that is not wider than the terminal."""
    found: list[Span] = []
    for span in row:
        text = fit(span.text, columns)
        columns -= width_of(text)
        found.append(Span(text, span.style))
    return found


def _mark(chosen: bool) -> Span:
    return Span("> " if chosen else "  ", "note")


def name_width(columns: int, names: Sequence[str]) -> int:
    """Return how wide a column of names is."""
    longest = max(map(width_of, map(printable, names)), default=0)
    return max(8, min(longest, columns // 4))


# Queues


def queue_title(columns: int, width: int) -> Row:
    """Return the title above queues."""
    row = [cell("  QUEUES", width + 2, "dim"), *_numbers_titles(columns)]
    half = _spark_width(columns, width)
    return [*row, cell("waiting", half, "dim"), Span("running", "dim")] if half else row


def _numbers_titles(columns: int) -> Row:
    titles = ["waiting", "running", "done", "failed"]
    if columns >= _ROOMY:
        titles.insert(0, "scheduled")
    return [cell(title, _number_width(title), "dim", right=True) for title in titles]


def _number_width(title: str) -> int:
    return max(7, len(title))


def _spark_width(columns: int, width: int) -> int:
    """Return how wide each of the two sparklines is; 0 if there is no room."""
    numbers = sum(width_of(span.text) for span in _numbers_titles(columns))
    half = (columns - (width + 3) - numbers - 2) // 2
    return half if half >= 7 else 0


def queue_row(
    name: str, counts: QueueCounts, history: History, columns: int, width: int, *, chosen: bool
) -> Row:
    """Return the row of a queue."""
    failed = counts.failed + counts.timed_out
    figures = [
        *([(counts.scheduled, 9, "")] if columns >= _ROOMY else []),
        (counts.waiting, 7, ""),
        (counts.running, 7, "good" if counts.running else ""),
        (counts.done + counts.pruned.get("done", 0), 7, "dim"),
        (failed, 7, "bad" if failed else "dim"),
    ]
    row = [_mark(chosen), cell(name, width, "note" if chosen or counts.paused else "")]
    row += [cell(_short(number), wide, style, right=True) for number, wide, style in figures]
    half = _spark_width(columns, width)
    if counts.paused:
        row += [Span("paused", "note")]
    elif half:
        row += [cell(sparkline(history.waiting(name), half), half, "note")]
        row += [Span(sparkline(history.running(name), half), "good")]
    return cut(row, columns)


def _short(number: int) -> str:
    """Return a number of at most seven characters."""
    for size, unit in ((10**9, "G"), (10**6, "M")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)


# Workers


def lane_row(lane: Lane, now: float, columns: int, width: int) -> Row:
    """Return a worker, how much it has to do, and what it runs."""
    capacity = "" if lane.capacity is None else f"/{lane.capacity}"
    full = lane.running == lane.capacity
    ahead = len(lane.jobs) - lane.running
    row = [Span("  "), cell(lane.name, width)]
    row += [cell(f"{lane.running}{capacity}", 7, "good" if full else "", right=True)]
    if lane.silent is not None and lane.silent >= SILENT:
        row.append(Span(f"silent for {seconds_in_words(lane.silent)} ", "bad"))
    elif lane.stop:
        row.append(Span(f"{lane.stop} ", "note"))
    if ahead:
        row.append(Span(f"and {ahead} claimed ahead: ", "dim"))
    row += [span for job in lane.jobs for span in _on_lane(job, now)]
    return cut(row if lane.jobs or len(row) > 3 else [*row, Span("idle", "dim")], columns)


def _on_lane(job: JobRecord, now: float) -> Row:
    return [Span(f"{job.id} ", ""), Span(f"{seconds_in_words(_age(job, now))}  ", "dim")]


# Jobs


def running_row(
    job: JobRecord, now: float, columns: int, width: int, *, limited: bool, chosen: bool
) -> Row:
    """Return a job that runs: its age against its limit, how far it is, and what it is about.

    Args:
        job: that runs.
        now: the time by the clock of the store.
        columns: the width of the terminal.
        width: of the names of queues.
        limited: whether any job has a limit, so that there is a column for it.
        chosen: whether it is.
    """
    age = _age(job, now)
    row = [_mark(chosen), cell(str(job.id), 7, right=True)]
    row += [cell(job.queue, width, "note" if chosen else "")]
    row += [cell(seconds_in_words(age), _AGE, right=True)]
    row += _limit(job, age, _GAUGE if columns >= _ROOMY else _GAUGE // 2) if limited else []
    if job.cancel_reason is not None:
        row.append(Span("cancelling  ", "bad"))
    if job.progress is not None:
        row.append(Span(f"{_progress(job)}  ", "good"))
    if job.attempt > 1:
        row.append(Span(f"attempt {job.attempt}/{job.max_attempts}  ", "note"))
    if columns >= _WIDE:
        row.append(cell(job.worker or "", width, "dim"))
    return cut([*row, _payload(job)], columns)


def _age(job: JobRecord, now: float) -> float:
    return 0.0 if job.started is None else max(0.0, now - job.started.timestamp())


def has_limit(job: JobRecord) -> bool:
    """Whether a job may not run as long as it wants."""
    return job.timeout is not None and job.timeout != math.inf


def _limit(job: JobRecord, age: float, gauge: int) -> Row:
    """Return the limit of a job, and how much of it is over."""
    if job.timeout is None or not has_limit(job):
        return [cell("", _AGE + 3 + gauge)]
    share = min(1.0, age / job.timeout)
    done = round(share * gauge)
    style = "bad" if share >= 1 else "note" if share >= 0.8 else "good"
    limit = cell(f"of {seconds_in_words(job.timeout)}", _AGE + 2, "dim")
    return [limit, Span("━" * done, style), Span("━" * (gauge - done), "faint"), Span(" ")]


def _progress(job: JobRecord) -> str:
    assert job.progress is not None
    done, total = job.progress
    return f"{done:g}" if total is None else f"{done:g}/{total:g}"


def _payload(job: JobRecord) -> Span:
    return Span(printable(data_of(job.payload[:1000], job.codec)), "dim")


def waiting_row(job: JobRecord, now: float, columns: int, width: int, *, chosen: bool) -> Row:
    """Return a job that waits."""
    row = [_mark(chosen), cell(str(job.id), 7, right=True)]
    row += [cell(job.queue, width, "note" if chosen else "")]
    row += [cell(seconds_in_words(now - job.submitted.timestamp()), _AGE, right=True)]
    if job.priority:
        row.append(Span(f"priority {job.priority}  ", "note"))
    needs = [*([job.machine] if job.machine else [])]
    needs += [f"{name}={value}" for name, value in job.labels.items()]
    if needs:
        row.append(Span(printable(f"only {', '.join(needs)}  "), "note"))
    return cut([*row, _payload(job)], columns)


def end_row(end: End, now: float, columns: int, width: int, *, chosen: bool) -> Row:
    """Return a reason for which jobs have ended, how many there were, and when the last one did."""
    last = end.jobs[0]
    ago = 0.0 if last.ended is None else max(0.0, now - last.ended.timestamp())
    row = [_mark(chosen), cell(f"{len(end.jobs)}x", 7, right=True)]
    row += [cell(end.queue, width, "note" if chosen else "")]
    row += [cell(seconds_in_words(ago), _AGE, right=True), Span("ago  ", "dim")]
    row += [cell(state_of(last), 9, "bad" if end.kind in {"failed", "timed_out"} else "note")]
    return cut([*row, Span(printable(end.why))], columns)
