"""Sparklines: a history in one row of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_STEPS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the last ``width`` values, each as a bar; the newest is on the right.

    The highest bar is that of the greatest value; nothing is lower than a value that is not 0.
    """
    shown = values[-width:] if width > 0 else ()
    most = max(shown, default=0)
    return "".join(_bar(value, most) for value in shown).rjust(max(0, width))


def _bar(value: float, most: float) -> str:
    if value <= 0:
        return _STEPS[0]
    return _STEPS[max(1, round(value / most * (len(_STEPS) - 1)))]
