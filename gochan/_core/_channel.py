"""A channel, as users see it: both ends in one object."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any, Literal, Never, NoReturn, Protocol, TypeVar, final

from trio.lowlevel import enable_ki_protection

from ._arguments import check_capacity
from ._cases import USUAL_PRIORITY, Case, ReceiveCase, Seat
from ._closing import Closing
from ._ends import ReceiveChan, SendChan
from ._observer import SLOT, Operation, told_now
from ._receiving import Receiving
from ._sending import Sending
from ._state import ChanState
from ._statistics import ChanStatistics

T = TypeVar("T")


class Order(Protocol[T]):
    """What decides about waiting values in place of a buffer: a `gochan.strategies.Strategy`."""

    capacity: int | float

    def offer(self, item: T, now: float) -> Any:
        """Take ``item`` in, or say what else is to happen."""

    def take(self, now: float) -> T:
        """Give out the item that goes next."""


@singledispatch
def state_behind(
    strategy: object, name: str | None, on_drop: Callable[[Any, str], object] | None
) -> ChanState[Any]:
    """Return the state of a channel with this strategy.

    The room of strategies, which this room does not know, registers its own here.
    """
    raise TypeError(
        f"strategy must be an instance of gochan.strategies.Strategy, such as "
        f"strategies.Block(20) or gochan.strategy('block', capacity=20), "
        f"not {strategy!r}"
    )


def _misused(first: object, *others: object) -> TypeError:
    """Return the error of a `Chan` made in a way that other libraries have."""
    if isinstance(first, type):
        capacity = f"({others[0]!r})" if others else "()"
        return TypeError(
            f"the type of the values goes in square brackets: write "
            f"Chan[{first.__name__}]{capacity}, not Chan({first.__name__}, …)"
        )
    return TypeError(
        f"a channel takes one argument without a name, its capacity; {others[0]!r} must be "
        f"given by name, as in Chan({first!r}, name={others[0]!r})"
    )


@final
class Chan(Sending[T], Receiving[T], Closing):
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
            If it raises all the same, the operation under way raises that: a value about to
            be received stays in the channel, a value that was sent has been sent.

    Raises:
        TypeError: an argument is of the wrong type, or both a capacity and a strategy are given.
        ValueError: ``capacity`` is negative, or the strategy already serves another channel.
    """

    __slots__ = ("__weakref__", "_receive_case", "_state")

    def __init__(
        self,
        capacity: int | float = 0,
        *wrong: Never,
        strategy: Order[T] | None = None,
        name: str | None = None,
        on_drop: Callable[[T, str], object] | None = None,
    ) -> None:
        if wrong or isinstance(capacity, type):
            raise _misused(capacity, *wrong)
        if strategy is not None and capacity != 0:
            raise TypeError(
                f"a channel takes a capacity or a strategy, not both; give the capacity to "
                f"the strategy, as in strategy=DropOldest({capacity!r})"
            )
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str, not {name!r}")
        if on_drop is not None and not callable(on_drop):
            raise TypeError(f"on_drop must be callable, not {on_drop!r}")
        self._state: ChanState[T]
        if strategy is None:
            self._state = ChanState(check_capacity(capacity), name, on_drop)
        else:
            self._state = state_behind(strategy, name, on_drop)
        self._state.address = id(self)
        self._receive_case: ReceiveCase[T] | None = None

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Chan does not support subclassing; hold one instead")

    # Selecting

    def on_receive(self, *, priority: int = 0) -> Case[T]:
        """A case for `select`: receive. Its value is what was received."""
        if priority is not USUAL_PRIORITY:
            return super().on_receive(priority=priority)
        # Loops ask for it each time around, so it is kept.
        case = self._receive_case
        if case is None:
            case = self._receive_case = ReceiveCase.at(Seat(self), priority)
        return case

    # Closing

    @enable_ki_protection
    def close(self) -> None:
        """Say that no more values will come. Closing again does nothing.

        Values sent before are still delivered. Every task that waits to send gets
        `ChanClosedError` with its value, every task that waits to receive `EndOfChannel`.
        This never waits, and may be called while cancelled.

        Raises:
            RuntimeError: called from another thread than that of the run.
        """
        self._state.close()

    @enable_ki_protection
    def drain(self) -> list[T]:
        """Close, and take back every value that nobody has received, oldest first.

        That includes what a strategy handed back when the channel was closed.

        Raises:
            RuntimeError: called from another thread than that of the run.
        """
        state = self._state
        if SLOT.observer is not None and not state.hidden:
            return told_now(Operation("drain", state), state.drain)
        return state.drain()

    # Looking

    def __len__(self) -> int:
        """Return how many values are buffered, not counting those of waiting senders."""
        return self._state.held()

    def __bool__(self) -> Literal[True]:
        return True

    def statistics(self) -> ChanStatistics:
        """Return what the channel holds and who waits there, at this moment."""
        return self._state.statistics()

    def __repr__(self) -> str:
        return repr(self._state)

    # Ends

    @property
    def sender(self) -> SendChan[T]:
        """The sending end alone, a `trio.abc.SendChannel`."""
        return SendChan(self._state, self)

    @property
    def receiver(self) -> ReceiveChan[T]:
        """The receiving end alone, a `trio.abc.ReceiveChannel`."""
        return ReceiveChan(self._state, self)

    def check(self) -> None:
        """Assert what must be true at all times. For tests."""
        self._state.check()
