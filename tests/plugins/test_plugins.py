"""Plugins: found by entry point, blamed by name, turned off by variable.

Each folder in ``fake_plugins`` is a place where distributions are installed, written by
hand: a module and a ``dist-info``. On ``sys.path`` it is as good as one made by pip.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import gochan
from gochan import Chan, NameConflictError, PluginError, PluginWarning, UnknownStrategyError
from gochan._plugins import PluginInfo, Plugins, installed_plugins
from gochan.strategies import Block, DropOnFull, Strategy

Plug: TypeAlias = Callable[..., None]
FAKES = Path(__file__).parent / "fake_plugins"
BUILT_IN = ("block", "drop-on-full", "priority-cancel")


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plug]:
    """Install fake plugins, for the time of the test."""

    def plug(*folders: str) -> None:
        for folder in folders:
            assert (FAKES / folder).is_dir()
            monkeypatch.syspath_prepend(str(FAKES / folder))

    monkeypatch.delenv("GOCHAN_BLOCK_PLUGINS", raising=False)
    installed_plugins.cache_clear()
    yield plug
    installed_plugins.cache_clear()
    for name, module in [*sys.modules.items()]:
        if str(FAKES) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


def by_name(plugins: Plugins) -> dict[str, PluginInfo]:
    return {info.name: info for info in plugins}


def was_imported(module: str) -> bool:
    return module in sys.modules


# A plugin with nothing wrong about it


def test_a_plugin_is_found_by_its_entry_point(plug: Plug) -> None:
    """Installing is all it takes: the strategy goes by its name, and works in a channel."""
    plug("good")
    channel = Chan[int](strategy=gochan.strategy("newest-first", capacity=2))
    channel.send_nowait(1)
    channel.send_nowait(2)
    assert channel.receive_nowait() == 2


def test_plugins_are_listed_with_what_they_offer(plug: Plug) -> None:
    """Plugin, distribution, version, status and strategies."""
    plug("good")
    assert by_name(Plugins())["newest-first"] == PluginInfo(
        name="newest-first",
        distribution="gochan-newest-first",
        version="1.2",
        status="active",
        strategies=("newest-first", "newest-none"),
        problem="",
    )


def test_the_list_begins_with_what_is_built_in(plug: Plug) -> None:
    """Then come the plugins, by name, whatever the order of installation."""
    plug("good", "clash", "no_hook", "import_error")
    first, *others = Plugins()
    assert (first.name, first.distribution, first.status) == ("built-in", "trio-gochan", "active")
    assert first.strategies == BUILT_IN
    names = [info.name for info in others]
    assert names == sorted(names)
    assert {"clash-one", "clash-two", "import-error", "newest-first", "no-hook"} <= {*names}


def test_all_names_are_known(plug: Plug) -> None:
    """Sorted, those of all plugins together."""
    plug("good", "clash")
    names = Plugins().names
    assert names == sorted(names)
    assert {*BUILT_IN, "clash", "newest-first", "only-one", "only-two"} <= {*names}


def test_plugins_are_an_object_like_any_other(plug: Plug) -> None:
    """Two of them share nothing: what one blocks, the other has; one that is given is found."""
    plug("good")
    entry = EntryPoint("mine", "gochan_newest_first", "gochan")
    blocking, given, all_of_them = Plugins(block=["newest-first"]), Plugins([entry]), Plugins()
    assert by_name(blocking)["newest-first"].status == "blocked"
    assert by_name(all_of_them)["newest-first"].status == "active"
    assert [info.title for info in given][1:] == ["'mine' (? ?)"]
    assert given.strategy("newest-first", capacity=1).capacity == 1


def test_each_call_makes_a_new_strategy(plug: Plug) -> None:
    """Because an instance serves one channel."""
    plug("good")
    one, other = (gochan.strategy("newest-first", capacity=1) for _ in range(2))
    assert one is not other
    assert type(one) is type(other)


def test_options_are_handed_over(plug: Plug) -> None:
    """Whatever they are called: ``name`` is the factory's too."""
    plug("good")
    strategy: Any = gochan.strategy("newest-first", capacity=3, name="me")
    assert (strategy.capacity, strategy.name) == (3, "me")


