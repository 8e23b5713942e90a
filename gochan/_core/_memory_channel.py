"""The switch from trio: its ``open_memory_channel``, with ends that are counted."""

# Theory of operation
# -------------------
# Each of the two ends may be cloned, and an end closes when its last clone does. All clones work
# on one state. A clone that is closed gets, in place of it, a state of its own that is closed at
# both ends; so whatever is tried there raises `ChanClosedError`, before anything else is looked
# at, and operations pay nothing for it. Those who wait by way of that clone are turned out.
#
# Invariants (``check`` asserts them)
# -----------------------------------
# 1. The counts are the numbers of clones that are open.
# 2. The shared state is ended once no sending end is open, broken once no receiving end is.

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Generic, NoReturn, Self, TypeVar, final

import trio
from trio.lowlevel import enable_ki_protection

from ._closing import Closing
from ._errors import ChanClosedError
from ._receiving import Receiving
from ._sending import Sending
from ._state import ChanState

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)


@final
@dataclass(frozen=True, slots=True)
class MemoryChannelStatistics:
    """A channel at one moment, with the fields of `trio.MemoryChannelStatistics`."""

    current_buffer_used: int
    """How many values are buffered."""
    max_buffer_size: int | float
    """How many values can be buffered; ``math.inf`` for any number."""
    open_send_channels: int
    """How many sending ends are open."""
    open_receive_channels: int
    """How many receiving ends are open."""
    tasks_waiting_send: int
    """How many tasks wait to send, by way of any of the ends."""
    tasks_waiting_receive: int
    """How many tasks wait to receive, by way of any of the ends."""
    peak_buffer_used: int
    """The most values that were ever buffered at once."""


class CountedState(ChanState[T]):
    """A channel that knows how many of its ends are open."""

    __slots__ = ("open_receive_channels", "open_send_channels")

    open_send_channels: int
    open_receive_channels: int

    def __init__(self, capacity: int | float) -> None:
        super().__init__(capacity)
        self.open_send_channels = 0
        self.open_receive_channels = 0

    def memory_statistics(self) -> MemoryChannelStatistics:
        """Return what the channel holds, who waits there, and how many ends are open."""
        return MemoryChannelStatistics(
            current_buffer_used=len(self.buffer),
            max_buffer_size=self.capacity,
            open_send_channels=self.open_send_channels,
            open_receive_channels=self.open_receive_channels,
            tasks_waiting_send=len(self.senders),
            tasks_waiting_receive=len(self.receivers),
            peak_buffer_used=self.peak,
        )

    def check(self) -> None:
        """Assert the invariants at the top of this file. For tests."""
        super().check()
        assert self.ended == (not self.open_send_channels)
        assert self.broken == (not self.open_receive_channels)


@final
class ClosedState(ChanState[Any]):
    """What a closed end works on: nothing can be done there."""

    __slots__ = ("_title",)

    def __init__(self, title: str) -> None:
        super().__init__(0)
        self._title = title
        self.closed = self.ended = self.broken = True

    @property
    def title(self) -> str:
        """What the end is called in messages."""
        return self._title


class CountedEnd(Closing):
    """What the ends of a channel have in common that are counted."""

    # As trio's ends, these take attributes, which programs set and tests replace.
    __slots__ = ("__dict__", "__weakref__", "_shared", "_state")

    def __init__(self, shared: CountedState[Any]) -> None:
        self._shared = shared
        self._state: ChanState[Any] = shared
        self._count(1)

    def _count(self, difference: int) -> int:
        raise NotImplementedError  # pragma: no cover  # each end counts its own kind

    @property
    def _thing(self) -> object:
        return self._shared

    @property
    def _closed(self) -> bool:  # trio's ends call it so, and some programs look at it
        return self._state is not self._shared

    @property
    def closed(self) -> bool:
        """Whether this end has been closed."""
        return self._closed

    @property
    def capacity(self) -> int | float:
        """How many values the channel can hold without a receiver."""
        return self._shared.capacity

    @enable_ki_protection
    def clone(self) -> Self:
        """Return another end of the same kind, which does the same.

        Closing one does not close the other; the channel is closed on this side when all of
        them are.

        Raises:
            ChanClosedError: this end is closed.
        """
        if self._closed:
            raise ChanClosedError(f"{self!r} is closed, so it cannot be cloned")
        return type(self)(self._shared)

    def statistics(self) -> MemoryChannelStatistics:
        """Return what the channel holds, who waits there, and how many ends are open."""
        return self._shared.memory_statistics()

    def _shut(self) -> int:
        """Close this end; return how many of its kind are left open."""
        self._shared.check_caller()
        self._state = closed = ClosedState(f"{self!r}")
        left = self._count(-1)
        if left:
            self._shared.turn_out(self, closed.reason_for)
        return left

    def check(self) -> None:
        """Assert what must be true at all times. For tests."""
        self._shared.check()


