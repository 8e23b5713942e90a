"""The cases of a channel: what a select can do there, or wait for."""

from __future__ import annotations

from reprlib import Repr
from typing import TYPE_CHECKING, Any, TypeVar, final

from ._choosing import Case, Chooser, check_priority
from ._errors import EndOfChannel
from ._waiting import Role

if TYPE_CHECKING:
    from ._channel import Chan

T = TypeVar("T")

_brief = Repr()
_brief.maxstring = _brief.maxother = 60


def brief(value: object) -> str:
    """Return the ``repr`` of a value that a user sends, in a short line; whatever it may raise."""
    try:
        text = _brief.repr(value)
    except Exception:  # it goes by the name of a class, which may be that of another
        text = _brief.repr_instance(value, 1)
    return " ".join(text.splitlines())


class ChannelCase(Case[T]):
    """A case that waits in one of the lines of a channel."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Chan[Any], priority: int) -> None:
        # Case.__init__ written out, since loops make cases anew each time around.
        if type(priority) is not int:
            check_priority(priority)
        self.priority = priority
        self._channel = channel

    def _join(self, chooser: Chooser, index: int) -> None:
        self._channel._join(chooser, index, self.role)

    @property
    def _given_up(self) -> int:  # type: ignore[override]  # where nothing is given up it is 0
        return self._channel._dropped

    @property
    def _thing(self) -> object:
        return self._channel


@final
class SendCase(ChannelCase[None]):
    """Send ``value``."""

    __slots__ = ("value",)

    role: Role = "send"

    def __init__(self, channel: Chan[Any], value: object, priority: int) -> None:
        super().__init__(channel, priority)
        self.value = value

    def _ready(self) -> bool:
        return self._channel._may_send()

    def _commit(self) -> None:
        self._channel.send_nowait(self.value)

    def __str__(self) -> str:
        return f"send {brief(self.value)} to {self._channel._title}"


@final
class ReceiveCase(ChannelCase[T]):
    """Receive a value, or raise `EndOfChannel`."""

    __slots__ = ()

    role: Role = "receive"

    def _ready(self) -> bool:
        return self._channel._may_receive()

    def _commit(self) -> T:
        value: T = self._channel.receive_nowait()
        return value

    def _lasts(self, value: Any) -> bool:
        return True

    def __str__(self) -> str:
        return f"receive from {self._channel._title}"


@final
class ReceiveOkCase(ChannelCase[tuple[T | None, bool]]):
    """Receive ``(value, True)``, or ``(None, False)`` instead of `EndOfChannel`."""

    __slots__ = ()

    role: Role = "receive"

    def _ready(self) -> bool:
        return self._channel._may_receive()

    def _commit(self) -> tuple[T | None, bool]:
        try:
            return self._channel.receive_nowait(), True
        except EndOfChannel:
            return None, False

    _mild = (EndOfChannel,)

    def _conclude(self, result: Any, *, mild: bool) -> tuple[T | None, bool]:
        return (None, False) if mild else (result, True)

    def _lasts(self, value: Any) -> bool:
        ok: bool = value[1]
        return ok

    def __str__(self) -> str:
        return f"receive from {self._channel._title}"


@final
class CloseCase(ChannelCase[None]):
    """Be told that the channel is closed."""

    __slots__ = ()

    def _ready(self) -> bool:
        return self._channel.closed

    def _commit(self) -> None:
        return None

    def __str__(self) -> str:
        return f"close of {self._channel._title}"
