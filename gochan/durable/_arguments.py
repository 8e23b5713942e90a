"""Arguments: what users say about queues and jobs, checked before any of it is stored."""

# Theory of operation
# -------------------
# A store keeps what it is told for a long time, and others read it. So a text must be one that
# every store can keep, a number must fit into 64 bits, and a moment must be one that a datetime
# can name. What is wrong is said at the call; in the store it would fail later, for somebody else.

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from .._core import check_priority
from ..strategies import check_count, check_seconds
from ._times import seconds_of

T = TypeVar("T", bound=str)

# A hundred years: longer than anybody waits, and all moments until then are datetimes.
MOST_SECONDS: Final = 100 * 365.25 * 86400.0

_64_BITS: Final = 1 << 63


def check_span(name: str, value: object, *, more_than: float | None = None) -> float:
    """Return ``value`` if it is a number of seconds, and not more than a hundred years.

    Raises:
        TypeError: it is no number.
        ValueError: it is out of range.
    """
    least = 0 if more_than is None else None
    return check_seconds(name, value, least=least, more_than=more_than, most=MOST_SECONDS)


def check_moment(name: str, value: object, now: float) -> float:
    """Return an aware datetime, or seconds from now, as seconds since the epoch.

    Raises:
        TypeError: it is neither.
        ValueError: the datetime has no timezone, or the seconds are out of range.
    """
    if isinstance(value, datetime):
        return seconds_of(name, value)
    return now + check_span(name, value)


def check_text(name: str, value: object) -> str | None:
    """Return ``value`` if it is ``None``, or a text that a store can keep.

    Raises:
        TypeError: it is something else.
        ValueError: it is empty, or has a character that stores cannot keep.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str or None, not {value!r}")
    if not value:
        raise ValueError(f"{name} must not be empty; for none, leave it out")
    _check_characters(name, value)
    return value


def check_texts(name: str, value: object) -> dict[str, str]:
    """Return ``value``, which maps texts to texts; an empty dict if it is ``None``.

    Raises:
        TypeError: it is something else.
        ValueError: a text in it has a character that stores cannot keep.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for pair in value.items() for part in pair
    ):
        raise TypeError(f"{name} must be a dict of str to str, not {value!r}")
    for pair in value.items():
        for part in pair:
            _check_characters(name, part)
    return dict(value)


def _check_characters(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be text that UTF-8 can encode, not {text!r}") from None
    if "\0" in text:
        raise ValueError(f"{name} must not contain the character NUL: {text!r}")


def check_rank(priority: int) -> int:
    """Return ``priority`` if it is an ``int`` of at most 64 bits.

    Raises:
        TypeError: it is no ``int``.
        ValueError: it has more bits.
    """
    if not -_64_BITS <= check_priority(priority) < _64_BITS:
        raise ValueError(f"priority must fit into 64 bits, not {priority.bit_length() + 1}")
    return priority


def check_id(name: str, value: object) -> int:
    """Return ``value`` if it can be the number of a job.

    Raises:
        TypeError: it is no ``int``.
        ValueError: it is out of range.
    """
    number = check_count(name, value, least=1)
    if number >= _64_BITS:
        raise ValueError(f"{name} must fit into 64 bits, not {number.bit_length() + 1}")
    return number


def check_words(name: str, value: T | Collection[T], words: Collection[T]) -> tuple[T, ...]:
    """Return one word, or several, as a tuple of them.

    Raises:
        TypeError: it is neither a word nor a collection.
        ValueError: there is no such word.
    """
    if not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a str or several of them, not {value!r}")
    given = cast("tuple[T, ...]", (value,) if isinstance(value, str) else tuple(value))
    for word in given:
        if word not in words:
            known = ", ".join(f'"{one}"' for one in words)
            raise ValueError(f"{name} must be among {known}, not {word!r}")
    return given


def check_kind_of(name: str, value: object, kind: type, example: str) -> None:
    """Check that ``value`` is of the class ``kind``.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, as in {example}, not {value!r}")


def numbers_of(name: str, jobs: object, store: object) -> tuple[int, ...]:
    """Return the numbers of jobs of a store, which are given as jobs or numbers.

    Raises:
        TypeError: they are something else.
        ValueError: a number is out of range, or a job is one of another store.
    """
    if isinstance(jobs, (str, bytes)) or not isinstance(jobs, Iterable):
        raise TypeError(f"{name} must be several jobs, as in [job], not {jobs!r}")
    return tuple(_number_of(name, job, store) for job in jobs)


def _number_of(name: str, job: Any, store: object) -> int:
    if isinstance(job, int):
        return check_id(f"a number in {name}", job)
    number = getattr(job, "id", None)
    if not isinstance(number, int):
        raise TypeError(f"{name} must be jobs of the store or their numbers, not {job!r}")
    if getattr(job, "_store", store) is not store:
        raise ValueError(
            f"{job!r} in {name} was given out by another store; if that is the same database, pass "
            "the number of the job"
        )
    return number
