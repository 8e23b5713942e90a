"""How messages show what a store was asked, and what it said."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Final

from ..durable import JobRecord

_AGES: Final = 1e8  # seconds; what is closer to the beginning of a trial is a moment in it


def shown(thing: Any, begin: float = -math.inf) -> str:
    """Return a thing as messages show it: without what is as usual, and moments from ``begin``."""
    if isinstance(thing, datetime):
        thing = thing.timestamp()
    if isinstance(thing, float) and abs(thing - begin) < _AGES:
        return f"<time {thing - begin:.3f}>"
    if isinstance(thing, JobRecord):
        return f"<job {thing.id}, version {thing.version}, {thing.kind or thing.state}>"
    if is_dataclass(thing) and not isinstance(thing, type):
        parts = [
            f"{one.name}={shown(getattr(thing, one.name), begin)}"
            for one in fields(thing)
            if getattr(thing, one.name) != one.default and getattr(thing, one.name) not in ({}, ())
        ]
        return f"{type(thing).__name__}({', '.join(parts)})"
    if isinstance(thing, list | tuple):
        return f"[{', '.join(shown(one, begin) for one in thing)}]"
    return repr(thing)
