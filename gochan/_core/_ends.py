"""The two ends of a channel, for those who shall only send or only receive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, final

import trio
from trio.lowlevel import checkpoint

from ._choosing import Case

if TYPE_CHECKING:
    from types import TracebackType

    from ._batches import Batches
    from ._channel import Chan, ChanStatistics

T_contra = TypeVar("T_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)


class Closing(ABC):
    """What can be closed at once, and does so at the end of a ``with`` block."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Close it."""

    async def aclose(self) -> None:
        """Do as `close`, then run a checkpoint. It is closed even if that is cancelled."""
        self.close()
        await checkpoint()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class End(Closing):
    """What the two ends of a channel have in common."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Chan[Any]) -> None:
        self._channel = channel

    @property
    def closed(self) -> bool:
        """Whether the channel has been closed, by either end."""
        return self._channel.closed

    @property
    def capacity(self) -> int | float:
        """How many values the channel can hold without a receiver."""
        return self._channel.capacity

    @property
    def name(self) -> str | None:
        """The name that the channel was given."""
        return self._channel.name

    def statistics(self) -> ChanStatistics:
        """Return what the channel holds and who waits there, at this moment."""
        return self._channel.statistics()

    def on_close(self, *, priority: int = 0) -> Case[None]:
        """A case for `select`: the channel is closed, whatever it still holds."""
        return self._channel.on_close(priority=priority)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._channel is other._channel

    def __hash__(self) -> int:
        return hash((type(self), self._channel))

    def __repr__(self) -> str:
        return f"<gochan.{type(self).__name__} of {self._channel!r}>"


@final
class SendChan(End, trio.abc.SendChannel[T_contra]):
    """The sending end of a channel, from `Chan.sender`.

    It can be passed to whatever wants a `trio.abc.SendChannel`. All sending ends of one
    channel are equal, and closing one closes the channel.
    """

    __slots__ = ()

    _channel: Chan[T_contra]

    async def send(self, value: T_contra) -> None:
        """See `Chan.send`."""
        await self._channel.send(value)

    def send_nowait(self, value: T_contra) -> None:
        """See `Chan.send_nowait`."""
        self._channel.send_nowait(value)

    async def send_many(self, items: Iterable[T_contra]) -> None:
        """See `Chan.send_many`."""
        await self._channel.send_many(items)

    def on_send(self, value: T_contra, *, priority: int = 0) -> Case[None]:
        """See `Chan.on_send`."""
        return self._channel.on_send(value, priority=priority)

    def close(self) -> None:
        """See `Chan.close`."""
        self._channel.close()


@final
class ReceiveChan(End, trio.abc.ReceiveChannel[T_co]):
    """The receiving end of a channel, from `Chan.receiver`.

    It can be passed to whatever wants a `trio.abc.ReceiveChannel`. All receiving ends of
    one channel are equal, and closing one says that nobody will receive any more.
    """

    __slots__ = ()

    _channel: Chan[T_co]

    async def receive(self) -> T_co:
        """See `Chan.receive`."""
        return await self._channel.receive()

    def receive_nowait(self) -> T_co:
        """See `Chan.receive_nowait`."""
        return self._channel.receive_nowait()

    async def receive_ok(self) -> tuple[T_co, Literal[True]] | tuple[None, Literal[False]]:
        """See `Chan.receive_ok`."""
        return await self._channel.receive_ok()

    async def receive_many(self, max: int | float) -> list[T_co]:  # noqa: A002
        """See `Chan.receive_many`."""
        return await self._channel.receive_many(max)

    def receive_many_nowait(self, max: int | float) -> list[T_co]:  # noqa: A002
        """See `Chan.receive_many_nowait`."""
        return self._channel.receive_many_nowait(max)

    def batches(self, max: int | float, linger: float = 0.0) -> Batches[T_co]:  # noqa: A002
        """See `Chan.batches`."""
        return self._channel.batches(max, linger)

    def __aiter__(self) -> ReceiveChan[T_co]:
        return self

    def __anext__(self) -> Coroutine[Any, Any, T_co]:
        return self._channel.__anext__()

    def on_receive(self, *, priority: int = 0) -> Case[T_co]:
        """See `Chan.on_receive`."""
        return self._channel.on_receive(priority=priority)

    def on_receive_ok(self, *, priority: int = 0) -> Case[tuple[T_co | None, bool]]:
        """See `Chan.on_receive_ok`."""
        return self._channel.on_receive_ok(priority=priority)

    def close(self) -> None:
        """Close the channel, and give up what it holds: nobody will receive any more.

        Every send, waiting or later, raises `ChanBrokenError` with its value; every
        receive raises `ChanClosedError`. What was buffered counts as dropped.
        """
        self._channel._abandon()