# Plugins with something wrong about them

BROKEN = {
    "import_error": r"ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
    "newer_import": r"ImportError: .*'OfNextYear'.*; was it written for another version of gochan",
    "syntax_error": r"SyntaxError: invalid syntax \(gochan_syntax_error.py, line 3\)",
    "missing_attribute": r"AttributeError: .*'gochan_missing_attribute' has no attribute 'plugin'",
    "leads_nowhere": r"its entry point 'gochan_leads_nowhere!' is not of the form module",
    "leads_to_hook": r"implements no hook.* lead to the module with the hook, not to the hook",
    "leads_to_class": r"'self'; <class '.*Plugin'> is a class, make an instance of it",
    "misspelt_hook": r"unknown hook 'gochan_strategy' .*hooks of this gochan: "
    r"gochan_commands, gochan_directories, gochan_providers, gochan_stores, gochan_strategies",
    "wrong_arguments": r"gochan_strategies\(registry.*Argument\(s\) {'registry'} .*hookspec",
    "hook_raises": r"LookupError: the moon is in the wrong place",
    "hook_exits": r"SystemExit: 3",
    "hook_fails": r"TypeError: object of type .int. has no len",
    "wrong_thing": r"must yield StrategySpec, not <class 'gochan.strategies.Block'>",
    "no_iterable": r"must yield StrategySpec\(...\), or return a list of them, not StrategySpec\(",
    "waits": r"must yield StrategySpec\(...\), or return a list of them, not <coroutine",
    "no_return": r"returned None; it must yield StrategySpec\(...\)",
    "no_hook": r"implements no hook; is @gochan.hookimpl missing\?",
    "bad_name": r"made of a-z, 0-9 and '-', not 'Bad_Name'",
    "bad_promise": r"TypeError: strategy 'bad-promise' can only promise a Promise, not 'speed'",
    "bad_summary": r"ValueError: the summary of strategy 'bad-summary' must be one line",
    "wrong_api": r"'wrong-api' is written for version 99 of the strategy protocol, and gochan \S+ "
    r"speaks version 1; it needs a newer gochan: update trio-gochan",
    "older_api": r"'older-api' is written for version 0 .* speaks version 1; update the plugin",
    "built_in_name": r"'block' is built in; choose another name",
    "twice": r"'twice' is offered twice",
    "exits": r"SystemExit: this needs a newer Python",
    "skips": r"Skipped: not on this machine",
}
every_broken = pytest.mark.parametrize(("folder", "cause"), BROKEN.items(), ids=BROKEN)


@every_broken
def test_a_broken_plugin_is_listed_with_its_problem(plug: Plug, folder: str, cause: str) -> None:
    """On one line, with the distribution to blame."""
    plug(folder)
    name = folder.replace("_", "-")
    info = by_name(Plugins())[name]
    assert (info.distribution, info.version) == (f"gochan-{name}", "0.3")
    assert (info.status, info.strategies) == ("broken", ())
    assert re.search(cause, info.problem)
    assert "\n" not in info.problem


@every_broken
def test_a_broken_plugin_is_loud_but_not_fatal(plug: Plug, folder: str, cause: str) -> None:
    """Asking for a strategy of any plugin warns of it, and still gives what was asked for."""
    plug(folder, "good")
    with pytest.warns(PluginWarning) as caught:
        assert gochan.strategy("newest-first", capacity=1).capacity == 1
    (warning,) = caught
    name = folder.replace("_", "-")
    text = str(warning.message)
    assert text.startswith(
        f"gochan plugin '{name}' (gochan-{name} 0.3) is broken and was skipped: "
    )
    assert re.search(cause, text)
    assert text.endswith(f"Fix, update or uninstall it, or set GOCHAN_BLOCK_PLUGINS={name}.")
    assert warning.filename == __file__
    with pytest.warns(PluginWarning):
        gochan.strategy("newest-first(1)")


