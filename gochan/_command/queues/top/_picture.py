"""The picture: all that is known, in rows for a terminal of any size."""

# Theory of operation
# -------------------
# The picture has a head, sections one below the other, and a foot. The lines between head and
# foot are shared out: first each section gets its title and a row, as long as there is room, then
# the sections get what they still want, one line each in turn. A section that cannot show all its
# rows shows those around the chosen one, and counts the others.
#
# Invariants
# ----------
# 1. No row is wider than the terminal, and there are no more rows than lines.
# 2. The chosen row is shown, if the terminal has lines for its section.

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

from ...terminal import Row, Span, fit, printable, width_of
from .._words import counted
from ._history import History
from ._known import Known
from ._lanes import ends, lanes
from ._panel import Item, Panel, Thing, item_of, question
from ._rows import (
    cut,
    end_row,
    has_limit,
    lane_row,
    name_width,
    queue_row,
    queue_title,
    running_row,
    waiting_row,
)

_KEYS: Final = (
    "up/down choose  e explain  c cancel  r run again  p pause or resume  q quit  ? hide",
    "up/down  e explain  c cancel  r again  p pause  q quit",
    "e explain c cancel r again p pause q quit",
)
_HINTS: Final = ("up/down choose a row   e explain   q quit   ? keys", "? keys  q quit")


@final
@dataclass(frozen=True, slots=True)
class _Section:
    """A title, and rows, each with what it is about."""

    title: Row
    rows: Sequence[tuple[Item | None, Row]]

    @property
    def wanted(self) -> int:
        return 1 + len(self.rows)


def picture(
    known: Known,
    history: History,
    panel: Panel,
    *,
    columns: int,
    lines: int,
    problem: str = "",
    keys: bool = True,
) -> list[Row]:
    """Return the rows of the picture.

    Args:
        known: of the store.
        history: of its queues.
        panel: what is chosen and asked.
        columns: the width of the terminal.
        lines: its height.
        problem: why no newer state is known.
        keys: whether there are any.
    """
    head = [_head(known, columns)]
    if problem:
        head.append(cut([Span(printable(problem), "bad")], columns))
    foot = _foot(panel, columns) if keys else []
    room = max(0, lines - len(head) - len(foot))
    sections = _sections(known, history, panel, columns)
    body = [
        row
        for section, height in zip(sections, _shared(sections, room), strict=True)
        for row in _shown(section, height, panel.chosen, columns)
    ]
    filler: list[Row] = [[] for _ in range(room - len(body))] if keys else []
    return [*head, *body, *filler, *foot][:lines] if lines > len(foot) else foot[:lines]


def _head(known: Known, columns: int) -> Row:
    waiting = sum(counts.waiting for counts in known.queues.values())
    running = sum(counts.running for counts in known.queues.values())
    clock = time.strftime("%H:%M:%S", time.localtime(known.now))
    words = f"{counted(running, 'job')} running, {waiting} waiting"
    room = columns - width_of(words) - len(clock) - 4
    if room < 8:
        return [Span(fit(words, columns))]
    address = fit(printable(known.address), room)
    return [Span(f"{address}  "), Span(f"{words}  "), Span(clock, "dim")]


def _foot(panel: Panel, columns: int) -> list[Row]:
    """Return what is asked or told, and which keys there are."""
    told = [printable(reason) for reason in panel.reasons]
    rows: list[Row] = [cut([Span(text, "note")], columns) for text in _wrapped(told, columns)]
    if panel.asked is not None:
        return [*rows, cut([Span(question(panel.asked), "note")], columns)]
    if panel.notice:
        return [*rows, cut([Span(printable(panel.notice), "note")], columns)]
    words = _KEYS if panel.help else _HINTS
    longest = next((text for text in words if width_of(text) <= columns), words[-1])
    return [*rows, [Span(fit(longest, columns), "dim")]]


