"""The command line: options, bad input, help, and the list of plugins."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from .. import processes
from ..processes import ONE, Ended, RunLines, finish

gochan = processes.gochan
run_lines = processes.run_lines

VERSION = version("trio-gochan")

Call = Callable[..., Ended]
Install = Callable[[str, str], dict[str, str]]


def complaint(ended: Ended) -> str:
    """Return the one line that says what is wrong."""
    assert ended.status == 2
    assert ended.out == b""
    lines = ended.err.splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("gochan: ")
    return lines[0]


# Options


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], ["nonsense"]),
        (["plugin"], ["plugin", "Did you mean", "'plugins'"]),
        (["--nonsense"], ["--nonsense"]),
        (["run"], ["no command"]),
        (["run", "--"], ["no command"]),
        (["run", "--workers", "2"], ["no command"]),
        (["run", "--wrokers", "2", "echo"], ["--wrokers", "--workers"]),
        (["run", "--workers"], ["--workers"]),
        (["run", "--retries", "0", "echo"], ["--retries", "0"]),
        (["run", "--delay", "-1", "echo"], ["--delay", "-1"]),
        (["run", "--halt", "later", "echo"], ["--halt", "later", "soon,fail=1"]),
        (["run", "--rate", "10", "echo"], ["--rate", "10/s"]),
        (["run", "--load", "0", "echo"], ["--load", "100%"]),
        (["run", "--memory-free", "much", "echo"], ["--memory-free", "500M"]),
        (["run", "--workers", "1.5", "echo"], ["--workers", "1.5"]),
        (["run", "--workers", "many", "echo"], ["--workers", "many"]),
        (["run", "--capacity", "-1", "echo"], ["--capacity", "-1"]),
        (["run", "--timeout", "0", "echo"], ["--timeout", "0"]),
        (["run", "--timeout", "-1", "echo"], ["--timeout", "-1"]),
        (["run", "--timeout", "soon", "echo"], ["--timeout", "soon"]),
        (["run", "--timeout", "nan", "echo"], ["--timeout", "nan"]),
        (["run", "--drain", "-1", "echo"], ["--drain", "-1"]),
        (["run", "--drain", "nan", "echo"], ["--drain", "nan"]),
        (["run", "--grace", "-1", "echo"], ["--grace", "-1"]),
        (["run", "--grace", "nan", "echo"], ["--grace", "nan"]),
        (["run", "--strategy", "nonsense", "echo"], ["--strategy", "nonsense", "block"]),
        (["run", "--strategy", "drop-odest", "echo"], ["Did you mean 'drop-oldest'"]),
        (["run", "--strategy", "drop-oldest", "--capacity", "0", "echo"], ["capacity", "0"]),
        (
            ["run", "--strategy", "drop-oldest(cap=3)", "echo"],
            ["it has no option 'cap'; did you mean 'capacity'? Its options: capacity"],
        ),
        (["run", "--input", "/nonexistent/x", "echo"], ["--input", "/nonexistent/x", "No such"]),
        (["run", "--input", "/dev", "echo"], ["--input", "/dev", "directory"]),
        (["run", "--left-over", "/nonexistent/x", "echo"], ["--left-over", "No such"]),
        (["run", "--left-over", "/dev", "echo"], ["--left-over", "/dev", "directory"]),
        (["plugins", "extra"], ["extra"]),
        (["plugins", "--yaml"], ["--yaml"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    gochan: Call, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    """With status 2, and before anything has started."""
    if arguments[0] == "run" and "--input" not in arguments:
        (tmp_path / "lines").write_text("1\n2\n")
        arguments[1:1] = ["--input", str(tmp_path / "lines")]
    line = complaint(gochan(*arguments))
    for word in words:
        assert word in line


@pytest.mark.parametrize("options", [["--timeout", "inf"], ["--drain", "inf", "--grace", "1e300"]])
def test_for_ever_is_a_time_too(run_lines: RunLines, options: list[str]) -> None:
    """A user who wants no limit may say so."""
    ended = run_lines(b"a\n", *options, "--", "echo")
    assert (ended.status, ended.out) == (0, b"a\n")


@pytest.mark.parametrize("command", ["nonexistent-command", "/nonexistent/command", ""])
def test_a_command_that_does_not_exist_is_127(run_lines: RunLines, command: str) -> None:
    """As in a shell, in one line, and no line of input is read."""
    ended = run_lines(b"a\nb\n", "--", command, "x")
    assert (ended.status, ended.out) == (127, b"")
    assert ended.err == f"gochan: {command}: command not found\n"


def test_the_header_may_have_the_value_that_it_has_elsewhere(gochan: Call) -> None:
    """GNU parallel wants a colon there; without --header, it is a command."""
    ended = gochan("run", "-q", "--header", ":", "--jobs", "1", "echo", "{a}:", ":::", "a", "1")
    assert (ended.status, ended.out) == (0, b"1:\n")
    ended = gochan("run", *ONE, "echo", "--header", ":", "{}", ":::", "a")
    assert ended.out == b"--header : a\n"
    assert gochan("run", "--header", ":").status == 2
    assert gochan("run", ":", "{a}", ":::", "a").status == 127


@pytest.mark.parametrize(
    ("command", "why"), [("/dev", "it is a folder"), ("/etc/passwd", "permission denied")]
)
def test_what_cannot_be_executed_is_126(run_lines: RunLines, command: str, why: str) -> None:
    """As in a shell."""
    ended = run_lines(b"a\nb\n", "--", command, "x")
    assert (ended.status, ended.out) == (126, b"")
    assert ended.err == f"gochan: {command}: cannot be executed: {why}\n"


def test_a_file_that_is_no_command_leaves_the_left_over_file_alone(
    run_lines: RunLines, tmp_path: Path
) -> None:
    """Nothing was tried, so nothing has changed."""
    (tmp_path / "lines").write_text("a\n")
    run_lines(b"a\n", "--left-over", tmp_path / "lines", "--", "nonexistent-command")
    assert (tmp_path / "lines").read_text() == "a\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["printf", "%s.", "--workers", "x", "--help", "-n"],
        ["--", "printf", "%s.", "--workers", "x", "--help", "-n"],
        ["--workers", "1", "printf", "%s.", "--workers", "x", "--help", "-n"],
    ],
)
def test_what_follows_the_command_belongs_to_it(run_lines: RunLines, arguments: list[str]) -> None:
    """Also without -- in front of it."""
    assert run_lines(b"line\n", *arguments).out == b"--workers.x.--help.-n.line."


def test_a_second_pair_of_dashes_belongs_to_the_command(run_lines: RunLines) -> None:
    """As ``rm --`` wants it."""
    assert run_lines(b"-x\n", "--", "printf", "--", "%s.", "--").out == b"--.-x."


# Bad input


@pytest.mark.parametrize("line", [b"\xff\xfe", b"half \xc3", bytes(range(128, 256))])
def test_a_line_that_is_not_utf_8_reaches_the_command_byte_for_byte(
    run_lines: RunLines, line: bytes
) -> None:
    """A name of a file may be anything."""
    ended = run_lines(line + b"\n", "--", "printf", "%s")
    assert (ended.status, ended.out) == (0, line)


@pytest.mark.parametrize(("bad", "why"), [(b"a\0b", "NUL")])
def test_a_line_that_cannot_be_passed_on_ends_the_input(
    run_lines: RunLines, tmp_path: Path, bad: bytes, why: str
) -> None:
    """What was read before is still done; the rest is left over, byte by byte."""
    left = tmp_path / "left"
    lines = [b"first", b"second", bad, b"fourth", b"fifth"]
    ended = run_lines(
        b"\n".join(lines), "--workers", "1", "--left-over", left, "--", "sh", "-c",
        'test "$1" = first && echo ok', "sh",
    )  # fmt: skip
    assert ended.status == 2
    assert ended.out == b"ok\n"
    assert left.read_bytes() == b"".join(line + b"\n" for line in lines[1:])
    assert len(ended.complaints) == 1
    assert why in ended.complaints[0]
    assert "Traceback" not in ended.err
    assert ended.summary == {"done": "1", "failed": "1", "never started": "3"}


def test_the_complaint_names_the_line_as_an_editor_counts_it(run_lines: RunLines) -> None:
    """Empty lines count, although they are passed over."""
    assert "line 5 " in run_lines(b"a\n\n\nb\nx\0y\nc\n", "--", "true").complaints[0]


@pytest.mark.parametrize(
    ("how", "words"),
    [("<&-", ["standard input", "closed"]), ("0>/dev/null", ["cannot read the input"])],
)
def test_standard_input_that_cannot_be_read_is_a_problem(how: str, words: list[str]) -> None:
    """Closed, or open only to write."""
    ended = finish("run", "--", "echo", shell=f'exec "$@" {how}')
    assert ended.status == 2
    assert len(ended.complaints) == 1
    for word in words:
        assert word in ended.complaints[0]
    assert "Traceback" not in ended.err


def test_standard_input_may_be_closed_if_the_lines_are_elsewhere(tmp_path: Path) -> None:
    """Its descriptor goes to the file, perhaps."""
    (tmp_path / "lines").write_text("a\nb\n")
    arguments = ["run", "--workers", "1", "--input", tmp_path / "lines", "--", "echo"]
    ended = finish(*arguments, shell='exec "$@" <&-')
    assert (ended.status, ended.out) == (0, b"a\nb\n")


# Help


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_names_the_commands(gochan: Call, arguments: list[str]) -> None:
    """On standard output, with status 0."""
    ended = gochan(*arguments)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(b"Usage: gochan ")
    assert re.search(rb"\n  plugins +\S.*\n(  .*\n)*  run +\S", ended.out)


def test_without_a_command_help_comes_as_a_complaint(gochan: Call) -> None:
    """On standard error, with status 2."""
    ended = gochan()
    assert (ended.status, ended.out) == (2, b"")
    assert ended.err.startswith("Usage: gochan ")


def test_help_for_run_says_what_one_has_to_know(gochan: Call) -> None:
    """Every option, the braces, and the exit statuses."""
    ended = gochan("run", "--help")
    assert (ended.status, ended.err) == (0, "")
    words = "{} --workers --strategy --capacity --timeout --keep-going --input --left-over"
    for word in [*words.split(), "--drain", "--grace", "127", "130", "143", "141"]:
        assert word in ended.out.decode()


def test_help_for_plugins_explains_its_exit_status(gochan: Call) -> None:
    """It is 1 where something is wrong."""
    ended = gochan("plugins", "--help")
    assert ended.status == 0
    assert b"Exit status: 1" in ended.out
    for word in ("--strategies", "--json", "--trace", "[STRATEGY]..."):
        assert word in ended.out.decode()


def test_the_version_is_that_of_the_distribution(gochan: Call) -> None:
    """Which is not called gochan."""
    assert gochan("--version") == Ended(0, f"gochan, version {VERSION}\n".encode(), "")


# Plugins

BUILT_IN = {
    "name": "built-in",
    "distribution": "trio-gochan",
    "version": VERSION,
    "status": "active",
    "strategies": ["block", "drop-on-full", "priority-cancel"],
    "commands": [],
    "stores": [],
    "directories": [],
    "providers": [],
    "problem": "",
}

OFFER = """
from gochan import StrategySpec, hookimpl
from gochan.strategies import Block