@every_broken
def test_a_built_in_name_loads_no_plugin(plug: Plug, folder: str, cause: str) -> None:
    """So it cannot be broken by one, and nobody is warned, alone and in a chain."""
    plug(folder)
    assert isinstance(gochan.strategy("block", capacity=1), Block)
    assert isinstance(installed_plugins().strategy_for_jobs("drop-on-full(3)", None), DropOnFull)
    with pytest.raises(TypeError, match="Block decides the order"):
        gochan.strategy("block(3) | priority-cancel(4)")
    assert not was_imported(f"gochan_{folder}")


@every_broken
def test_nothing_of_a_broken_plugin_is_offered(plug: Plug, folder: str, cause: str) -> None:
    """Not even what it had offered before it failed; and who asks for that is told why."""
    plug(folder)
    before = Plugins(block="*").names
    plugins = Plugins()
    assert not {name for name in plugins.names if folder.replace("_", "-") in name}
    assert [*before] == [name for name in plugins.names if name in before]
    assert isinstance(plugins.strategy("block", capacity=1), Block)
    name = folder.replace("_", "-")
    with pytest.raises(UnknownStrategyError) as caught:
        plugins.spec("something-else")
    assert f"Broken or blocked plugins were skipped: {name}; see 'gochan plugins'" in str(
        caught.value
    )
    assert caught.value.__cause__ is None


@every_broken
def test_the_error_for_a_name_of_a_broken_plugin_says_why(
    plug: Plug, folder: str, cause: str
) -> None:
    """By the plugin's name: which distribution, what is wrong, what to do, and the traceback."""
    plug(folder)
    name = folder.replace("_", "-")
    for asked in (name, f"{name}-2"):
        with pytest.raises(UnknownStrategyError) as caught:
            Plugins().strategy(f"block(3) | {asked}" if asked == name else asked)
        text = str(caught.value)
        assert re.match(f"there is no strategy named '{asked}'; known are: .*block, ", text)
        told = f"gochan plugin '{name}' (gochan-{name} 0.3) is broken and was skipped: "
        assert re.search(f" {re.escape(told)}.*{cause}", text)
        assert text.endswith(f" or set GOCHAN_BLOCK_PLUGINS={name}.")
        assert caught.value.__cause__ is not None


def test_each_broken_plugin_has_its_own_warning(plug: Plug) -> None:
    """And none of those that are well has one."""
    plug("good", *BROKEN)
    with pytest.warns(PluginWarning) as caught:
        gochan.strategy("newest-first", capacity=1)
    blamed = [str(warning.message).split("'")[1] for warning in caught]
    assert blamed == sorted(folder.replace("_", "-") for folder in BROKEN)


def test_nothing_wrong_means_no_warning(plug: Plug) -> None:
    """Where warnings are errors, as here, a program with good plugins runs."""
    plug("good", "clash")
    assert gochan.strategy("newest-first", capacity=1).capacity == 1


@pytest.mark.parametrize(
    ("folder", "name"), [("same_plugin_name", "newest-first"), ("named_built_in", "built-in")]
)
def test_plugins_of_the_same_name_are_told_apart(plug: Plug, folder: str, name: str) -> None:
    """By their distributions; neither is lost."""
    plug("good", folder)
    plugins = Plugins()
    twins = [info for info in plugins if info.name == name]
    assert [info.status for info in twins] == ["active", "active"]
    assert len({info.distribution for info in twins}) == 2
    assert all(plugins.spec(strategy) for info in twins for strategy in info.strategies)


# Names


def test_an_unknown_name_suggests_the_nearest(plug: Plug) -> None:
    """And lists those that are known, sorted."""
    plug("good")
    with pytest.raises(UnknownStrategyError) as caught:
        gochan.strategy("newest-frist", capacity=1)
    text = str(caught.value)
    assert text.startswith("there is no strategy named 'newest-frist'; known are: ")
    assert text.endswith(". Did you mean 'newest-first'?")
    assert isinstance(caught.value, LookupError)
    assert isinstance(caught.value, PluginError)


def test_a_name_that_is_no_string_is_a_type_error() -> None:
    """An instance has no need to be looked up, so nobody passes one here on purpose."""
    for name in (None, 3, ["block"], Block(3)):
        with pytest.raises(TypeError, match="a strategy's name is a string, not "):
            Plugins([]).strategy(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["xyzzy", "", "Ünknown"])
