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
    ended = finish("run", "echo", command=(sys.executable, "-c", program))
    line = f"gochan: the command line needs {missing}; pip install 'trio-gochan[cli]'\n"
    assert ended == Ended(2, b"", line)


def test_without_its_extra_the_library_works() -> None:
    """It needs neither."""
    program = "import sys; sys.modules.update(click=None, rich=None); import gochan"
    assert finish(command=(sys.executable, "-c", program)) == Ended(0, b"", "")
