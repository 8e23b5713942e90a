"""Shows the invariants of each file where a page has an ``invariants`` directive.

They are read from the comments at the top of the files, so the page cannot say anything else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent.parent


def invariants_in(source: str) -> list[str]:
    """Return the invariants in the comment at the top of a module."""
    found = re.search(r"^# Invariants\b.*\n# -+\n((?:#.*\n)+)", source, flags=re.MULTILINE)
    text = re.sub(r"^# ?", "", found[1], flags=re.MULTILINE) if found else ""
    items = re.split(r"^(\d+)\. ", text.strip(), flags=re.MULTILINE)[1:]
    assert [*map(int, items[::2])] == [*range(1, len(items) // 2 + 1)], "they are numbered wrong"
    return [" ".join(item.split()) for item in items[1::2]]


def all_invariants() -> Iterator[tuple[str, list[str]]]:
    """Yield each file that has invariants, by its path, and what they are."""
    for path in sorted((ROOT / "gochan").rglob("*.py")):
        found = invariants_in(path.read_text(encoding="utf-8"))
        if found:
            yield path.relative_to(ROOT).as_posix(), found


class Invariants(SphinxDirective):
    """A heading and a numbered list for each file."""

    def run(self) -> list[nodes.Node]:
        """Make them."""
        made: list[nodes.Node] = []
        for path, invariants in all_invariants():
            self.env.note_dependency(str(ROOT / path))
            title = nodes.rubric("", "", nodes.literal(text=path))
            rows = [
                nodes.list_item("", nodes.paragraph("", "", *self.parse_inline(text)[0]))
                for text in invariants
            ]
            made += [title, nodes.enumerated_list("", *rows)]
        return made


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx use it."""
    app.add_directive("invariants", Invariants)
    return {"parallel_read_safe": True}
