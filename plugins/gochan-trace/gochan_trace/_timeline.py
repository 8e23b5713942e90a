"""A timeline: a picture of what each task did, one below another."""

# Theory of operation
# -------------------
# The horizontal axis shows steps, not seconds. Under a clock that only moves when all tasks
# wait, nearly everything happens at the same few times. The time is written at the bottom,
# where it changes.
#
# Each step belongs to one operation, so each lane has at most one label per step. The label is
# to the right of its step, above the line of the lane, or below it where arrows come from above.
# Steps are moved apart until no two labels in a row overlap. Each lane has one, two or three
# rows of labels, whichever is the fewest that fits the picture on a page.

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from ._drawing import LINE, Drawing, measure
from ._events import TraceEvent, Transfer
from ._labels import after_words, at_once_words, before_words

WIDTH: Final = 760.0
_MARGIN: Final = 14.0
_STEP: Final = 20.0  # at least, between two steps
_TIMES: Final = (
    12  # up to so many times get room of their own; of more, only those that fit are written
)
_BUFFER: Final = 30.0  # the height of the chart of a buffer

_COLOURS: Final = {
    "send": "blue",
    "submit": "blue",
    "receive": "green",
    "drain": "green",
    "select": "violet",
    "tick": "violet",
    "wait": "violet",
}
_BAD: Final = {"cancelled", "refused", "failed", "timed_out", "interrupted", "dropped"}


@dataclass(slots=True)
class _Lane:
    """One row of the picture: a task, or the phases of a queue."""

    name: str
    labels: dict[int, str]  # by step
    rows: dict[int, int]  # the row of each label
    below: bool  # whether labels are below the line, because arrows come from above
    y: float = 0.0

    @property
    def height(self) -> float:
        room = 48 if self.below else 34  # including some for arrows
        return LINE * (1 + max(self.rows.values(), default=0)) + room

    def base(self, step: int) -> float:
        """Return the base line of the label of a step."""
        row = LINE * self.rows[step]
        return self.y + 23 + row if self.below else self.y - 13 - row


