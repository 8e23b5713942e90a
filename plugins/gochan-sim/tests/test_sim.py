"""``gochan sim``: what it prints, and what it says is wrong; and that its page tells the truth."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gochan_sim._loads import SCENARIOS, Arrival, Load
from gochan_sim._sim import (
    USUAL,
    Result,
    Series,
    as_json_list,
    as_table,
    compare,
    invented,
    recorded,
    usual_strategies,
)

from gochan.lowlevel import strategy_for_jobs

from . import calls
from .calls import Ended, finish

gochan = calls.gochan

Call = Callable[..., Ended]

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "simulate-a-load.md"


def make(text: str) -> Any:
    return strategy_for_jobs(text)


def complaint(ended: Ended) -> str:
    """Return the one line that says what is wrong."""
    assert ended.status == 2
    assert ended.out == b""
    (line,) = ended.err.splitlines()
    assert line.startswith("gochan: ")
    return line


# The usual strategies in both scenarios: what a strategy is chosen by


@pytest.fixture(scope="module")
def usual() -> list[tuple[Series, list[Result]]]:
    """What ``gochan sim`` compares, as far as it is installed."""
    strategies, _ = usual_strategies(make)
    series = [invented(scenario, 8, 4) for scenario in SCENARIOS]
    return [(one, compare(one, strategies, make, 4)) for one in series]


@pytest.fixture(params=[0, 1], ids=["overload", "slow-workers"])
def figures(request: pytest.FixtureRequest, usual: Any) -> Callable[[str], Any]:
    """The figures of a strategy in one of the scenarios."""
    _, results = usual[request.param]
    found = {result.strategy: result.figures for result in results}

    def look_up(text: str) -> Any:
        if text not in found:
            pytest.skip(f"{USUAL[text]} is not installed")
        return found[text]

    look_up.overload = request.param == 0  # type: ignore[attr-defined]
    return look_up


@pytest.mark.parametrize("text", ["drop-on-full(200)", "drop-oldest(200)"])
def test_a_big_buffer_protects_nothing(figures: Any, text: str) -> None:
    """It does no better than to let everybody wait."""
    one, block = figures(text), figures("block(inf)")
    assert one.goodput < 15
    assert one.goodput == pytest.approx(block.goodput, abs=2)
    assert one.wasted > 700
    assert one.recovery > 10


def test_a_small_buffer_is_good_until_workers_change(figures: Any) -> None:
    """Its size is right for one speed."""
    one = figures("drop-on-full(20)")
    if figures.overload:
        assert one.goodput > 90
        assert one.wasted < 50
    else:
        assert one.goodput < 15


def test_dropping_the_oldest_helps_only_if_few_wait(figures: Any) -> None:
    """What is left is younger, but not young enough if workers are slow."""
    one = figures("drop-oldest(20)")
    assert one.goodput > 95 if figures.overload else 40 < one.goodput < 60


def test_newest_first_answers_many_but_recovers_late(figures: Any) -> None:
    """Old jobs stay behind, and are done too late."""
    one = figures("lifo(200)")
    assert one.goodput > 80
    assert one.wasted > 150
    assert one.recovery > 10


def test_what_is_late_already_is_not_all_that_will_be_late(figures: Any) -> None:
    """The work takes time, too."""
    late, slack = (
        figures("deadline(1.0, slack=0) | block(200)"),
        figures("deadline(1.0) | block(200)"),
    )
    assert late.goodput < 35
    assert slack.goodput > 80


def test_shedding_by_age_is_best_in_both(figures: Any) -> None:
    """It answers, wastes nothing, and has recovered at once. It knows only the patience."""
    best = figures("codel(1.0, capacity=200)")
    assert best.goodput > (95 if figures.overload else 80)
    assert best.recovery < 1
    assert best.wasted < (2 if figures.overload else 60)
    others = [figures(text) for text in USUAL if "codel" not in text and figures(text).goodput > 80]
    assert len(others) >= 2
    for other in others:
        assert best.goodput > other.goodput - 3
        assert best.p99 <= other.p99
        assert best.wasted <= other.wasted
        assert best.recovery <= other.recovery
    assert best.p50 < figures("codel(1.0, capacity=200, lifo=False)").p50


def words(text: str) -> list[list[str]]:
    """Return the words of each line; how columns are filled up depends on what is in them."""
    return [line.split() for line in text.splitlines() if set(line) - {" ", "─"}]


def blocks() -> list[str]:
    """Return what stands on the page between fences: commands, and what they print."""
    return re.findall(r"^```\w*\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_the_page_shows_what_the_command_prints(usual: Any) -> None:
    """All rows that can be made here, to the last figure, and one for each usual strategy."""
    command, table = blocks()[:2]
    assert command == "gochan sim\n"
    printed = words("\n".join(as_table(*one, 100) for one in usual))
    assert [line for line in words(table) if line in printed] == printed
    for text in USUAL:
        assert table.count(f"\n {text} ") == 2


def test_the_recorded_load_on_the_page_gives_what_stands_there(
    gochan: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the lines that its queue has printed; see the page for the rest of the check."""
    shown = blocks()
    (index,) = [at for at, block in enumerate(shown) if block.startswith("gochan sim --load")]
    record, command, table = shown[index - 1 : index + 2]
    monkeypatch.chdir(tmp_path)
    Path("yesterday.jsonl").write_text(record)
    ended = gochan(*shlex.split(command.replace("\\\n", ""))[1:])
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.decode() == table


