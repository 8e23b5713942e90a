"""The cases of a channel: what a select can do there, or wait for."""

from __future__ import annotations

from reprlib import Repr
from typing import Any, Literal, Protocol, TypeVar, final

import trio

from ._choosing import Case, Chooser, check_priority
from ._errors import EndOfChannel
from ._lines import NOTHING, Role
from ._state import ChanState

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


def _take(state: ChanState[Any]) -> Any:
    """Receive now, or raise `trio.WouldBlock`."""
    value = state.take()
    if value is NOTHING:
        raise trio.WouldBlock
    return value


class End(Protocol):
    """An end of a channel, or both in one."""

    _state: ChanState[Any]

    @property
    def _thing(self) -> object:
        """The channel, as reports name it."""


class ChannelCase(Case[T]):
    """A case that waits in one of the lines of a channel."""

    __slots__ = ("end",)

    end: End

    def __init__(self, end: End, priority: int) -> None:
        # Case.__init__ written out, since loops make cases anew each time around.
        if type(priority) is not int:
            check_priority(priority)
        self.priority = priority
        self.end = end

    def _join(self, chooser: Chooser, index: int) -> None:
        self.end._state.join(chooser, index, self.role)

    @property
    def _given_up(self) -> int:  # type: ignore[override]  # where nothing is given up it is 0
        return self.end._state.dropped

    @property
    def _thing(self) -> object:
        return self.end._thing


@final
class SendCase(ChannelCase[None]):
    """Send ``value``."""

    __slots__ = ("value",)

    role: Role = "send"

    def __init__(self, end: End, value: object, priority: int) -> None:
        super().__init__(end, priority)
        self.value = value

    def _ready(self) -> bool:
        return self.end._state.may_give()

    def _commit(self) -> None:
        if not self.end._state.give(self.value):
            raise trio.WouldBlock

    def __str__(self) -> str:
        return f"send {brief(self.value)} to {self.end._state.title}"


@final
class ReceiveCase(ChannelCase[T]):
    """Receive a value, or raise `EndOfChannel`."""

    __slots__ = ()

    role: Role = "receive"

    def _ready(self) -> bool:
        return self.end._state.may_take()

    def _commit(self) -> T:
        value: T = _take(self.end._state)
        return value

    def _lasts(self, value: Any) -> bool:
        return True

    def __str__(self) -> str:
        return f"receive from {self.end._state.title}"


@final
class ReceiveOkCase(ChannelCase[tuple[T, Literal[True]] | tuple[None, Literal[False]]]):
    """Receive ``(value, True)``, or ``(None, False)`` instead of `EndOfChannel`."""

    __slots__ = ()

    role: Role = "receive"

    def _ready(self) -> bool:
        return self.end._state.may_take()

    def _commit(self) -> tuple[T, Literal[True]] | tuple[None, Literal[False]]:
        try:
            return _take(self.end._state), True
        except EndOfChannel:
            return None, False

    _mild = (EndOfChannel,)

    def _conclude(
        self, result: Any, *, mild: bool
    ) -> tuple[T, Literal[True]] | tuple[None, Literal[False]]:
        return (None, False) if mild else (result, True)

    def _lasts(self, value: Any) -> bool:
        ok: bool = value[1]
        return ok

    def __str__(self) -> str:
        return f"receive from {self.end._state.title}"


@final
class CloseCase(ChannelCase[None]):
    """Be told that the channel is closed."""

    __slots__ = ()

    def _ready(self) -> bool:
        return self.end._state.closed

    def _commit(self) -> None:
        return None

    def __str__(self) -> str:
        return f"close of {self.end._state.title}"
