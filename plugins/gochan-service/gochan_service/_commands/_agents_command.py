"""``gochan agents``: who works for a server, and who gets no more jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar, final

import click

from ._harmless import harmless
from ._usual import SERVER

_Command = TypeVar("_Command", bound=Callable[..., None])


@final
class _Listing(click.Group):
    """A group of commands, of which the first is `list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take options of `list` without its name."""
        is_option = not args or args[0].startswith("-")
        if is_option and not set(args) & set(ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(name="agents", cls=_Listing, short_help="List the agents of a server, and drain them.")
def agents_command() -> None:
    """List the agents of a server, and drain them. Without a command, it lists them.

    An agent that is drained gets no more jobs; what it has, it ends. It goes on like that, also if
    it or the server is started again, until it is undrained, or has been silent for a day.
    """


def _at(command: _Command) -> _Command:
    option = click.option(
        "--at", "url", metavar="URL", envvar="GOCHAN_URL", show_envvar=True, default=SERVER,
        show_default=True, help="The server.",
    )  # fmt: skip
    return option(command)


@agents_command.command(name="list", short_help="List all.")
@_at
@click.option("--json", "as_json", is_flag=True, help="An object for each, as the API has them.")
def _list(url: str, as_json: bool) -> None:
    """List those that were heard of, in columns.

    Name, capacity, the queues whose jobs it asks for, labels, when it was heard last, and state.
    """
    for agent in _ask("GET", url, "agents")["agents"]:
        if as_json:
            click.echo(json.dumps(agent))
            continue
        labels = ",".join(f"{name}={value}" for name, value in sorted(agent["labels"].items()))
        phase = "stopped" if agent["phase"] == "report" else agent["phase"]
        state = phase or ("drain" if agent["draining"] else "")
        queues = ",".join(agent["queues"])
        heard = f"{agent['heard']:.0f} s"
        words = [agent["name"], str(agent["capacity"]), queues, labels, heard, state]
        click.echo("\t".join(map(harmless, words)).rstrip())


@agents_command.command(name="drain", short_help="Give agents no more jobs.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_at
def _drain(names: tuple[str, ...], url: str) -> None:
    """Give the agents NAME no more jobs; what they have, they end."""
    for name in names:
        _ask("POST", url, "agents", name, "drain")


@agents_command.command(name="undrain", short_help="Give agents jobs again.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_at
def _undrain(names: tuple[str, ...], url: str) -> None:
    """Give the agents NAME jobs again."""
    for name in names:
        _ask("POST", url, "agents", name, "undrain")


def _ask(method: str, url: str, *path: str) -> Any:
    from ._asking import ask  # which needs httpx

    return ask(method, url, *path)
