"""``gochan scale``: as many agents as the jobs of a queue need."""

from __future__ import annotations

import re
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click
import trio

from gochan import Chan, open_signal_chan
from gochan.durable import beside

from ._problems import run

_SECONDS = click.FloatRange(min=0, max=1e9)
_COUNT = click.IntRange(0, 10_000)


@click.command(
    name="scale",
    context_settings={"show_default": True},
    short_help="Start and end agents as jobs need them.",
)
@click.argument("url")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--queue", required=True, help="Whose jobs are run.")
@click.option("--min", "least", type=_COUNT, default=0, help="How few agents there may be.")
@click.option("--max", "most", type=_COUNT, default=10, help="How many there may be.")
@click.option(
    "--target", type=_SECONDS, default=30.0, help="How many seconds the next job may wait."
)
@click.option("--buffer", type=_COUNT, default=0, help="How many idle agents are kept warm.")
@click.option(
    "--min-age", type=_SECONDS, default=300.0, help="How many seconds an agent lives at least."
)
@click.option(
    "--capacity", type=click.IntRange(1, 10_000), default=1, help="How many jobs an agent runs."
)
@click.option(
    "--provider",
    show_default="command with --create, or local",
    help="What starts and ends agents.",
)
@click.option("--create", metavar="COMMAND", help="How 'command' starts the agent {name}.")
@click.option("--destroy", metavar="COMMAND", help="How it ends the agent {name}.")
@click.option("--list", metavar="COMMAND", help="What prints the names of those that are there.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="For providers of plugins."
)
@click.option(
    "--prefix", metavar="NAME", show_default="gochan-QUEUE", help="What names of agents begin with."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("gochan-agents"),
    help="Where 'local' notes its agents, and keeps what they say.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=1, max=1e9),
    default=120.0,
    help="After how many seconds without a word an agent is given up.",
)
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1, max=3600),
    default=5.0,
    help="How many seconds between looks.",
)
@click.option(
    "--at-end",
    type=click.Choice(["leave", "end"]),
    default="leave",
    help="What becomes of the agents after SIGTERM or Ctrl-C.",
)
@click.option(
    "--drain",
    type=_SECONDS,
    default=600.0,
    help="With '--at-end end': how many seconds their jobs may go on.",
)
def scale_command(
    url: str,
    command: tuple[str, ...],
    queue: str,
    provider: str | None,
    prefix: str | None,
    settings: tuple[str, ...],
    capacity: int,
    folder: Path,
    interval: float,
    at_end: Literal["leave", "end"],
    drain: float,
    **others: Any,
) -> int:
    """Keep as many agents at the server at URL as the jobs of QUEUE need.

    Agents are created at once when the next job would have to wait for longer than the target.
    One that is idle, and was not needed for a while, gets no more jobs, and is destroyed when it
    is known to have none: a busy agent is never ended.

    \b
      gochan scale http://127.0.0.1:8000 --queue shrink --max 4 -- optipng {}
      gochan scale https://jobs.example.org --queue shrink \\
        --create 'docker run -d --name {name} --hostname {name} -e GOCHAN_SECRET shrinker' \\
        --destroy 'docker rm -f {name}' \\
        --list 'docker ps --filter name={prefix}- --format {{.Names}}'

    COMMAND is that of 'gochan agent'; options of it may stand before a --. An agent tells the
    server its name as its machine, or by --label instance=NAME. The token of an operator is in
    GOCHAN_TOKEN, the secret of local agents in GOCHAN_SECRET, or they are in the files of this
    folder, if the server is on this machine.

    At the end, agents are left to work, and the next 'gochan scale' of this prefix finds them;
    with '--at-end end' they finish their jobs and are ended. A second signal ends this at once.
    """  # noqa: D301  # click wants the character
    options = dict(_pair(setting) for setting in settings)
    for name in ("create", "destroy", "list"):
        text = others.pop(name)
        if text is not None:
            options[name] = text
    prefix = prefix or re.sub("[^a-z0-9-]+", "-", f"gochan-{queue.lower()}")
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", prefix):
        raise click.BadParameter("use a-z, 0-9 and hyphens", param_hint="--prefix")
    from .._remote._address import check, check_address, persons_token  # which need httpx
    from .._scaling import AgentPlan, ProviderError, Scaling
    from .._scaling._fleet import open_fleet
    from .._scaling._offered import find_provider
    from .._scaling._scaler import Scaler

    least, most = others.pop("least"), others.pop("most")
    try:
        scaling = Scaling(min=least, max=most, capacity=capacity, **others)
        check_address(url)
        address, token, _ = check(url, persons_token(url=url), None, 10.0)
        spec = find_provider(provider or ("command" if "create" in options else "local"))
    except (ValueError, ProviderError) as error:
        raise click.UsageError(str(error)) from None
    plan = AgentPlan(address, queue, prefix, capacity, command, options, folder)

    async def main() -> None:
        async with (
            open_signal_chan(signal.SIGTERM, signal.SIGINT) as signals,
            open_fleet(address, token, queue) as fleet,
            spec.open(plan) as agents,
        ):
            scaler = Scaler(
                scaling, fleet, agents, prefix, capacity=capacity, say=_say, interval=interval
            )
            async with beside(scaler.run):
                _say(f"scales {prefix}-… for {queue!r} of {address}; Ctrl-C stops it")
                await signals.receive()
            await _leave(scaler, signals, drain if at_end == "end" else None)

    try:
        run(main)
    except* ProviderError as group:
        raise click.UsageError(_first(group)) from None
    return 0


async def _leave(scaler: Any, signals: Chan[int], drain: float | None) -> None:
    """End the agents, or say that they are left."""
    left: list[str] = scaler.names
    if drain is not None:
        _say("ends its agents; a second signal leaves them")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(_cancel, signals, nursery.cancel_scope))
            left = await scaler.end(drain)
            nursery.cancel_scope.cancel()
    if left:
        _say(f"leaves {', '.join(left)}")


async def _cancel(signals: Chan[int], scope: trio.CancelScope) -> None:
    await signals.receive()
    scope.cancel()


def _first(problem: BaseException) -> str:
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return str(problem)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"{text!r} is not like NAME=VALUE", param_hint="--set")
    return name, value


def _say(line: str) -> None:
    print(f"gochan: {line}", file=sys.stderr, flush=True)
