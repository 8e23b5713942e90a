"""Retry: whether a job that failed is tried again, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, final

from _gochan_chance import chance

from ..strategies import check_count, check_number, check_seconds

Errors: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]


@final
@dataclass(frozen=True, slots=True)
class Retry:
    """Try a job again that failed or timed out: after 1 s, 2 s, 4 s, and so on.

    Raises:
        TypeError, ValueError: an argument is of the wrong type, or out of range.
    """

    max_attempts: int = 5
    """How often a job may be started in all."""
    first: float = 1.0
    """Seconds before the second attempt."""
    factor: float = 2.0
    """How many times longer each further wait is."""
    most: float = 3600.0
    """Seconds that no wait exceeds."""
    jitter: float = 0.1
    """The share of a wait that chance adds or takes away, from 0 to 1, so that jobs which failed
    together do not come back together."""
    only: Errors = Exception
    """The exceptions after which a job is tried again."""
    never: Errors = ()
    """Exceptions among these after which it is not."""

    def __post_init__(self) -> None:
        check_count("max_attempts", self.max_attempts, least=1)
        check_seconds("first", self.first, finite=True)
        check_number("factor", self.factor, least=1, finite=True)
        check_seconds("most", self.most, finite=True)
        check_number("jitter", self.jitter, least=0, most=1)
        for name in ("only", "never"):
            if not _are_errors(getattr(self, name)):
                raise TypeError(
                    f"{name} must be an exception class or a tuple of them, "
                    f"not {getattr(self, name)!r}"
                )

    def wants(self, error: BaseException) -> bool:
        """Whether a job that raised ``error`` is tried again while it has attempts left.

        Of a group of errors, all have to be such.
        """
        if isinstance(error, BaseExceptionGroup):
            return all(map(self.wants, error.exceptions))
        return isinstance(error, self.only) and not isinstance(error, self.never)

    def delay(self, attempt: int) -> float:
        """Return how many seconds to wait after attempt number ``attempt``, the first being 1."""
        try:
            wait = min(self.most, self.first * self.factor ** (attempt - 1))
        except OverflowError:
            wait = self.most
        return wait * (1 + self.jitter * chance.uniform(-1, 1))


def _are_errors(thing: object) -> bool:
    classes = thing if isinstance(thing, tuple) else (thing,)
    return all(isinstance(one, type) and issubclass(one, BaseException) for one in classes)
