"""Outcomes: the eight ways in which a job ends, each a class of its own."""

# Theory of operation
# -------------------
# An `Outcome` is one of eight classes, which a type checker tells apart by ``match`` and by
# ``.kind``. Each has all the attributes, so a program that only prints ``outcome.reason``
# need not care which one it has; where an attribute means nothing, it is a constant.
#
# They are plain classes, since a frozen dataclass takes five times as long to make. They are
# read-only all the same, since the slots are private.

from __future__ import annotations

from typing import Any, ClassVar, Final, Generic, Literal, TypeAlias, TypeVar, final

R = TypeVar("R")

Cause: TypeAlias = Literal[
    "timed_out", "cancelled", "interrupted", "refused", "dropped", "handed_back"
]
Kind: TypeAlias = Literal["done", "failed"] | Cause


class Ending:
    """What all outcomes have in common."""

    __slots__ = ("_ran", "_waited")

    _ran: float
    _waited: float
    _shown: ClassVar[tuple[str, ...]] = ("waited", "ran")

    @property
    def waited(self) -> float:
        """Seconds from the submission of the job to its start, or to its end if it never ran."""
        return self._waited

    @property
    def ran(self) -> float:
        """Seconds that the handler worked on it."""
        return self._ran

    def _content(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._shown)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ending) or type(other) is not type(self):
            return NotImplemented
        return self._content() == other._content()

    def __hash__(self) -> int:
        return hash((type(self), self._content()))

    def __repr__(self) -> str:
        pairs = zip(self._shown, self._content(), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"


@final
class Done(Ending, Generic[R]):
    """The handler returned."""

    __slots__ = ("_value",)
    __match_args__ = ("value",)

    kind: Literal["done"] = "done"
    error: Final = None
    reason: Final = ""
    _shown = ("value", "waited", "ran")

    def __init__(self, value: R, waited: float = 0.0, ran: float = 0.0) -> None:
        self._value = value
        self._waited = waited
        self._ran = ran

    @property
    def value(self) -> R:
        """What the handler returned."""
        return self._value


@final
class Failed(Ending):
    """The handler raised."""

    __slots__ = ("_error",)
    __match_args__ = ("error",)

    kind: Literal["failed"] = "failed"
    value: Final = None
    reason: Final = ""
    _shown = ("error", "waited", "ran")

    def __init__(self, error: BaseException, waited: float = 0.0, ran: float = 0.0) -> None:
        self._error = error
        self._waited = waited
        self._ran = ran

    @property
    def error(self) -> BaseException:
        """What the handler raised."""
        return self._error


class EndedEarly(Ending):
    """What the six outcomes have in common that something else than the handler brought about."""

    __slots__ = ("_reason",)
    __match_args__ = ("reason",)

    value: Final = None
    error: Final = None
    _shown = ("reason", "waited", "ran")

    def __init__(self, reason: str = "", waited: float = 0.0, ran: float = 0.0) -> None:
        self._reason = reason
        self._waited = waited
        self._ran = ran

    @property
    def reason(self) -> str:
        """Why, if that is known; ``""`` otherwise."""
        return self._reason


@final
class TimedOut(EndedEarly):
    """The job ran longer than its ``timeout``."""

    __slots__ = ()
    kind: Literal["timed_out"] = "timed_out"


@final
class Cancelled(EndedEarly):
    """`Job.cancel` was called, or the queue was cancelled, or left by an error."""

    __slots__ = ()
    kind: Literal["cancelled"] = "cancelled"


@final
class Interrupted(EndedEarly):
    """A stop cancelled the job because its time was up."""

    __slots__ = ()
    kind: Literal["interrupted"] = "interrupted"


@final
class Rejected(EndedEarly):
    """The strategy turned the job away; its submitter got `Refused`. The kind is ``refused``."""

    __slots__ = ()
    kind: Literal["refused"] = "refused"


@final
class Dropped(EndedEarly):
    """The strategy gave the job up while it waited."""

    __slots__ = ()
    kind: Literal["dropped"] = "dropped"


@final
class HandedBack(EndedEarly):
    """The job never ran, because the queue ended first."""

    __slots__ = ()
    kind: Literal["handed_back"] = "handed_back"


Outcome: TypeAlias = (
    Done[R] | Failed | TimedOut | Cancelled | Interrupted | Rejected | Dropped | HandedBack
)
"""How a job ended."""

_CLASSES: Final[tuple[Any, ...]] = (
    Done, Failed, TimedOut, Cancelled, Interrupted, Rejected, Dropped, HandedBack
)  # fmt: skip
OUTCOMES: Final[dict[Kind, Any]] = {kind.kind: kind for kind in _CLASSES}
KINDS: Final[tuple[Kind, ...]] = tuple(OUTCOMES)
