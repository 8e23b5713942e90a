"""Merging: several channels received from as if they were one."""

from __future__ import annotations

from typing import Generic, Literal, Protocol, TypeVar, final

import trio

from ._channel import Chan
from ._choosing import Case
from ._closing import Closing
from ._ends import ReceiveChan
from ._errors import EndOfChannel
from ._selector import Selector

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """A `Chan` or a `ReceiveChan`."""

    def on_receive(self, *, priority: int = 0) -> Case[T_co]: ...


def merge(*channels: Source[T]) -> MergedChan[T]:
    """Receive from several channels as if they were one.

    ::

        async for line in merge(first, second):
            print(line)

    The values of each channel come in their order. If several channels have one, each of
    these channels is equally likely. A channel that is closed and drained is left out from
    then on, and the end has come when all are. There is no task behind it and no buffer: a
    value is taken when somebody receives it, and no sooner. What a value costs does not grow
    with the number of channels.

    Args:
        channels: each a `Chan` or a `ReceiveChan`. Without any, it ends at once.

    Raises:
        TypeError: something else was given.
    """
    for channel in channels:
        if not isinstance(channel, (Chan, ReceiveChan)):
            raise TypeError(f"merge takes channels and their receiving ends, not {channel!r}")
    return MergedChan(channels)


@final
class MergedChan(Closing, trio.abc.ReceiveChannel[T], Generic[T]):
    """Several channels as one to receive from, made by `merge`.

    It can be passed to whatever wants a `trio.abc.ReceiveChannel`. One task at a time may
    receive. Closing it leaves the channels as they are; to leave it unused takes nothing
    from them either.
    """

    __slots__ = ("_selector",)

    def __init__(self, channels: tuple[Source[T], ...]) -> None:
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

    def close(self) -> None:
        """Receive no more. The channels stay as they are, and nothing is lost."""
        self._selector.close()

    def __repr__(self) -> str:
        return f"<gochan.MergedChan of {len(self._selector)} channels>"
