"""What plugins offer to other plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, TypeAlias

import pytest

from gochan import PluginWarning, hookimpl
from gochan._plugins import Plugins, _offers
from gochan.lowlevel import plugin_offers

Install: TypeAlias = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Have plugins instead of the installed ones: objects with hooks, by their names."""

    def install(**plugins: object) -> None:
        entries = []
        for name, plugin in plugins.items():
            module = ModuleType(f"gochan_{name}")
            module.plugin = plugin  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, module.__name__, module)
            entries.append(EntryPoint(name, f"gochan_{name}:plugin", "gochan"))
        found = Plugins(entries)
        monkeypatch.setattr(_offers, "installed_plugins", lambda: found)

    return install


class Club:
    """A plugin that knows people."""

    def __init__(self, *directories: Any) -> None:
        self.directories = directories

    @hookimpl
    def gochan_directories(self) -> Iterable[Any]:
        yield from self.directories


def test_gochan_directories_is_asked_of_all_plugins(install: Install) -> None:
    """In the order of their names; who does not implement the hook offers nothing."""

    class Silent:
        @hookimpl
        def gochan_strategies(self) -> Iterable[Any]:
            return []

    install(b=Club("chess"), a=Club("go", "shogi"), c=Silent())
    assert plugin_offers("gochan_directories", str) == ["go", "shogi", "chess"]


def test_gochan_providers_is_asked_of_all_plugins(install: Install) -> None:
    """As `gochan_directories` is, but beside it."""

    class Cloud:
        @hookimpl
        def gochan_providers(self) -> Iterable[Any]:
            return ["cloud"]

    install(a=Cloud(), b=Club("go"))
    assert plugin_offers("gochan_providers", str) == ["cloud"]


def test_a_plugin_that_fails_offers_nothing(install: Install) -> None:
    """The others do; what was wrong is a warning."""
    install(a=Club("go", 7), b=Club("chess"))
    with pytest.warns(PluginWarning, match="gochan_directories must yield str, not 7"):
        assert plugin_offers("gochan_directories", str) == ["chess"]


def test_ctrl_c_is_the_users(install: Install) -> None:
    """It is no fault of a plugin."""

    class Stopped:
        @hookimpl
        def gochan_directories(self) -> Iterable[Any]:
            raise KeyboardInterrupt

    install(a=Stopped())
    with pytest.raises(KeyboardInterrupt):
        plugin_offers("gochan_directories", str)


def test_a_broken_plugin_is_told(install: Install) -> None:
    """It may be the one that offers what is looked for."""
    install(a=object())
    with pytest.warns(PluginWarning, match="implements no hook"):
        assert plugin_offers("gochan_directories", str) == []


@pytest.mark.parametrize("hook", ["gochan_wishes", "__doc__"])
def test_only_hooks_are_asked(hook: str) -> None:
    """A typing error must not look like an empty answer."""
    with pytest.raises(ValueError, match="there is no hook"):
        plugin_offers(hook, str)