# What is printed


def tiny(*services: float, name: str = "tiny") -> Series:
    arrivals = (Arrival(float(at), service, 2.0) for at, service in enumerate(services))
    return Series(name, "a few jobs", [Load(tuple(arrivals))])


def test_a_table_has_a_row_for_each_strategy() -> None:
    """And only the columns in which there is something."""
    series = tiny(3, 1, 1, 0.5)
    results = compare(series, ["block(9)", "drop-on-full(1)"], make, 1)
    assert as_table(series, results, 80) == (
        "tiny: a few jobs\n"
        "\n"
        " STRATEGY         GOODPUT  P50 ms  P99 ms    SHED  WASTED\n"
        " ────────────────────────────────────────────────────────\n"
        " block(9)             0 %       -       -               4\n"
        " drop-on-full(1)     25 %    1500    1500  1 full       2\n"
    )


def test_all_that_was_not_done_is_reported_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused, dropped, handed back, never given out; and a recovery that never came."""
    series = invented(SCENARIOS[1], 1, 4)
    (result,) = compare(series, ["block(9)"], make, 4)
    object.__setattr__(result.figures, "refused", {"full": 3.4, "both": 1.0})
    object.__setattr__(result.figures, "dropped", {"old": 2.0, "both": 1.0})
    object.__setattr__(result.figures, "handed_back", 5.0)
    object.__setattr__(result.figures, "left", 7.0)
    object.__setattr__(result.figures, "recovery", math.inf)
    text = as_table(series, [result], 200)
    assert "3 full, 2 both, 2 old, 5 handed back, 7 never given out" in text
    assert text.split()[-1] == "never"
    (row,) = json.loads(as_json_list([(series, [result])]))
    assert row["recovery"] is None


def test_markup_in_a_name_is_shown_as_it_is() -> None:
    """A name is not a command to the terminal."""
    series = tiny(1)
    (result,) = compare(series, ["block(1)"], make, 1)
    odd = Result("[bold]fair('x')[/bold] :smile:", result.figures, result.course)
    assert "[bold]fair('x')[/bold] :smile:" in as_table(series, [odd], 100)


def test_a_narrow_table_keeps_its_figures() -> None:
    """The names take more lines instead, and no line is longer than the terminal."""
    series = tiny(1)
    results = compare(series, ["block(123456789123456789)"], make, 1)
    lines = as_table(series, results, 40).splitlines()
    assert max(map(len, lines)) <= 40
    assert any("100 %" in line and "1000" in line for line in lines)


def test_json_has_every_figure() -> None:
    """Of each load and strategy; with refused and dropped jobs apart."""
    series = [tiny(3, 1, 1, 0.5), tiny(1, name="one")]
    tried = [(one, compare(one, ["drop-on-full(1)"], make, 1)) for one in series]
    rows = json.loads(as_json_list(tried))
    assert [(row["load"], row["strategy"]) for row in rows] == [
        ("tiny", "drop-on-full(1)"),
        ("one", "drop-on-full(1)"),
    ]
    assert rows[0] == {
        "load": "tiny",
        "strategy": "drop-on-full(1)",
        "jobs": 4,
        "answered": 1,
        "goodput": 25,
        "p50": 1.5,
        "p99": 1.5,
        "refused": {"full": 1},
        "dropped": {},
        "handed_back": 0,
        "left": 0,
        "wasted": 2,
        "recovery": None,
    }


def test_what_a_series_is_about() -> None:
    """In words, one or many of a thing."""
    line = b'{"arrival": 3, "service": 1}\n'
    assert recorded(line, "x", None, 1).summary == "1 job in 0 s; 1 worker"
    assert recorded(line * 1200, "x", None, 2).summary == "1,200 jobs in 0 s; 2 workers"
    assert recorded(line, "-", None, 1).name == "standard input"
    assert recorded(line, "x", 7.0, 1).loads[0].arrivals[0].patience == 7
    assert "; means of 3 seeds" in invented(SCENARIOS[0], 3, 1).summary
    assert "means" not in invented(SCENARIOS[0], 1, 1).summary


# The command


def test_without_options_it_shows_what_there_is(gochan: Call) -> None:
    """Both scenarios, and the usual strategies."""
    ended = gochan("sim", "--seeds", "1")
    assert ended.status == 0
    out = ended.out.decode()
    assert re.findall("^[a-z-]+(?=: )", out, flags=re.MULTILINE) == ["overload", "slow-workers"]
    assert out.count("\n block(inf) ") == 2
    assert "\n\nslow-workers: " in out


def test_one_scenario_and_some_strategies(gochan: Call) -> None:
    """In the order in which they are named."""
    ended = gochan(
        "sim", "--scenario", "slow-workers", "--seeds", "2", "--workers", "3", "--json",
        "--strategy", "drop-on-full(5)", "--strategy", "block",
    )  # fmt: skip
    assert (ended.status, ended.err) == (0, "")
    rows = json.loads(ended.out)
    assert [(row["load"], row["strategy"]) for row in rows] == [
        ("slow-workers", "drop-on-full(5)"),
        ("slow-workers", "block"),
    ]


def test_a_load_is_read_from_standard_input() -> None:
    """As from a file."""
    lines = b'{"arrival": 1, "service": 2}\n{"arrival": 0, "service": 1, "patience": 0.5}\n'
    ended = finish("sim", "--load", "-", "--strategy", "block(1)", "--json", lines=lines)
    assert (ended.status, ended.err) == (0, "")
    (row,) = json.loads(ended.out)
    assert (row["load"], row["jobs"], row["answered"]) == ("standard input", 2, 1)


def test_closed_standard_input_is_an_error() -> None:
    """In one line, with what helps."""
    line = complaint(finish("sim", "--load", "-", shell='exec "$@" <&-'))
    assert line == "gochan: standard input is closed; name a file with --load"


def test_the_patience_of_a_recorded_load_can_be_said(gochan: Call, tmp_path: Path) -> None:
    """For the jobs that do not say it."""
    path = tmp_path / "load"
    path.write_text('{"arrival": 0, "service": 3}\n{"arrival": 9, "service": 3, "patience": 4}\n')
    arguments = ["sim", "--load", path, "--strategy", "block(1)", "--json"]
    assert json.loads(gochan(*arguments).out)[0]["answered"] == 2
    assert json.loads(gochan(*arguments, "--patience", "2").out)[0]["answered"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["extra"], ["extra"]),
        (["--yaml"], ["--yaml"]),
        (["--scenario", "nonsense"], ["--scenario", "nonsense", "overload", "slow-workers"]),
        (["--workers", "0"], ["--workers", "0"]),
        (["--workers", "many"], ["--workers", "many"]),
        (["--seeds", "0"], ["--seeds", "0"]),
        (["--seeds", "-1"], ["--seeds", "-1"]),
        (["--seeds", "1.5"], ["--seeds", "1.5"]),
        (["--strategy", "nonsense"], ["--strategy", "'nonsense'", "known are", "block"]),
        (["--strategy", "blok(3)"], ["--strategy", "Did you mean 'block'"]),
        (["--strategy", "block(3"], ["--strategy", "block(3"]),
        (["--strategy", "block(-3)"], ["--strategy", "capacity", "-3"]),
        (["--strategy", "block(3, lifo=True)"], ["--strategy", "'block'", "lifo"]),
        (["--strategy", "block(3) | block(4)"], ["--strategy", "order"]),
        (["--strategy", ""], ["--strategy", "''"]),
        (["--load", "/nonexistent/x"], ["--load", "/nonexistent/x", "No such"]),
        (["--load", "/dev"], ["--load", "/dev", "directory"]),
        (["--load", "x", "--scenario", "overload"], ["--load", "--scenario"]),
        (["--load", "x", "--seeds", "3"], ["--load", "--seeds"]),
        (["--patience", "3"], ["--patience", "--load"]),
        (["--load", "x", "--patience", "0"], ["--patience", "0"]),
        (["--load", "x", "--patience", "nan"], ["--patience", "nan"]),
        (["--plot", "x.png"], ["--plot", "x.png", ".svg"]),
        (["--plot", ""], ["--plot", ".svg"]),
        (["--plot", "/nonexistent/x.svg"], ["--plot", "/nonexistent/x.svg", "No such"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    gochan: Call, arguments: list[str], words: list[str]
) -> None:
    """With status 2, and before anything has been simulated."""
    line = complaint(gochan("sim", *arguments))
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["it has no jobs"]),
        ('{"arrival": 0, "service": 1}\n{"arrival": 0}\n', ["line 2", "'service' is missing"]),
        ('\n\n{"arrival": NaN, "service": 1}\n', ["line 3", "NaN"]),
    ],
)
def test_the_error_of_a_bad_load_names_its_line(
    gochan: Call, tmp_path: Path, text: str, words: list[str]
) -> None:
    """Nothing is printed, and no picture is drawn."""
    path, picture = tmp_path / "load.jsonl", tmp_path / "x.svg"
    path.write_text(text)
    line = complaint(gochan("sim", "--load", path, "--plot", picture))
    for word in [str(path), *words]:
        assert word in line
    assert not picture.exists()


PLUGIN = """
from gochan import StrategySpec, hookimpl
from gochan.strategies import Filter, Strategy

