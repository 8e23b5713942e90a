"""The view of a run: rows for a terminal of any size, the bar as the last."""

# Theory of operation
# -------------------
# A row is made of spans, each with a style. What a row says in words comes in several
# lengths, and the longest that fits is shown. The bar is put together by importance: what
# does not fit is left out.
#
# Invariants
# ----------
# 1. No row is wider than the terminal, and all rows together take at most a third of its
#    height, but always two rows.
# 2. The last row is the bar.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from ...terminal import Row, Span, fit, printable, seconds_in_words, width_of
from ._state import PAUSED, Running, RunState, estimate_in_words, rate_in_words

# How wide the graphic part of the bar is, at least and at most.
_NARROW: Final = 8
_WIDE: Final = 40

# What separates the words of a row.
_GAP: Final = "  "

# The columns for the age of a command.
_AGE: Final = 9


@final
@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of the pace: each is None as long as it is not."""

    per_second: float | None = None
    seconds_left: float | None = None


@final
@dataclass(frozen=True, slots=True)
class Panel:
    """What the person at the terminal has asked for.

    Attributes:
        keys: whether keys are read.
        help: whether they are explained.
        chosen: the number of the command that is chosen to be cancelled, if one is.
        notice: what the last key has done.
    """

    keys: bool = False
    help: bool = False
    chosen: int | None = None
    notice: str = ""


def view(state: RunState, figures: Figures, panel: Panel, *, columns: int, lines: int) -> list[Row]:
    """Return the rows of the view."""
    most = max(2, lines // 3)
    words = _words(state, panel)
    rows: list[Row] = []
    if words:
        longest = next((text for text in words if width_of(text) <= columns), words[-1])
        rows.append([Span(fit(longest, columns), "note")])
    rows.append(_bar(state, figures, panel, columns))
    return [*_commands(state.running, panel, columns, most - len(rows)), *rows]


# The commands that run


def _commands(running: Sequence[Running], panel: Panel, columns: int, most: int) -> list[Row]:
    """Return a row for each of the oldest commands, and one that counts the others."""
    if most <= 0 or not running:
        return []
    first, last = 0, len(running)
    if last > most:
        numbers = [job.number for job in running]
        first = numbers.index(panel.chosen) if panel.chosen in numbers else 0
        first = max(0, first - max(most - 2, 0))
        last = first + max(most - 1, 1)
    rows = [_command(job, panel, columns) for job in running[first:last]]
    others = len(running) - len(rows)
    if others and most > 1:
        rows.append([Span(fit(f"{'':{_AGE}} +{others} more", columns), "dim")])
    return rows


def _command(job: Running, panel: Panel, columns: int) -> Row:
    chosen = panel.chosen == job.number
    mark = ("> " if chosen else "  ") if panel.chosen is not None else ""
    age = f"{mark}{seconds_in_words(job.age):>{_AGE}} "
    return [
        Span(fit(age, columns), "note" if chosen else "dim"),
        Span(fit(printable(job.name), columns - width_of(age)), "note" if chosen else ""),
    ]


# What is going on


def _words(state: RunState, panel: Panel) -> Sequence[str]:
    """Return what must be said now, in several lengths; nothing if all is as usual."""
    if panel.chosen is not None:
        return (
            "cancel this command? up/down: another one, Enter: yes, Esc: no",
            "cancel it? up/down, Enter, Esc",
            "up/down/Enter/Esc",
        )
    if panel.help and state.attached:
        return ("keys: q leave, and the run goes on; ? hide this", "q leave  ? hide")
    if panel.help:
        return (
            f"keys: + - workers ({state.workers} now), p pause, c cancel one, q stop, ? hide this",
            "+ - workers  p pause  c cancel  q stop",
            "+ - p c q ?",
        )
    return (panel.notice and (panel.notice,)) or _stop_words(state) or _held_words(state, panel)


def _stop_words(state: RunState) -> Sequence[str]:
    """Say what a stop is at, and what the next Ctrl-C does."""
    left = state.seconds_left
    time = "" if left is None or left == float("inf") else f"{seconds_in_words(left)} left"
    stage = {"quiet": "drain", "report": "release"}.get(state.phase, state.phase)
    if stage == "drain":
        return (
            _join("stopping: what runs may finish", time, "Ctrl-C cancels it"),
            _join("stopping", time, "Ctrl-C cancels"),
            _join("stopping", time),
        )
    if stage == "cancel":
        return (
            _join("stopping: what runs is cancelled", time, "Ctrl-C kills it"),
            _join("cancelling", time, "Ctrl-C kills"),
            _join("cancelling", time),
        )
    if stage == "release":
        return ("stopping: what still runs is killed", "killing what runs")
    return ()


def _held_words(state: RunState, panel: Panel) -> Sequence[str]:
    """Say why no job starts, or that lines are awaited."""
    if not state.held:
        return ()
    if state.held == PAUSED and panel.keys:
        return ("paused: no job starts, p goes on", "paused, p goes on")
    return (state.held,)


def _join(*words: str) -> str:
    return ", ".join(word for word in words if word)


# The bar


def _bar(state: RunState, figures: Figures, panel: Panel, columns: int) -> Row:
    """Return the row with the counts, as many of them as fit."""
    left = estimate_in_words(figures.seconds_left) if figures.seconds_left is not None else ""
    rate = rate_in_words(figures.per_second) if figures.per_second is not None else ""
    # In the order of the row; a smaller number is more important.
    parts = [
        (0, Span(state.counted)),
        (4, Span(" jobs")),
        (3, Span(f"{_GAP}{len(state.running)} running")),
        (1, Span(f"{_GAP}{state.failed} failed" if state.failed else "", "bad")),
        (7, Span(f"{_GAP}{state.waiting} waiting" if state.waiting else "", "dim")),
        (5, Span(f"{_GAP}{rate}" if rate else "")),
        (2, Span(f"{_GAP}{left}" if left else "")),
        (8, Span(f"{_GAP}? keys" if panel.keys else "", "dim")),
    ]
    graphic = 0 if state.total is None else _NARROW + len(_GAP)
    room, chosen = columns, set[int]()
    for importance in range(9):
        width = (
            graphic
            if importance == 6
            else sum(width_of(span.text) for rank, span in parts if rank == importance)
        )
        if width <= room:
            room -= width
            chosen.add(importance)
    row = [span for rank, span in parts if rank in chosen and span.text]
    if 6 in chosen and graphic:
        row = [*_graphic(state, min(_WIDE, _NARROW + room)), Span(_GAP), *row]
    return row if 0 in chosen else [Span(fit(state.counted, columns))]


def _graphic(state: RunState, width: int) -> Row:
    share = state.ended / state.total if state.total else 1.0
    done = min(width, int(share * width))
    return [Span("━" * done, "good"), Span("━" * (width - done), "faint")]
