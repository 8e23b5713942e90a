"""Times: the seconds of a store, and the datetimes of users."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def moment(seconds: float) -> datetime: ...
@overload
def moment(seconds: float | None) -> datetime | None: ...


def moment(seconds: float | None) -> datetime | None:
    """Return seconds since the epoch as an aware datetime."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def seconds_of(name: str, when: object) -> float:
    """Return an aware datetime as seconds since the epoch.

    Raises:
        TypeError: it is no datetime.
        ValueError: it has no timezone, so nobody knows which moment it means.
    """
    if not isinstance(when, datetime):
        raise TypeError(f"{name} must be a datetime, not {when!r}")
    if when.utcoffset() is None:
        raise ValueError(
            f"{name} must have a timezone, as in datetime.now(UTC); {when.isoformat()} has none"
        )
    return when.timestamp()
