"""The two ends of a channel, for code that must only send or only receive."""

from __future__ import annotations

from typing import Any, TypeVar, final

import trio
from trio.lowlevel import enable_ki_protection

from ._closing import Closing
from ._receiving import Receiving
from ._sending import Sending
from ._state import ChanState
from ._statistics import ChanStatistics

T_contra = TypeVar("T_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)


class End(Closing):
    """What the two ends of a channel have in common."""

    __slots__ = ("_channel", "_state")

    def __init__(self, state: ChanState[Any], channel: object) -> None:
        self._state = state
        self._channel = channel

    @property
    def _thing(self) -> object:
        return self._channel

    def statistics(self) -> ChanStatistics:
        """Return what the channel holds and who waits there, at this moment."""
        return self._state.statistics()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._state is other._state

    def __hash__(self) -> int:
        return hash((type(self), id(self._state)))

    def __repr__(self) -> str:
        return f"<gochan.{type(self).__name__} of {self._state!r}>"


@final
class SendChan(End, Sending[T_contra], trio.abc.SendChannel[T_contra]):
    """The sending end of a channel, from `Chan.sender`.

    It can be passed to whatever wants a `trio.abc.SendChannel`. All sending ends of one
    channel are equal, and closing one closes the channel. For ends that are counted, and
    close with the last of them, see `open_memory_channel`.
    """

    __slots__ = ()

    _state: ChanState[T_contra]

    @enable_ki_protection
    def close(self) -> None:
        """See `Chan.close`."""
        self._state.close()


@final
class ReceiveChan(End, Receiving[T_co], trio.abc.ReceiveChannel[T_co]):
    """The receiving end of a channel, from `Chan.receiver`.

    It can be passed to whatever wants a `trio.abc.ReceiveChannel`. All receiving ends of
    one channel are equal, and closing one says that nobody will receive any more.
    """

    __slots__ = ()

    _state: ChanState[T_co]

    @enable_ki_protection
    def close(self) -> None:
        """Close the channel, and give up what it holds: nobody will receive any more.

        Every send, waiting or later, raises `ChanBrokenError` with its value; every
        receive raises `ChanClosedError`. What was buffered counts as dropped. If the
        sending end was closed before, later sends go on raising `ChanClosedError`.
        """
        self._state.abandon()
