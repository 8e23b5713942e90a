"""Ages, and times that are left, as short as a person would say them."""

from __future__ import annotations


def seconds_in_words(seconds: float) -> str:
    """Return how long something has run, or has left: as short as a person would say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 100:
        return f"{minutes}:{rest:02} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}:{minutes:02} h"
    return f"{hours // 24} d {hours % 24} h"
