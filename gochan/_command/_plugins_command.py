"""``gochan plugins``: its options, and which list they ask for."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout

import click

from .._plugins import PluginError, Plugins, installed_plugins
from ._listing import plugin_rows, plugin_table, problems, strategy_rows, strategy_texts
from ._plugin_commands import PluginCommands
from ._suggestions import suggest_strategies


@click.command(name="plugins", short_help="List plugins, and the strategies that they offer.")
@click.argument("names", metavar="[STRATEGY]...", nargs=-1, shell_complete=suggest_strategies)
@click.option("--strategies", is_flag=True, help="List each strategy, with its options.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
@click.option("--trace", is_flag=True, help="Also print on standard error how plugins are loaded.")
def plugins_command(names: tuple[str, ...], strategies: bool, as_json: bool, trace: bool) -> int:
    """List plugins, and the strategies and commands that they offer.

    With the name of a STRATEGY, say all about that one.

    Exit status: 1 if a plugin is broken, or two offer a strategy or a command of the same name.
    """
    with redirect_stdout(sys.stderr):  # a plugin may print
        plugins = Plugins(trace=_tell) if trace else installed_plugins()
        commands = PluginCommands(plugins)
    try:
        if names or strategies:
            rows = strategy_rows(plugins, names)
        else:
            rows = plugin_rows(plugins, commands)
    except PluginError as error:
        raise click.BadParameter(str(error), param_hint="STRATEGY") from None
    if as_json:
        print(json.dumps(rows, indent=2))
    elif names or strategies:
        print("\n".join(strategy_texts(rows, in_full=bool(names))))
    else:
        print(plugin_table(rows), end="")
    found = [*problems(plugins), *commands.problems]
    if not as_json:
        for problem in found:
            print(problem)
    return int(bool(found))


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
