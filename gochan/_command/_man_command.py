"""``gochan man``: manual pages of the commands."""

from __future__ import annotations

from importlib.metadata import version

import click

from ._man_page import man_page


@click.command(name="man", short_help="Print a manual page for man.")
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def man_command(context: click.Context, names: tuple[str, ...]) -> None:
    """Print the manual page of a command, made of its help.

    \b
      gochan man run | man -l -
      gochan man run >~/.local/share/man/man1/gochan-run.1
    """  # noqa: D301  # click wants the character
    found = context.find_root()
    for name in names:
        group = found.command
        command = group.get_command(found, name) if isinstance(group, click.Group) else None
        if command is None:
            raise click.BadParameter(f"there is no command {name!r}", param_hint="COMMAND")
        found = command.make_context(name, [], parent=found, resilient_parsing=True)
    print(man_page(found, version("trio-gochan")), end="")
