"""Lets signals be heard, and runs the examples in Markdown files: README.md, docs/, plugins.

Each block of Python runs, under virtual time; what it prints must be
what the block of text after it says. In a block named console, what follows
after a ``$`` runs in a shell, and the lines below it are what it prints; a
``…`` there stands for anything. What is exported stays so on the whole page.

If ``<!-- stays open -->`` stands before the block, its last command runs on beside those of
further blocks, as in a terminal of its own.

If a page needs ``DATABASE_URL``, it has a database of its own on a server of PostgreSQL. Where it
says ``127.0.0.1:8000``, it has a port of its own.
"""

from __future__ import annotations

import ast
import atexit
import gc
import importlib.util
import inspect
import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, chdir, redirect_stdout, suppress
from functools import cache
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from unittest import mock

import pytest
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

# Where Python is to leave no compiled modules about, each process that the tests start would
# compile all that it imports. They share a folder instead, which workers of xdist inherit.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    _compiled = os.environ["PYTHONPYCACHEPREFIX"] = mkdtemp(prefix="gochan-tests-")
    atexit.register(rmtree, _compiled, ignore_errors=True)


# What pages have opened. This process may be killed before its end, if it is a worker of xdist.
_at_end = ExitStack()


def pytest_sessionfinish() -> None:
    """Close what pages have opened."""
    _at_end.close()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the whole suite on all processors, each file by one process; ``-n 0`` prevents that.

    Some tests of a file build on one another.
    """
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    can = config.pluginmanager.hasplugin("xdist") and not hasattr(config, "workerinput")
    if everything and can and config.option.numprocesses is None and not config.option.usepdb:
        config.option.numprocesses = "auto"
        config.option.dist = "loadfile"


_SKIPPED = object()  # instead of what a block prints


def run_python(example: Example) -> str | None:
    """Run a block of Python, and keep what it prints; the next block has to compare that.

    What it writes to files is in the folder that all blocks of one file share. If it begins with
    the name of a file, as in ``# studio.py``, it is put there instead, for blocks named console.
    """
    saved = re.match(r"# (\w+\.py)\n", example.parsed)
    if saved:
        (Path(_folder_of(example.path)) / saved[1]).write_text(example.parsed, encoding="utf-8")
        return None
    example.namespace["printed"] = _SKIPPED
    environment = _environment_of(example)
    del example.namespace["printed"]
    start = "\n" * (example.line + example.parsed.line_offset)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(start + example.parsed, example.path, "exec", flags, dont_inherit=True)
    with (
        chdir(_folder_of(example.path)),
        mock.patch.dict(os.environ, environment),
        redirect_stdout(io.StringIO()) as out,
        mock.patch.object(trio, "run", _run),
    ):
        pending = eval(code, example.namespace)
        if inspect.iscoroutine(pending):
            trio.run(_wait_for, pending)
    printed = out.getvalue()
    following = re.search(r"^```(\w+)", example.document.text[example.region.end :], re.MULTILINE)
    if printed and not (following and following[1] == "text"):
        return f"the next block does not compare what this one printed:\n{printed}"
    example.namespace["printed"] = printed
    return None


def _run(function: Any, *arguments: Any, clock: Any = None, original: Any = trio.run) -> Any:
    return original(function, *arguments, clock=clock or MockClock(autojump_threshold=0))


async def _wait_for(pending: Any) -> None:
    await pending


def compare_text(example: Example) -> str | None:
    """Compare a block of text with what the block of Python before it has printed."""
    printed = example.namespace.pop("printed", None)
    if printed is _SKIPPED:
        pytest.skip("the block before was skipped")
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
    *others, last = re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]
    before = example.document.text[: example.region.start].rstrip()
    stays = _stay_open if before.endswith("<!-- stays open -->") else _run_command
    for session, run in [*((one, _run_command) for one in others), (last, stays)]:
        command, _, expected = re.split(r"(?<!\\)(\n|$)", session, maxsplit=1)
        pattern = re.escape(_lines(expected)).replace("…\\\n", "(.*\n)*").replace("…", "(.|\n)*")
        printed = run(_port_of(example.path).into(command), example, re.compile(pattern))
        if not re.fullmatch(pattern, printed):
            return f"the block says:\n{expected}\nbut {command!r} printed:\n{printed}"
    return None


def _run_command(command: str, example: Example, pattern: re.Pattern[str]) -> str:
    """Run a command to its end, and return what it prints."""
    exports = command.startswith("export ")
    ended = subprocess.run(
        ["sh", "-c", f"{command}; env -0" if exports else command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=_folder_of(example.path),
        env=_shell_of(example),
        timeout=60,
    )
    if exports:
        pairs = (one.split("=", 1) for one in ended.stdout.split("\0") if "=" in one)
        _exported(example.path).update({name: value for name, value in pairs if name != "PWD"})
        return ""
    return _lines(_port_of(example.path).out_of(ended.stdout))


def _stay_open(command: str, example: Example, pattern: re.Pattern[str]) -> str:
    """Start a command, and return what it prints as soon as that fits the pattern."""
    out = Path(_folder_of(example.path)) / f".terminal-{next(_NUMBERS)}"
    with out.open("wb") as file:
        process = subprocess.Popen(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=_folder_of(example.path),
            env=_shell_of(example),
            start_new_session=True,
        )
    _at_end.callback(_close, process)
    deadline = time.monotonic() + 60
    while True:
        printed = _lines(_port_of(example.path).out_of(out.read_text(encoding="utf-8")))
        if pattern.fullmatch(printed) or time.monotonic() > deadline or process.poll() is not None:
            return printed
        time.sleep(0.05)


def _close(process: subprocess.Popen[bytes]) -> None:
    """Close a terminal, with what still runs in it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _shell_of(example: Example) -> dict[str, str]:
    """Return the environment of the commands of a page."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    wide = {"PATH": programs, "COLUMNS": "80", "TERM": "dumb"}
    port = _port_of(example.path).variables if "127.0.0.1:8000" in example.document.text else {}
    return {**os.environ, **_environment_of(example), **port, **wide, **_exported(example.path)}


@cache
def _exported(path: str) -> dict[str, str]:
    return {}


class _Port:
    """The port of a page: it says that of a user, and has one of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.own = f"127.0.0.1:{free.getsockname()[1]}"
        self.variables = {"GOCHAN_LISTEN": self.own, "GOCHAN_URL": f"http://{self.own}"}

    def into(self, command: str) -> str:
        return command.replace("127.0.0.1:8000", self.own)

    def out_of(self, printed: str) -> str:
        return printed.replace(self.own, "127.0.0.1:8000")


