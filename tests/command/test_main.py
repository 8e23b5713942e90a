"""The two ways to start the command, and what happens if half of it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ..processes import MODULE, Ended, finish

SCRIPT = (str(Path(sys.executable).with_name("gochan")),)

both_ways = pytest.mark.parametrize("command", [MODULE, SCRIPT])


@both_ways
def test_the_command_can_be_started_as_a_module_and_as_a_script(command: tuple[str, ...]) -> None:
    """It calls itself gochan either way."""
    ended = finish("--help", command=command)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(b"Usage: gochan [OPTIONS]")


def test_the_exit_status_is_that_of_the_command_line() -> None:
    """Here, of a line that was not done."""
    assert finish("run", "--", "false", command=SCRIPT, lines=b"a\n").status == 1


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_extra_the_command_says_what_to_install(missing: str) -> None:
    """In one line, with status 2."""
    program = f"""
import sys
sys.modules[{missing!r}] = None
from gochan.__main__ import main
main()
"""
    ended = finish("plugins", command=(sys.executable, "-c", program))
    assert (ended.status, ended.out) == (2, b"")
    assert ended.err == (
        f"gochan: this needs {missing}, from the extra 'cli'; "
        "in a clone of gochan: pip install '.[cli]'\n"
    )


def test_another_missing_module_is_not_taken_for_the_extra() -> None:
    """Installing that would not help; the traceback shows what is wrong."""
    program = """
import sys
sys.modules["json"] = None
from gochan.__main__ import main
main()
"""
    ended = finish("plugins", command=(sys.executable, "-c", program))
    assert ended.status == 1
    assert "pip install" not in ended.err
    assert ended.err.splitlines()[-1].startswith("ModuleNotFoundError: import of json halted")


@both_ways
def test_nothing_is_imported_from_the_current_folder(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    """A file there that is called like a module of the command does not run."""
    for name in ("click", "rich", "pluggy", "json"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('this should not run')\n")
    ended = finish("plugins", "--json", command=command, cwd=tmp_path)
    assert (ended.status, ended.err) == (0, "")


@pytest.mark.parametrize("options", [[], ["-P"]])
def test_a_folder_on_the_path_of_python_stays_there(tmp_path: Path, options: list[str]) -> None:
    """The user has named it, so it is meant; with -P it is the first one there."""
    (tmp_path / "click.py").write_text("raise RuntimeError('this should run')\n")
    command = (MODULE[0], *options, *MODULE[1:])
    variables = {"PYTHONPATH": str(tmp_path)}
    ended = finish("plugins", command=command, cwd=tmp_path, variables=variables)
    assert ended.status == 1
    assert "this should run" in ended.err


def test_a_safe_path_is_left_as_it_is(tmp_path: Path) -> None:
    """Python has not put the current folder on it, so its first entry is another one."""
    (tmp_path / "click.py").write_text("raise RuntimeError('this should not run')\n")
    program = """
import runpy, sys
before = [*sys.path]
try:
    runpy.run_module("gochan", run_name="__main__")
finally:
    print(sys.path == before, file=sys.stderr)
"""
    command = (sys.executable, "-P", "-c", program)
    ended = finish("--version", command=command, cwd=tmp_path)
    assert (ended.status, ended.err) == (0, "True\n")


def test_a_current_folder_that_has_gone_does_not_matter(tmp_path: Path) -> None:
    """There is nothing in it that could be imported."""
    script = f'mkdir {tmp_path}/x && cd {tmp_path}/x && rmdir {tmp_path}/x && exec "$@"'
    ended = finish("--version", shell=script)
    assert (ended.status, ended.err) == (0, "")


def test_without_its_extra_the_library_works() -> None:
    """It needs neither."""
    program = "import sys; sys.modules.update(click=None, rich=None); import gochan"
    assert finish(command=(sys.executable, "-c", program)) == Ended(0, b"", "")


def test_a_run_imports_only_what_it_needs() -> None:
    """Somebody waits for it. What plugins, tables and other commands need takes longer than it."""
    program = """
import os, sys
from _gochan_start import main
sys.argv = ["gochan", "run", "--", "true"]
try:
    main()
finally:
    print(*sorted(sys.modules), sep="\\n")
"""
    ended = finish(command=(sys.executable, "-c", program), lines=b"a\n")
    loaded = ended.out.decode().splitlines()
    late = ("asyncio", "email", "importlib.metadata", "pluggy", "rich", "zipfile")
    rooms = ("gochan.durable", "gochan.debug", "gochan.testing", "gochan._command.queues._")
    slow = [name for name in loaded if name.startswith((*late, *rooms))]
    assert slow == []
    assert {"gochan._command.run._run", "trio"} <= {*loaded}


def test_the_name_of_a_built_in_strategy_loads_no_plugin() -> None:
    """Not even one that is broken."""
    program = """
import sys
from _gochan_start import main
sys.argv = ["gochan", "run", "--strategy", "drop-on-full", "--capacity", "5", "--", "true"]
try:
    main()
finally:
    print(*sorted(sys.modules), sep="\\n")
"""
    ended = finish(command=(sys.executable, "-c", program), lines=b"a\n")
    loaded = {*ended.out.decode().splitlines()}
    assert ended.status == 0
    assert not loaded & {"importlib.metadata", "pluggy", "gochan_order", "gochan_sim"}


def test_who_completes_a_command_waits_for_nothing_that_prints_or_talks() -> None:
    """All plugins are loaded for their names, but not what they need to work."""
    program = """
import sys
from _gochan_start import main
sys.argv = ["gochan", "completion", "bash", "gochan", ""]
try:
    main()
finally:
    print(*sorted(sys.modules), sep="\\n")
"""
    ended = finish(command=(sys.executable, "-c", program))
    loaded = {*ended.out.decode().splitlines()}
    assert "gochan_service._commands" in loaded
    assert not loaded & {"rich", "httpx", "psycopg", "starlette", "h11", "ldap3"}


@pytest.mark.parametrize("module", ["gochan._core", "gochan._command.run"])
@pytest.mark.parametrize("command", [MODULE, SCRIPT])
def test_ctrl_c_while_modules_are_imported_leaves_no_traceback(
    command: tuple[str, ...], module: str, tmp_path: Path
) -> None:
    """A shell sees status 130."""
    (tmp_path / "sitecustomize.py").write_text(f"""
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
""")
    ended = finish(
        "run", "--", "true", command=command, variables={"PYTHONPATH": str(tmp_path)}, lines=b"a\n"
    )
    assert (ended.status in (-2, 130), ended.out, ended.err) == (True, b"", "")
