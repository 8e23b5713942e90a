"""Recording: while somebody traces, what records stands in the place of what does not."""

# Theory of operation
# -------------------
# Nothing in gochan asks whether it is traced. While the first trace is on, some methods, and
# two functions that others look up in their module, are replaced by ones that record and call
# the original. When the last trace ends, the very same objects are put back. A task that is
# inside one of the replacements then, or has kept a bound method, finds no recorder, and goes
# on as if there had never been one.
#
# An operation that gochan does for itself, inside another one, is not recorded: a job queue's
# work with its own channels, a receive of a batch. Who calls is seen from the frame.
#
# ``Doing`` is an operation from its call to its end. What happens in between is reported from
# further inside: that it waits, that a value was handed over, which case was served.
#
# Each replacement is protected from Ctrl-C where the original is, and makes no checkpoints.

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable, Generator, Iterator
from inspect import iscoroutinefunction
from threading import Lock, get_ident
from types import FrameType, TracebackType
from typing import Any, Final, final

from gochan._core._choosing import Choice
from gochan._core._selector._standing import Standing
from gochan._core._waiting import BulkOffer, Waiter
from trio.lowlevel import enable_ki_protection

from gochan._core import _select
from gochan._core._batches import Batches
from gochan._core._channel import Chan
from gochan._core._selector._selector import Selector
from gochan._core._wait_group import WaitGroup
from gochan._queue._jobs import Job
from gochan._queue._queue import JobQueue

from ._cases import SENDING
from ._recorder import Log, Record, Recorder, ending, shorten

Function = Callable[..., Any]
Maker = Callable[[str, Function], Function]

# By thread; changed under the lock, read without.
_recorders: dict[int, Recorder] = {}
_originals: list[tuple[Any, str, Any]] = []
_lock: Final = Lock()

# What gochan does inside of these is part of them.
_OUTER: Final = {
    "Batches.__anext__",
    "Chan.drain",
    "ReceiveCase._commit",
    "ReceiveOkCase._commit",
    "SendCase._commit",
}

# Operations that are a select inside, and the verbs for them.
_SELECTS: Final = {"Ticker.__anext__": "tick", "WaitGroup.wait": "wait"}


def start_recording(limit: int) -> Log:
    """Record the operations of this thread, from now on and up to so many, in a log."""
    with _lock:
        if not _recorders:
            for owner, name, replacement in replacements():
                _originals.append((owner, name, vars(owner)[name]))
                setattr(owner, name, replacement)
        return _recorders.setdefault(get_ident(), Recorder(get_ident())).begin_log(limit)


def stop_recording(log: Log) -> None:
    """Stop that."""
    recorder = log.recorder
    with _lock:
        recorder.logs.remove(log)
        if not recorder.logs:
            del _recorders[recorder.thread]
        if not _recorders:
            while _originals:
                setattr(*_originals.pop())


def _watching(caller: FrameType | None) -> Recorder | None:
    """Return the recorder of this thread, unless gochan does that for itself."""
    recorder = _recorders.get(get_ident())
    if recorder is None or _is_inside(caller):
        return None
    return recorder


def _is_inside(caller: FrameType | None) -> bool:
    if caller is None:
        return False
    module = caller.f_globals.get("__name__")
    name = caller.f_code.co_qualname
    if module == "gochan._queue._queue":
        return name != "JobQueue.try_submit"
    return name in _OUTER and str(module).startswith("gochan.")


@final
class Doing:
    """An operation from its call to its end."""

    __slots__ = ("before", "record", "recorder", "task", "thing", "values")

    def __init__(self, verb: str, thing: Any, *values: object, internal: bool = False) -> None:
        caller = sys._getframe(1).f_back
        self.recorder = recorder = None if internal else _watching(caller)
        self.thing, self.values = thing, values
        if recorder is not None:
            self.task = recorder.task()
            self.record = recorder.new(verb, thing)
            for value in values:
                self.record.value = shorten(value)
            if isinstance(thing, Selector):
                members = thing._standing.labels.values()
                cases = (member.case for member in members)
                recorder.note_cases(self.record, cases, len(members))

    def __enter__(self) -> Doing:
        if self.recorder is not None:
            self.before = self.recorder.open.get(self.task)
            self.recorder.open[self.task] = self.record
        return self

    def returned(self, result: object) -> None:
        """Note nothing of what it returned."""

    def sent(self, _: object) -> None:
        """Note that a value was sent."""
        if self.recorder is not None and not self.record.launched:
            self.recorder.launch(self.thing, self.values[0], self.record)

    def received(self, value: object) -> None:
        """Note that a value was received."""
        if self.recorder is not None:
            self.record.value = shorten(value)
            self.recorder.land(self.thing, value, self.record)

    def received_many(self, values: list[Any]) -> None:
        """Note that values were received."""
        if self.recorder is not None:
            self.record.value = shorten(values)
            for value in values:
                self.recorder.land(self.thing, value, self.record)

    def submitted(self, job: Job[Any, Any]) -> None:
        """Note which job it was."""
        if self.recorder is not None:
            self.record.job = job.id

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self.recorder is None:
            return
        if self.before is None:
            self.recorder.open.pop(self.task, None)
        else:
            self.recorder.open[self.task] = self.before
        if self.record.last < 0:  # a select was ended by its case
            self.recorder.end(self.record, ending(error))
        self.recorder.settle()


