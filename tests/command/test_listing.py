"""Listing: what is said about plugins and strategies."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gochan import NameConflictError, StrategySpec, hookimpl
from gochan._command._listing import (
    plugin_rows,
    plugin_table,
    problems,
    strategy_rows,
    strategy_texts,
)
from gochan._command._plugin_commands import PluginCommands
from gochan._plugins import Plugins
from gochan.durable import StoreSpec, open_store
from gochan.strategies import Block, Filter, Promise

Offer = Callable[..., Plugins]


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Return plugins of which each offers these specs; one of none is broken."""

    def offer(*plugins: list[StrategySpec]) -> Plugins:
        entries = []
        for number, specs in enumerate(plugins, 1):
            module = ModuleType(f"gochan_in_test_{number}")
            if specs:
                module.gochan_strategies = hookimpl(lambda specs=specs: specs)  # type: ignore[attr-defined]
                module.gochan_strategies.__name__ = "gochan_strategies"
            monkeypatch.setitem(sys.modules, module.__name__, module)
            entries.append(EntryPoint(f"p{number}", module.__name__, "gochan"))
        return Plugins(entries)

    monkeypatch.delenv("GOCHAN_BLOCK_PLUGINS", raising=False)
    return offer


def spec(factory: Any, name: str = "mine") -> StrategySpec:
    return StrategySpec(name, factory, "for a test")


def row(plugins: Plugins, name: str = "mine") -> dict[str, Any]:
    (found,) = strategy_rows(plugins, (name,))
    return found


def everything(
    one: object, /, two: int | float, *more: int, key: str = "key", call: object = len, **rest: int
) -> None:
    """Say what it does."""


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        (Block, "(capacity)"),
        (everything, "(one, /, two, *more, key='key', call=..., **rest)"),
        (
            lambda capacity=math.inf, *, by=None, keep=True: None,
            "(capacity=inf, *, by=None, keep=True)",
        ),
        (dict, "(...)"),
    ],
)
def test_options_are_shown_as_they_are_declared(offer: Offer, factory: Any, options: str) -> None:
    """Without types; a default that cannot be written in words is left out."""
    assert row(offer([spec(factory)]))["options"] == options


def test_filters_and_orders_are_told_apart(offer: Offer) -> None:
    """As far as that can be seen: a function may make either."""

    class Mine(Filter[int]):
        pass

    plugins = offer([spec(Mine, "a"), spec(Block, "b"), spec(lambda: Block(3), "c")])
    assert [row(plugins, name)["kind"] for name in "abc"] == ["filter", "order", None]
    texts = [*strategy_texts(strategy_rows(plugins, ("c",)), in_full=False)]
    assert texts[2] == "    strategy of plugin 'p1' (? ?)"


def test_a_description_is_the_strategys_own(offer: Offer) -> None:
    """Not one that is inherited from gochan or from Python."""

    class Silent(Block[int]):  # type: ignore[misc]
        pass

    class Speaking(Block[int]):  # type: ignore[misc]
        """Speak.

        Twice.
        """

    class Callable_:
        """Say nothing about what it makes."""

        def __call__(self) -> None: ...

    plugins = offer(
        [spec(Silent, "a"), spec(Speaking, "b"), spec(everything, "c"), spec(Callable_(), "d")]
    )
    descriptions = [row(plugins, name)["description"] for name in "abcd"]
    assert descriptions == ["", "Speak.\n\nTwice.", "Say what it does.", ""]


def test_promises_are_words_in_their_usual_order(offer: Offer) -> None:
    """In full they are sentences, too."""
    promises = {Promise.NO_STARVATION, Promise.FIFO}
    plugins = offer([StrategySpec("mine", Block, "for a test", promises)])  # type: ignore[arg-type]
    rows = strategy_rows(plugins, ("mine",))
    assert rows[0]["promises"] == ["fifo", "no-starvation"]
    assert "    promises: fifo, no-starvation" in strategy_texts(rows, in_full=False)
    assert f"    promises: {Promise.FIFO.value} (fifo)" in strategy_texts(rows, in_full=True)


def test_a_strategy_that_promises_nothing_says_so(offer: Offer) -> None:
    """It is worth knowing."""
    rows = strategy_rows(offer([spec(Block)]), ("mine",))
    assert "    promises: nothing" in strategy_texts(rows, in_full=False)


