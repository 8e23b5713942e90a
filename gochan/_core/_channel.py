"""A channel: send, receive, close."""

# Theory of operation
# -------------------
# A channel is a buffer and three lines of waiters: tasks that wait to receive, to
# send, or to be told of the close. Each operation is decided at once, without a
# switch of tasks: it is done, or it fails, or the task has to wait. ``_give`` and
# ``_take`` decide; the async methods are shells that keep the pace, ask, and wait.
#
# Whoever arrives serves who waits, oldest first. A sender that finds receivers
# waiting hands its value to the first of them. A receiver that takes from a full
# buffer moves the value of the first waiting sender into it. So a newcomer never
# overtakes anybody, and order is kept across the buffer and the waiting senders.
#
# The fast path. ``send`` and ``send_nowait`` append without asking further while
# fewer than ``_mark`` values are buffered. The mark is the largest number there has
# ever been, so passing it means a new peak; and it is 0 whenever something else has
# to be looked at: receivers that wait, a close, a strategy, a buffer that does not
# exist yet. Receiving takes straight from the buffer unless senders wait.
#
# ``_give_many`` and ``_take_many`` do in one step what would otherwise be one step for each
# value, so that a value costs little more than a move from list to list (see _batches.py).
#
# A strategy may take the place of the buffer. Then ``_buffer`` stays empty, the mark
# stays 0, and ``_settle`` lets waiting tasks and strategy meet until neither can do
# anything for the other. ``Chan(20)`` is ``Chan(strategy=Block(20))`` on the fast path.
#
# Close only says "no more values". Waiting senders and receivers are finished in
# order, and a select that waits with several cases draws one of them.
#
# Invariants (``check`` asserts them)
# -----------------------------------
# 1. Without a strategy, receivers wait only if there is nothing to take, and senders only
#    if there is no room.
# 2. Without a strategy, receivers and senders wait at the same time only if each is a
#    select that does both.
# 3. Nobody waits at a closed channel, except receivers for what a strategy holds back.
# 4. While the mark is not 0, the channel is open, no receiver waits, and the mark is
#    at most the capacity.
# 5. With a strategy, the buffer is empty; without, it holds at most ``capacity`` values.

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NoReturn, TypeVar, final

import trio
from trio.lowlevel import Task, enable_ki_protection

from ..strategies._keeper import Keeper
from ..strategies._strategy import Strategy
from ._arguments import check_capacity
from ._batches import AT_ONCE, WAKES_AT_ONCE, Batches, Unsent, check_max
from ._cases import CloseCase, ReceiveCase, ReceiveOkCase, SendCase
from ._choosing import Case, Chooser
from ._ends import ReceiveChan, SendChan
from ._errors import ChanBrokenError, ChanClosedError, EndOfChannel, Refused
from ._pacing import UNPACED, checkpoint
from ._waiting import (
    NOTHING,
    BulkOffer,
    Line,
    Nothing,
    Role,
    TimedOffer,
    Waiter,
    Wish,
    check_line,
    first,
    new_line,
    wait_in,
)

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

# Stands for a buffer or a line that has never been needed: most channels never need
# all of them, and a channel that is only there must cost next to nothing.
_NO_BUFFER: Final[deque[Any]] = deque(maxlen=0)
_NO_LINE: Final = new_line()


@final
@dataclass(frozen=True, slots=True)
class ChanStatistics:
    """A channel at one moment. Where trio's channels count the same, the name is trio's."""

    current_buffer_used: int
    """How many values are buffered."""
    max_buffer_size: int | float
    """How many values can be buffered; ``math.inf`` for any number."""
    peak_buffer_used: int
    """The most values that were ever buffered at once."""
    tasks_waiting_send: int
    """How many tasks wait to send, in a plain send or in a select."""
    tasks_waiting_receive: int
    """How many tasks wait to receive, in a plain receive or in a select."""
    closed: bool
    """Whether the channel has been closed."""
    dropped: int
    """How many values were given up, by the strategy or because the receiving end was closed."""