class Broken(Strategy):
    def take(self, now):
        if now > 0.5:
            raise ValueError("two\\nlines")
        return super().take(now)

def unable(capacity):
    raise {unable}

class Unchainable(Filter):
    def __or__(self, other):
        raise LookupError("no")

@hookimpl
def gochan_strategies():
    yield StrategySpec("broken", Broken, "for a test")
    yield StrategySpec("unable", unable, "for a test")
    yield StrategySpec("unchainable", Unchainable, "for a test")
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Install a plugin whose strategies are broken; return what the environment needs."""

    def install(unable: str = "KeyError(1)") -> dict[str, str]:
        (tmp_path / "a_broken_plugin.py").write_text(PLUGIN.format(unable=unable))
        information = tmp_path / "gochan_broken-0.3.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("Name: gochan-broken\nVersion: 0.3\n")
        entry = "[gochan]\na-broken-plugin = a_broken_plugin\n"
        (information / "entry_points.txt").write_text(entry)
        path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
        return {"PYTHONPATH": path}

    return install


def test_a_strategy_that_raises_is_named(plugin: Any, tmp_path: Path) -> None:
    """In one line, and nothing of the others is printed."""
    picture = tmp_path / "x.svg"
    arguments = ["--strategy", "block(1)", "--strategy", "broken(3)", "--plot", picture]
    line = complaint(finish("sim", "--seeds", "1", *arguments, variables=plugin()))
    assert line == "gochan: strategy 'broken(3)' is broken: ValueError('two\\nlines')"
    assert not picture.exists()


@pytest.mark.parametrize("error", ["KeyError(1)", "SystemExit(3)"])
def test_a_strategy_that_cannot_be_made_is_named(plugin: Any, error: str) -> None:
    """Whatever its factory raises."""
    line = complaint(finish("sim", "--strategy", "unable(3)", variables=plugin(error)))
    assert "--strategy" in line
    assert "strategy 'unable' of plugin 'a-broken-plugin'" in line
    assert f"cannot be made: {error.replace('(', ': ').strip(')')}" in line


def test_a_chain_that_cannot_be_made_is_named(plugin: Any) -> None:
    """Even if a part of it raises something unexpected."""
    line = complaint(finish("sim", "--strategy", "unchainable | block(1)", variables=plugin()))
    assert line.endswith("'unchainable | block(1)' cannot be made: LookupError('no')")


def test_what_is_not_installed_is_left_out_with_a_note() -> None:
    """Which names the distributions; the rest is compared."""
    blocked = {"GOCHAN_BLOCK_PLUGINS": "drop-oldest,order,overload"}
    ended = finish("sim", "--seeds", "1", "--json", variables=blocked)
    assert ended.status == 0
    strategies = {row["strategy"] for row in json.loads(ended.out)}
    assert strategies == {"block(inf)", "drop-on-full(200)", "drop-on-full(20)"}
    (line,) = ended.err.splitlines()
    assert line.startswith("gochan: left out, because no plugin offers them: drop-oldest(200); ")
    assert line.endswith(
        "they are in gochan-drop-oldest, gochan-order, gochan-overload; see 'gochan plugins'"
    )


def test_a_broken_plugin_beside_it_is_reported_once(tmp_path: Path, plugin: Any) -> None:
    """In one line; everything else is as usual, also where all warnings are shown."""
    variables = plugin()
    (tmp_path / "a_broken_plugin.py").write_text("import nonexistent_module")
    arguments = ["--seeds", "1", "--scenario", "overload", "--json"]
    strategies = ["--strategy", "drop-oldest(3)", "--strategy", "block"]
    ended = finish(
        "sim", *arguments, *strategies, variables={**variables, "PYTHONWARNINGS": "always"}
    )
    assert ended.status == 0
    assert [row["strategy"] for row in json.loads(ended.out)] == ["drop-oldest(3)", "block"]
    (line,) = ended.err.splitlines()
    assert line.startswith("gochan: gochan plugin 'a-broken-plugin' (gochan-broken 0.3) is broken")


def test_nothing_is_said_when_all_is_there() -> None:
    """Of the usual ones."""
    found, missing = usual_strategies(lambda text: None)  # type: ignore[arg-type,return-value]
    assert (found, missing) == ([*USUAL], "")


def test_everything_usual_is_of_this_project() -> None:
    """So that the page can show it."""
    for text, distribution in USUAL.items():
        assert distribution in {
            "trio-gochan",
            "gochan-drop-oldest",
            "gochan-order",
            "gochan-overload",
        }
        assert text.partition("(")[0].strip()


# Pictures


def test_a_picture_is_drawn_beside_the_table(gochan: Call, tmp_path: Path) -> None:
    """In a file that may have been there."""
    picture = tmp_path / "x.svg"
    picture.write_text("old")
    arguments = ["--scenario", "overload", "--seeds", "1", "--strategy", "block(1)"]
    ended = gochan("sim", *arguments, "--plot", picture)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(b"overload: ")
    assert picture.read_text().startswith("<?xml")
    assert "block(1)" in picture.read_text()


def test_a_picture_that_cannot_be_written_is_an_error(gochan: Call, tmp_path: Path) -> None:
    """In one line, with status 2."""
    (tmp_path / "x.svg").mkdir()
    arguments = ["--scenario", "overload", "--seeds", "1", "--strategy", "block(1)"]
    line = complaint(gochan("sim", *arguments, "--plot", tmp_path / "x.svg"))
    assert "x.svg" in line


def test_without_the_library_only_pictures_are_missing() -> None:
    """And it is said what to install."""
    program = """
