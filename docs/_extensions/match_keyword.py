"""Highlights ``match`` in ``match await select(...)``, which Pygments takes for a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pygments.lexers.python import PythonLexer
from pygments.token import Keyword, Name

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MATCH = re.compile(r"match(?=[ ]+await\b)")


class MatchLexer(PythonLexer):
    """Python, with the keywords that came later."""

    def get_tokens_unprocessed(self, text: str, *stack: Any) -> Iterator[tuple[int, Any, str]]:
        """Yield what the lexer yields, but for that one word."""
        for index, kind, value in super().get_tokens_unprocessed(text, *stack):
            yield index, Keyword if kind is Name and MATCH.match(text, index) else kind, value


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx use it."""
    app.add_lexer("python", MatchLexer)
    return {"parallel_read_safe": True}
