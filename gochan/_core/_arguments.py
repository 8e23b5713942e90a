"""Arguments: numbers are checked in the call that takes them, before anything has happened."""

# Theory of operation
# -------------------
# A wrong number must fail where the user wrote it, not later in a timer or a comparison. NaN
# is the worst one: every comparison with it is false, so it would slip through. An int that
# no float can hold is next: adding it to a time raises OverflowError somewhere else.
#
# ``bool`` is an ``int`` in Python, but True is no number of seconds, so it is refused.

from __future__ import annotations

import math
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Final, Literal, overload

# The bounds that a number can have, in the order in which a message names them.
_HOLDS: Final[dict[str, Callable[[float, float], bool]]] = {">": gt, ">=": ge, "<": lt, "<=": le}


def check_number(
    name: str,
    value: object,
    *,
    least: float | None = None,
    more_than: float | None = None,
    most: float | None = None,
    less_than: float | None = None,
    finite: bool = False,
    otherwise: str = "",
    kind: str = "a number",
) -> float:
    """Return ``value`` as a ``float`` if it is a number within the bounds; NaN never is.

    Args:
        name: what the caller calls it, for the message.
        value: what the user gave.
        least: it must be at least this.
        more_than: it must be more than this.
        most: it must be at most this.
        less_than: it must be less than this.
        finite: whether infinity is refused, too.
        otherwise: what the caller would also have accepted, such as ``"None"``, for the message.
        kind: what it must be, for the message.

    Raises:
        TypeError: it is neither an ``int`` nor a ``float``, or it is a ``bool``.
        ValueError: it is out of bounds, or NaN, or too large for a ``float``.
    """
    if type(value) is float and _is_good(value, least, more_than, most, less_than):
        return value  # by far the most
    bounds = {">": more_than, ">=": least, "<": less_than, "<=": most}
    said = [f"{sign} {bound:.12g}" for sign, bound in bounds.items() if bound is not None]
    also = f", or {otherwise}" if otherwise else ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be {kind}{also}, not {value!r}")
    number = _float(value)
    if finite and len(said) < 2:
        said.append("finite")
    if number is None:
        said = said if finite else [*said, "within the range of a float"]
        raise ValueError(f"{name} must be {' and '.join(said)}{also}, not {_long(value)}")
    within = all(bound is None or _HOLDS[sign](value, bound) for sign, bound in bounds.items())
    if not within or math.isnan(number) or (finite and math.isinf(number)):
        raise ValueError(f"{name} must be {' and '.join(said) or kind}{also}, not {value!r}")
    return number


def _is_good(
    value: float,
    least: float | None,
    more_than: float | None,
    most: float | None,
    less_than: float | None,
) -> bool:
    """Whether a number is finite and within the bounds; if not, it may be good all the same."""
    return (
        (least is None or value >= least)
        and (more_than is None or value > more_than)
        and (most is None or value <= most)
        and (less_than is None or value < less_than)
        and math.isfinite(value)
    )


def check_seconds(
    name: str,
    value: object,
    *,
    least: float | None = None,
    more_than: float | None = None,
    most: float | None = None,
    less_than: float | None = None,
    finite: bool = False,
    otherwise: str = "",
) -> float:
    """Return ``value`` if it is a number of seconds, at least 0 unless another bound is given.

    Otherwise the same as `check_number`.

    Raises:
        TypeError: it is not a number.
        ValueError: it is out of bounds, or NaN, or too large for a ``float``.
    """
    if least is None and more_than is None:
        least = 0
    return check_number(
        name,
        value,
        least=least,
        more_than=more_than,
        most=most,
        less_than=less_than,
        finite=finite,
        otherwise=otherwise,
        kind="a number of seconds",
    )


@overload
def check_count(
    name: str, value: object, *, least: int = ..., infinite: Literal[False] = ...
) -> int: ...


@overload
def check_count(name: str, value: object, *, least: int = ..., infinite: bool) -> int | float: ...


def check_count(name: str, value: object, *, least: int = 0, infinite: bool = False) -> int | float:
    """Return ``value`` if it says how many there may be of something.

    Args:
        name: what the caller calls it, for the message.
        value: what the user gave.
        least: it must be at least this.
        infinite: whether ``math.inf`` will do as well, for any number.

    Raises:
        TypeError: it is no ``int``, or it is a ``bool``.
        ValueError: it is less than ``least``, or too large for a ``float``.
    """
    if infinite and isinstance(value, float) and value == math.inf:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int):
        kind = "an int or math.inf" if infinite else "an int"
        raise TypeError(f"{name} must be {kind}, not {value!r}")
    if _float(value) is None:
        raise ValueError(
            f"{name} must be >= {least} and within the range of a float, not {_long(value)}"
        )
    if value < least:
        raise ValueError(f"{name} must be >= {least}, not {value!r}")
    return value


def check_capacity(value: object, *, least: int = 0) -> int | float:
    """Return ``value`` if it is a capacity: an ``int``, or ``math.inf`` for any number.

    Raises:
        TypeError: it is neither an ``int`` nor ``math.inf``.
        ValueError: it is less than ``least``, or too large for a ``float``.
    """
    return check_count("capacity", value, least=least, infinite=True)


def check_bool(name: str, value: object) -> bool:
    """Return ``value`` if it is True or False.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def _float(value: float) -> float | None:
    """Return ``value`` as a float, ``None`` if no float can hold it."""
    try:
        return float(value)
    except OverflowError:
        return None


def _long(value: float) -> str:
    """Describe an int that may have more digits than Python agrees to write out."""
    return f"an int of {int(value).bit_length()} bits"
