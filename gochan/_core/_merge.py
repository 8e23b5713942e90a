"""Merging: several channels received from as if they were one."""

# Theory of operation
# -------------------
# To receive from merged channels is to select among them with a selector, which looks only at
# those channels where something has happened.
#
# A select cannot wait in a selector. Its case `MergedChan.on_receive` stands for a case of each
# channel that has not ended. When one channel ends while the select waits, nothing has happened
# as long as others are left: the select is told by `trio.WouldBlock`, and decides once more.

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, Literal, NoReturn, Protocol, TypeVar, final

import trio

from ._cases import Case, End, ReceiveCase, check_priority
from ._channel import Chan
from ._chooser import Chooser
from ._closing import Closing
from ._ends import ReceiveChan
from ._errors import ChanClosedError, EndOfChannel
from ._selector import Selector

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(End, Protocol[T_co]):
    """A `Chan` or a `ReceiveChan`."""

    @property
    def closed(self) -> bool: ...
    def on_receive(self, *, priority: int = 0) -> Case[T_co]: ...
    def on_close(self, *, priority: int = 0) -> Case[None]: ...


def merge(*channels: Source[T]) -> MergedChan[T]:
    """Receive from several channels as if they were one.

    ::

        async for line in merge(first, second):
            print(line)

    The values of each channel come in their order. If several channels have one, each of
    these channels is equally likely. A channel that is closed and drained is left out from
    then on, and the merged channel ends when all of them have ended. It has no task and no
    buffer: it takes a value only when a task receives it. The cost per value does not grow
    with the number of channels.

    Args:
        channels: each a `Chan` or a `ReceiveChan`. Without any, it ends at once.

    Raises:
        TypeError: something else was given.
    """
    for channel in channels:
        if not isinstance(channel, (Chan, ReceiveChan)):
            way_out = "; write merge(*channels)" if isinstance(channel, Iterable) else ""
            raise TypeError(
                f"merge takes channels and their receiving ends, not {channel!r}{way_out}"
            )
    return MergedChan(channels)


@final
class MergedChan(Closing, trio.abc.ReceiveChannel[T], Generic[T]):
    """Several channels as one to receive from, made by `merge`.

    It can be passed to whatever takes a `trio.abc.ReceiveChannel`. One task at a time may
    receive; others may wait for it in a select meanwhile. Closing it leaves the channels as they
    are, and so does dropping it unused.
    """

    __slots__ = ("_channels", "_closed", "_selector")

    def __init__(self, channels: tuple[Source[T], ...]) -> None:
        # Those that have not ended, as far as selects have found out.
        self._channels = dict(enumerate(channels))
        self._closed = Chan[None]()  # closed together with this
        self._closed._state.hidden = True
        self._selector: Selector[int, T] = Selector(name="of merged channels")
        for index, channel in enumerate(channels):
            self._selector.add(channel.on_receive(), index)

    async def receive(self) -> T:
        """Receive the next value, waiting for one if there is none.

        If it is cancelled, nothing has been received.

        Raises:
            EndOfChannel: all channels are closed and everything has been received.
            ChanClosedError: the receiving end of one of them was closed; its index is in the
                attribute ``case``, and it is left out from now on.
            trio.BusyResourceError: another task is receiving.
            trio.ClosedResourceError: this was closed.
        """
        _, value = await self._selector.select()
        return value

    def receive_nowait(self) -> T:
        """Receive the next value if there is one now; otherwise the same as `receive`.

        Raises:
            trio.WouldBlock: there is none.
        """
        _, value = self._selector.select_nowait()
        return value

    async def receive_ok(self) -> tuple[T, Literal[True]] | tuple[None, Literal[False]]:
        """Receive ``(value, True)``, or ``(None, False)`` instead of `EndOfChannel`."""
        try:
            return await self.receive(), True
        except EndOfChannel:
            return None, False

    def __aiter__(self) -> MergedChan[T]:
        return self

    async def __anext__(self) -> T:
        _, value = await self._selector.__anext__()
        return value

    def on_receive(self, *, priority: int = 0) -> Case[T]:
        """A case for `select`: receive. Its value is what was received.

        It counts as one case for each of the channels that have not ended, and the select waits
        in line at each of them. Any number of tasks may wait like that, also while another one
        receives. The errors are those of `receive`. In a `Selector` it means the channels that
        have not ended when it is added, and closing this does not take it out.
        """
        return MergedReceive(self, priority)

    def on_close(self, *, priority: int = 0) -> Case[None]:
        """A case for `select`: all channels are closed, whatever they hold, or this is."""
        return MergedClose(self, priority)

    def close(self) -> None:
        """Receive no more. The channels stay as they are, and nothing is lost."""
        self._selector.close()
        self._closed.close()

    def __repr__(self) -> str:
        return f"<gochan.MergedChan of {len(self._selector)} channels>"

    # For the cases

    def _open_channels(self) -> dict[int, Source[T]]:
        """Return the channels to receive from, by their indices."""
        return {} if self._closed.closed else self._channels

    def _leave_out(self, index: int) -> None:
        """Note that the channel with that index has ended."""
        self._channels.pop(index, None)

    def _end(self) -> ChanClosedError | EndOfChannel:
        """Return the error of a receive when there is nothing to receive from."""
        if self._closed.closed:
            return ChanClosedError(f"{self!r} is closed")
        return EndOfChannel("all merged channels are closed, and everything has been received")


