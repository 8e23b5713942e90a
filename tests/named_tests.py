"""Tests by the names that pages give them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


@cache
def names_of_tests() -> set[str]:
    """Return all tests in the words of pages: "such and such (`queue`)" is in test_queue.py."""
    return {
        f"{node.name.removeprefix('test_').replace('_', ' ')} (`{path.stem.removeprefix('test_')}`)"
        for folder in ("tests", "docs/examples", "plugins/gochan-service/tests")
        for path in (ROOT / folder).rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if node.name.startswith("test_")
    }
