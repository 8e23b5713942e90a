"""Cases: what a select can do, or wait for."""

# Theory of operation
# -------------------
# A case knows whether its operation might happen now, how to do it, and in which line to
# wait for it. It is a value: it stands in no line itself, several selects may use it at
# once, and it may be used again. What belongs to one select, such as the deadline of a
# timer, is kept in the Choice of that select.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, final
from weakref import ref

import trio

from ._chooser import Chooser
from ._errors import ChanBrokenError, ChanClosedError, EndOfChannel, Refused
from ._lines import NOTHING, Role
from ._observer import SLOT
from ._state import ChanState
from ._words import brief

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# Which int it is that most priorities are, so that this one needs no check.
USUAL_PRIORITY: Final = 0

# The errors of a case. A select says in them which case it was.
FAILURES: Final = (ChanClosedError, ChanBrokenError, EndOfChannel, Refused)

# A value with True, or None with False at the end of the channel.
Received: TypeAlias = tuple[T, Literal[True]] | tuple[None, Literal[False]]


def check_priority(priority: int) -> int:
    """Return ``priority``; raise `TypeError` unless it is a whole number."""
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise TypeError(f"priority must be an int, not {priority!r}")
    return priority


class Case(Generic[T_co]):
    """One thing that a select can wait for; its value has type ``T``.

    Methods such as `Chan.on_receive` make cases, and so do `default`, `after` and `at`. A
    case holds nothing back and stands in no line until a select uses it, and it may be used
    any number of times.
    """

    __slots__ = ("priority",)

    priority: int
    role: Role = "watch"
    value: Any = None  # what a send case offers
    end: Any = None  # of the channel at which it waits

    # There is no ``__init__``, since a call of it would double the cost of a receive case, which
    # loops make each time around.

    # Several cases in one. A select puts them in its place, in its own row.

    _several: bool = False

    def _parts(self) -> Sequence[Case[T_co]]:
        """Return the cases of which one is to happen."""
        return (self,)  # pragma: no cover  # only where there are several, somebody asks

    # Without overrides, this is the case that never happens.

    def _ready(self) -> bool:
        """Whether `_commit` is worth trying. Changes nothing."""
        return False

    def _commit(self) -> T_co:
        """Do it now; raise `trio.WouldBlock`, with nothing done, if that is not possible."""
        raise trio.WouldBlock  # pragma: no cover  # one that is never ready is never tried

    def _join(self, chooser: Chooser, index: int) -> None:
        """Wait for it, as case number ``index`` of ``chooser``."""

    # How many values have been given up where it happens. Each may have made room, so a case
    # that was not ready is worth another try once this number has grown.
    _given_up: int = 0

    # The errors that become a value of this case instead of being raised.
    _not_raised: tuple[type[BaseException], ...] = ()

    def _conclude(self, result: Any, *, ended: bool) -> T_co:
        """Turn the result of a wait into the value; ``ended``: it was an error not raised."""
        return result  # type: ignore[no-any-return]  # the waker passes what this case promises

    # In a selector, where a case outlives a wait.

    def _from_now(self) -> Sequence[Case[T_co]]:
        """Return the cases that mean from now on what this one means to a new select."""
        return (self,)

    def _lasts(self, value: Any) -> bool:
        """Whether it may happen once more, after its value has been ``value``."""
        return False

    # For observers

    @property
    def _place(self) -> object:
        """What stands for the thing where it happens; ``None`` if there is none."""
        return self._thing

    # Whether it is at a channel that gochan uses inside.
    _is_hidden: bool = False

    def _received(self, value: Any) -> Sequence[object]:
        """Return what was received, if anything, when ``value`` is its value."""
        return ()

    # In messages and reports

    @property
    def _thing(self) -> object:
        """What it waits at; ``None`` if that is time, or nothing."""
        return None

    def _words(self, name: Callable[[object], str]) -> str:
        """Say what it does, and call the thing where it happens what ``name`` says."""
        return str(self)

    def __str__(self) -> str:
        return "nothing"

    def __repr__(self) -> str:
        return f"<gochan.Case: {self}>"


NEVER: Final = Case[Any]()
NEVER.priority = 0


