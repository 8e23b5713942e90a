"""What few programs need: how long a task may keep the thread."""

from ._core._pacing import yield_interval

__all__ = ["yield_interval"]

yield_interval.__module__ = __name__  # as users see it