import sys
sys.modules["matplotlib"] = None
from gochan.__main__ import main
main()
"""
    command = (sys.executable, "-c", program)
    arguments = ["sim", "--seeds", "1", "--scenario", "overload", "--strategy", "block(1)"]
    ended = finish(*arguments, command=command)
    assert (ended.status, ended.err) == (0, "")
    line = complaint(finish(*arguments, "--plot", "x.svg", command=command))
    assert line.endswith("needs matplotlib: pip install matplotlib")


def test_the_library_is_not_imported_for_a_table() -> None:
    """It is big."""
    program = """
import atexit, sys
from gochan.__main__ import main
atexit.register(lambda: print("matplotlib" in sys.modules, file=sys.stderr))
main()
"""
    arguments = ["sim", "--seeds", "1", "--strategy", "block(1)", "--json"]
    ended = finish(*arguments, command=(sys.executable, "-c", program))
    assert (ended.status, ended.err) == (0, "False\n")


def test_a_closed_pipe_ends_it_quietly() -> None:
    """As with the other commands."""
    ended = finish("sim", "--seeds", "1", "--strategy", "block(1)", shell='"$@" | true')
    assert (ended.status, ended.err) == (0, "")


def test_help_says_what_the_columns_mean(gochan: Call) -> None:
    """And shows the examples as they are."""
    ended = gochan("sim", "--help")
    text = ended.out.decode()
    assert (ended.status, ended.err) == (0, "")
    for word in ("GOODPUT", "P50", "P99", "SHED", "WASTED", "RECOVERY", "Exit status"):
        assert word in text
    assert "\n    gochan sim --load yesterday.jsonl --workers 8 --patience 2\n" in text