@final
class Timeline:
    """The picture of one trace."""

    def __init__(
        self,
        events: Sequence[TraceEvent],
        transfers: Sequence[Transfer],
        tasks: Iterable[str],
        capacities: Mapping[str, float],
        last: int,
        dropped: int,
    ) -> None:
        if last < 1:
            raise ValueError(f"last must be >= 1, not {last!r}")
        steps = sorted({step for event in events for step in (event.first, event.last)})
        self._left_out = len(steps[:-last])
        first = steps[-last:][0] if steps else 0
        self._events = [event for event in events if event.last >= first]
        self._steps = {step: number for number, step in enumerate(steps[-last:])}
        self._dropped = dropped
        self._capacities = capacities
        self._several = len({e.channel for e in self._events if e.buffered is not None}) > 1
        there = {self._lane_of(event) for event in self._events}
        self._transfers = transfers
        balance = self._balance()
        # Tasks that send go above tasks that receive, so that most arrows point down.
        ordered = sorted(tasks, key=lambda task: balance[task])
        names = dict.fromkeys([*ordered, *(event.channel or "" for event in self._events)])
        self._lanes = {
            name: _Lane(name, {}, {}, balance[name] > 0) for name in names if name in there
        }
        for event in self._events:
            self._label(event)
        self._buffers = self._find_buffers()
        beside = [*self._lanes, *(self._size(name) for name in self._buffers)]
        self._left = _MARGIN * 2 + max(map(measure, beside), default=0)
        self._times = self._find_times()
        self._place_steps()

    def _balance(self) -> Counter[str]:
        """Return 1 for tasks that receive more than they send, -1 for tasks that send more."""
        received = Counter(transfer.received.task for transfer in self._transfers)
        received.subtract(transfer.sent.task for transfer in self._transfers)
        return Counter({task: (n > 0) - (n < 0) for task, n in received.items()})

    def _lane_of(self, event: TraceEvent) -> str:
        """Return who does it: a task, or a queue that ends a job which does not run."""
        of_queue = event.verb == "phase" or (event.verb == "job" and not event.waited)
        return (event.channel or "") if of_queue else event.task

    def _label(self, event: TraceEvent) -> None:
        labels = self._lanes[self._lane_of(event)].labels
        if event.waited:
            if event.first in self._steps:
                labels[event.first] = before_words(event, several=self._several)
            if event.outcome not in ("waiting", "running"):
                labels[event.last] = after_words(event, several=self._several)
        else:
            labels[event.first] = at_once_words(event, several=self._several)

    def _find_times(self) -> dict[int, str]:
        """Return the time at each step where it has changed."""
        moments: dict[int, float] = {}
        for event in self._events:
            moments.setdefault(event.first, event.start)
            moments.setdefault(event.last, event.end)
        times: dict[int, str] = {}
        before = ""
        for step in self._steps:
            text = seconds(moments[step])
            if text != before:
                times[step] = before = text
        return times

    # Where everything is

    def _place_steps(self) -> None:
        """Choose a position for each step, and a row for each label."""
        for rows in (1, 2, 3):
            self._x, right = self._spread(rows)
            if right <= WIDTH - _MARGIN:
                break
        # The rest of the width of the page is divided among all steps, up to a limit.
        steps = len(self._x)
        spare = min(WIDTH - _MARGIN - right, 40.0 * steps)
        if spare > 0 and steps:
            self._x = {step: x + spare * n / steps for n, (step, x) in enumerate(self._x.items())}
            right += spare
        self._right = max(right, WIDTH - _MARGIN)

    def _spread(self, rows: int) -> tuple[dict[int, float], float]:
        """Return the positions that the labels need, and where the last label ends."""
        at: dict[int, float] = {}
        x = self._left + 8 - _STEP
        ends = {name: [0.0] * rows for name in self._lanes}
        free = 0.0
        for step in self._steps:
            x += _STEP
            if step in self._times and len(self._times) <= _TIMES:
                x = max(x, free)
                free = x + measure(self._times[step]) + 8
            for name, lane in self._lanes.items():
                if step in lane.labels:
                    x = max(x, min(ends[name]))
            at[step] = x
            for name, lane in self._lanes.items():
                if step in lane.labels:
                    row = next(row for row, end in enumerate(ends[name]) if end <= x)
                    lane.rows[step] = row
                    ends[name][row] = x + measure(lane.labels[step]) + 10
        return at, max([x + 8, *(end for row in ends.values() for end in row)])

    # Drawing

    def draw(self, title: str) -> str:
        """Return the picture as SVG."""
        width = self._right + _MARGIN
        drawing = Drawing(title, self._describe())
        y = _MARGIN + LINE
        drawing.text(_MARGIN, y - 4, title, bold=True)
        note = self._note()
        if note:
            drawing.text(width - _MARGIN, y - 4, note, "soft", "end")
        for lane in self._lanes.values():
            lane.y = y + (34 if lane.below else lane.height - 16)
            y += lane.height
        bottom = y + 8 + len(self._buffers) * (_BUFFER + 22)
        self._draw_time(drawing, _MARGIN + LINE + 4, bottom)
        for lane in self._lanes.values():
            drawing.text(_MARGIN, lane.y + 4, lane.name, bold=True)
            drawing.line([(self._left, lane.y), (width - _MARGIN, lane.y)], "thin edge-line")
        for number, (name, course) in enumerate(self._buffers.items()):
            self._draw_buffer(drawing, name, course, y + 16 + number * (_BUFFER + 22))
        for event in self._events:
            self._draw_body(drawing, event)
        for transfer in self._transfers:
            self._draw_arrow(drawing, transfer)
        for event in self._events:
            self._draw_marks(drawing, event)
        for lane in self._lanes.values():
            for step in lane.labels:
                if lane.rows[step]:
                    x, y = self._x[step], lane.base(step) - 5
                    drawing.line([(x, y), (x, lane.y)], "thin soft-line dots")
        for lane in self._lanes.values():
            for step, text in lane.labels.items():
                drawing.text(self._x[step] + 6, lane.base(step), text)
        return drawing.render(width, bottom + 30)

    def _describe(self) -> str:
        """Return the whole trace as text, for readers who cannot see the picture."""
        return ". ".join(map(str, self._events)) + "."

    def _note(self) -> str:
        notes = []
        if self._left_out:
            notes.append(
                f"the last {len(self._steps)} of {len(self._steps) + self._left_out} steps"
            )
        if self._dropped:
            notes.append(f"{self._dropped} older events were dropped")
        return "; ".join(notes)

    def _where(self, step: int) -> float:
        """Return the position of a step; one before the picture is at its left edge."""
        return self._x.get(step, self._left)

    def _draw_time(self, drawing: Drawing, top: float, bottom: float) -> None:
        drawing.line([(self._left, bottom), (self._right, bottom)], "thin edge-line")
        drawing.text(_MARGIN, bottom + 19, "time", "soft")
        free = 0.0
        for step, text in self._times.items():
            x = self._x[step]
            drawing.line([(x, top), (x, bottom + 5)], "thin faint-line")
            if x - 4 >= free:
                drawing.text(x - 4, bottom + 19, text, "soft")
                free = x + measure(text) + 4

    def _draw_body(self, drawing: Drawing, event: TraceEvent) -> None:
        """Draw what takes time: a wait, or a job."""
        if not event.waited:
            return
        y = self._lanes[self._lane_of(event)].y
        start, end = self._where(event.first), self._where(event.last)
        if event.outcome in ("waiting", "running"):
            end = self._right
        if event.verb == "job":
            drawing.box(start - 7, y - 11, end - start + 14, 22, "band edge-line", 5)
        else:
            drawing.box(start, y - 5, end - start, 10, "wait")

    def _draw_marks(self, drawing: Drawing, event: TraceEvent) -> None:
        """Draw the mark of a step."""
        if event.outcome in ("waiting", "running"):
            return
        x, y = self._where(event.last), self._lanes[self._lane_of(event)].y
        if event.verb in ("phase", "close") or event.outcome == "closed":
            drawing.line([(x, y - 9), (x, y + 9)], "thick ink-line")
        elif event.outcome in _BAD:
            drawing.cross(x, y, "red")
        elif event.outcome == "would block":
            drawing.cross(x, y, "soft")
        elif event.verb != "job":
            drawing.dot(x, y, _COLOURS.get(event.verb.partition("_")[0], "ink"))
        elif event.outcome == "handed_back":
            drawing.dot(x, y, "ink")

    def _draw_arrow(self, drawing: Drawing, transfer: Transfer) -> None:
        sent, received = transfer.sent, transfer.received
        arrival = received.first if received.verb == "job" else received.last
        # A value whose sender still waits leaves when it is taken.
        taken = sent.waited and sent.first <= arrival <= sent.last
        departure = arrival if taken else sent.last
        if departure not in self._x or arrival not in self._x:
            return
        upper, lower = self._lanes[sent.task].y, self._lanes[received.task].y
        start, end = self._x[departure], self._x[arrival]
        if upper == lower:
            middle = (start + end) / 2
            side = -1 if self._lanes[sent.task].below else 1
            y = upper + 6 * side
            drawing.curve((start, y), (middle, y + 16 * side), (end, y), "line blue-line")
            return
        down = 1 if lower > upper else -1
        drawing.arrow((start, upper + 6 * down), (end, lower - 7 * down), "blue")

    # Buffers

    def _size(self, name: str) -> str:
        capacity = self._capacities[name]
        return "holds any number" if capacity == float("inf") else f"holds up to {capacity:g}"

    def _find_buffers(self) -> dict[str, list[tuple[int, int]]]:
        """Return how much each channel with a buffer held, by step."""
        courses: dict[str, list[tuple[int, int]]] = {}
        for event in sorted(self._events, key=lambda event: event.last):
            name = event.channel
            if name is not None and event.buffered is not None and self._capacities.get(name):
                courses.setdefault(name, []).append((event.last, event.buffered))
        return courses

    def _draw_buffer(
        self, drawing: Drawing, name: str, course: list[tuple[int, int]], y: float
    ) -> None:
        most = max(held for _, held in course)
        base = y + _BUFFER
        drawing.text(_MARGIN, base - 10, name, bold=True)
        drawing.text(_MARGIN, base + 6, self._size(name), "soft")
        points = [(self._left, base)]
        for step, held in course:
            x = self._where(step)
            points += [(x, points[-1][1]), (x, base - held / max(most, 1) * (_BUFFER - 10))]
        points.append((self._right, points[-1][1]))
        drawing.area(points, base, "band")
        drawing.line(points, "line edge-line")
        drawing.line([(self._left, base), (self._right, base)], "thin edge-line")
        before = 0
        for step, held in course:
            if held != before:
                level = base - held / max(most, 1) * (_BUFFER - 10)
                drawing.text(self._where(step) + 2, level - 3, str(held))
            before = held


def seconds(moment: float) -> str:
    """Return a time in a suitable unit."""
    if moment and abs(moment) < 0.9995e-3:
        return f"{moment * 1e6:.3g} µs"
    if moment and abs(moment) < 0.9995:
        return f"{moment * 1e3:.3g} ms"
    return f"{moment:.6g} s"
