"""A chain in words: ``rate(100) | fair("tenant") | codel(1.0)``, as text."""

# Theory of operation
# -------------------
# Such a text comes from a command line or a file of settings, so nothing in it is evaluated:
# it is cut into tokens, and an option is one of them. Python reads strings, for their
# escapes. Whether names and options exist is for others to say, who know which come near.

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from typing import Final, TypeAlias, final

_TOKEN: Final = re.compile(
    r"""\s*( "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | [^\s()|,="']+ | \S | $ )""",
    re.VERBOSE,
)
_INTEGER: Final = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*")
_FLOAT: Final = re.compile(r"[-+]?(?=\.?[0-9])[0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?inf")
_WORDS: Final = {"True": True, "False": False, "None": None}

_MARKS: Final = frozenset("()|,='\"")  # a quote alone has no end

Value: TypeAlias = int | float | str | bool | None


@final
@dataclass(frozen=True, slots=True)
class Stage:
    """One strategy of a chain: its name, and its options."""

    name: str
    positional: tuple[Value, ...] = ()
    named: tuple[tuple[str, Value], ...] = ()


def parse_chain(text: str) -> list[Stage]:
    """Return the stages of a chain. Options are numbers, strings, True, False, None, and inf.

    Quotes around a string of one word can be left out.

    Raises:
        TypeError: it is no text.
        ValueError: it cannot be read.
    """
    if not isinstance(text, str):
        raise TypeError(f"a strategy's name is a string, not {text!r}")
    if "(" not in text and "|" not in text:
        return [Stage(text.strip())]
    reader = _Reader(text)
    stages = [reader.stage()]
    while reader.skip("|"):
        stages.append(reader.stage())
    if reader.next:
        raise reader.error(f"{_short(reader.next)} cannot stand here; '|' can")
    return stages


@final
class _Reader:
    """Reads one text from left to right; ``next`` is the token that has not been read yet."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.next = ""
        self._end = 0
        self.read()

    def read(self) -> str:
        """Go on to the next token, and return the one that was next until now."""
        before = self.next
        match = _TOKEN.match(self.text, self._end)
        assert match
        self.next = match[1]
        self._start, self._end = match.span(1)
        return before

    def skip(self, mark: str) -> bool:
        """Go on if this is next."""
        found = self.next == mark
        if found:
            self.read()
        return found

    def stage(self) -> Stage:
        """Read a name, and the options after it."""
        if not self.next or self.next[0] in _MARKS:
            raise self.error("a name is missing")
        name = self.read()
        positional: list[Value] = []
        named: dict[str, Value] = {}
        if self.skip("("):
            while not self.skip(")"):
                self._option(positional, named)
                if not self.skip(",") and self.next != ")":
                    raise self.error("',' or ')' is missing")
        return Stage(name, tuple(positional), tuple(named.items()))

    def _option(self, positional: list[Value], named: dict[str, Value]) -> None:
        """Read one option."""
        start, word = self._start, self.next
        value = self._value()
        if self.next != "=":
            if named:
                raise self.error("an option without a name comes after one with a name", start)
            positional.append(value)
            return
        if not word.isidentifier():
            raise self.error(f"{_short(word)} is no name of an option", start)
        if word in named:
            raise self.error(f"{word} is given twice", start)
        self.read()
        named[word] = self._value()

    def _value(self) -> Value:
        """Read a number, a string or a word."""
        start, token = self._start, self.next
        if token in {"'", '"'}:
            raise self.error("a string has no end")
        if not token or token in _MARKS:
            raise self.error("a value is missing")
        self.read()
        try:
            if token[0] in "'\"":
                return _unquote(token)
            if _INTEGER.fullmatch(token):
                return int(token)
            if _FLOAT.fullmatch(token):
                return float(token)
        except (ValueError, SyntaxError):
            raise self.error(f"{_short(token)} cannot be read", start) from None
        if token in _WORDS:
            return _WORDS[token]
        if token.isidentifier():
            return token
        raise self.error(
            f"{_short(token)} is neither a number nor one word; put it in quotes", start
        )

    def error(self, problem: str, position: int | None = None) -> ValueError:
        """Say what is wrong, and where: at the next token, if nothing else is said."""
        position = self._start if position is None else position
        return ValueError(
            f"{_short(self.text)} is not a chain of strategies: {problem}, in column "
            f"{position + 1}; write names with their options and | between them, as in "
            f"'rate(100) | lifo(20)'"
        )


def _unquote(token: str) -> str:
    """Return what a string in quotes says, as Python has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a backslash before an ordinary letter is itself
        return str(ast.literal_eval(token))


def _short(text: str) -> str:
    """Return ``text`` as it can be shown in an error."""
    return repr(text if len(text) <= 100 else f"{text[:60]}...{text[-30:]}")