@final
class MemorySendChannel(CountedEnd, Sending[T_contra], trio.abc.SendChannel[T_contra]):
    """A sending end of a channel, made by `open_memory_channel`; it may be cloned."""

    __slots__ = ()

    _state: ChanState[T_contra]

    def _count(self, difference: int) -> int:
        self._shared.open_send_channels += difference
        return self._shared.open_send_channels

    @enable_ki_protection
    def close(self) -> None:
        """Close this end. Closing again does nothing.

        Those who wait to send by way of it get `ChanClosedError` with their value. When it
        was the last one, receivers get what is buffered, and then `EndOfChannel`.
        """
        if self._closed:
            return
        if not self._shut():
            self._shared.close()

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("MemorySendChannel does not support subclassing; hold one instead")

    def __repr__(self) -> str:
        return f"<gochan.MemorySendChannel at {id(self):#x} of channel {id(self._shared):#x}>"


@final
class MemoryReceiveChannel(CountedEnd, Receiving[T_co], trio.abc.ReceiveChannel[T_co]):
    """A receiving end of a channel, made by `open_memory_channel`; it may be cloned."""

    __slots__ = ()

    _state: ChanState[T_co]

    def _count(self, difference: int) -> int:
        self._shared.open_receive_channels += difference
        return self._shared.open_receive_channels

    @enable_ki_protection
    def close(self) -> None:
        """Close this end. Closing again does nothing.

        Those who wait to receive by way of it get `ChanClosedError`. When it was the last
        one, senders get `ChanBrokenError`, and what was buffered is dropped.
        """
        if self._closed:
            return
        if not self._shut():
            self._shared.abandon()

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("MemoryReceiveChannel does not support subclassing; hold one instead")

    def __repr__(self) -> str:
        return f"<gochan.MemoryReceiveChannel at {id(self):#x} of channel {id(self._shared):#x}>"


@final
class open_memory_channel(  # it is called as trio's function is
    tuple[MemorySendChannel[T], MemoryReceiveChannel[T]], Generic[T]
):
    """Open a channel in memory, as `trio.open_memory_channel` does, with gochan's speed.

    ::

        send_channel, receive_channel = open_memory_channel[int](10)

    Names, arguments, results and errors are those of trio's function, so a program switches by
    changing one import. The ends also offer cases for `select`, and ``send_many``,
    ``receive_many`` and ``batches``.

    Args:
        max_buffer_size: how many values the channel holds without a receiver; ``math.inf`` for
            any number.

    Returns:
        The sending end and the receiving end.

    Raises:
        TypeError: ``max_buffer_size`` is neither an ``int`` nor ``math.inf``.
        ValueError: ``max_buffer_size`` is negative.
    """

    def __new__(  # type: ignore[misc]  # a function in all but name
        cls, max_buffer_size: int | float
    ) -> tuple[MemorySendChannel[T], MemoryReceiveChannel[T]]:
        """Open a channel; see the class."""
        # The words of trio, which programs may look for.
        if max_buffer_size != inf and not isinstance(max_buffer_size, int):
            raise TypeError("max_buffer_size must be an integer or math.inf")
        if max_buffer_size < 0:
            raise ValueError("max_buffer_size must be >= 0")
        state = CountedState[T](max_buffer_size)
        return MemorySendChannel(state), MemoryReceiveChannel(state)

    def __init__(self, max_buffer_size: int | float) -> None:
        """Say what it takes; see the class."""

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("open_memory_channel is a function")
