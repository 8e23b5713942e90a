"""Numbers that users give: each is checked before anything is done with it."""

from __future__ import annotations

import math
import sys
from typing import Any


def check_number(
    name: str,
    number: Any,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return ``number`` if it is above, at least and below what is said. NaN never is.

    Raises:
        TypeError: it is neither an ``int`` nor a ``float``.
        ValueError: it is out of range.
    """
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise TypeError(f"{name} must be a number, not {number!r}")
    if above < number < below and number >= least and abs(number) <= sys.float_info.max:
        return number
    bounds = {"> ": above, ">= ": least, "< ": below}
    said = [sign + f"{bound:g}" for sign, bound in bounds.items() if math.isfinite(bound)]
    finite = ["finite"] if below == math.inf else []
    raise ValueError(f"{name} must be {' and '.join(said + finite)}, not {number!r}")
