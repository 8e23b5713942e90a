"""The recorder: an observer that records what happens in one thread."""

# Theory of operation
# -------------------
# Each trace has a recorder, which observes the thread in which the trace began; a thread has one
# run at a time. A record changes until its operation ends. Records become events when the user
# asks for events, or the trace ends.
#
# Each moment at which an operation begins to wait, or ends, is a step. Steps show the order of
# events even while the clock stands still.
#
# Invariants
# ----------
# 1. A record is in ``records`` as soon as it has a first step, and never before.
# 2. Records are in the order of their first steps; at most ``limit`` are kept, and as many arrows.

from __future__ import annotations

import reprlib
from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final, final
from weakref import WeakKeyDictionary

import trio
from trio.lowlevel import Task

from gochan import Case, ChanClosedError, Job, Refused
from gochan.debug import Observer, Operation, describe, look

from ._events import Ending
from ._flights import Flights
from ._places import Lane, Place
from ._records import Arrow, Record

# The most cases of one select that are recorded.
_MOST: Final = 8

_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 40


def shorten(value: object) -> str:
    """Return the ``repr`` of a value, shortened. Never raises."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except Exception:
        return f"<{type(value).__name__}>"


@final
class Recorder(Observer):
    """Records what happens in one thread."""

    def __init__(self, limit: int) -> None:
        self.records: deque[Record] = deque()
        self.arrows: deque[Arrow] = deque(maxlen=limit)
        self.dropped = 0  # older records
        self._limit = limit
        self._under_way: dict[Operation, Record] = {}
        self._jobs: WeakKeyDictionary[Job[Any, Any], Record] = WeakKeyDictionary()
        self._flights = Flights()
        self._lanes: WeakKeyDictionary[Task, Lane] = WeakKeyDictionary()
        self._nobody = Lane("outside", -1)
        self._places: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()
        self._names = Counter[str]()
        self._step = 0
        self._moment = 0.0
        self._root: Task | None = None
        self._offset = 0.0
        self.now()

    # When, who and where

    def now(self) -> tuple[int, float]:
        """Return the next step, and the seconds since the trace began.

        The time continues from one run to the next.
        """
        try:
            clock = trio.current_time()
        except RuntimeError:
            return self._step, self._moment
        root = trio.lowlevel.current_root_task()
        if root is not self._root:
            self._root = root
            self._offset = self._moment - clock
        self._moment = clock + self._offset
        return self._step, self._moment

    def _tick(self) -> tuple[int, float]:
        now = self.now()
        self._step += 1
        return now

    def _lane(self, task: Task | None) -> Lane:
        """Return the lane of a task; without a task, the lane of everything outside tasks."""
        if task is None:
            return self._nobody
        lane = self._lanes.get(task)
        if lane is None:
            lane = self._lanes[task] = Lane.of(task, len(self._lanes))
        return lane

    def _place(self, thing: object) -> Place:
        """Return the place of a channel, a selector, a wait group or a queue."""
        place = self._places.get(thing)
        if place is None:
            place = self._places[thing] = Place.of(thing, self._names)
        return place

    def _describe(self, case: Case[Any]) -> str:
        return describe(case, lambda thing: self._place(thing).name)

    # Records

    def _new(self, verb: str, thing: object, task: Task | None) -> Record:
        place = None if thing is None else self._place(thing)
        return Record(self._lane(task), verb, place, thing=thing)

    def _wait(self, record: Record) -> None:
        self._enter(record)
        record.waited = True

    def _enter(self, record: Record) -> None:
        if record.first < 0:
            record.first, record.start = self._tick()
            self.records.append(record)
            if len(self.records) > self._limit:
                self.records.popleft()
                self.dropped += 1

    def _end(self, record: Record, outcome: Ending) -> None:
        """Note how a record ends, and how much its channel holds now."""
        self._enter(record)
        record.last, record.end = self._tick() if record.waited else (record.first, record.start)
        record.outcome = outcome
        if record.thing is not None:
            there = look(record.thing)
            record.buffered = there.held if there.kind == "channel" else None
        record.thing = None

    # Operations

    def begins(self, operation: Operation) -> None:
        record = self._new(operation.verb, operation.thing, _running_task())
        for value in operation.values:
            record.value = shorten(value)
        number = len(operation.cases)
        record.cases = tuple(map(self._describe, islice(operation.cases, _MOST)))
        if number > _MOST:
            record.cases += (f"{number - _MOST} more",)
        self._under_way[operation] = record

    def waits(self, operation: Operation) -> None:
        record = self._under_way.get(operation)
        if record is not None:  # pragma: no branch  # it has begun just now
            self._wait(record)

    def sends(self, operation: Operation, channel: object, values: Sequence[object]) -> None:
        record = self._under_way.get(operation)
        if record is None:
            return  # pragma: no cover  # it had begun before the trace
        self._enter(record)
        for value in values:
            self._flights.launch(channel, value, record)
            if record.verb == "send_many":
                record.value = _add(record.value, value)
            else:
                record.value = shorten(value)

    def receives(self, operation: Operation, channel: object, values: Sequence[object]) -> None:
        record = self._under_way.get(operation)
        if record is None:
            return
        self._enter(record)
        many = "many" in record.verb or record.verb == "drain"
        record.value = shorten([*values] if many else values[0])
        for value in values:
            sent = self._flights.land(channel, value)
            if sent is not None:  # pragma: no branch  # unless it was sent before the trace
                self._connect(channel, shorten(value), sent, record)

    def decides(self, operation: Operation) -> None:
        record = self._under_way.get(operation)
        # Unless it had begun before the trace.
        if record is not None and operation.case is not None:  # pragma: no branch
            self._enter(record)
            record.case = _label(operation.label)
            record.chosen = self._describe(operation.case)
            if operation.thing is not None and look(operation.thing).kind == "channel":
                record.thing, record.place = operation.thing, self._place(operation.thing)

    def ends(self, operation: Operation, error: BaseException | None) -> None:
        self._flights.settle()
        record = self._under_way.pop(operation, None)
        if record is None:
            return
        if error is not None and record.cases:
            record.case = _label(getattr(error, "case", None))
        elif record.chosen.startswith("receive") and record.value is None:
            record.chosen = record.chosen.replace("receive from", "end of", 1)
        if record.submitted is not None and error is None:
            record.job = record.submitted.id
        record.submitted = None
        self._end(record, _ending(error))

    def drops(self, channel: object, value: object, reason: str) -> None:
        self._flights.lose(channel, value)
        record = self._new("drop", channel, _running_task())
        record.value, record.reason = shorten(value), reason
        self._end(record, "dropped")

    def _connect(self, thing: object, value: str, sent: Record, received: Record) -> None:
        self.arrows.append(Arrow(self._place(thing), value, sent, received))

    # Jobs

    def submits(self, operation: Operation, job: Job[Any, Any]) -> None:
        record = self._under_way.get(operation)
        if record is not None:  # pragma: no branch  # it has begun just now
            record.submitted = job
            self._jobs[job] = record

    def admits(self, queue: object, job: Job[Any, Any]) -> None:
        record = self._jobs.get(job)
        if record is not None:  # pragma: no branch  # unless it was submitted before the trace
            self._enter(record)

    def starts(self, queue: object, job: Job[Any, Any], task: Task) -> None:
        submitted = self._jobs.get(job)
        record = self._jobs[job] = self._new_job(queue, job, task)
        record.outcome = "running"
        self._wait(record)
        if submitted is not None:
            submitted.job = job.id
            self._connect(queue, f"job {job.id}", submitted, record)

    def finishes(self, queue: object, job: Job[Any, Any], kind: Any, reason: str) -> None:
        record = self._jobs.get(job)
        if record is None or record.verb != "job":
            if kind == "refused":
                return  # the record of the submit says so
            record = self._new_job(queue, job, _running_task())
        record.reason = reason
        self._end(record, kind)

    def enters_phase(self, queue: object, phase: str) -> None:
        record = self._new("phase", queue, _running_task())
        record.value = phase
        self._end(record, "done")

    def _new_job(self, queue: object, job: Job[Any, Any], task: Task | None) -> Record:
        record = self._new("job", queue, task)
        record.job, record.value = job.id, shorten(job.payload)
        return record


def _running_task() -> Task | None:
    try:
        return trio.lowlevel.current_task()
    except RuntimeError:
        return None


def _label(label: object) -> int | str | None:
    """Return the label of a case; in a selector, a label can be any object."""
    return label if label is None or isinstance(label, (int, str)) else shorten(label)


def _add(values: str | None, value: object) -> str:
    """Add a value to a list in words, unless the list is long already."""
    if values is None:
        return shorten(value)
    if len(values) < 40:
        return f"{values}, {shorten(value)}"
    return values if values.endswith(", ...") else f"{values}, ..."


def _ending(error: BaseException | None) -> Ending:
    """Return the word for how an operation ended."""
    for kinds, word in _ENDINGS:
        if isinstance(error, kinds):
            return word
    return "done" if error is None else "failed"


_ENDINGS: Final[tuple[tuple[Any, Ending], ...]] = (
    (trio.Cancelled, "cancelled"),
    ((ChanClosedError, trio.EndOfChannel, StopAsyncIteration, trio.ClosedResourceError), "closed"),
    (Refused, "refused"),
    (trio.WouldBlock, "would block"),
)
