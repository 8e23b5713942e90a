"""Lets signals be heard, and runs the examples in Markdown files: README.md, docs/, plugins.

Each block of Python runs, under virtual time; what it prints must be
what the block of text after it says. In a block named console, what follows
after a ``$`` runs in a shell, and the lines below it are what it prints; a
``…`` there stands for anything.
"""

from __future__ import annotations

import ast
import atexit
import inspect
import io
import os
import re
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from unittest import mock

import trio
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser
from trio.testing import MockClock

# A process in the background of a script, or under nohup, inherits these signals ignored, and
# so would everything that the tests start. Tests send them, so they must be heard.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_number) == signal.SIG_IGN:
        _heard = signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL
        signal.signal(_number, _heard)


def run_python(example: Example) -> str | None:
    """Run a block of Python, and keep what it prints; the next block has to compare that."""
    start = "\n" * (example.line + example.parsed.line_offset)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(start + example.parsed, example.path, "exec", flags, dont_inherit=True)
    with redirect_stdout(io.StringIO()) as out, mock.patch.object(trio, "run", _run):
        pending = eval(code, example.namespace)
        if inspect.iscoroutine(pending):
            trio.run(_wait_for, pending)
    printed = out.getvalue()
    following = re.search(r"^```(\w+)", example.document.text[example.region.end :], re.MULTILINE)
    if printed and not (following and following[1] == "text"):
        return f"the next block does not compare what this one printed:\n{printed}"
    example.namespace["printed"] = printed
    return None


def _run(function: Any, *arguments: Any, original: Any = trio.run) -> Any:
    return original(function, *arguments, clock=MockClock(autojump_threshold=0))


async def _wait_for(pending: Any) -> None:
    await pending


def compare_text(example: Example) -> str | None:
    """Compare a block of text with what the block of Python before it has printed."""
    printed = example.namespace.pop("printed", None)
    if not printed:
        return "the block before prints nothing that could be compared with this text"
    if printed.strip() != example.parsed.strip():
        return f"the text says:\n{example.parsed}\nbut this was printed:\n{printed}"
    return None


def run_console(example: Example) -> str | None:
    """Run the commands of a block, and compare what they print.

    Those of one file share a folder, which is empty at first.
    """
    if not example.parsed.startswith("$ "):
        return "a console block begins with a command, after a $"
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for session in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        command, _, expected = re.split(r"(?<!\\)(\n|$)", session, maxsplit=1)
        ended = subprocess.run(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=_folder_of(example.path),
            env={**os.environ, "PATH": programs, "COLUMNS": "80", "TERM": "dumb"},
            timeout=60,
        )
        printed = _lines(ended.stdout)
        pattern = re.escape(_lines(expected)).replace("…\\\n", "(.*\n)*").replace("…", "(.|\n)*")
        if not re.fullmatch(pattern, printed):
            return f"the block says:\n{expected}\nbut {command!r} printed:\n{printed}"
    return None


@cache
def _folder_of(path: str) -> str:
    folder = mkdtemp(prefix="gochan-examples-")
    atexit.register(rmtree, folder)
    return folder


def _lines(text: str) -> str:
    """Leave out what cannot be seen at the ends of lines, and empty lines around all."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


pytest_collect_file = Sybil(
    parsers=[
        CodeBlockParser("python", run_python),
        CodeBlockParser("text", compare_text),
        CodeBlockParser("console", run_console),
    ],
    patterns=["*.md"],
).pytest()
