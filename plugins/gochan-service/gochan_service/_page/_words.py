"""Times, states and payloads, in short words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from gochan.durable import JobRecord

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))
_LONGEST: Final = 200


def span(seconds: float) -> str:
    """Return a span of time, in one unit."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def took(seconds: float) -> str:
    """Return how long something took; short spans more exactly."""
    return f"{max(0.0, seconds):.1f} s" if seconds < 9.95 else span(seconds)


def utc(moment: datetime) -> str:
    """Return a moment, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def ago(moment: datetime | None, now: float) -> str:
    """Return how long ago a moment was; ``""`` for none."""
    return "" if moment is None else f"{span(now - moment.timestamp())} ago"


def state(record: JobRecord) -> str:
    """Return where a job is, or how it has ended."""
    if record.state == "running" and record.cancel_reason is not None:
        return "cancelling"
    return (record.kind or record.state).replace("_", " ")


def data(raw: bytes | None, codec: str) -> str:
    """Return a payload or a result as text."""
    if raw is None:
        return ""
    return raw.decode(errors="replace") if codec == "json" else f"{len(raw)} bytes of {codec}"


def short(text: str) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