@hookimpl
def gochan_strategies():
    yield StrategySpec({!r}, Block, "for a test")
"""


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Install a plugin for other processes: return what their environment needs."""

    def write(name: str, program: str) -> dict[str, str]:
        information = tmp_path / f"gochan_{name}-0.3.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: gochan-{name}\nVersion: 0.3\n"
        )
        (information / "entry_points.txt").write_text(f"[gochan]\n{name} = {name}\n")
        (tmp_path / f"{name}.py").write_text(program)
        path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
        return {"PYTHONPATH": path}

    return write


def listed(ended: Ended) -> dict[str, dict[str, Any]]:
    """Return the rows of the JSON list by name."""
    return {row["name"]: row for row in json.loads(ended.out)}


def test_plugins_are_listed_in_a_table(gochan: Call) -> None:
    """The built-in strategies first."""
    ended = gochan("plugins")
    assert (ended.status, ended.err) == (0, "")
    header, _, *rows = [line for line in ended.out.decode().splitlines() if line.strip()]
    assert header.split() == ["NAME", "DISTRIBUTION", "VERSION", "STATUS", "OFFERS"]
    assert rows[0].split()[:5] == ["built-in", "trio-gochan", VERSION, "active", "block,"]
    assert any(row.split()[0] == "drop-oldest" for row in rows)


