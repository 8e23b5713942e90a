"""The page about the design says what the code says: the layers, and all invariants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gochan"
PAGE = ROOT / "docs" / "explanation" / "design.md"


def numbered(text: str) -> list[str]:
    """Return the items of a numbered list, each in one line; check that the numbers are right."""
    items = re.split(r"^(\d+)\. ", text.strip(), flags=re.MULTILINE)[1:]
    assert [*map(int, items[::2])] == [*range(1, len(items) // 2 + 1)]
    return [" ".join(item.split()) for item in items[1::2]]


def invariants_in(source: str) -> list[str]:
    """Return the invariants in the comment at the top of a module."""
    found = re.search(r"^# Invariants\b.*\n# -+\n((?:#.*\n)+)", source, flags=re.MULTILINE)
    return numbered(re.sub(r"^# ?", "", found[1], flags=re.MULTILINE)) if found else []


def invariants_on(page: str) -> dict[str, list[str]]:
    """Return the invariants on the page, by the name of the file under whose heading they stand."""
    sections = re.split(r"^### `(gochan/.+\.py)`$", page, flags=re.MULTILINE)[1:]
    texts = (re.split(r"^#+ ", text, flags=re.MULTILINE)[0] for text in sections[1::2])
    return dict(zip(sections[::2], map(numbered, texts), strict=True))


def test_the_page_has_the_invariants_of_each_module() -> None:
    """All of them, word for word, so that neither can change alone."""
    expected = {
        path.relative_to(ROOT).as_posix(): invariants
        for path in sorted(PACKAGE.rglob("*.py"))
        if (invariants := invariants_in(path.read_text(encoding="utf-8")))
    }
    assert len(expected) > 10
    page = PAGE.read_text(encoding="utf-8")
    assert invariants_on(page) == expected


def test_the_page_has_the_layers_of_the_map() -> None:
    """In the same order, each with a line in the table."""
    init = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    (rows,) = re.findall(r"^# The layers, .*\n#\n((?:#   .*\n)+)", init, flags=re.MULTILINE)
    layers = [title for row in rows.splitlines() if (title := row[4:16].strip())]
    page = PAGE.read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| layer \|.*\n\|[ -|]+\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    assert [row.split("|")[1].strip() for row in table.splitlines()] == layers


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        (
            "# Invariants\n# ----------\n# 1. One.\n# 2. Two,\n#    and more.\n\n# 3. No.\n",
            ["One.", "Two, and more."],
        ),
        ("# Invariants (``check`` asserts them)\n# ------\n# 1. One.\n", ["One."]),
        ("# Invariance\n# ------\n# 1. One.\n", []),
        ("import trio\n", []),
    ],
)
def test_what_counts_as_an_invariant(comment: str, found: list[str]) -> None:
    """The search must find what it is for: as a list in a comment, until the comment ends."""
    assert invariants_in(comment) == found


def test_the_search_on_the_page_ends_where_a_section_does() -> None:
    """And finds nothing outside those that are about a file."""
    page = (
        "1. No.\n\n### `gochan/_a.py`\n\n1. One.\n2. Two.\n\n"
        "### `gochan/_b.py`\n\n1. B.\n\n## Next\n\n1. No.\n"
    )
    assert invariants_on(page) == {"gochan/_a.py": ["One.", "Two."], "gochan/_b.py": ["B."]}
