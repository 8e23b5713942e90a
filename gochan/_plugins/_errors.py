"""What can be wrong with plugins, and with the names of strategies."""

from __future__ import annotations


class PluginWarning(UserWarning):
    """A plugin is broken and was skipped."""


class PluginError(Exception):
    """Something is wrong with a plugin, or with the name of a strategy."""


class UnknownStrategyError(PluginError, LookupError):
    """No strategy has that name."""


class NameConflictError(PluginError):
    """Two plugins offer a strategy of the same name, so it belongs to neither."""
