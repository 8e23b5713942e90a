"""The guard: every answer of a strategy is checked, and a wrong one is blamed on its method."""

# Theory of operation
# -------------------
# A wrong answer does its damage later: a NaN for a moment becomes an alarm that never rings,
# a list where a verdict should be loses an item. So each answer is looked at where it is
# given, and the error names the method, its file and its line.
#
# Right answers must stay cheap. Each ``checked_...`` first tries the answers that nearly
# always come; only the others are looked at more closely by a ``wrong_...`` function. Those
# know no strategy, and `gochan.testing` uses them, too.
#
# In a chain, a filter may have passed on an answer from behind it. Nobody can tell, so the
# blame names each part that has such a method of its own.

from __future__ import annotations

import inspect
import math
import reprlib
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any, Final, TypeVar

from .._core import check_capacity
from ._strategy import ADMIT, WAIT, Empty, Refuse, Strategy, Verdict

T = TypeVar("T")

# These define what every strategy and every filter does if nobody says otherwise.
_DEFAULTS: Final = {f"{__package__}.{module}" for module in ("_strategy", "_fifo", "_filter")}

_SECONDS: Final = "a number of seconds, finite and >= 0"

_short: Final = reprlib.Repr()
_short.maxother = _short.maxstring = 80


# What an answer must be. Each returns that in words, and nothing if the answer is right.


def wrong_verdict(answer: object) -> str:
    """Say what the answer of `Strategy.offer` must be, if it is wrong."""
    if answer is ADMIT or answer is WAIT:
        return ""
    if not isinstance(answer, Refuse):
        return "ADMIT, WAIT or Refuse(...)"
    if not is_reason(answer.reason):
        return "a Refuse whose reason is a str, and not empty"
    if answer.retry_after is not None and wrong_seconds(answer.retry_after):
        return f"a Refuse whose retry_after is None, or {_SECONDS}"
    return ""


def wrong_change(answer: object) -> str:
    """Say what the answer of `Strategy.next_change` must be, if it is no moment at all.

    A moment that has passed is one, and so is infinity.
    """
    if answer is None or (_is_number(answer) and answer > -math.inf):  # type: ignore[operator]
        return ""
    return "a time in seconds, later than now, or None"


def wrong_seconds(answer: object) -> str:
    """Say what the answer of `Strategy.retry_after` must be, if it is wrong."""
    if _is_number(answer) and 0 <= answer < math.inf:  # type: ignore[operator]
        return ""
    return _SECONDS


def wrong_list(answer: object) -> str:
    """Say what the answer of `Strategy.close` must be, if it is wrong."""
    return "" if isinstance(answer, list) else "a list of items"


def wrong_removal(answer: object) -> str:
    """Say what the answer of `Strategy.remove` must be, if it is wrong."""
    return "" if type(answer) is bool else "True if it took the item out, or else False"


def is_reason(reason: object) -> bool:
    """Whether that can be the reason of a drop or a refusal."""
    return isinstance(reason, str) and bool(reason.strip())


def _is_number(answer: object) -> bool:
    """Whether it is a number, and a float can hold it; NaN is none."""
    if isinstance(answer, bool) or not isinstance(answer, (int, float)):
        return False
    try:
        return not math.isnan(answer)
    except OverflowError:
        return False


# Checking the answers of one strategy. Each returns the answer, or raises.


def checked_verdict(strategy: Strategy[T], answer: Verdict) -> Verdict:
    """Return what `Strategy.offer` answered, if it is a verdict.

    Raises:
        TypeError: it is something else.
        ValueError: it is a refusal whose reason or time makes no sense.
    """
    if answer is ADMIT or answer is WAIT or not (must := wrong_verdict(answer)):
        return answer
    kind = ValueError if isinstance(answer, Refuse) else TypeError
    raise _error(strategy, "offer", answer, must, kind)


def checked_item(strategy: Strategy[T], answer: T) -> T:
    """Return what `Strategy.take` answered; anything can be an item, but for `Empty`.

    Raises:
        TypeError: it is ``Empty``, which has to be raised, not returned.
    """
    if answer is Empty or type(answer) is Empty:
        raise _error(strategy, "take", answer, "an item; if there is none, raise Empty")
    return answer


def checked_change(strategy: Strategy[Any], now: float, answer: float | None) -> float | None:
    """Return what `Strategy.next_change` answered at ``now``, if it is a moment or ``None``.

    A moment that has passed is let through: the caller has asked since, and asks again. The
    conformance kit is stricter.

    Raises:
        TypeError: it is something else.
        ValueError: it is NaN, minus infinity, or an int that no float can hold.
    """
    if answer is None or (type(answer) is float and answer > now):
        return answer
    if must := wrong_change(answer):
        raise _error(strategy, "next_change", answer, must, _kind(answer))
    return answer