def _records(note: Callable[[Doing, Any], None], *, value: str = "") -> Maker:
    """Record a method, of whose result ``note`` is told, and its argument of that name."""

    def make(verb: str, original: Function) -> Function:
        def given(arguments: tuple[Any, ...], options: dict[str, Any]) -> list[Any]:
            if not value:
                return []
            return [*arguments[:1], *(options[name] for name in options if name == value)]

        @enable_ki_protection
        async def record(self: Any, *arguments: Any, **options: Any) -> Any:
            with Doing(verb, self, *given(arguments, options)) as doing:
                result = await original(self, *arguments, **options)
                note(doing, result)
                return result

        @enable_ki_protection
        def record_now(self: Any, *arguments: Any, **options: Any) -> Any:
            with Doing(verb, self, *given(arguments, options)) as doing:
                result = original(self, *arguments, **options)
                note(doing, result)
                return result

        return record if iscoroutinefunction(original) else record_now

    return make


# Channels


def _receives_batch(verb: str, original: Function) -> Function:
    @enable_ki_protection
    async def receive(self: Batches[Any]) -> Any:
        with Doing(verb, self._channel) as doing:
            values = await original(self)
            doing.received_many(values)
            return values

    return receive


def _gives_many(_: str, original: Function) -> Function:
    def give_many(self: Chan[Any], values: list[Any]) -> None:
        before = [*values]
        try:
            original(self, values)
        finally:
            _launch(self, before[: len(before) - len(values)])

    return give_many


def _launch(channel: Chan[Any], values: list[Any]) -> None:
    """Note values that were sent by the running ``send_many``."""
    record = _under_way()
    if record is not None:
        for value in values:
            record.recorder.add_value(channel, value, record)


def _under_way() -> Record | None:
    """Return what the running task is in the middle of, if that is recorded."""
    recorder = _recorders.get(get_ident())
    return None if recorder is None else recorder.open.get(recorder.task())


def _bulk_begins(_: str, original: Function) -> Function:
    def begin(self: BulkOffer, *arguments: Any) -> None:
        original(self, *arguments)
        record = _under_way()
        if record is not None:
            record.recorder.sleep(record, self)

    return begin


def _bulk_sends(_: str, original: Function) -> Function:
    def send(self: BulkOffer, number: int, result: object = None) -> list[Any]:
        sent: list[Any] = original(self, number, result)
        record = _sleeper(self)
        if record is not None:
            for value in sent:
                record.recorder.add_value(record.thing, value, record)
        return sent

    return send


def _closes(verb: str, original: Function) -> Function:
    @enable_ki_protection
    def close(self: Any) -> None:
        with Doing(verb, self, internal=self.closed):
            original(self)

    return close


def _waits(_: str, original: Function) -> Function:
    def wait(self: Chan[Any], task: Any, role: Any, value: Any = None) -> Awaitable[Any]:
        awaitable: Awaitable[Any] = original(self, task, role, value)
        record = _under_way()
        if record is None:
            return awaitable
        return _sleep(record, self, role, value, awaitable)

    return wait


async def _sleep(
    record: Record, channel: Chan[Any], role: str, value: object, awaitable: Awaitable[Any]
) -> Any:
    """Wait in line, with what is sent in flight for as long."""
    recorder = record.recorder
    recorder.wait(record)
    # Not a job that is submitted: it arrives when it starts.
    sends = role == "send" and record.thing is channel
    if sends:
        recorder.launch(channel, value, record)
    try:
        return await awaitable
    except BaseException:
        if sends:
            recorder.withdraw(channel, value, record)
        raise