def test_a_name_that_two_offer_is_listed_with_both(offer: Offer) -> None:
    """In the list of all; asked for by name, it belongs to neither."""
    plugins = offer([spec(Block), spec(Block, "other")], [spec(Filter)])
    listed = [(row["name"], row["plugin"]) for row in strategy_rows(plugins, ())][3:]
    assert listed == [("mine", "p1"), ("other", "p1"), ("mine", "p2")]
    with pytest.raises(NameConflictError):
        strategy_rows(plugins, ("mine",))
    assert [row["name"] for row in strategy_rows(plugins, ("other", "other"))] == ["other"]


def test_problems_come_with_a_cure(offer: Offer) -> None:
    """Broken plugins, then names that several offer."""
    plugins = offer([spec(Block), spec(Block, "b")], [], [spec(Block), spec(Block, "b")])
    broken, first, second = problems(plugins)
    assert broken.startswith("gochan plugin 'p2' (? ?) is broken and was skipped: <module")
    assert broken.endswith(". Fix, update or uninstall it, or set GOCHAN_BLOCK_PLUGINS=p2.")
    assert first == (
        "strategy 'mine' is offered by 'p1' (? ?) and 'p3' (? ?), so it belongs to neither; "
        "uninstall all but one, or block it with GOCHAN_BLOCK_PLUGINS=p1."
    )
    assert second.startswith("strategy 'b' is offered by ")
    assert problems(offer([spec(Block)])) == []


def test_all_problems_of_a_plugin_are_in_its_row(offer: Offer) -> None:
    """Each name that it has to share."""
    plugins = offer([spec(Block), spec(Block, "b")], [], [spec(Block), spec(Block, "b")])
    rows = plugin_rows(plugins, PluginCommands(plugins))
    assert [row["problem"] for row in rows][::3] == [
        "",
        "strategy 'mine' is also offered by 'p1' (? ?); strategy 'b' is also offered by 'p1' (? ?)",
    ]
    assert "implements no hook" in rows[2]["problem"]
    assert json.loads(json.dumps(rows)) == rows


def test_a_table_shows_names_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Markup in names is printed as it is; a narrow terminal folds the strategies."""
    monkeypatch.setenv("COLUMNS", "60")
    entry = EntryPoint("[red]:smile:", "nonexistent_module", "gochan")
    plugins = Plugins([entry])
    lines = plugin_table(plugin_rows(plugins, PluginCommands(plugins))).splitlines()
    assert any(line.split() == ["[red]:smile:", "?", "?", "broken"] for line in lines)
    assert max(map(len, lines)) <= 60


# Stores


def listed(
    plugin: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, hook: str = "gochan_stores"
) -> dict[str, Any]:
    """Return the row of a plugin whose hook for stores, or another one, is this."""
    module = ModuleType("gochan_in_test")
    plugin.__name__ = hook
    setattr(module, hook, hookimpl(plugin))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    plugins = Plugins([EntryPoint("mine", module.__name__, "gochan")])
    _, found = plugin_rows(plugins, PluginCommands(plugins))
    return found


def test_stores_are_listed_as_addresses_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a user knows what to write."""
    tape = StoreSpec("tape", lambda address: open_store("memory:"), "on tape")
    found = listed(lambda: [tape], monkeypatch)
    assert (found["stores"], found["problem"]) == (["tape"], "")
    assert "tape:" in plugin_table([found])


def stopped() -> Any:
    raise KeyboardInterrupt


def test_stores_that_cannot_be_had_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is the plugin's fault, but Ctrl-C is the user's."""
    found = listed(lambda: ["tape"], monkeypatch)
    assert found["stores"] == []
    assert found["problem"] == (
        "its stores were skipped: gochan_stores must yield StoreSpec, not 'tape'"
    )
    with pytest.raises(KeyboardInterrupt):
        listed(stopped, monkeypatch)


def test_directories_are_listed_as_addresses_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which class they are, only the service knows."""
    club = SimpleNamespace(scheme="club")
    found = listed(lambda: [club], monkeypatch, "gochan_directories")
    assert (found["directories"], found["problem"]) == (["club"], "")
    assert "club:" in plugin_table([found])
    found = listed(lambda: ["club"], monkeypatch, "gochan_directories")
    assert found["problem"] == (
        "its directories were skipped: gochan_directories must yield DirectorySpec, not 'club'"
    )


def test_providers_are_listed_as_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a user knows what to write."""
    cloud = SimpleNamespace(name="cloud")
    found = listed(lambda: [cloud], monkeypatch, "gochan_providers")
    assert (found["providers"], found["problem"]) == (["cloud"], "")
    assert "--provider cloud" in plugin_table([found])
