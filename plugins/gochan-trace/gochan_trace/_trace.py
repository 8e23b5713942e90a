"""Tracing: who sent what to whom, who waited for what, and for how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import final

from gochan.debug import observe

from ._events import TraceEvent, Transfer
from ._places import number_names
from ._recorder import Recorder
from ._records import Record
from ._timeline import Timeline
from ._trace_file import to_json


@contextmanager
def trace(*, limit: int = 100_000) -> Iterator[Trace]:
    """Record what tasks do with channels, selects, wait groups and job queues.

    ::

        with gochan_trace.trace() as trace:
            await main()
        for event in trace.events:
            print(event)
        trace.save("trace.svg")

    The trace has everything that happens in this thread while the block is entered, in the
    current run or in runs that begin inside the block. Blocks nest, and several threads can
    have their own. Values are kept only while they are on their way.

    Without a trace, this costs nothing measurable. With one, every operation takes some
    microseconds more, in all threads. Nothing else changes: neither the order of events, nor
    when a task can be cancelled.

    Args:
        limit: how many events to keep; further ones replace the oldest.

    Raises:
        TypeError, ValueError: ``limit`` is not an ``int``, or less than 1.
    """
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"limit must be an int, not {limit!r}")
    if limit < 1:
        raise ValueError(f"limit must be >= 1, not {limit!r}")
    recorder = Recorder(limit)
    seen = Trace(recorder)
    with observe(recorder):
        try:
            yield seen
        finally:
            seen._end()


@dataclass(frozen=True, slots=True)
class _Seen:
    """The contents of a trace at one moment."""

    events: tuple[TraceEvent, ...]
    transfers: tuple[Transfer, ...]
    tasks: tuple[str, ...]
    capacities: dict[str, float]
    dropped: int


@final
class Trace:
    """What was recorded; made by `trace`. It can be read while the recording goes on."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder: Recorder | None = recorder
        self._seen: _Seen

    def _end(self) -> None:
        """Keep what has been recorded, and let go of the recorder."""
        self._seen, self._recorder = self._look(), None

    @property
    def events(self) -> tuple[TraceEvent, ...]:
        """What happened, in the order of first steps."""
        return self._look().events

    @property
    def transfers(self) -> tuple[Transfer, ...]:
        """The values of which both the send and the receive were recorded, in order of receipt."""
        return self._look().transfers

    @property
    def dropped(self) -> int:
        """How many events were dropped because there were more than ``limit``."""
        return self._look().dropped

    def _look(self) -> _Seen:
        return self._seen if self._recorder is None else _read(self._recorder)

    def json(self) -> str:
        """Return the trace in the Trace Event Format, for https://ui.perfetto.dev and others.

        Tasks appear as threads, waits and jobs as slices, values as flows, and the number of
        values in a channel as a counter. Each step comes at least a microsecond after the one
        before, so that the order is visible even where the clock stood still.
        """
        seen = self._look()
        return to_json(seen.events, seen.transfers, seen.dropped)

    def svg(self, *, title: str = "What the tasks did", last: int = 150) -> str:
        """Return a picture of the trace: a lane for each task, and arrows between them.

        The steps go from left to right, with the time below them where it changes. The picture
        is as wide as its steps need, and is legible on light and dark pages.

        Args:
            title: the title of the picture, also for screen readers.
            last: show at most so many steps, the last ones.

        Raises:
            ValueError: ``last`` is less than 1.
        """
        seen = self._look()
        return Timeline(
            seen.events, seen.transfers, seen.tasks, seen.capacities, last, seen.dropped
        ).draw(title)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the trace to a file: ``*.json`` as by `Trace.json`, ``*.svg`` as by `Trace.svg`.

        Raises:
            ValueError: the name has another ending.
            OSError: the file cannot be written.
        """
        file = Path(fspath(path))
        if file.suffix not in _FORMATS:
            raise ValueError(f"a trace is saved as .json or as .svg, not as {file.name!r}")
        file.write_text(_FORMATS[file.suffix](self), encoding="utf-8")

    def check(self) -> None:
        """Assert what must be true of every trace. For tests."""
        events = self.events
        assert [event.first for event in events] == sorted(event.first for event in events)
        steps = Counter(s for e in events for s in {e.first, e.last} if e.outcome != "waiting")
        assert not [step for step, number in steps.items() if number > 1]
        for event in events:
            assert event.start <= event.end
            assert event.first <= event.last
            assert event.waited or event.first == event.last
            assert str(event)
        for one in self.transfers:
            arrival = one.received.first if one.received.verb == "job" else one.received.last
            assert one.sent.first <= arrival, one

    def __repr__(self) -> str:
        seen = self._look()
        dropped = f", {seen.dropped} older ones dropped" if seen.dropped else ""
        return f"<gochan_trace.Trace: {len(seen.events)} events{dropped}>"


# The method for each ending of a file name.
_FORMATS = {".json": Trace.json, ".svg": Trace.svg}


def _read(recorder: Recorder) -> _Seen:
    """Make events and transfers from what was recorded."""
    records = recorder.records
    names = number_names({record.lane: None for record in records})
    now = recorder.now()
    events = {record: _event(record, names[record.lane], now) for record in records}
    transfers = tuple(
        Transfer(arrow.place.name, arrow.value, events[arrow.sent], events[arrow.received])
        for arrow in recorder.arrows
        if arrow.sent in events and arrow.received in events
    )
    places = [record.place for record in records if record.place is not None]
    capacities = {place.name: place.capacity for place in places}
    return _Seen(
        tuple(events.values()), transfers, (*names.values(),), capacities, recorder.dropped
    )


def _event(record: Record, task: str, now: tuple[int, float]) -> TraceEvent:
    last, end = (record.last, record.end) if record.last >= 0 else now
    value = record.value
    if record.verb == "send_many":
        value = f"[{value or ''}]"
    return TraceEvent(
        task=task,
        verb=record.verb,
        channel=None if record.place is None else record.place.name,
        value=value,
        start=record.start,
        end=end,
        first=record.first,
        last=last,
        waited=record.waited,
        outcome=record.outcome,
        cases=record.cases,
        case=record.case,
        chosen=record.chosen,
        job=record.job,
        buffered=record.buffered,
        reason=record.reason,
    )