def _reports(_: str, original: Function) -> Function:
    def report(self: Chan[Any], drops: Any) -> None:
        recorder = _recorders.get(get_ident())
        if recorder is not None:
            for value, reason in drops:
                if not (isinstance(value, Job) and value._queue._channel is self):
                    recorder.lose(self, value)
                    record = recorder.new("drop", self)
                    record.value, record.reason = shorten(value), reason
                    recorder.end(record, "dropped")
        original(self, drops)

    return report


# Selects


def _decides(_: str, original: Function) -> Function:
    def decide(cases: Any, labels: Any) -> Any:
        caller = sys._getframe(1)
        recorder = _watching(caller.f_back)
        if recorder is None:
            return original(cases, labels)
        record = _new_select(recorder, caller, cases, labels)
        try:
            decided = original(cases, labels)
        except BaseException as error:
            record.case = getattr(error, "case", None)
            recorder.end(record, ending(error))
            recorder.settle()
            raise
        if decided is not None:
            label, value = decided
            recorder.conclude(record, cases[labels.index(label)], label, value)
        elif caller.f_code is _select.select_nowait.__code__:
            recorder.end(record, "would block")
        else:
            recorder.undecided = record
        recorder.settle()
        return decided

    return decide


def _new_select(recorder: Recorder, caller: FrameType, cases: Any, labels: Any) -> Record:
    """Return the record of a select, or of what is one inside."""
    outer = caller.f_back
    verb = "select"
    if outer is not None and str(outer.f_globals.get("__name__")).startswith("gochan."):
        verb = _SELECTS.get(outer.f_code.co_qualname, verb)
    record = recorder.new(verb)
    # A ticker waits for its end as well.
    shown = cases if verb == "select" else cases[-1:]
    recorder.note_cases(record, shown, len(shown))
    record.labels = labels
    return record


def _joins(_: str, original: Any) -> Any:
    def among(cases: Any, task: Any, pace: Any) -> Choice:
        choice: Choice = original.__func__(cases, task, pace)
        recorder = _recorders.get(get_ident())
        if recorder is not None and recorder.undecided is not None:
            recorder.sleep(recorder.undecided, choice)
            recorder.undecided = None
        return choice

    return staticmethod(among)


def _sleeper(waiter: Waiter) -> Record | None:
    """Return what a waiter stands in line for, if that is recorded."""
    recorder = _recorders.get(get_ident())
    return None if recorder is None else recorder.sleeping.get(waiter)


def _chooses(_: str, original: Function) -> Function:
    def wait(self: Choice) -> Generator[Any, Any, int]:
        try:
            index: int = yield from original(self)
        except BaseException as error:
            record = _sleeper(self)
            if record is not None:
                record.recorder.end(record, ending(error))
            raise
        return index

    return wait


def _concludes(_: str, original: Function) -> Function:
    def conclude(self: Choice) -> object:
        record = _sleeper(self)
        if record is None:
            return original(self)
        case, label = self._cases[self._winner], record.labels[self._winner]
        try:
            value: object = original(self)
        except BaseException as error:
            record.case = label
            record.recorder.end(record, ending(error))
            raise
        record.recorder.conclude(record, case, label, value)
        return value

    return conclude


def _finishes(_: str, original: Function) -> Function:
    def finish(self: Waiter, result: object = None, error: BaseException | None = None) -> None:
        record = _sleeper(self)
        if record is not None and error is None:
            case = _winner(self)
            if isinstance(case, SENDING):
                record.recorder.launch(case._channel, case.value, record)
        original(self, result, error)

    return finish


def _winner(waiter: Waiter) -> object:
    """Return the case with which somebody serves a waiter."""
    if isinstance(waiter, Choice):
        return waiter._cases[waiter._winner]
    if isinstance(waiter, Standing) and waiter._winner is not None:
        return waiter._winner.case
    return None


def _select_is_cancelled(_: str, original: Function) -> Function:
    async def checkpoint() -> Any:
        try:
            return await original()
        except BaseException as error:
            caller = sys._getframe(1)
            recorder = _watching(caller.f_back)
            if recorder is not None:
                recorder.end(_new_select(recorder, caller, (), ()), ending(error))
            raise

    return checkpoint


# Selectors


def _stands(_: str, original: Function) -> Function:
    def wait(self: Standing[Any, Any], task: Any, pace: Any) -> Any:
        record = _under_way()
        if record is not None:
            record.recorder.sleep(record, self)
        return original(self, task, pace)

    return wait


