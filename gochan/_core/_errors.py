"""The few exceptions that trio has no word for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import trio


class OfCase:
    """What the errors of channels have in common: a select says which of its cases failed.

    Attributes:
        case: in a select, the index or the name of the case, in a selector its label;
            otherwise ``None``.
    """

    case: Any = None


class Unsendable(OfCase, Exception):
    """What the errors of a send have in common.

    Attributes:
        value: what was not sent; ``None`` if this was a receive.
        unsent: after `Chan.send_many`, yields ``value`` and all items after it; otherwise
            nothing.
    """

    value: Any = None
    unsent: Iterable[Any] = ()

    def __init__(self, message: str, value: object = None) -> None:
        super().__init__(message)
        self.value = value


class ChanClosedError(Unsendable, trio.ClosedResourceError):
    """A channel was closed before the operation could happen.

    Raised by every ``send`` on a closed channel, also by those that were waiting
    when it closed, and by ``receive`` on a channel whose receiving end was closed.

    Attributes:
        value: what could not be sent; ``None`` if this was a receive.
        unsent: after `Chan.send_many`, yields ``value`` and all items after it; otherwise
            nothing.
        case: in a select, the index or the name of the case, in a selector its label;
            otherwise ``None``.
    """


class ChanBrokenError(Unsendable, trio.BrokenResourceError):
    """A value could not be sent because nobody will ever receive it.

    Raised to senders whose own end is open, after the receiving end was closed. As with trio's
    channels, this is no `trio.ClosedResourceError`.

    Attributes:
        value: what could not be sent.
        unsent: after `Chan.send_many`, yields ``value`` and all items after it; otherwise
            nothing.
        case: in a select, the index or the name of the case, in a selector its label;
            otherwise ``None``.
    """


class EndOfChannel(OfCase, trio.EndOfChannel):
    """The channel is closed and its last value has been received.

    Attributes:
        case: in a select, the index or the name of the case, in a selector its label;
            otherwise ``None``.
    """


class Refused(Unsendable):
    """A strategy turned an item away; the item is in ``value``, nothing else happened.

    Attributes:
        value: the item.
        unsent: after `Chan.send_many`, yields the item and all those after it; otherwise
            nothing.
        reason: why, in a word or two, such as ``"full"``.
        retry_after: seconds after which trying again makes sense, if known.
        case: in a select, the index or the name of the case, in a selector its label;
            otherwise ``None``.
    """

    def __init__(self, reason: str, retry_after: float | None = None, value: object = None) -> None:
        Exception.__init__(self, reason, retry_after, value)
        self.reason = reason
        self.retry_after = retry_after
        self.value = value

    def __str__(self) -> str:
        hint = "" if self.retry_after is None else f"; try again in {self.retry_after:.3g} s"
        return f"refused: {self.reason}{hint}"