@cache
def _port_of(path: str) -> _Port:
    return _Port()


@cache
def _folder_of(path: str) -> str:
    folder = mkdtemp(prefix="gochan-examples-")
    _at_end.callback(rmtree, folder)
    return folder


def _lines(text: str) -> str:
    """Leave out what cannot be seen at the ends of lines, and empty lines around all."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


# PostgreSQL


def _environment_of(example: Example) -> dict[str, str]:
    """Return the address of its page's database, if the example needs that."""
    if "DATABASE_URL" in example.parsed:
        return {"DATABASE_URL": _database_of(example.path)}
    return {}


@cache
def _database_of(path: str) -> str:
    return _new_database()


@pytest.fixture(scope="session")
def new_database() -> Callable[[], str]:
    """Return a function that returns the address of a new database on a real server."""
    return _new_database


_NUMBERS = count(1)


def _new_database() -> str:
    server: str = _server().address
    import psycopg  # which not everybody has who has no plugins

    name = f"example_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rpartition('/')[0]}/{name}"


@cache
def _server() -> Any:
    """Start the server that the tests of gochan-postgres have; it ends with this process."""
    path = Path(__file__).parent / "plugins/gochan-postgres/tests/conftest.py"
    if not path.exists():
        pytest.skip("a source distribution has no plugins, so it starts no PostgreSQL")
    spec = importlib.util.spec_from_file_location("gochan_postgres_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = module.Server("--fsync=off", "--synchronous_commit=off")
    _at_end.callback(server.remove)
    server.start()
    return server


pytest_collect_file = Sybil(
    parsers=[
        CodeBlockParser("python", run_python),
        CodeBlockParser("text", compare_text),
        CodeBlockParser("console", run_console),
    ],
    patterns=["*.md"],
).pytest()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let no later collection of garbage look at the tests themselves."""
    gc.collect()
    gc.freeze()
