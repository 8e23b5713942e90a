"""The page that says what happens in each failure names a test for each row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .named_tests import names_of_tests

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "service-failures.md"
ROWS = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
HEADS = ("---", "What fails")
FAILURES = {failure: tests.split("; ") for failure, tests in ROWS if failure not in HEADS}


@pytest.mark.parametrize("failure", FAILURES)
def test_each_failure_has_tests_that_are_there(failure: str) -> None:
    """So that no row is only a promise."""
    assert [name for name in FAILURES[failure] if name not in names_of_tests()] == []


def test_there_are_failures() -> None:
    """A rule about all of them would never be broken if none were found."""
    assert len(FAILURES) > 20