def test_plugins_are_listed_as_json(gochan: Call) -> None:
    """With the same fields for each."""
    ended = gochan("plugins", "--json")
    assert (ended.status, ended.err) == (0, "")
    rows = json.loads(ended.out)
    assert rows[0] == BUILT_IN
    assert listed(ended)["drop-oldest"]["strategies"] == ["drop-oldest"]


BROKEN = {
    "missing": ("import nonexistent_module", "No module named 'nonexistent_module'"),
    "raising": ("raise RuntimeError('[bold]two\\nlines')", "RuntimeError: [bold]two lines"),
    "empty": ("", "implements no hook"),
    "silent": (
        "class E(Exception):\n    __str__ = None\nraise E",
        "E, whose text cannot be shown",
    ),
    "leaving": ("import sys; sys.exit(0)", "SystemExit: 0"),
}


@pytest.mark.parametrize("names", [["missing", "raising", "empty", "silent"], ["leaving"]])
def test_a_broken_plugin_is_listed_with_its_problem(install: Install, names: list[str]) -> None:
    """Whatever it does wrong. The status is 1, and the others work."""
    for name in names:
        variables = install(name, BROKEN[name][0])
    ended = finish("plugins", "--json", variables=variables)
    assert (ended.status, ended.err) == (1, "")
    rows = listed(ended)
    for name in names:
        assert BROKEN[name][1] in rows[name].pop("problem")
        assert rows[name] == {
            "name": name,
            "distribution": f"gochan-{name}",
            "version": "0.3",
            "status": "broken",
            "strategies": [],
            "commands": [],
            "stores": [],
            "directories": [],
            "providers": [],
        }
    assert rows["built-in"] == BUILT_IN


