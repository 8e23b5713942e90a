"""Calls of one strategy: each must return, and with an answer of the right kind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NoReturn, final

from ..strategies import (
    Empty,
    Refuse,
    Strategy,
    check_capacity,
    needs_time,
    wrong_change,
    wrong_seconds,
    wrong_verdict,
)
from ._books import Books
from ._items import Touched
from ._moment import UNSEEN, Looked
from ._promises import Entry
from ._rules import Rule


@final
class Questions:
    """Calls the methods of a strategy, at the time in the books."""

    def __init__(self, strategy: Strategy[Any], books: Books) -> None:
        self._strategy = strategy
        self._books = books
        self._blind = not needs_time(strategy)

    def ask(self, question: str, *args: Any, **options: Any) -> Any:
        """Return the answer. Only `Strategy.take` may raise, and only Empty."""
        if self._blind and question in ("offer", "take"):
            args = (*args[:-1], UNSEEN)
        try:
            return getattr(self._strategy, question)(*args, **options)
        except Exception as error:
            if question == "take" and isinstance(error, Empty):
                raise
            self._raised(question, error)

    def take_all(self) -> Iterator[Any]:
        """Yield everything that `Strategy.take_all` gives."""
        try:
            yield from self._strategy.take_all(self._books.now)
        except Exception as error:
            self._raised("take_all", error)

    def length(self) -> int:
        """Return the length."""
        try:
            return len(self._strategy)
        except Exception as error:
            self._raised("len", error)

    def _raised(self, question: str, error: Exception) -> NoReturn:
        if isinstance(error, Touched):
            self._books.fail(
                Rule.ANY_ITEM,
                f"{question} {error}. Items may be equal, or may not support that; tell them "
                "apart with 'is', or by their places",
                error,
            )
        if isinstance(error, Looked):
            self._books.fail(
                Rule.TIME,
                f"{question} looked at the time, though 'ignores_time' says that no answer "
                "depends on it",
                error,
            )
        told = f"{type(error).__name__}({error})" if str(error) else type(error).__name__
        if question == "take" and not self._books.waiting:
            self._books.fail(Rule.EMPTY, f"Nothing waits, and take raised {told}", error)
        self._books.fail(Rule.NO_ERRORS, f"{question} raised {told}", error)

    def next_change(self) -> float | None:
        """Return the moment at which time alone may change an answer."""
        change: float | None = self.ask("next_change", self._books.now)
        if must := wrong_change(change):
            self._books.fail(
                Rule.TIME, f"next_change said {change!r}, which is not a moment; it must be {must}"
            )
        if change is None:
            return None
        if change <= (now := self._books.now):
            self._books.fail(
                Rule.TIME,
                f"At {now:.12g}, next_change said {change:.12g}, which is not in the future",
            )
        return change

    def change_to_come(self) -> bool:
        """Whether time alone will change an answer."""
        change = self.next_change()
        return change is not None and change < math.inf

    def numbers(self) -> tuple[int | float, float]:
        """Return the capacity, and the seconds after which to try again."""
        capacity = self._strategy.capacity
        try:
            check_capacity(capacity)
        except (TypeError, ValueError) as error:
            self._books.fail(Rule.NUMBERS, f"Its {error}", error)
        retry_after = self.ask("retry_after", self._books.now)
        if must := wrong_seconds(retry_after):
            self._books.fail(Rule.NUMBERS, f"retry_after said {retry_after!r}; it must be {must}")
        return capacity, retry_after

    def check_refusal(self, entry: Entry, verdict: Any) -> None:
        """Check a verdict that is neither ADMIT nor WAIT."""
        must = wrong_verdict(verdict)
        if must and not isinstance(verdict, Refuse):
            self._books.fail(Rule.VERDICT, f"offer({entry}) returned {verdict!r}")
        if must:
            self._books.fail(
                Rule.VERDICT, f"offer({entry}) returned {verdict!r}; it must be {must}"
            )