def test_an_unknown_name_that_is_near_to_nothing_suggests_nothing(plug: Plug, name: Any) -> None:
    """A wild guess would not help."""
    with pytest.raises(UnknownStrategyError) as caught:
        Plugins([]).strategy(name)
    assert str(caught.value) == (
        f"there is no strategy named {name!r}; known are: block, drop-on-full, priority-cancel."
    )


def test_a_name_that_two_plugins_offer_belongs_to_neither(plug: Plug) -> None:
    """The error blames both in the same way, and says how to choose one."""
    plug("clash")
    with pytest.raises(NameConflictError) as caught:
        gochan.strategy("clash", capacity=1)
    assert str(caught.value) == (
        "strategy 'clash' is offered by 'clash-one' (gochan-clash-one 1.0) and 'clash-two' "
        "(gochan-clash-two 2.0), so it belongs to neither; uninstall all but one, or block it with "
        "GOCHAN_BLOCK_PLUGINS=clash-one"
    )
    assert isinstance(caught.value, PluginError)


def test_a_clash_concerns_that_name_alone(plug: Plug) -> None:
    """Both plugins stay active, and what else they offer is theirs."""
    plug("clash")
    plugins = Plugins()
    infos = by_name(plugins)
    assert infos["clash-one"].status == infos["clash-two"].status == "active"
    assert plugins.clashes() == {"clash": [infos["clash-one"], infos["clash-two"]]}
    for name in ("only-one", "only-two", "block"):
        assert plugins.strategy(name, capacity=1).capacity == 1


def test_without_a_clash_there_is_none(plug: Plug) -> None:
    """Different names live side by side."""
    plug("good")
    assert Plugins().clashes() == {}


@pytest.mark.parametrize("blocked", ["clash-one", "clash-two"])
def test_blocking_one_side_settles_a_clash(plug: Plug, blocked: str) -> None:
    """As the error says."""
    plug("clash")
    plugins = Plugins(block=[blocked])
    assert plugins.strategy("clash", capacity=1).capacity == 1
    assert plugins.clashes() == {}


def test_more_than_two_can_offer_a_name(plug: Plug) -> None:
    """All of them are named."""
    entries = [EntryPoint(name, "gochan_newest_first", "gochan") for name in "abc"]
    plug("good")
    with pytest.raises(NameConflictError, match=r"'a' .* and 'b' .* and 'c' .*none of them"):
        Plugins(entries).spec("newest-first")


def test_an_error_about_a_long_name_is_short() -> None:
    """And in one line, whatever is in the name."""
    with pytest.raises(UnknownStrategyError) as caught:
        Plugins([]).strategy("block\x1b\n" * 100_000)
    assert len(str(caught.value)) < 1500
    assert str(caught.value).isprintable()


# Options


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "strategy 'block': missing a required argument: 'capacity'; its options: capacity"),
        (
            {"cap": 3},
            "strategy 'block': it has no option 'cap'; did you mean 'capacity'? Its options: "
            "capacity",
        ),
        (
            {"capcity": 3},
            "strategy 'block': it has no option 'capcity'; did you mean 'capacity'? Its options: "
            "capacity",
        ),
        (
            {"capacity": 1, "size": 2},
            "strategy 'block': it has no option 'size'; its options: capacity",
        ),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], text: str) -> None:
    """With the strategy that does not take them, and those that it takes."""
    with pytest.raises(TypeError) as caught:
        Plugins([]).strategy("block", **options)
    assert str(caught.value) == text


def test_the_options_of_a_plugin_are_named_too(plug: Plug) -> None:
    """All of them, also those that may be left out."""
    plug("good")
    with pytest.raises(
        TypeError, match=r"'newest-first': it has no option 'speed'; its options: capacity, name$"
    ):
        gochan.strategy("newest-first", capacity=1, speed=2)


def test_a_wrong_value_is_the_business_of_the_factory() -> None:
    """Its own error comes through."""
    with pytest.raises(ValueError, match="capacity must be >= 0, not -1"):
        Plugins([]).strategy("block", capacity=-1)


