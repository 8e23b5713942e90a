"""How late things were, and what of that counts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from ._fleet import Figures


def latencies(late: Iterable[float]) -> Figures:
    """Return the middle and the end of what was measured in seconds, in milliseconds."""
    ordered = sorted(late)
    last = len(ordered) - 1
    return {
        "p50 ms": statistics.median(ordered) * 1e3,
        "p99 ms": ordered[min(last, len(ordered) * 99 // 100)] * 1e3,
        "max ms": ordered[-1] * 1e3,
    }
