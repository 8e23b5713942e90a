"""Commands: those of plugins appear beside the built-in ones, and can harm none of them."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gochan._command._built_in_commands import BUILT_IN, BuiltInCommands
from gochan._command._plugin_commands import KNOWN

from ..processes import Ended, finish

Install = Callable[..., dict[str, str]]

# A plugin that offers the commands of these names.
OFFER = """
import click
from gochan import hookimpl

@hookimpl
def gochan_commands():
    for name in {!r}.split():
        yield click.Command(name, callback=lambda name=name: print("this is", name), help="Say so.")
"""

# One that offers a strategy, too.
STRATEGY = """
from gochan import StrategySpec
from gochan.strategies import Block

@hookimpl
def gochan_strategies():
    yield StrategySpec("patient", Block, "for a test")
"""

BROKEN = {
    "import": ("import nonexistent_module", "No module named 'nonexistent_module'"),
    "raising": (OFFER.format("") + "    raise LookupError('no')", "LookupError: no"),
    "leaving": (OFFER.format("") + "    raise SystemExit(3)", "SystemExit: 3"),
    "none": (OFFER.format("").partition("    for")[0] + "    return None", "returned None"),
    "nothing": (OFFER.format("") + "    yield 3", "must yield click commands that have a name"),
    "nameless": (OFFER.format("") + "    yield click.Command(None)", "that have a name, not <Com"),
    "twice": (OFFER.format("say say"), "command 'say' is offered twice"),
    "shadowing": (OFFER.format("say run"), "command 'run' is built in; choose another name"),
}


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Install plugins for other processes: return what their environment needs."""

    def write(**programs: str) -> dict[str, str]:
        for name, program in programs.items():
            information = tmp_path / f"gochan_{name}-0.3.dist-info"
            information.mkdir()
            (information / "METADATA").write_text(f"Name: gochan-{name}\nVersion: 0.3\n")
            (information / "entry_points.txt").write_text(f"[gochan]\n{name} = plugin_{name}\n")
            (tmp_path / f"plugin_{name}.py").write_text(program)
        path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
        return {"PYTHONPATH": path}

    return write


def complaint(ended: Ended) -> str:
    """Return the one line that says what is wrong."""
    assert (ended.status, ended.out) == (2, b"")
    (line,) = ended.err.splitlines()
    assert line.startswith("gochan: ")
    return line


def test_the_built_in_commands_are_known_by_their_names() -> None:
    """Their names are what plugins may not take."""
    commands = BuiltInCommands()
    assert {name: command.name for name, command in commands.items()} == {
        name: name for name in BUILT_IN
    }
    assert len(commands) == len(BUILT_IN)
    assert "sim" not in commands
    assert not BUILT_IN & {*KNOWN}


def test_gochan_commands_adds_commands(install: Install) -> None:
    """They are listed with the others, sorted, with their own help, and run."""
    variables = install(say=OFFER.format("say and-say"))
    ended = finish("--help", variables=variables)
    assert (ended.status, ended.err) == (0, "")
    _, commands = ended.out.decode().split("\nCommands:\n")
    names = re.findall(r"^  ([\w-]+)", commands, flags=re.MULTILINE)
    assert {"and-say", "plugins", "run", "say"} <= {*names}
    assert names == sorted(names)
    assert re.search(r"^  say +Say so\.$", commands, flags=re.MULTILINE)
    ended = finish("and-say", variables=variables)
    assert ended == Ended(0, b"this is and-say\n", "")
    assert finish("say", "--help", variables=variables).out.startswith(b"Usage: gochan say ")


def test_errors_of_a_command_are_one_line(install: Install) -> None:
    """Like those of the built-in ones: wrong arguments, and what it raises for its users."""
    program = OFFER.format("say").replace(
        'print("this is", name)', "(_ for _ in ()).throw(click.UsageError('two\\nlines'))"
    )
    variables = install(say=program)
    assert complaint(finish("say", variables=variables)) == "gochan: two lines"
    assert "--loud" in complaint(finish("say", "--loud", variables=variables))


def test_a_command_says_its_exit_status(install: Install) -> None:
    """By what it returns, as the built-in ones do; nothing means that all is well."""
    program = OFFER.format("say").replace('print("this is", name)', "3")
    assert finish("say", variables=install(say=program)).status == 3


def test_a_built_in_command_loads_no_plugin(install: Install) -> None:
    """So no plugin can break or delay it, unless its strategy is wanted."""
    variables = install(say="raise RuntimeError('this should not run')")
    ended = finish("run", "--", "echo", lines=b"a\n", variables=variables)
    assert (ended.status, ended.out) == (0, b"a\n")
    assert ended.complaints == []
    assert finish("run", "--help", variables=variables).err == ""