def test_the_table_says_which_plugin_is_broken_and_why(install: Install) -> None:
    """Below the rows, and as it is."""
    variables = install("broken", "raise RuntimeError('[bold]x[/bold] :smile:')")
    ended = finish("plugins", variables=variables)
    assert ended.status == 1
    lines = ended.out.decode().splitlines()
    assert any(re.match(r" broken +gochan-broken +0.3 +broken", line) for line in lines)
    assert lines[-1] == (
        "gochan plugin 'broken' (gochan-broken 0.3) is broken and was skipped: RuntimeError: "
        "[bold]x[/bold] :smile:. Fix, update or uninstall it, or set GOCHAN_BLOCK_PLUGINS=broken."
    )


def test_a_broken_plugin_stops_only_programs_that_use_it(install: Install) -> None:
    """And then it is named."""
    variables = install("broken", "import nonexistent_module")
    ended = finish("run", "--", "echo", lines=b"a\n", variables=variables)
    assert (ended.status, ended.out) == (0, b"a\n")
    assert ended.complaints == []
    arguments = ["run", "--strategy", "drop-oldest", "--", "echo"]
    ended = finish(*arguments, lines=b"a\n", variables=variables)
    assert (ended.status, ended.out) == (0, b"a\n")
    (line,) = ended.complaints
    assert line.startswith("gochan: gochan plugin 'broken' (gochan-broken 0.3) is broken and was")
    line = complaint(finish("run", "--strategy", "broken", "--", "echo", variables=variables))
    assert "gochan plugin 'broken' (gochan-broken 0.3) is broken and was skipped: Module" in line
    line = complaint(finish("run", "--strategy", "other", "--", "echo", variables=variables))
    assert "Broken or blocked plugins were skipped: broken" in line


def test_a_strategy_of_two_plugins_is_a_problem(install: Install) -> None:
    """It belongs to neither; the status is 1."""
    variables = install("rival", OFFER.format("drop-oldest"))
    ended = finish("plugins", "--json", variables=variables)
    assert ended.status == 1
    rows = listed(ended)
    assert "rival" in rows["drop-oldest"]["problem"]
    assert "gochan-drop-oldest" in rows["rival"]["problem"]
    line = complaint(finish("run", "--strategy", "drop-oldest", "--", "echo", variables=variables))
    assert "rival" in line