def _wrapped(texts: Sequence[str], columns: int) -> list[str]:
    """Return texts in rows that fit, split between words."""
    rows = []
    for text in texts:
        row = ""
        for word in text.split(" "):
            longer = f"{row} {word}" if row else word
            if width_of(longer) > columns and row:
                rows.append(row)
                longer = word
            row = longer
        rows.append(row)
    return rows


# Sections


def _sections(known: Known, history: History, panel: Panel, columns: int) -> list[_Section]:
    """Return all that have rows; that of the queues also if there are none."""
    sections = [
        _queues(known, history, panel, columns),
        _workers(known, columns),
        *(_jobs(known, panel, columns)),
    ]
    return [section for section in sections if section.rows]


def _queues(known: Known, history: History, panel: Panel, columns: int) -> _Section:
    width = name_width(columns, [*known.queues])

    def draw(name: str, *, chosen: bool) -> Row:
        return queue_row(name, known.queues[name], history, columns, width, chosen=chosen)

    rows = _rows([*known.queues], panel, draw)
    nothing: Row = cut([Span("  none yet: the first job makes one", "dim")], columns)
    return _Section(cut(queue_title(columns, width), columns), rows or [(None, nothing)])


def _workers(known: Known, columns: int) -> _Section:
    found = lanes(known)
    width = name_width(columns, [lane.name for lane in found])
    rows = [(None, lane_row(lane, known.now, columns, width)) for lane in found]
    return _Section(_title("WORKERS", columns), rows)


def _jobs(known: Known, panel: Panel, columns: int) -> list[_Section]:
    width = name_width(columns, [*known.queues])
    limited = any(map(has_limit, known.running))
    options = {"now": known.now, "columns": columns, "width": width}
    sections: Sequence[tuple[str, Sequence[Thing], Callable[..., Row]]] = [
        ("RUNNING, the oldest first", known.running, partial(running_row, limited=limited)),
        ("ENDED, and not done", ends(known), end_row),
        ("NEXT", known.waiting, waiting_row),
    ]
    return [
        _Section(_title(title, columns), _rows(some, panel, partial(draw, **options)))
        for title, some, draw in sections
    ]


def _title(text: str, columns: int) -> Row:
    return cut([Span(f"  {text}", "dim")], columns)


def _rows(
    some: Sequence[Any], panel: Panel, draw: Callable[..., Row]
) -> list[tuple[Item | None, Row]]:
    """Return the rows of some things, the chosen one marked."""
    items = [item_of(one) for one in some]
    return [
        (item, draw(one, chosen=item == panel.chosen))
        for item, one in zip(items, some, strict=True)
    ]


# Sharing out the lines


def _shared(sections: Sequence[_Section], room: int) -> list[int]:
    """Return how many lines each section gets; less than two are none."""
    heights = []
    for _ in sections:
        heights.append(2 if room >= 2 else 0)
        room -= heights[-1]
    while room > 0 and heights != [one.wanted for one in sections]:
        for place, section in enumerate(sections):
            if room > 0 and 0 < heights[place] < section.wanted:
                heights[place] += 1
                room -= 1
        if 0 in heights:
            break  # there is a single line left, which is too little for another section
    return heights


def _shown(section: _Section, height: int, chosen: Item | None, columns: int) -> list[Row]:
    """Return as many rows of a section as it may have, those around the chosen one."""
    if not height:
        return []
    room = height - 1
    if len(section.rows) <= room:
        return [section.title, *(row for _, row in section.rows)]
    room = max(1, room - 1) if room > 1 else room
    place = next((n for n, (item, _) in enumerate(section.rows) if item == chosen and item), 0)
    first = max(0, min(place - room // 2, len(section.rows) - room))
    rows = [row for _, row in section.rows[first : first + room]]
    if room < height - 1:
        rows.append(cut([Span(f"  {len(section.rows) - room} more", "dim")], columns))
    return [section.title, *rows]
