"""All commands: the built-in ones, and those of plugins."""

# Theory of operation
# -------------------
# A built-in command loads no plugin, and not even what is needed to find plugins. Any other
# name, and the list of all commands, loads them all.

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, cast, final

import click

from ._built_in_commands import BuiltInCommands
from ._standard_files import complain

if TYPE_CHECKING:
    from ._plugin_commands import PluginCommands


@final
class Commands(click.Group):
    """A group that looks for its commands when they are asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast("MutableMapping[str, click.Command]", BuiltInCommands())

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, those that could be installed included."""
        offered = _offered(ctx)
        return sorted({*self.commands, *offered.names, *offered.known})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or one that says why it is missing."""
        command = super().get_command(ctx, cmd_name)
        return command if command is not None else _offered(ctx).get(cmd_name)


def _offered(context: click.Context) -> PluginCommands:
    """Return the commands of the plugins; the first time, say what is wrong with plugins."""
    found: PluginCommands | None = context.meta.get(__name__)
    if found is None:
        from .._plugins import installed_plugins
        from ._plugin_commands import PluginCommands

        with redirect_stdout(sys.stderr):  # a plugin may print
            found = context.meta[__name__] = PluginCommands(installed_plugins())
        for problem in [*installed_plugins().complaints(), *found.problems]:
            complain(problem)
    return found