def test_a_strategy_of_a_plugin_can_be_used_and_blocked(install: Install) -> None:
    """A blocked plugin is listed, and nothing is wrong with that."""
    variables = install("mine", OFFER.format("patience"))
    arguments = ["run", "--strategy", "patience", "--", "echo"]
    assert finish(*arguments, lines=b"a\n", variables=variables).out == b"a\n"
    variables["GOCHAN_BLOCK_PLUGINS"] = "mine"
    ended = finish("plugins", "--json", variables=variables)
    assert ended.status == 0
    assert listed(ended)["mine"]["status"] == "blocked"
    assert "patience" in complaint(finish(*arguments, variables=variables))


def test_what_plugins_print_does_not_mix_with_what_the_command_prints(install: Install) -> None:
    """It goes to standard error: when they are imported, and when they make a strategy."""
    program = (
        OFFER.format("mine").replace(" Block, ", " make, ")
        + """
print("hello from the plugin")

def make(capacity):
    print("hello from the factory")
    return Block(capacity)
"""
    )
    variables = install("mine", program)
    ended = finish("plugins", "--json", variables=variables)
    assert (ended.status, ended.err) == (0, "hello from the plugin\n")
    assert listed(ended)["mine"]["strategies"] == ["mine"]
    ended = finish("run", "--strategy", "mine", "--", "echo", lines=b"a\n", variables=variables)
    assert (ended.status, ended.out) == (0, b"a\n")
    assert ended.err.startswith("hello from the plugin\nhello from the factory\n")


def test_strategies_are_listed_with_their_options(gochan: Call) -> None:
    """What can be written after --strategy, and what it does."""
    ended = gochan("plugins", "--strategies")
    assert (ended.status, ended.err) == (0, "")
    paragraphs = ended.out.decode().split("\n\n")
    assert paragraphs[0].splitlines() == [
        "block(capacity)",
        "    when full, the sender waits",
        f"    order of plugin 'built-in' (trio-gochan {VERSION})",
        "    promises: fifo, bounded, no-starvation, lossless",
    ]
    assert any(paragraph.startswith("drop-oldest(capacity)\n") for paragraph in paragraphs)


def test_strategies_are_listed_as_json(gochan: Call) -> None:
    """The same, and the description."""
    ended = gochan("plugins", "--strategies", "--json")
    assert (ended.status, ended.err) == (0, "")
    row = listed(ended)["drop-oldest"]
    assert row.pop("description").startswith("Admit every item; ")
    assert row.pop("version")
    assert row == {
        "name": "drop-oldest",
        "kind": "order",
        "options": "(capacity)",
        "summary": "when full, the oldest item makes room",
        "promises": ["fifo", "bounded", "no-starvation", "never-waits"],
        "plugin": "drop-oldest",
        "distribution": "gochan-drop-oldest",
    }


def test_a_strategy_is_explained_by_its_name(gochan: Call) -> None:
    """All that is known about it, and about no other."""
    ended = gochan("plugins", "drop-oldest")
    assert (ended.status, ended.err) == (0, "")
    text = ended.out.decode()
    assert text.startswith("drop-oldest(capacity)\n    when full, the oldest item makes room\n")
    assert "    promises: never more items wait than the capacity (bounded)\n" in text
    assert "\n    Args:\n        capacity: how many items may wait, at least 1.\n" in text
    assert "block(" not in text
    assert [*listed(gochan("plugins", "drop-oldest", "block", "--json"))] == [
        "block",
        "drop-oldest",
    ]
    assert "Did you mean 'drop-oldest'?" in complaint(gochan("plugins", "drop-odlest"))


def test_the_loading_of_plugins_can_be_traced(install: Install) -> None:
    """On standard error, so that the list stays what it is."""
    variables = install("broken", "import nonexistent_module")
    ended = finish("plugins", "--trace", "--json", variables=variables)
    assert ended.status == 1
    assert listed(ended)["built-in"] == BUILT_IN
    assert re.search(r"\n'drop-oldest' .*: imported gochan_drop_oldest, [\d.]+ ms\n", ended.err)
    assert "\nModuleNotFoundError: No module named 'nonexistent_module'\n" in ended.err


def test_an_interrupt_while_plugins_load_ends_it_quietly(install: Install) -> None:
    """With the status that shells expect."""
    ended = finish("plugins", variables=install("slow", "raise KeyboardInterrupt"))
    assert (ended.status, ended.err) == (130, "")