def _stood(_: str, original: Function) -> Function:
    def report(self: Standing[Any, Any], member: Any, value: Any) -> Any:
        record = _under_way()
        if record is not None:
            record.recorder.conclude(record, member.case, member.label, value)
        return original(self, member, value)

    return report


# Wait groups


def _counts(_: str, original: Function) -> Function:
    @enable_ki_protection
    def add(self: WaitGroup, n: int = 1) -> None:
        with Doing("done" if n < 0 else "add", self, n):
            original(self, n)

    return add


# Job queues


def _makes(_: str, original: Function) -> Function:
    def make(self: JobQueue[Any, Any], *arguments: Any) -> Any:
        job = original(self, *arguments)
        record = _under_way()
        if record is not None:
            record.recorder.jobs[job] = record
        return job

    return make


def _starts(_: str, original: Function) -> Function:
    def start(self: JobQueue[Any, Any], job: Job[Any, Any], task: Any) -> Any:
        recorder = _recorders.get(get_ident())
        if recorder is not None:
            recorder.begin_job(self, job, task)
        return original(self, job, task)

    return start


def _ends(_: str, original: Function) -> Function:
    def end(
        self: JobQueue[Any, Any], job: Job[Any, Any], kind: Any, *args: Any, **more: Any
    ) -> Any:
        recorder = _recorders.get(get_ident())
        if recorder is not None:
            recorder.end_job(self, job, kind, args[0] if args else "")
        return original(self, job, kind, *args, **more)

    return end


def _tells(_: str, original: Function) -> Function:
    def tell(self: JobQueue[Any, Any]) -> None:
        recorder = _recorders.get(get_ident())
        if recorder is not None:
            record = recorder.new("phase", self)
            record.value = self.phase
            recorder.end(record)
        original(self)

    return tell


def replacements() -> Iterator[tuple[Any, str, Any]]:
    """Make what records: for each an owner, the name there, and what takes its place."""
    for owner, name, verb, make in _REPLACED:
        original = vars(owner)[name]
        replacement = make(verb, original)
        if not isinstance(original, staticmethod):
            functools.update_wrapper(replacement, original)
        yield owner, name, replacement


_REPLACED: Final[tuple[tuple[Any, str, str, Callable[[str, Any], Any]], ...]] = (
    (Chan, "send", "send", _records(Doing.sent, value="value")),
    (Chan, "send_nowait", "send_nowait", _records(Doing.sent, value="value")),
    (Chan, "send_many", "send_many", _records(Doing.returned)),
    (Chan, "receive", "receive", _records(Doing.received)),
    (Chan, "__anext__", "receive", _records(Doing.received)),
    (Chan, "receive_nowait", "receive_nowait", _records(Doing.received)),
    (Chan, "receive_many", "receive_many", _records(Doing.received_many)),
    (Chan, "receive_many_nowait", "receive_many_nowait", _records(Doing.received_many)),
    (Batches, "__anext__", "receive_many", _receives_batch),
    (Chan, "close", "close", _closes),
    (Chan, "_abandon", "close", _closes),
    (Chan, "drain", "drain", _records(Doing.received_many)),
    (Chan, "_wait", "", _waits),
    (Chan, "_give_many", "", _gives_many),
    (Chan, "_report", "", _reports),
    (BulkOffer, "__init__", "", _bulk_begins),
    (BulkOffer, "_send", "", _bulk_sends),
    (Waiter, "finish", "", _finishes),
    (_select, "_decide", "", _decides),
    (_select, "checkpoint", "", _select_is_cancelled),
    (Choice, "among", "", _joins),
    (Choice, "__await__", "", _chooses),
    (Choice, "conclude", "", _concludes),
    (Selector, "select", "select", _records(Doing.returned)),
    (Selector, "__anext__", "select", _records(Doing.returned)),
    (Selector, "select_nowait", "select_nowait", _records(Doing.returned)),
    (Standing, "wait", "", _stands),
    (Standing, "_report", "", _stood),
    (WaitGroup, "add", "", _counts),
    (JobQueue, "submit", "submit", _records(Doing.submitted, value="payload")),
    (JobQueue, "submit_nowait", "submit_nowait", _records(Doing.submitted, value="payload")),
    (JobQueue, "close", "close", _closes),
    (JobQueue, "_make", "", _makes),
    (JobQueue, "_start", "", _starts),
    (JobQueue, "_end", "", _ends),
    (JobQueue, "_tell_watchers", "", _tells),
)