@final
class Chan(Generic[T]):
    """A channel, as in Go: tasks send values in, other tasks receive them, in order.

    ::

        async def produce(numbers: Chan[int]) -> None:
            with numbers:  # closes it on the way out
                for number in range(3):
                    await numbers.send(number)

        async def main() -> None:
            numbers = Chan[int]()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(produce, numbers)
                async for number in numbers:
                    print(number)

    Any number of tasks may send, and any number receive; each value goes to exactly one
    of them. A task that has to wait is served in the order in which it began to wait. An
    operation that is cancelled has not happened, and one that has returned happened once.

    Args:
        capacity: how many values the channel holds without a receiver. With 0, a send
            returns when a receiver has taken its value; with ``math.inf`` it never waits.
        strategy: decides instead of a plain buffer what happens to values that cannot be
            received at once, and in which order they go; see `gochan.strategies`.
        name: shown in ``repr`` and in errors.
        on_drop: called as ``on_drop(value, reason)`` for each value that will not be
            delivered: given up by the strategy, or buffered when the receiving end was
            closed (reason ``"abandoned"``). It is called when the state is final, may use
            this channel and others, and must not raise. Ctrl-C does not interrupt it.

    Raises:
        TypeError: an argument is of the wrong type, or both a capacity and a strategy are given.
        ValueError: ``capacity`` is negative, or the strategy already serves another channel.
    """

    __slots__ = (
        "__weakref__",
        "_broken",
        "_buffer",
        "_capacity",
        "_closed",
        "_dropped",
        "_keeper",
        "_mark",
        "_name",
        "_on_drop",
        "_pace",
        "_peak",
        "_receivers",
        "_senders",
        "_watchers",
    )

    def __init__(
        self,
        capacity: int | float = 0,
        *,
        strategy: Strategy[T] | None = None,
        name: str | None = None,
        on_drop: Callable[[T, str], object] | None = None,
    ) -> None:
        if strategy is not None and capacity != 0:
            raise TypeError(
                f"a channel takes a capacity or a strategy, not both; give the capacity to "
                f"the strategy, as in strategy=DropOldest({capacity!r})"
            )
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str, not {name!r}")
        if on_drop is not None and not callable(on_drop):
            raise TypeError(f"on_drop must be callable, not {on_drop!r}")
        self._capacity = check_capacity(capacity)
        self._keeper = None if strategy is None else Keeper(strategy)
        self._name = name
        self._on_drop = on_drop
        self._buffer: deque[T] = _NO_BUFFER
        self._mark = 0
        self._peak = 0
        self._dropped = 0
        self._closed = False
        self._broken = False
        self._receivers = _NO_LINE
        self._senders = _NO_LINE
        self._watchers = _NO_LINE
        self._pace = UNPACED

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Chan does not support subclassing; hold one instead")

    # Sending

    @enable_ki_protection
    async def send(self, value: T) -> None:
        """Send ``value``, waiting until a receiver or the buffer has taken it.

        If it is cancelled, nothing has been sent; once it returns, ``value`` has been
        taken in exactly once.

        Raises:
            ChanClosedError: the channel is closed, or was closed while this waited.
            ChanBrokenError: the same, because the receiving end was closed.
            Refused: the strategy turned ``value`` away.
        """
        task = self._pace.here.get("task")
        if (
            task is None
            or perf_counter() >= self._pace.due
            or task._cancel_status.effectively_cancelled
        ):
            self._pace = await checkpoint()
            task = self._pace.here["task"]
        if len(self._buffer) < self._mark:
            self._buffer.append(value)
        elif not self._give(value):
            await self._wait(task, "send", value)

    @enable_ki_protection
    def send_nowait(self, value: T) -> None:
        """Send ``value`` if that is possible without waiting.

        Raises:
            trio.WouldBlock: it is not.
            ChanClosedError: the channel is closed.
            ChanBrokenError: the same, because the receiving end was closed.
            Refused: the strategy turned ``value`` away.
        """
        if len(self._buffer) < self._mark:
            self._buffer.append(value)
        elif not self._give(value):
            raise trio.WouldBlock

    @enable_ki_protection
    async def send_many(self, items: Iterable[T]) -> None:
        """Send all ``items``, one after the other, waiting whenever there is no room.

        That is as if each were sent by `send`, but much faster. If it is cancelled in the
        middle, or ends with an error, the first part of the items has been sent, each of them
        once, and the others have not. To learn which those are, pass an `Unsent`; then it
        yields exactly them.

        Args:
            items: any iterable. It is read only as far as its items can be sent; so if the
                wait for room is cancelled, one item has been read and not sent, and only an
                `Unsent` keeps it. What it raises is raised here, when all items
                before have been sent.

        Raises:
            ChanClosedError: the channel is closed, or was closed before everything was sent.
                The first item that was not sent is in ``value``, and ``unsent`` is an
                `Unsent` that yields all of them, that one included.
            ChanBrokenError: the same, because the receiving end was closed.
            Refused: the strategy turned the item in ``value`` away, and nothing after it
                was tried; ``unsent`` is as above.
            TypeError: ``items`` is not iterable.
        """
        unsent = items if isinstance(items, Unsent) else Unsent(items)
        held: list[T] = []  # taken out, and not sent yet
        await self._keep_pace()
        try:
            while unsent._fill(held, 1):
                task = await self._keep_pace()
                try:
                    unsent._fill(held, self._room(ahead=unsent._at_hand), self._pace.due)
                finally:
                    self._give_many(held)
                if len(held) > 1:
                    await BulkOffer(self._line("send"), held, self._pace)
                elif held:
                    await self._wait(task, "send", held[0])
                    held.clear()
        except BaseException as error:
            # Not if the iterable raised it, or ``on_drop``.
            if held and isinstance(error, (ChanClosedError, Refused)) and error.value is held[0]:
                error.unsent = unsent
            unsent._put_back(held)
            raise

    # Receiving

    @enable_ki_protection
    async def receive(self) -> T:
        """Receive the next value, waiting for one if there is none.

        If it is cancelled, nothing has been received. A value that was handed over is
        returned even if a cancellation comes before the task runs again.

        Raises:
            EndOfChannel: the channel is closed and everything has been received.
            ChanClosedError: the receiving end was closed.
        """
        task = self._pace.here.get("task")
        if (
            task is None
            or perf_counter() >= self._pace.due
            or task._cancel_status.effectively_cancelled
        ):
            self._pace = await checkpoint()
            task = self._pace.here["task"]
        if self._buffer and not self._senders:
            return self._buffer.popleft()
        value = self._take()
        if value is NOTHING:
            value = await self._wait(task, "receive")
        return value

    @enable_ki_protection
    def receive_nowait(self) -> T:
        """Receive the next value if there is one now.

        Raises:
            trio.WouldBlock: there is none.
            EndOfChannel: the channel is closed and everything has been received.
            ChanClosedError: the receiving end was closed.
        """
        if self._buffer and not self._senders:
            return self._buffer.popleft()
        value = self._take()
        if value is NOTHING:
            raise trio.WouldBlock
        return value

    async def receive_ok(self) -> tuple[T, Literal[True]] | tuple[None, Literal[False]]:
        """Receive ``(value, True)``, or ``(None, False)`` instead of `EndOfChannel`.

        Otherwise the same as `receive`.
        """
        try:
            return await self.receive(), True
        except EndOfChannel:
            return None, False

    @enable_ki_protection
    async def receive_many(self, max: int | float) -> list[T]:  # noqa: A002  # as users say
        """Receive what there is now, in order; if that is nothing, wait for a value first.

        If it is cancelled, nothing has been received. What was handed over is returned even
        if a cancellation comes before the task runs again.

        Args:
            max: how many values to receive at most, ``math.inf`` for any number. They are
                received without letting other tasks run.

        Returns:
            At least one value.

        Raises:
            EndOfChannel: the channel is closed and everything has been received.
            ChanClosedError: the receiving end was closed.
            TypeError: ``max`` is neither an ``int`` nor ``math.inf``.
            ValueError: ``max`` is less than 1.
        """
        size = check_max(max)
        task = await self._keep_pace()
        values: list[T] = []
        self._take_many(values, size)
        if not values:
            values.append(await self._wait(task, "receive"))
            self._take_many(values, size)
        return values

    @enable_ki_protection
    def receive_many_nowait(self, max: int | float) -> list[T]:  # noqa: A002  # as users say
        """Receive what there is now, in order; at least one value and at most ``max``.

        Raises:
            trio.WouldBlock: there is none.
            EndOfChannel: the channel is closed and everything has been received.
            ChanClosedError: the receiving end was closed.
            TypeError: ``max`` is neither an ``int`` nor ``math.inf``.
            ValueError: ``max`` is less than 1.
        """
        values: list[T] = []
        self._take_many(values, check_max(max))
        if not values:
            raise trio.WouldBlock
        return values

    def batches(self, max: int | float, linger: float = 0.0) -> Batches[T]:  # noqa: A002
        """Iterate over the values in lists, until the channel is closed and drained.

        Each turn waits for a value, then goes on receiving until there are ``max``, or the
        first one is ``linger`` seconds old, or the channel ends. If a turn is cancelled, the
        next one goes on with what had come by then; see `Batches`.

        Args:
            max: how many values a list has at most, ``math.inf`` for any number.
            linger: how many seconds the first value may wait for others. With 0, a list is
                what there is, as from `receive_many`.

        Raises:
            TypeError: ``max`` or ``linger`` is not a number.
            ValueError: ``max`` is less than 1, or ``linger`` is negative or NaN.
        """
        return Batches(self, max, linger)

    def __aiter__(self) -> Chan[T]:
        return self

    @enable_ki_protection
    async def __anext__(self) -> T:
        # ``receive`` once more: another coroutine per item would cost a tenth of the speed.
        task = self._pace.here.get("task")
        if (
            task is None
            or perf_counter() >= self._pace.due
            or task._cancel_status.effectively_cancelled
        ):
            self._pace = await checkpoint()
            task = self._pace.here["task"]
        if self._buffer and not self._senders:
            return self._buffer.popleft()
        try:
            value = self._take()
            if value is NOTHING:
                value = await self._wait(task, "receive")
        except EndOfChannel:
            raise StopAsyncIteration from None
        return value

    # Closing

    @enable_ki_protection
    def close(self) -> None:
        """Say that no more values will come. Closing again does nothing.

        Values sent before are still delivered. Every task that waits to send gets
        `ChanClosedError` with its value, every task that waits to receive `EndOfChannel`.
        This never waits, and may be called while cancelled.
        """
        if not self._closed:
            self._close()

    @enable_ki_protection
    def drain(self) -> list[T]:
        """Close, and take back every value that nobody has received, oldest first.

        That includes what a strategy handed back when the channel was closed.
        """
        self._check_thread(self._receivers)
        self.close()
        values = self._clear()
        self._finish(self._receivers)
        return values

    def __enter__(self) -> Chan[T]:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Looking

    @property
    def closed(self) -> bool:
        """Whether the channel has been closed; buffered values may be left to receive."""
        return self._closed

    @property
    def capacity(self) -> int | float:
        """How many values the channel can hold without a receiver."""
        return self._capacity if self._keeper is None else self._keeper.strategy.capacity

    @property
    def name(self) -> str | None:
        """The name that the channel was given."""
        return self._name

    def __len__(self) -> int:
        """Return how many values are buffered, not counting those of waiting senders."""
        return len(self._buffer) if self._keeper is None else len(self._keeper)

    def __bool__(self) -> Literal[True]:
        return True

    def statistics(self) -> ChanStatistics:
        """Return what the channel holds and who waits there, at this moment."""
        return ChanStatistics(
            current_buffer_used=len(self),
            max_buffer_size=self.capacity,
            peak_buffer_used=self._peak,
            tasks_waiting_send=len(self._senders),
            tasks_waiting_receive=len(self._receivers),
            closed=self._closed,
            dropped=self._dropped,
        )

    def __repr__(self) -> str:
        name = f"at {id(self):#x}" if self._name is None else repr(self._name)
        state = "closed" if self._closed else "open"
        return (
            f"<gochan.Chan {name}: {state}, {len(self)}/{self.capacity} buffered, "
            f"{len(self._senders)} sending, {len(self._receivers)} receiving>"
        )

    # Ends and cases

    @property
    def sender(self) -> SendChan[T]:
        """The sending end alone, a `trio.abc.SendChannel`."""
        return SendChan(self)

    @property
    def receiver(self) -> ReceiveChan[T]:
        """The receiving end alone, a `trio.abc.ReceiveChannel`."""
        return ReceiveChan(self)

    def on_send(self, value: T, *, priority: int = 0) -> Case[None]:
        """A case for `select`: send ``value``. Its value is ``None``."""
        return SendCase(self, value, priority)

    def on_receive(self, *, priority: int = 0) -> Case[T]:
        """A case for `select`: receive. Its value is what was received."""
        return ReceiveCase(self, priority)

    def on_receive_ok(self, *, priority: int = 0) -> Case[tuple[T | None, bool]]:
        """A case for `select`: receive ``(value, True)``, or ``(None, False)`` at the end."""
        return ReceiveOkCase(self, priority)

    def on_close(self, *, priority: int = 0) -> Case[None]:
        """A case for `select`: the channel is closed, whatever it still holds."""
        return CloseCase(self, priority)

    # Deciding

    def _give(self, value: T) -> bool:
        """Send ``value`` now; return whether that was possible."""
        if self._closed:
            raise self._closed_error(value)
        if self._keeper is not None:
            return self._keeper.submit(self, value)
        if self._receivers:
            next(iter(self._receivers)).serve(self._receivers, value)
            return True
        if len(self._buffer) < self._capacity:
            self._store(value)
            return True
        return False

    def _store(self, *values: T) -> None:
        """Append to the buffer, from here on by way of the mark."""
        if self._buffer is _NO_BUFFER:
            self._buffer = deque()
        self._buffer += values
        self._peak = self._mark = max(self._peak, len(self._buffer))

    def _take(self) -> T | Nothing:
        """Receive now; return `NOTHING` if that is not possible."""
        if self._keeper is not None:
            return self._keeper.fetch(self)
        if self._senders:
            sent: T = next(iter(self._senders)).serve(self._senders)
            if not self._capacity:
                return sent
            self._buffer.append(sent)
        if self._buffer:
            return self._buffer.popleft()
        if self._closed:
            raise self._end()
        return NOTHING

    def _give_many(self, values: list[T]) -> None:
        """Send as many of ``values`` now as possible; those that were sent are taken out."""
        if self._closed:
            raise self._closed_error(values[0])
        if self._keeper is not None:
            self._keeper.submit_many(self, values)
            return
        while self._receivers and values:
            first(self._receivers).serve(self._receivers, values[0])
            del values[0]
        room = int(min(self._capacity - len(self._buffer), len(values)))
        if room:
            self._store(*values[:room])
            del values[:room]

    def _room(self, *, ahead: bool) -> int:
        """Return how many values `_give_many` should be given: what it can send in short time.

        More, if that costs nothing, so that they wait in line with the first one, ``ahead``.
        """
        if self._closed or self._keeper is not None:
            return 1
        if self._receivers:
            return min(len(self._receivers), WAKES_AT_ONCE)
        return AT_ONCE if ahead else int(min(self._capacity - len(self._buffer), AT_ONCE))

    def _take_many(self, values: list[T], size: int) -> None:
        """Receive into ``values`` what there is now, until it has that size."""
        if self._keeper is not None:
            self._keeper.fetch_many(self, values, size)
            return
        buffer, senders = self._buffer, self._senders
        self._check_thread(senders)
        missing = size - len(values)
        if len(buffer) <= missing:
            values += buffer
            buffer.clear()
        else:
            values += [buffer.popleft() for _ in range(missing)]
        while senders and len(values) < size:
            values += first(senders).serve_many(senders, size - len(values))
        while senders and len(buffer) < self._capacity:
            buffer += first(senders).serve_many(senders, int(self._capacity) - len(buffer))
        if self._closed and not values:
            raise self._end()

    # Waiting

    async def _keep_pace(self) -> Task:
        """Look for cancellation, let the scheduler run if it is time; return the running task."""
        task: Task | None = self._pace.here.get("task")
        if (
            task is None
            or perf_counter() >= self._pace.due
            or task._cancel_status.effectively_cancelled
        ):
            self._pace = await checkpoint()
            task = self._pace.here["task"]
        return task

    def _wait(self, task: Task, role: Role, value: Any = None) -> Awaitable[Any]:
        """Put ``task``, the running one, into line, and return what it has to await."""
        self._mark = 0
        line = self._receivers if role == "receive" else self._senders
        if line is _NO_LINE:
            line = self._line(role)
        if self._keeper is not None and self._keeper.wants_alarm(role):
            return TimedOffer(self, line, role, value, self._pace)
        return wait_in(task, line, role, value, self._pace)

    def _join(self, chooser: Chooser, index: int, role: Role) -> None:
        """Put a select or a selector into line, on behalf of its case with that index."""
        self._mark = 0
        chooser.join(self._line(role), index)
        if self._keeper is not None and self._keeper.wants_alarm(role):
            chooser.follow(self, index)

    def _line(self, role: Role) -> Line:
        """Return the line of those who want to ``role``, made when it is first needed."""
        attribute = _LINES[role]
        line: Line = getattr(self, attribute)
        if line is _NO_LINE:
            line = new_line()
            setattr(self, attribute, line)
        return line

    def _may_send(self) -> bool:
        """Whether `send_nowait` is worth trying; only a strategy can then still say no."""
        if self._closed or self._receivers or self._keeper is not None:
            return True
        return len(self._buffer) < self._capacity

    def _may_receive(self) -> bool:
        """Whether `receive_nowait` is worth trying; only a strategy can then still say no."""
        if self._buffer or self._senders or self._closed:
            return True
        return self._keeper is not None and len(self._keeper) > 0

    def _check_thread(self, *lines: Line) -> None:
        """Raise unless those who wait in these lines may be woken by the caller."""
        for line in lines:
            if line:
                first(line).check_thread()

    # Being a clock, for those who wait at a strategy and may have to look there

    def _due_for(self, waiter: Waiter) -> float:
        assert self._keeper is not None
        heads = [first(line) for line in (self._senders, self._receivers) if line]
        if waiter in heads:
            return self._keeper.due()
        for head in heads:
            head.note_follower(self)
        return math.inf

    def _strike(self, waiter: Waiter) -> Nothing:
        assert self._keeper is not None
        self._keeper.strike(self)
        return NOTHING

    def _left(self) -> None:
        assert self._keeper is not None
        self._keeper.note_departure()
        self._set_alarms()

    def _set_alarms(self) -> None:
        for line in (self._senders, self._receivers):
            if line:
                first(line).set_alarm(self)

    # Ending

    def _close(self) -> None:
        self._check_thread(self._receivers, self._senders, self._watchers)
        self._closed = True
        self._mark = 0
        ended = () if len(self) else (self._receivers,)
        self._finish(*ended, self._senders, self._watchers)
        if self._keeper is not None:
            self._keeper.close(self)

    @enable_ki_protection
    def _abandon(self) -> None:
        """Close the receiving end: whatever is buffered will never be received."""
        if self._broken:
            return
        self._check_thread(self._receivers, self._senders, self._watchers)
        # What was handed back at an earlier close is still there to be drained.
        handed_back = [] if self._keeper is None else self._keeper.take_handed_back()
        self._broken = True
        if not self._closed:
            self._close()
        values = self._clear()
        self._finish(self._receivers)
        if self._keeper is not None:
            self._keeper.hand_back(handed_back)
        self._report([(value, "abandoned") for value in values])

    def _clear(self) -> list[T]:
        """Take out everything that is buffered, oldest first."""
        if self._keeper is not None:
            return self._keeper.clear()
        values = list(self._buffer)
        self._buffer.clear()
        return values

    def _finish(self, *lines: Line) -> None:
        """Wake everybody in these lines, in order: the channel has ended for them."""
        for line in lines:
            while line:
                waiter = first(line)
                wish = waiter.choose(*lines)
                waiter.finish(error=self._reason(wish))

    def _reason(self, wish: Wish) -> BaseException | None:
        """Return what somebody who wants that gets to hear at the end, if it is an error."""
        if wish.role == "send":
            return self._closed_error(wish.value)
        if wish.role == "receive":
            return self._end()
        return None

    def _closed_error(self, value: T) -> ChanClosedError:
        if self._broken:
            return ChanBrokenError(f"nobody receives from {self._title} any more", value)
        return ChanClosedError(f"{self._title} is closed, so nothing can be sent", value)

    def _end(self) -> ChanClosedError | EndOfChannel:
        if self._broken:
            return ChanClosedError(f"the receiving end of {self._title} is closed")
        return EndOfChannel(f"{self._title} is closed, and everything has been received")

    @property
    def _title(self) -> str:
        return f"channel {id(self):#x}" if self._name is None else f"channel {self._name!r}"

    def _report(self, drops: Sequence[tuple[T, str]]) -> None:
        """Count values that will not be delivered, and tell of them."""
        self._dropped += len(drops)
        if self._on_drop is not None:
            for value, reason in drops:
                self._on_drop(value, reason)

    # For job queues, which always have a strategy

    def _watch_admissions(self, on_admit: Callable[[T], None]) -> None:
        """Let ``on_admit`` be called with each value at the moment when it is let in."""
        assert self._keeper is not None
        self._keeper.on_admit = on_admit

    def _take_handed_back(self) -> list[T]:
        """Return, once, what the strategy handed back when the channel was closed."""
        assert self._keeper is not None
        return self._keeper.take_handed_back()

    def _ask_again(self) -> None:
        """Let those who wait know that the strategy may have changed its mind."""
        assert self._keeper is not None
        self._keeper.strike(self)

    def _discard(self, value: T) -> None:
        """Take one waiting value out, if the strategy keeps it where it can be found."""
        assert self._keeper is not None
        self._keeper.discard(self, value)

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        used, capacity = len(self), self.capacity
        for line in (self._receivers, self._senders, self._watchers):
            check_line(line)
        if self._keeper is None:
            assert not (self._receivers and used)
            assert not (self._senders and used < capacity)
            assert not (self._closed and self._receivers)
            for waiter in self._receivers:
                assert not self._senders or waiter in self._senders
        assert not (self._closed and (self._senders or self._watchers))
        assert not (self._closed and self._receivers) or used
        if self._mark:
            assert not self._closed
            assert not self._receivers
            assert self._mark <= capacity
        assert len(self._buffer) <= (0 if self._keeper is not None else capacity)
        assert used <= self._peak
        assert not _NO_BUFFER
        assert not _NO_LINE


_LINES: Final = {"receive": "_receivers", "send": "_senders", "watch": "_watchers"}
