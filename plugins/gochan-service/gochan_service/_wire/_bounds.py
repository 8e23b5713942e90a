"""Bounds: what no store can keep is refused where it arrives."""

# Theory of operation
# -------------------
# JSON has integers of any size and texts with any character; a store has 64 bits, and no NUL. What
# it cannot keep would fail in the middle of a batch, which others share, or later, for everybody
# who looks at the row. The decoder checks types, but not this; and to look at each number would
# cost more than all the rest. So the bytes are searched for what may be such a number or text,
# which is rare, and only then is everything looked at.

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Final

from msgspec import Struct

from gochan.durable import NewJob

LONGEST: Final = 100 * 365.25 * 86_400.0
"""A span of time, in seconds, that nobody exceeds: a hundred years."""

_BITS: Final = 63
_NUL: Final = rb"\u0000"
# Any long number, once all digits are the same; that is 20 times as fast as a regular expression.
_LONG: Final = b"0" * 19
_SAME: Final = bytes(ord("0") if chr(byte) in "0123456789" else 0 for byte in range(256))
# The seconds that a datetime can name.
_EARLIEST: Final = -62_135_596_800.0
_LATEST: Final = 253_402_300_799.0


def check_size(raw: bytes, thing: object) -> None:
    """Look at what was decoded from these bytes.

    Raises:
        ValueError: a number has more than 64 bits, or a text has a NUL.
    """
    if _NUL in raw or _LONG in raw.translate(_SAME):
        _check(thing)


def _check(thing: Any) -> None:
    if isinstance(thing, int):
        if thing.bit_length() > _BITS:
            raise ValueError(f"a number must fit into 64 bits, not {thing.bit_length() + 1}")
    elif isinstance(thing, str):
        if "\0" in thing:
            raise ValueError(f"a text must not contain the character NUL: {thing!r}")
    elif isinstance(thing, (list, tuple)):
        for part in thing:
            _check(part)
    elif isinstance(thing, dict):
        _check([*thing, *thing.values()])
    elif isinstance(thing, Struct):
        _check([getattr(thing, name) for name in thing.__struct_fields__])
    elif is_dataclass(thing):
        _check([getattr(thing, field.name) for field in fields(thing)])


def check_span(name: str, seconds: float) -> None:
    """Look at a span of time.

    Raises:
        ValueError: it is less than nothing, or longer than a hundred years.
    """
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"{name} must be from 0 to {LONGEST:.0f} seconds, not {seconds}")


def check_job(job: NewJob) -> None:
    """Look at a job.

    Raises:
        ValueError: a store could not keep it.
    """
    for name in ("queue", "codec"):
        if not getattr(job, name):
            raise ValueError(f"{name} must not be empty")
    for name in ("key", "group", "machine", "receipt"):
        if getattr(job, name) == "":
            raise ValueError(f"{name} must not be empty; for none, leave it out")
    check_span("delay", job.delay)
    check_span("once_for", job.once_for)
    for name, moment in (("run_at", job.run_at), ("expires", job.expires)):
        if moment is not None and not _EARLIEST <= moment <= _LATEST:
            raise ValueError(f"{name} must be seconds since the epoch, not {moment}")
    if job.timeout is not None and not job.timeout > 0:
        raise ValueError(f"timeout must be more than 0, not {job.timeout}")
    if job.max_attempts < 1:
        raise ValueError(f"max_attempts must be at least 1, not {job.max_attempts}")
