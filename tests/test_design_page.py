"""The page about the design says what the code says: the rooms, and all invariants."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gochan"
PAGE = ROOT / "docs" / "explanation" / "design.md"


@pytest.fixture(scope="module")
def extension() -> Any:
    """What puts the invariants on the page when it is built."""
    pytest.importorskip("sphinx")
    path = ROOT / "docs" / "_extensions" / "invariants.py"
    spec = importlib.util.spec_from_file_location("invariants", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_invariants_of_each_module(extension: Any) -> None:
    """Read from the files, so that neither can change alone."""
    found = dict(extension.all_invariants())
    assert len(found) > 10
    assert "```{invariants}\n```\n" in PAGE.read_text(encoding="utf-8")


def test_the_page_has_the_rooms_of_the_map() -> None:
    """In the same order, each with a line in the table and a file that is there."""
    init = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    rooms = re.findall(r"^#   (\w+)/ ", init, flags=re.MULTILINE)
    page = PAGE.read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| room \|.*\n\|[ -|]+\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    rows = [[*re.findall(r"`([^`]+)`", row)] for row in table.splitlines()]
    assert [row[0] for row in rows] == rooms
    for room, *_, first in rows:
        assert (PACKAGE / room / first).exists()


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
def test_what_counts_as_an_invariant(extension: Any, comment: str, found: list[str]) -> None:
    """The search must find what it is for: as a list in a comment, until the comment ends."""
    assert extension.invariants_in(comment) == found


def test_invariants_are_numbered(extension: Any) -> None:
    """One that is left out, or there twice, is found."""
    with pytest.raises(AssertionError, match="numbered wrong"):
        extension.invariants_in("# Invariants\n# ----------\n# 1. One.\n# 3. Three.\n")
