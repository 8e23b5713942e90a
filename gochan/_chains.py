"""A chain in words: ``rate(100) | fair("tenant") | codel(1.0)``, as text."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass
from typing import Any, Final, final

# A name, perhaps with options in parentheses; those may hold strings, but no parentheses.
_STAGE: Final = (
    r"""\s*(?P<name>[a-z][a-z0-9-]*)\s*(?P<options>\((?:[^()"']|"[^"]*"|'[^']*')*\))?\s*"""
)
_CHAIN: Final = re.compile(
    rf"{_STAGE}(?:\|{_STAGE.replace('?P<name>', '').replace('?P<options>', '')})*"
)


@final
@dataclass(frozen=True, slots=True)
class Stage:
    """One strategy of a chain: its name, and its options."""

    name: str
    positional: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


def parse_chain(text: str) -> list[Stage]:
    """Return the stages of a chain. Options are numbers, strings, True, False, None, and inf.

    Quotes around a string of one word can be left out.

    Raises:
        ValueError: it cannot be read.
    """
    if not isinstance(text, str) or not ("(" in text or "|" in text):
        return [Stage(text)]
    if not _CHAIN.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a chain of strategies; write names with their options and | "
            "between them, as in 'rate(100) | lifo(20)'"
        )
    return [_stage(match) for match in re.finditer(_STAGE, text)]


def _stage(match: re.Match[str]) -> Stage:
    name, options = match["name"], match["options"] or "()"
    try:
        call = ast.parse(f"_{options}", mode="eval").body
        assert isinstance(call, ast.Call)
        named = tuple((str(word.arg), _value(word.value)) for word in call.keywords if word.arg)
        if len(named) < len(call.keywords):
            raise ValueError("** is not possible here")
        return Stage(name, tuple(map(_value, call.args)), named)
    except (ValueError, SyntaxError) as error:
        raise ValueError(f"the options of {name}{options} cannot be read: {error}") from None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return math.inf if node.id == "inf" else node.id
    value = ast.literal_eval(node)
    if not isinstance(value, (int, float, str, bool, type(None))):
        raise ValueError(f"{value!r} is not a number or a string")
    return value
