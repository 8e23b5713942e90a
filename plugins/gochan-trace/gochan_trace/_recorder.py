"""What is written down about the operations in one thread, while somebody traces it."""

# Theory of operation
# -------------------
# A trace belongs to the thread in which it was begun, and a thread has one run at a time. All
# traces of one thread share a recorder. What it writes down goes into the log of each of them;
# a record is changed until its operation has ended, and is turned into an event when somebody
# asks for the events, or the trace ends.
#
# Each moment at which an operation begins to wait, or ends, is a step. Steps are in the order
# in which things happened, also where the clock does not move.
#
# A value is in flight from the moment when it is in the channel, or waits in line there, until
# somebody has received it, or it was dropped, or taken out of the line. It is known by its
# identity; of several that are the same object, the oldest goes first. Only values in flight
# are kept, and no longer than their channel is.
#
# Invariants
# ----------
# 1. A record is in a log as soon as it has a first step, and never without.
# 2. Records are in a log in the order of their first steps, and at most ``limit`` of them.

from __future__ import annotations

import reprlib
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, final
from weakref import WeakKeyDictionary

import trio
from gochan._core._choosing import Case
from gochan._core._waiting import Waiter
from trio.lowlevel import Task

from gochan._core._channel import Chan
from gochan._core._errors import ChanClosedError, Refused
from gochan._queue._jobs import Job, Kind
from gochan._queue._queue import JobQueue

from ._cases import MOST, SENDING, describe, is_receiving, received
from ._events import Ending
from ._places import Lane, Place

_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 40