BAD_FACTORIES = {
    "choosy": (ValueError, "capacity must be a prime number, not 4"),
    "fail": (
        PluginError,
        "strategy {} cannot be made: LookupError: the moon is in the wrong place",
    ),
    "forgetful": (
        PluginError,
        "strategy {} cannot be used: Forgetful.__init__ must call super().__init__(capacity)",
    ),
    "hidden": (PluginError, "the factory of strategy {} made {{'capacity': 4}}, which is not a "),
    "leave": (PluginError, "strategy {} cannot be made: SystemExit: this needs a newer Python"),
    "none": (PluginError, "the factory of strategy {} made None, which is not a Strategy"),
    "unfinished": (TypeError, "Can't instantiate abstract class Unfinished with"),
}


@pytest.mark.parametrize("name", BAD_FACTORIES)
def test_a_strategy_that_cannot_be_used_is_its_plugins_fault(plug: Plug, name: str) -> None:
    """The error comes where it is asked for, not where it would be used, and says whose it is."""
    plug("bad_factories")
    expected, text = BAD_FACTORIES[name]
    title = f"'{name}' of plugin 'bad-factories' (gochan-bad-factories 0.3)"
    with pytest.raises(expected) as caught:
        gochan.strategy(name, capacity=4)
    assert str(caught.value).startswith(text.format(title))
    if expected is not PluginError:
        assert caught.value.__notes__ == [f"raised by strategy {title}"]


def test_a_factory_has_to_make_a_new_strategy_each_time(plug: Plug) -> None:
    """Two channels cannot share one; and the second is not to blame."""
    plug("bad_factories")
    Chan[int](strategy=gochan.strategy("shared", capacity=4))
    with pytest.raises(PluginError, match=r"'shared' of plugin .* gave out <Block 0/1> again"):
        gochan.strategy("shared", capacity=4)


def test_a_factory_that_hides_its_options_is_believed(plug: Plug) -> None:
    """A queue passes it no capacity that nobody asked for."""
    plug("bad_factories")
    with pytest.raises(PluginError, match=r"made \{\}, which is not a Strategy"):
        Plugins().strategy_for_jobs("hidden", None)


@pytest.mark.parametrize("text", ["block(3, 4)", "block(size=3)"])
def test_wrong_options_are_errors_in_a_queue_too(text: str) -> None:
    """Although it has an option to add."""
    with pytest.raises(TypeError, match="strategy 'block': "):
        Plugins([]).strategy_for_jobs(text, None)


# Distributions with something wrong about them


@pytest.mark.parametrize(
    ("folder", "version"), [("no_metadata", "0.3"), ("bad_metadata", "0.3"), ("good", "1.2")]
)
def test_a_distribution_without_a_name_is_known_by_its_folder(
    plug: Plug, folder: str, version: str
) -> None:
    """What the plugin offers can be used all the same."""
    plug(folder)
    plugins = Plugins()
    (info,) = [info for info in plugins if info.name in {folder.replace("_", "-"), "newest-first"}]
    assert info.status == "active"
    assert info.version == version
    assert info.distribution in {f"gochan_{folder}", "gochan-newest-first"}
    assert all(plugins.spec(name) for name in info.strategies)


def test_entry_points_that_cannot_be_read_are_a_broken_plugin(plug: Plug) -> None:
    """And no reason not to find the others."""
    plug("good", "bad_entry_points", "unrelated")
    plugins = Plugins()
    infos = by_name(plugins)
    info = infos["gochan-bad-entry-points"]
    assert (info.distribution, info.version) == ("gochan-bad-entry-points", "0.3")
    assert info.status == "broken"
    assert "entry_points.txt cannot be read (" in info.problem
    assert infos["newest-first"].status == infos["drop-oldest"].status == "active"
    assert not any("somebody" in info.distribution for info in plugins)
    with pytest.raises(UnknownStrategyError, match=r"'bad-entry-points'; .*_BLOCK_PLUGINS=gochan-"):
        plugins.spec("bad-entry-points")
    blocked = by_name(Plugins(block=["gochan-bad-entry-points"]))["gochan-bad-entry-points"]
    assert (blocked.status, blocked.problem) == ("blocked", "")


