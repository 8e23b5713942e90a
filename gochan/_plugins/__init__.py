"""Plugins: found, loaded, and made into strategies."""

# The files, from the bottom up: each uses only those above it.
#
#   _errors     what can be wrong with plugins and names
#   _hooks      what a plugin can implement
#   _info       what is known about one plugin
#   _sentences  what is said about plugins, everywhere the same
#   _discovery  which plugins are installed
#   _loading    importing them, and asking what they offer
#   _built_in   the strategies that need no plugin
#   _chains     a chain of strategies as text
#   _making     a strategy from its factory and options
#   _plugins    who offers which strategy
#   _installed  the plugins of this environment, and `gochan.strategy`
#   _offers     what plugins offer to other plugins

# What most programs never need, such as pluggy, is imported when somebody asks for it.

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._errors import NameConflictError, PluginError, PluginWarning, UnknownStrategyError
from ._installed import installed_plugins, strategy, strategy_for_jobs
from ._offers import plugin_offers

if TYPE_CHECKING:
    from ._hooks import Hooks, hookimpl
    from ._info import PluginInfo
    from ._loading import ask
    from ._making import nearest, signature_of
    from ._plugins import Plugins
    from ._sentences import clash, cure, text_of

__all__ = [
    "Hooks",
    "NameConflictError",
    "PluginError",
    "PluginInfo",
    "PluginWarning",
    "Plugins",
    "UnknownStrategyError",
    "ask",
    "clash",
    "cure",
    "hookimpl",
    "installed_plugins",
    "nearest",
    "plugin_offers",
    "signature_of",
    "strategy",
    "strategy_for_jobs",
    "text_of",
]

_MODULES = {
    "Hooks": "_hooks",
    "PluginInfo": "_info",
    "Plugins": "_plugins",
    "ask": "_loading",
    "clash": "_sentences",
    "cure": "_sentences",
    "hookimpl": "_hooks",
    "nearest": "_making",
    "signature_of": "_making",
    "text_of": "_sentences",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    thing = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = thing
    return thing