BROKEN_STRATEGIES = {
    "making": "def make(**_): raise LookupError('no')",
    "leaving": "def make(**_): raise SystemExit(7)",
    "refusing": "def make(**_): raise ValueError('no')",
    "chaining": """
from gochan.strategies import Filter

class make(Filter):
    def __init__(self, capacity): super().__init__()
    def __or__(self, other): raise LookupError('no')
""",
    "offering": """
class make(Block):
    def offer(self, item, now): raise LookupError('no')
""",
    "taking": """
class make(Block):
    def take(self, now):
        if self.items: raise LookupError('no')
        return super().take(now)
""",
    "finishing": """
class make(Block):
    def finished(self, *_, **__): raise LookupError('no')
""",
    "closing": """
class make(Block):
    def close(self): raise LookupError('no')
""",
}


@pytest.mark.parametrize("body", BROKEN_STRATEGIES.values(), ids=BROKEN_STRATEGIES)
def test_a_broken_strategy_is_a_problem_in_one_line(
    install: Install, tmp_path: Path, body: str
) -> None:
    """That names it. No line is lost."""
    variables = install("mine", OFFER.format("mine").replace(" Block, ", " make, ") + body)
    left = tmp_path / "left"
    strategy = "mine(1) | block(1)" if "__or__" in body else "mine"
    arguments = ["run", "--strategy", strategy, "--left-over", left, "--", "false"]
    ended = finish(*arguments, lines=b"1\n2\n3\n", variables=variables)
    (line,) = ended.complaints
    assert ended.status == 2
    assert f"{strategy!r}" in line
    assert "Traceback" not in ended.err
    if left.exists():
        assert left.read_bytes() == b"1\n2\n3\n"


def test_a_complaint_that_nobody_can_read_changes_no_status() -> None:
    """The status says it, too, whether Python keeps what it writes for a while or not."""
    for unbuffered in ("", "1"):
        shell = f'export PYTHONUNBUFFERED={unbuffered}; exec "$@" 2>/dev/full'
        assert finish("run", "--nope", shell=shell).status == 2
        assert finish("run", "nonexistent-x", shell=shell).status == 127


def test_a_table_can_be_written_in_any_encoding() -> None:
    """If need be without its lines."""
    ended = finish("plugins", variables={"PYTHONIOENCODING": "ascii"})
    assert (ended.status, ended.err) == (0, "")
    assert b"built-in" in ended.out


def test_a_strategy_that_does_not_suit_the_lines_is_an_error_in_its_own_words(
    tmp_path: Path,
) -> None:
    """Not in those of the tasks in which it was asked; and no line is lost."""
    left = tmp_path / "left"
    arguments = ["run", "--strategy", "fair(tenant)", "--left-over", left, "--", "echo"]
    line = complaint(finish(*arguments, lines=b"a\nb\n"))
    assert line.startswith("gochan: strategy 'fair(tenant)' is broken: LookupError(")
    assert "has no 'tenant'" in line
    assert left.read_bytes() == b"a\nb\n"


def test_a_dash_is_no_file_for_what_is_left_over(tmp_path: Path) -> None:
    """As it would be for the input."""
    assert "--left-over" in complaint(finish("run", "--left-over", "-", "--", "echo"))


# Output that goes nowhere


@pytest.mark.parametrize("arguments", [["plugins"], ["plugins", "--json"]])
def test_a_list_that_nobody_reads_ends_quietly(arguments: list[str]) -> None:
    """With the status of a broken pipe, since 1 means that a plugin is broken."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = finish(*arguments, stdout=write_end)
    os.close(write_end)
    assert ended.status in (141, -signal.SIGPIPE)
    assert ended.err == ""


def test_head_gets_its_line_of_a_list() -> None:
    """Whether or not the rest still goes out."""
    ended = finish("plugins", "--json", shell='"$@" | head -1')
    assert (ended.out, ended.err) == (b"[\n", "")


@pytest.mark.parametrize("arguments", [["plugins"], ["--help"]])
def test_a_list_that_cannot_be_written_is_a_problem_in_one_line(arguments: list[str]) -> None:
    """The disk is full."""
    ended = finish(*arguments, shell='exec "$@" >/dev/full')
    assert "No space left" in complaint(ended)
