"""A channel at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class ChanStatistics:
    """A channel at one moment. Where trio's channels count the same, the name is trio's."""

    current_buffer_used: int
    """How many values are buffered."""
    max_buffer_size: int | float
    """How many values can be buffered; ``math.inf`` for any number."""
    peak_buffer_used: int
    """The most values that were ever buffered at once."""
    tasks_waiting_send: int
    """How many tasks wait to send, in a plain send or in a select."""
    tasks_waiting_receive: int
    """How many tasks wait to receive, in a plain receive or in a select."""
    closed: bool
    """Whether the channel has been closed."""
    dropped: int
    """How many values were given up, by the strategy or because the receiving end was closed."""
