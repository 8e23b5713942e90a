"""Runs the examples in Markdown files: README.md, docs/, and the plugins' own.

Each block of Python runs, under virtual time; what it prints must be
what the block of text after it says.
"""

from __future__ import annotations

import ast
import inspect
import io
from contextlib import redirect_stdout
from typing import Any
from unittest import mock

import trio
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser
from trio.testing import MockClock


def run_python(example: Example) -> str | None:
    """Run a block of Python, and keep what it prints."""
    if unread := example.namespace.pop("printed", ""):
        return f"the block before printed what no block of text compares:\n{unread}"
    start = "\n" * (example.line + example.parsed.line_offset)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(start + example.parsed, example.path, "exec", flags, dont_inherit=True)
    with redirect_stdout(io.StringIO()) as out, mock.patch.object(trio, "run", _run):
        pending = eval(code, example.namespace)
        if inspect.iscoroutine(pending):
            trio.run(_wait_for, pending)
    example.namespace["printed"] = out.getvalue()
    return None


def _run(function: Any, *arguments: Any, original: Any = trio.run) -> Any:
    return original(function, *arguments, clock=MockClock(autojump_threshold=0))


async def _wait_for(pending: Any) -> None:
    await pending


def compare_text(example: Example) -> str | None:
    """Compare a block of text with what the block of Python before it has printed."""
    printed = example.namespace.pop("printed", None)
    if printed is not None and printed.strip() != example.parsed.strip():
        return f"the text says:\n{example.parsed}\nbut this was printed:\n{printed}"
    return None


pytest_collect_file = Sybil(
    parsers=[CodeBlockParser("python", run_python), CodeBlockParser("text", compare_text)],
    patterns=["*.md"],
).pytest()