def test_damage_elsewhere_is_no_concern_of_gochan(
    plug: Plug, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither an error nor a warning; and of two distributions of one name, the first counts."""
    plug("good")
    older = tmp_path / "Gochan_Newest_First-0.1.dist-info"
    older.mkdir()
    (older / "METADATA").write_text("Name: gochan-newest-first\nVersion: 0.1\n")
    (older / "entry_points.txt").write_text("[gochan]\nnewest-first = gochan_older\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    before = [*Plugins()]
    plug("unrelated")
    assert [*Plugins()] == before
    assert by_name(Plugins())["newest-first"].version == "1.2"
    gochan.strategy("newest-first", capacity=1)


# Tracing


def test_loading_can_be_traced(plug: Plug) -> None:
    """Each step with the time it took, and a traceback where it failed."""
    plug("good", "hook_raises", "clash", "import_error")
    lines: list[str] = []
    Plugins(block=["clash-one"], trace=lines.append).load()
    text = re.sub(r"[0-9.]+ ms", "N ms", "\n".join(lines))
    assert "'built-in' (trio-gochan " in lines[0]
    newest = "'newest-first' (gochan-newest-first 1.2)"
    assert (
        f"""
{newest}: imported gochan_newest_first, N ms
{newest}: asked for strategies, N ms
{newest}: offers newest-first, newest-none"""
        in text
    )
    assert "\n'clash-one' (gochan-clash-one 1.0): blocked\n" in text
    assert "'import-error' (gochan-import-error 0.3): imported gochan_import_error, N ms\n" in text
    assert text.count("Traceback (most recent call last):") == 2
    assert re.search(r'gochan_hook_raises.py", line \d+, in gochan_strategies', text)
    assert "LookupError: the moon is\n  in the wrong place" in text


# Turning plugins off


@pytest.mark.parametrize("way", ["variable", "argument"])
@pytest.mark.parametrize("folder", ["good", "import_error"])
def test_a_blocked_plugin_is_not_even_imported(
    plug: Plug, monkeypatch: pytest.MonkeyPatch, way: str, folder: str
) -> None:
    """It is listed as blocked, offers nothing, and nobody is warned."""
    plug(folder)
    name = {"good": "newest-first", "import_error": "import-error"}[folder]
    if way == "variable":
        monkeypatch.setenv("GOCHAN_BLOCK_PLUGINS", name)
    plugins = Plugins(block=[name] if way == "argument" else [])
    info = by_name(plugins)[name]
    assert (info.status, info.strategies, info.problem) == ("blocked", (), "")
    assert info.distribution == f"gochan-{name}"
    assert not was_imported(f"gochan_{name.replace('-', '_')}")
    assert name not in plugins.names
    plugins.warn()
    with pytest.raises(UnknownStrategyError) as caught:
        plugins.spec(name)
    assert "Broken plugins" not in str(caught.value)


@pytest.mark.parametrize("value", ["clash-one,newest-first", " newest-first , clash-one ", ",*,"])
def test_the_variable_takes_several_names(
    plug: Plug, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """With commas between; blanks do not matter."""
    plug("good", "clash")
    monkeypatch.setenv("GOCHAN_BLOCK_PLUGINS", value)
    infos = by_name(Plugins())
    assert infos["newest-first"].status == infos["clash-one"].status == "blocked"
    assert infos["clash-two"].status == ("blocked" if "*" in value else "active")


def test_twins_can_be_blocked_by_their_distributions(plug: Plug) -> None:
    """Where the name of the plugin would mean both. Errors say the name that works."""
    plug("good", "same_plugin_name")
    plugins = Plugins(block=["gochan-twin"])
    twins = {info.distribution: info.status for info in plugins if info.name == "newest-first"}
    assert twins == {"gochan-newest-first": "active", "gochan-twin": "blocked"}
    twins = {info.distribution: plugins.complaint(info) for info in plugins}
    assert twins["gochan-twin"].endswith("GOCHAN_BLOCK_PLUGINS=gochan-twin.")
    assert twins["gochan-drop-oldest"].endswith("GOCHAN_BLOCK_PLUGINS=drop-oldest.")


def test_the_error_for_a_blocked_name_says_so(plug: Plug) -> None:
    """Perhaps somebody else has blocked it, and a long time ago."""
    plug("good", "clash")
    plugins = Plugins(block=["newest-first"])
    with pytest.raises(UnknownStrategyError) as caught:
        plugins.strategy("newest-first", capacity=1)
    assert str(caught.value).endswith(
        " The plugin 'newest-first' (gochan-newest-first 1.2) is blocked; see GOCHAN_BLOCK_PLUGINS."
    )


def test_variable_and_argument_add_up(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither takes back what the other blocks."""
    plug("good", "clash")
    monkeypatch.setenv("GOCHAN_BLOCK_PLUGINS", "clash-one")
    infos = by_name(Plugins(block=["clash-two"]))
    assert infos["clash-one"].status == infos["clash-two"].status == "blocked"
    assert infos["newest-first"].status == "active"


@pytest.mark.parametrize("way", ["variable", "argument"])
def test_a_star_blocks_all_but_what_is_built_in(
    plug: Plug, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Whatever is installed."""
    plug("good", "import_error")
    if way == "variable":
        monkeypatch.setenv("GOCHAN_BLOCK_PLUGINS", "*")
    plugins = Plugins(block="*" if way == "argument" else ())
    built_in, *others = plugins
    assert len(others) >= 2
    assert {info.status for info in others} == {"blocked"}
    assert (built_in.status, tuple(plugins.names)) == ("active", BUILT_IN)


def test_an_empty_variable_blocks_nothing(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a name that no plugin has."""
    plug("good")
    monkeypatch.setenv("GOCHAN_BLOCK_PLUGINS", "")
    assert by_name(Plugins())["newest-first"].status == "active"
    monkeypatch.setenv("GOCHAN_BLOCK_PLUGINS", "newest,first,newest-first-of-all")
    assert by_name(Plugins())["newest-first"].status == "active"


# When plugins are looked for


def run_python(program: str, *folders: str) -> str:
    """Return what a program prints in a fresh interpreter."""
    path = os.pathsep.join([*(str(FAKES / folder) for folder in folders), *sys.path])
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_only_a_name_that_is_not_built_in_looks_for_plugins() -> None:
    """Once; neither does the import, nor a strategy that is passed as an object."""
    program = """
import importlib.metadata
searches = []
search = importlib.metadata.entry_points
def noticed(**options):
    searches.append(options)
    return search(**options)
importlib.metadata.entry_points = noticed

import sys, gochan, gochan.strategies
channel = gochan.Chan(strategy=gochan.strategies.DropOnFull(1))
channel.send_nowait(1)
print(searches, "gochan_newest_first" in sys.modules)
gochan.strategy("block", capacity=1)
print(searches, "gochan_newest_first" in sys.modules)
for _ in range(2):
    gochan.strategy("newest-first", capacity=1)
print(searches, "gochan_newest_first" in sys.modules)
"""
    assert run_python(program, "good").splitlines() == [
        "[] False",
        "[] False",
        "[{'group': 'gochan'}] True",
    ]


def test_built_in_names_need_nothing_that_plugins_need() -> None:
    """A queue of the default strategy imports neither pluggy nor what reads metadata."""
    program = """
import sys, trio, gochan

async def main():
    async with gochan.open_job_queue(trio.sleep) as queue:
        await queue.submit(0)

trio.run(main)
gochan.strategy("drop-on-full(3)")
print({"pluggy", "importlib.metadata", "difflib"} & {*sys.modules})
gochan.strategy("newest-first(3)")
print({"pluggy", "importlib.metadata"} <= {*sys.modules})
"""
    assert run_python(program, "good").splitlines() == ["set()", "True"]


def test_a_broken_plugin_does_not_matter_to_programs_that_use_none() -> None:
    """Even where warnings are errors."""
    program = "import gochan; print(gochan.Chan(strategy=gochan.strategies.Block(2)).capacity)"
    assert run_python(program, "import_error", "exits").strip() == "2"


def test_a_strategy_by_name_is_a_strategy() -> None:
    """Nothing stands between it and the channel that calls it."""
    assert type(Plugins([]).strategy("block", capacity=1)) is Block
    assert issubclass(Block, Strategy)