def shorten(value: object) -> str:
    """Return the ``repr`` of a value, shortened; whatever it is."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except Exception:
        return f"<{type(value).__name__}>"


@dataclass(slots=True, eq=False)
class Record:
    """One operation, as far as it is known."""

    recorder: Recorder
    lane: Lane
    verb: str
    place: Place | None = None
    value: str | None = None
    cases: tuple[str, ...] = ()
    labels: Any = ()
    case: int | str | None = None
    chosen: str = ""
    job: int | None = None
    first: int = -1  # until it is in the logs
    last: int = -1  # until it has ended
    start: float = 0.0
    end: float = 0.0
    waited: bool = False
    launched: bool = False  # whether what it sends is, or was, in flight
    thing: Any = None  # at which it happens, and
    waiter: Waiter | None = None  # what stands in line, until it has ended
    outcome: Ending = "waiting"
    buffered: int | None = None
    reason: str = ""


@dataclass(slots=True, eq=False)
class Arrow:
    """A value that went from one operation to another."""

    place: Place
    value: str
    sent: Record
    received: Record


@dataclass(eq=False)
class Log:
    """What one trace has seen."""

    recorder: Recorder
    limit: int
    step: int
    moment: float
    records: deque[Record] = field(default_factory=deque)
    arrows: deque[Arrow] = field(default_factory=deque)
    dropped: int = 0

    def add(self, record: Record) -> None:
        """Keep a record, and drop the oldest if there are too many."""
        self.records.append(record)
        if len(self.records) > self.limit:
            self.records.popleft()
            self.dropped += 1

    def connect(self, arrow: Arrow) -> None:
        """Keep an arrow, if both its ends may be here."""
        self.arrows.append(arrow)
        if len(self.arrows) > self.limit:
            self.arrows.popleft()


@final
class Recorder:
    """Writes down what happens in one thread."""

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.logs: list[Log] = []
        self.open: dict[Task | None, Record] = {}  # what each task is in the middle of
        self.sleeping: dict[Waiter, Record] = {}  # selects that wait, by what stands in line
        self.undecided: Record | None = None  # of a select that is about to wait
        self.jobs: WeakKeyDictionary[Any, Record] = WeakKeyDictionary()
        self._lanes: WeakKeyDictionary[Task, Lane] = WeakKeyDictionary()
        self._nobody = Lane("outside", -1)
        self._places: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()
        self._names = Counter[str]()
        self._flights: WeakKeyDictionary[Chan[Any], _Flight] = WeakKeyDictionary()
        self._lost: list[object] = []  # dropped before their operation has ended
        self._step = 0
        self._moment = 0.0
        self._root: Task | None = None
        self._offset = 0.0

    # Logs

    def begin_log(self, limit: int) -> Log:
        """Begin to write for one more trace."""
        log = Log(self, limit, self._step, self._time())
        self.logs.append(log)
        return log

    def now(self) -> tuple[int, float]:
        """Return the step that comes next, and the time."""
        return self._step, self._time()

    # Where, when and who

    def task(self) -> Task | None:
        """Return the running task, if there is one."""
        try:
            return trio.lowlevel.current_task()
        except RuntimeError:
            return None

    def lane(self, task: Task | None) -> Lane:
        """Return what stands for a task."""
        if task is None:
            return self._nobody
        lane = self._lanes.get(task)
        if lane is None:
            lane = self._lanes[task] = Lane.of(task, len(self._lanes))
        return lane

    def place(self, thing: object) -> Place:
        """Return what stands for a channel, a selector, a wait group or a queue."""
        place = self._places.get(thing)
        if place is None:
            place = self._places[thing] = Place.of(thing, self._names)
        return place

    def _time(self) -> float:
        """Return the time on trio's clock, which goes on when a further run begins."""
        try:
            clock = trio.current_time()
        except RuntimeError:
            return self._moment
        root = trio.lowlevel.current_root_task()
        if root is not self._root:
            self._root = root
            self._offset = self._moment - clock
        self._moment = clock + self._offset
        return self._moment

    def _tick(self) -> tuple[int, float]:
        self._step += 1
        return self._step - 1, self._time()

    # Operations

    def new(self, verb: str, thing: object = None, task: Task | None = None) -> Record:
        """Make the record of something that the running task, or another one, does."""
        place = None if thing is None else self.place(thing)
        return Record(self, self.lane(task or self.task()), verb, place, thing=thing)

    def wait(self, record: Record) -> None:
        """Note that it has to wait."""
        self._enter(record)
        record.waited = True

    def sleep(self, record: Record, waiter: Waiter) -> None:
        """Note that it has to wait, and what stands in line for it."""
        self.wait(record)
        self._wake(record)
        record.waiter = waiter
        self.sleeping[waiter] = record

    def _wake(self, record: Record) -> None:
        if record.waiter is not None:
            self.sleeping.pop(record.waiter, None)
            record.waiter = None

    def _enter(self, record: Record) -> None:
        if record.first < 0:
            record.first, record.start = self._tick()
            for log in self.logs:
                log.add(record)

    def end(self, record: Record, outcome: Ending = "done") -> None:
        """Note what came of it, and how much the channel holds now."""
        self._enter(record)
        self._wake(record)
        record.last, record.end = self._tick() if record.waited else (record.first, record.start)
        record.outcome = outcome
        if isinstance(record.thing, Chan):
            record.buffered = len(record.thing)
        record.thing = None

    def settle(self) -> None:
        """Forget what was dropped in the middle of an operation, now that it has ended."""
        self._lost.clear()

    def conclude(self, record: Record, case: Case[Any], label: Any, value: object) -> None:
        """End a select with the case that was done."""
        # The label of a selector's case can be anything.
        record.case = label if isinstance(label, (int, str)) else shorten(label)
        record.chosen = describe(case, self.place)
        channel: Any = getattr(case, "_channel", None)
        if channel is not None:
            record.place, record.thing = self.place(channel), channel
        if isinstance(case, SENDING):
            record.value = shorten(case.value)
            if not record.launched:  # else it was when somebody came for it
                self.launch(channel, case.value, record)
        elif is_receiving(case):
            for one in received(case, value):
                record.value = shorten(one)
                self.land(channel, one, record)
            if record.value is None:
                record.chosen = f"end of {self.place(channel).name}"
        self.end(record)

    def note_cases(self, record: Record, cases: Iterable[Any], number: int) -> None:
        """Note what a select can do, in words, and only of the first of many cases."""
        record.cases = tuple(describe(case, self.place) for case in islice(cases, MOST))
        if number > MOST:
            record.cases += (f"{number - MOST} more",)

    # Jobs

    def begin_job(self, queue: JobQueue[Any, Any], job: Job[Any, Any], task: Task) -> None:
        """Note that a job starts, in the task of its worker."""
        submitted = self.jobs.get(job)
        record = self.jobs[job] = self._new_job(queue, job, task)
        record.outcome = "running"
        self.wait(record)
        if submitted is not None:
            submitted.job = job.id
            self.connect(self.place(queue), f"job {job.id}", submitted, record)

    def end_job(self, queue: JobQueue[Any, Any], job: Job[Any, Any], kind: Kind, why: str) -> None:
        """Note that a job has ended, whether it ran or not."""
        record = self.jobs.get(job)
        if record is None or record.verb != "job":
            if kind == "refused":
                return  # which the submit says
            record = self._new_job(queue, job, None)
        record.reason = why
        self.end(record, kind)

    def _new_job(self, queue: JobQueue[Any, Any], job: Job[Any, Any], task: Task | None) -> Record:
        record = self.new("job", queue, task)
        record.job, record.value = job.id, shorten(job.payload)
        return record

    # Values

    def add_value(self, channel: Chan[Any], value: object, record: Record) -> None:
        """Note one of several values that an operation has sent."""
        if record.value is None:
            record.value = shorten(value)
        elif len(record.value) < 40:
            record.value += f", {shorten(value)}"
        elif not record.value.endswith(", ..."):
            record.value += ", ..."
        self.launch(channel, value, record)

    def launch(self, channel: Chan[Any], value: object, record: Record) -> None:
        """Note that a value is in flight, unless it was dropped at once."""
        record.launched = True
        for number, lost in enumerate(self._lost):
            if lost is value:
                del self._lost[number]
                return
        self._flights.setdefault(channel, _Flight()).add(value, record)

    def withdraw(self, channel: Chan[Any], value: object, record: Record) -> None:
        """Note that a value was not sent."""
        if channel in self._flights:  # else it was taken for one that was dropped
            self._flights[channel].remove(value, record)

    def land(self, channel: Chan[Any], value: object, record: Record) -> None:
        """Note that a value was received; an arrow goes to there from where it was sent."""
        sent = self._take_flight(channel, value)
        if sent is not None:
            self.connect(self.place(channel), shorten(value), sent, record)

    def lose(self, channel: Chan[Any], value: object) -> None:
        """Note that a value will not be received."""
        if self._take_flight(channel, value) is None:
            self._lost.append(value)

    def _take_flight(self, channel: Chan[Any], value: object) -> Record | None:
        flight = self._flights.get(channel)
        return None if flight is None else flight.take(value)

    def connect(self, place: Place, value: str, sent: Record, received: Record) -> None:
        """Draw an arrow."""
        for log in self.logs:
            log.connect(Arrow(place, value, sent, received))


class _Flight:
    """The values in flight at one channel."""

    def __init__(self) -> None:
        self._values: dict[int, deque[tuple[object, Record]]] = {}

    def add(self, value: object, record: Record) -> None:
        self._values.setdefault(id(value), deque()).append((value, record))

    def take(self, value: object) -> Record | None:
        """Take out the oldest, and return who sent it."""
        same = self._values.get(id(value))
        if same is None:
            return None
        _, record = same.popleft()
        if not same:
            del self._values[id(value)]
        return record

    def remove(self, value: object, record: Record) -> None:
        """Take out the one that was sent by ``record``, unless it was received after all."""
        same = self._values.get(id(value), ())
        left = deque(entry for entry in same if entry[1] is not record)
        if left:
            self._values[id(value)] = left
        else:
            self._values.pop(id(value), None)


def ending(error: BaseException | None) -> Ending:
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