@pytest.mark.parametrize(("program", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_plugin_whose_commands_are_broken_harms_nobody(
    install: Install, program: str, problem: str
) -> None:
    """One line says what is wrong and what to do; the commands of the others work."""
    variables = install(broken=program, other=OFFER.format("tell"))
    ended = finish("tell", variables=variables)
    assert (ended.status, ended.out) == (0, b"this is tell\n")
    (line,) = ended.err.splitlines()
    assert line.startswith("gochan: ")
    assert "gochan plugin 'broken' (gochan-broken 0.3)" in line
    assert problem in line
    assert line.endswith("Fix, update or uninstall it, or set GOCHAN_BLOCK_PLUGINS=broken.")
    ended = finish("--help", variables=variables)
    assert (ended.status, ended.err.splitlines()) == (0, [line])
    assert b"\n  tell " in ended.out
    assert b"\n  say " not in ended.out


def test_broken_commands_are_in_the_list_of_plugins(install: Install) -> None:
    """The status is 1. What else the plugin offers can be used."""
    program = OFFER.format("say run") + STRATEGY
    variables = install(mine=program, other=OFFER.format("tell"))
    ended = finish("plugins", "--json", variables=variables)
    assert (ended.status, ended.err) == (1, "")
    rows = {row["name"]: row for row in json.loads(ended.out)}
    assert rows["other"]["commands"] == ["tell"]
    assert rows["mine"]["commands"] == []
    assert rows["mine"]["strategies"] == ["patient"]
    assert rows["mine"]["status"] == "active"
    assert rows["mine"]["problem"] == (
        "its commands were skipped: command 'run' is built in; choose another name"
    )
    arguments = ["run", "--strategy", "patient", "--", "echo"]
    assert finish(*arguments, lines=b"a\n", variables=variables).out == b"a\n"
    text = finish("plugins", variables=variables).out.decode()
    assert re.search(r"^ other .* active +gochan tell", text, flags=re.MULTILINE)
    assert text.splitlines()[-1].startswith("the commands of gochan plugin 'mine' (gochan-mine 0.3")


def test_a_command_of_two_plugins_belongs_to_neither(install: Install) -> None:
    """Calling it is an error that says so; their other commands work, with a warning."""
    variables = install(one=OFFER.format("say one"), two=OFFER.format("say two"))
    clash = (
        "command 'say' is offered by 'one' (gochan-one 0.3) and 'two' (gochan-two 0.3), so it "
        "belongs to neither; uninstall all but one, or block it with GOCHAN_BLOCK_PLUGINS=one"
    )
    ended = finish("say", variables=variables)
    assert (ended.status, ended.out) == (2, b"")
    assert ended.err.splitlines() == [
        f"gochan: {clash}.",
        "gochan: the command 'gochan say' cannot be run, because several plugins offer it",
    ]
    ended = finish("two", variables=variables)
    assert (ended.status, ended.out) == (0, b"this is two\n")
    assert ended.err == f"gochan: {clash}.\n"
    ended = finish("plugins", "--json", variables=variables)
    assert ended.status == 1
    rows = {row["name"]: row for row in json.loads(ended.out)}
    assert rows["one"]["problem"] == "command 'say' is also offered by 'two' (gochan-two 0.3)"
    one_blocked = {**variables, "GOCHAN_BLOCK_PLUGINS": "one"}
    assert finish("say", variables=one_blocked) == Ended(0, b"this is say\n", "")


def test_an_interrupt_while_commands_are_asked_for_ends_it(install: Install) -> None:
    """With the status that shells expect."""
    variables = install(slow=OFFER.format("") + "    raise KeyboardInterrupt")
    ended = finish("--help", variables=variables)
    assert (ended.status, ended.err) == (130, "")


def test_what_a_plugin_prints_while_it_is_asked_goes_elsewhere(install: Install) -> None:
    """To standard error, so that help stays help."""
    variables = install(say="print('loading')\n" + OFFER.format("say"))
    ended = finish("--help", variables=variables)
    assert ended.out.startswith(b"Usage: ")
    assert ended.err == "loading\n"


# Commands that are known, although they are not there


WITHOUT_PLUGINS = """
import importlib.metadata, sys
find = importlib.metadata.entry_points
importlib.metadata.entry_points = lambda **options: [
    entry for entry in find(**options) if entry.name not in ("service", "sim")
]
from gochan.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("command", "distribution"),
    [
        (["sim"], "gochan-sim"),
        (["sim", "--help"], "gochan-sim"),
        (["sim", "--seeds", "3", "x"], "gochan-sim"),
        (["serve"], "gochan-service"),
        (["agent", "http://host", "--queue", "q", "--", "echo"], "gochan-service"),
    ],
)
def test_a_command_that_is_not_installed_says_what_to_install(
    command: list[str], distribution: str
) -> None:
    """Whatever its arguments are."""
    line = complaint(finish(*command, command=(sys.executable, "-c", WITHOUT_PLUGINS)))
    assert line == (
        f"gochan: the command 'gochan {command[0]}' is in the distribution {distribution}, which "
        f"is not installed; in a clone of gochan: pip install ./plugins/{distribution}"
    )


def test_a_command_that_is_not_installed_is_in_the_list() -> None:
    """With what to install."""
    ended = finish("--help", command=(sys.executable, "-c", WITHOUT_PLUGINS))
    assert (ended.status, ended.err) == (0, "")
    text = "".join(ended.out.decode().split())  # the list is wrapped, at hyphens as well
    assert "simNotinstalled;inacloneofgochan:pipinstall./plugins/gochan-sim" in text


def test_a_command_that_is_blocked_or_broken_is_not_called_missing(install: Install) -> None:
    """Installing it again would not help."""
    line = complaint(finish("sim", variables={"GOCHAN_BLOCK_PLUGINS": "sim"}))
    assert line.endswith("is in the distribution gochan-sim, which is blocked")
    variables = install(sim="import nonexistent_module")
    ended = finish("sim", variables=variables)
    assert ended.status == 2
    problem, line = ended.err.splitlines()
    assert "No module named 'nonexistent_module'" in problem
    assert line.endswith("is in the distribution gochan-sim, which is broken")
