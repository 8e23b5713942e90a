"""Hooks: what gochan asks plugins, and that it asks itself the same."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pluggy
import pytest

from gochan import Chan, StrategySpec, hookimpl
from gochan._plugins import Hooks, Plugins, _built_in
from gochan.strategies import Block, DropOnFull, PriorityCancel, Promise

SPEC = StrategySpec("mine", Block, "for tests")

HOOKS = [
    "gochan_strategies",
    "gochan_commands",
    "gochan_stores",
    "gochan_directories",
    "gochan_providers",
]


def manager() -> pluggy.PluginManager:
    """Return what a plugin is registered with, as pluggy's users know it."""
    manager = pluggy.PluginManager("gochan")
    manager.add_hookspecs(Hooks)
    return manager


def offered(plugin: object, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names that ``plugin`` offers, if it is what an entry point refers to."""
    module = ModuleType("gochan_in_test")
    module.plugin = plugin  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gochan_in_test", module)
    plugins = Plugins([EntryPoint("in-test", "gochan_in_test:plugin", "gochan")])
    _, info = plugins
    assert info.status == "active", info.problem
    return list(info.strategies)


def test_the_hooks_are_those_that_somebody_uses() -> None:
    """A hook that nobody uses is a promise for nothing."""
    hooks = [name for name in vars(Hooks) if not name.startswith("_")]
    assert hooks == HOOKS
    assert all(inspect.getdoc(getattr(Hooks, hook)) for hook in hooks)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_takes_no_arguments(hook: str) -> None:
    """So that arguments can be added: plugins may take fewer than there are."""
    assert list(inspect.signature(getattr(Hooks, hook)).parameters) == ["self"]


def test_gochan_commands_is_not_asked_where_strategies_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It needs click, which a program without a command line need not have."""

    class Plugin:
        @hookimpl
        def gochan_commands(self) -> Iterable[Any]:
            raise AssertionError

    assert offered(Plugin(), monkeypatch) == []


def test_gochan_strategies_offers_what_is_built_in() -> None:
    """Through the hook, like everybody else's: these names, these classes, these promises."""

    class Plugin:
        gochan_strategies = staticmethod(hookimpl(_built_in.gochan_strategies))

    with_built_in = manager()
    with_built_in.register(Plugin())
    with_built_in.check_pending()
    (specs,) = with_built_in.hook.gochan_strategies()
    specs = {spec.name: spec for spec in specs}
    assert {name: spec.factory for name, spec in specs.items()} == {
        "block": Block,
        "drop-on-full": DropOnFull,
        "priority-cancel": PriorityCancel,
    }
    for spec in specs.values():
        assert {
            Promise.FIFO,
            Promise.BOUNDED,
            Promise.NO_STARVATION,
            Promise.LOSSLESS,
        } <= spec.promises
        assert spec.api == 1
        assert spec.summary
        assert "\n" not in spec.summary


def test_gochan_strategies_is_how_built_in_strategies_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is no other way: what the hook does not offer has no name."""

    @hookimpl
    def gochan_strategies() -> Iterable[StrategySpec]:
        return [SPEC]

    monkeypatch.setattr(_built_in, "gochan_strategies", gochan_strategies)
    assert Plugins([]).names == ["mine"]


@pytest.mark.parametrize("make", [list, tuple, iter, set, lambda specs: (s for s in specs)])
def test_gochan_strategies_may_return_any_iterable(
    make: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yielding is convenient, not required; and none at all is a choice too."""

    class Plugin:
        specs = (SPEC,)

        @hookimpl
        def gochan_strategies(self) -> Iterable[StrategySpec]:
            return make(self.specs)  # type: ignore[no-any-return]

    assert offered(Plugin(), monkeypatch) == ["mine"]
    Plugin.specs = ()  # type: ignore[assignment]
    assert offered(Plugin(), monkeypatch) == []


def test_gochan_strategies_may_go_by_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The marker takes what pluggy's takes."""

    class Plugin:
        @staticmethod
        @hookimpl(specname="gochan_strategies", tryfirst=True)
        def whatever() -> Iterable[StrategySpec]:
            yield SPEC

    assert offered(Plugin, monkeypatch) == ["mine"]


def test_gochan_strategies_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """When plugins are loaded; not per strategy, and never per item."""
    calls = []

    @hookimpl
    def gochan_strategies() -> Iterable[StrategySpec]:
        calls.append(1)
        return [SPEC]

    module = ModuleType("gochan_in_test")
    module.gochan_strategies = gochan_strategies  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gochan_in_test", module)
    plugins = Plugins([EntryPoint("in-test", "gochan_in_test", "gochan")])
    for _ in range(3):
        channel = Chan[int](strategy=plugins.strategy("mine", capacity=1))
        channel.send_nowait(1)
        channel.receive_nowait()
    assert calls == [1]


def test_hooks_of_other_projects_are_not_ours() -> None:
    """A function that is marked for somebody else is nothing to gochan."""
    others = pluggy.HookimplMarker("somebody-else")

    class Plugin:
        @others
        def gochan_strategies(self) -> Iterable[StrategySpec]:
            yield SPEC

    ours = manager()
    ours.register(Plugin())
    assert ours.hook.gochan_strategies() == []