def checked_seconds(strategy: Strategy[Any], answer: float) -> float:
    """Return what `Strategy.retry_after` answered, if it is a number of seconds.

    Raises:
        TypeError: it is something else.
        ValueError: it is negative, infinite or NaN.
    """
    if must := wrong_seconds(answer):
        raise _error(strategy, "retry_after", answer, must, _kind(answer))
    return answer


def checked_list(strategy: Strategy[T], answer: list[T]) -> list[T]:
    """Return what `Strategy.close` answered, if it is a list.

    Raises:
        TypeError: it is something else.
    """
    if must := wrong_list(answer):
        raise _error(strategy, "close", answer, must)
    return answer


def checked_removal(strategy: Strategy[Any], answer: bool) -> bool:
    """Return what `Strategy.remove` answered, if it is True or False.

    Raises:
        TypeError: it is something else.
    """
    if answer is True or answer is False:
        return answer
    raise _error(strategy, "remove", answer, wrong_removal(answer))


def checked_rest(strategy: Strategy[T], answer: Iterable[T]) -> Iterator[T]:
    """Return the items that `Strategy.take_all` gives out, if it answered an iterable.

    Raises:
        TypeError: it is something else.
    """
    try:
        return iter(answer)
    except TypeError:
        raise _error(strategy, "take_all", answer, "an iterable of items") from None


def checked_capacity(strategy: Strategy[Any]) -> int | float:
    """Return how many items may wait, which a strategy may find out whenever it is asked.

    Raises:
        TypeError: it is no number.
        ValueError: it is negative, NaN, or a number with a fraction.
    """
    answer = strategy.capacity
    try:
        return check_capacity(answer)
    except (TypeError, ValueError):
        must = "an int >= 0, or math.inf"
        raise _error(strategy, "capacity", answer, must, _kind(answer)) from None


def checked_length(strategy: Strategy[Any]) -> int:
    """Return how many items wait.

    Raises:
        TypeError, ValueError: ``__len__`` answered something that is no length.
    """
    try:
        return len(strategy)
    except (TypeError, ValueError, OverflowError):
        answer = type(strategy).__len__(strategy)  # which raises again, if it was that
        raise _error(strategy, "__len__", answer, "an int >= 0", _kind(answer)) from None


# The words


def blame(strategy: Strategy[Any], question: str) -> str:
    """Name the methods from which the answer to a question may be, and where they are.

    For one strategy that is ``MyStrategy.next_change (mine.py, line 12)``.
    """
    named = [
        f"{type(part).__name__}.{question}{_place(part, question)}"
        for part in _answering(strategy, question)
    ]
    return " or ".join(named) or f"{type(strategy).__name__}.{question}"


def _answering(strategy: Strategy[Any], question: str) -> Iterator[Strategy[Any]]:
    """Find the parts of a chain that have an answer of their own."""
    part: Any = strategy
    while isinstance(part, Strategy):
        if getattr(_answer_of(part, question), "__module__", None) not in _DEFAULTS:
            yield part
        part = getattr(part, "inner", None)


def _answer_of(strategy: Strategy[Any], question: str) -> Any:
    """Return what gives the answer: a method, the function of a property, or a mere value."""
    known = getattr(type(strategy), question, None)
    return known.fget if isinstance(known, property) else getattr(strategy, question)


def _place(strategy: Strategy[Any], question: str) -> str:
    """Say where a method is, if Python knows."""
    function = _answer_of(strategy, question)
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    if code is None:
        return ""
    path = PurePath(code.co_filename)
    file = f"{path.parent.name}/{path.name}" if path.name == "__init__.py" else path.name
    return f" ({file}, line {code.co_firstlineno})"


def _error(
    strategy: Strategy[Any],
    question: str,
    answer: object,
    must: str,
    kind: type[Exception] = TypeError,
) -> Exception:
    return kind(f"{blame(strategy, question)} answered {_shown(answer)}; it must be {must}")


def _kind(answer: object) -> type[Exception]:
    """Return what is wrong about it where a number was expected: its value, or its type."""
    number = isinstance(answer, (int, float)) and not isinstance(answer, bool)
    return ValueError if number else TypeError


def _shown(answer: object) -> str:
    if inspect.iscoroutine(answer):
        answer.close()  # or Python would warn that nobody waited for it
        return "a coroutine, since it is async"
    try:
        return _short.repr(answer)
    except ValueError:  # of so many digits that Python does not write them
        return "an int of too many digits"