@final
class Default(Case[T_co]):
    """What to do if nothing is ready; see `default`."""

    __slots__ = ("value",)

    def __init__(self, value: T_co) -> None:
        self.priority = 0
        self.value = value

    def __str__(self) -> str:
        return "default"


def take(state: ChanState[Any]) -> Any:
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


@final
class Seat:
    """The end of a case that its channel keeps: it does not keep the channel alive in turn."""

    __slots__ = ("_channel", "_state")

    def __init__(self, channel: End) -> None:
        self._state = channel._state
        self._channel = ref(channel)

    @property
    def _thing(self) -> object:
        """The channel, or what is left of it."""
        return self._channel() or self._state


class ChannelCase(Case[T_co]):
    """A case that waits in one of the lines of a channel.

    Always by way of its end, which is closed some day, and then works on another state.
    """

    __slots__ = ("end",)

    end: End
    _phrase: str  # what is done there

    @classmethod
    def at(cls, end: End, priority: int) -> Self:
        """Return the case of this kind at ``end``."""
        case = cls()
        case.end = end
        case.priority = priority if priority is USUAL_PRIORITY else check_priority(priority)
        return case

    def _join(self, chooser: Chooser, index: int) -> None:
        self.end._state.join(chooser, index, self.role)

    @property
    def _given_up(self) -> int:  # type: ignore[override]  # where nothing is given up it is 0
        return self.end._state.dropped

    @property
    def _thing(self) -> object:
        return self.end._thing

    def _words(self, name: Callable[[object], str]) -> str:
        return f"{self._phrase} {name(self.end._state)}"

    def __str__(self) -> str:
        return f"{self._phrase} {self.end._state.title}"

    @property
    def _place(self) -> object:
        return self.end._state

    @property
    def _is_hidden(self) -> bool:  # type: ignore[override]  # elsewhere it never is
        return self.end._state.hidden


@final
class SendCase(ChannelCase[None]):
    """Send ``value``."""

    __slots__ = ("value",)

    role: Role = "send"
    _phrase = "send to"

    def __init__(self, end: End, value: object, priority: int) -> None:
        self.end = end
        self.value = value
        self.priority = priority if type(priority) is int else check_priority(priority)

    def _ready(self) -> bool:
        return self.end._state.may_give()

    def _commit(self) -> None:
        if not self.end._state.give(self.value):
            raise trio.WouldBlock
        if SLOT.observer is not None:
            SLOT.gave(self.end._state, (self.value,))

    def __str__(self) -> str:
        return f"send {brief(self.value)} to {self.end._state.title}"


class ReceiveCase(ChannelCase[T_co]):
    """Receive a value, or raise `EndOfChannel`."""

    __slots__ = ()

    role: Role = "receive"
    _phrase = "receive from"

    def _ready(self) -> bool:
        return self.end._state.may_take()

    def _commit(self) -> T_co:
        state = self.end._state
        value: T_co = state.quick.popleft() if state.quick else take(state)
        return value

    def _lasts(self, value: Any) -> bool:
        return True

    def _received(self, value: Any) -> Sequence[object]:
        return (value,)


@final
class ReceiveOkCase(ChannelCase[Received[T_co]]):
    """Receive ``(value, True)``, or ``(None, False)`` instead of `EndOfChannel`."""

    __slots__ = ()

    role: Role = "receive"
    _phrase = "receive from"

    def _ready(self) -> bool:
        return self.end._state.may_take()

    def _commit(self) -> Received[T_co]:
        try:
            return take(self.end._state), True
        except EndOfChannel:
            return None, False

    _not_raised = (EndOfChannel,)

    def _conclude(self, result: Any, *, ended: bool) -> Received[T_co]:
        return (None, False) if ended else (result, True)

    def _lasts(self, value: Any) -> bool:
        ok: bool = value[1]
        return ok

    def _received(self, value: Any) -> Sequence[object]:
        return value[:1] if value[1] else ()


@final
class CloseCase(ChannelCase[None]):
    """Wait until the channel is closed."""

    __slots__ = ()

    _phrase = "close of"

    def _ready(self) -> bool:
        return self.end._state.closed

    def _commit(self) -> None:
        return None
