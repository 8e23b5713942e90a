"""The answers "not now", and when each may change."""

# Theory of operation
# -------------------
# If nothing happens but that time passes, an answer may change only at a moment that
# `Strategy.next_change` has named, because channels and queues do not ask again before it. So a
# "not now" is kept, with that moment, until something else happens.

from __future__ import annotations

import math
from typing import final

from ._books import Books
from ._questions import Questions
from ._rules import Rule


@final
class NotNow:
    """The calls that were answered "not now", and until when each answer must hold."""

    def __init__(self, books: Books, questions: Questions) -> None:
        self._books = books
        self._questions = questions
        self._until: dict[str, float] = {}

    def __contains__(self, question: str) -> bool:
        return question in self._until

    def note(self, question: str) -> None:
        """Note that the answer was "not now", and until when it must hold."""
        change = self._questions.next_change()
        self._until[question] = math.inf if change is None else change

    def check(self, question: str, told: str) -> None:
        """Check that the answer to a call was allowed to change by now."""
        now = self._books.now
        until = self._until.get(question, -math.inf)
        if now < until - 1e-6 * max(1.0, abs(now)):
            said = "nothing" if until == math.inf else f"{until:.12g}"
            self._books.fail(
                Rule.TIME,
                f"At {now:.12g}, {told}, not what it had said before. Only time has passed, "
                f"and next_change had named {said}, so nobody would ask again by now",
            )
        self._until.clear()

    def forget(self) -> None:
        """Note that something has happened, so that any answer may have changed."""
        self._until.clear()