class MergedCase(Case[T_co]):
    """A case of merged channels."""

    __slots__ = ("_merged",)

    def __init__(self, merged: MergedChan[Any], priority: int) -> None:
        self.priority = check_priority(priority)
        self._merged = merged

    @property
    def _thing(self) -> object:
        return self._merged


@final
class MergedReceive(MergedCase[T_co]):
    """Receive from one of the merged channels."""

    __slots__ = ()

    _several = True

    def _parts(self) -> Sequence[Case[T_co]]:
        merged, priority = self._merged, self.priority
        receives = [ReceiveFrom(merged, index, priority) for index in merged._open_channels()]
        return [*receives, MergedEnd(merged, priority)]

    def _from_now(self) -> Sequence[Case[T_co]]:
        channels = self._merged._open_channels().values()
        receives = [channel.on_receive(priority=self.priority) for channel in channels]
        return receives or [MergedEnd(self._merged, self.priority)]

    def __str__(self) -> str:
        return f"receive from {self._merged!r}"


@final
class ReceiveFrom(ReceiveCase[T_co]):
    """Receive from one merged channel; when that has ended, nothing happens."""

    __slots__ = ("_index", "_merged")

    _not_raised = (EndOfChannel, ChanClosedError)

    def __init__(self, merged: MergedChan[T_co], index: int, priority: int) -> None:
        self.priority = priority
        self.end = merged._channels[index]
        self._merged = merged
        self._index = index

    def _commit(self) -> T_co:
        try:
            return super()._commit()
        except EndOfChannel:
            self._merged._leave_out(self._index)
            raise trio.WouldBlock from None
        except ChanClosedError:
            self._merged._leave_out(self._index)
            raise

    def _conclude(self, result: Any, *, ended: bool) -> T_co:
        return self._commit() if ended else super()._conclude(result, ended=False)


@final
class MergedEnd(MergedCase[Any]):
    """Raise the error that says that nothing more comes from the merged channels."""

    __slots__ = ()

    def _ready(self) -> bool:
        return not self._merged._open_channels()

    def _commit(self) -> NoReturn:
        raise self._merged._end()

    def _join(self, chooser: Chooser, index: int) -> None:
        self._merged._closed.on_close()._join(chooser, index)

    def _conclude(self, result: Any, *, ended: bool) -> NoReturn:
        raise self._merged._end()

    def __str__(self) -> str:
        return f"end of {self._merged!r}"


@final
class MergedClose(MergedCase[None]):
    """Wait until all merged channels are closed, or the merged channel itself is."""

    __slots__ = ()

    _several = True

    def _parts(self) -> Sequence[Case[None]]:
        closing = self._merged._closed.on_close(priority=self.priority)
        return [AllClosed(self._merged, self.priority), closing]

    def _from_now(self) -> Sequence[Case[None]]:
        return self._parts()

    def __str__(self) -> str:
        return f"close of {self._merged!r}"


@final
class AllClosed(MergedCase[None]):
    """Wait until all merged channels are closed: for the first that is open, then for others."""

    __slots__ = ()

    def _open(self) -> Source[Any] | None:
        channels = self._merged._channels.values()
        return next((channel for channel in channels if not channel.closed), None)

    def _ready(self) -> bool:
        return self._open() is None

    def _commit(self) -> None:
        if self._open() is not None:
            raise trio.WouldBlock

    def _join(self, chooser: Chooser, index: int) -> None:
        channel = self._open()
        assert channel is not None
        channel.on_close()._join(chooser, index)

    def _conclude(self, result: Any, *, ended: bool) -> None:
        self._commit()

    def __str__(self) -> str:
        return f"close of {self._merged!r}"
