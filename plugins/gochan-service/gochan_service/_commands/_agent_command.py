"""``gochan agent``: runs a command for each job of a server."""

from __future__ import annotations

import logging
import math
import os
import sys
from functools import partial
from typing import Any, final

import click

from gochan import stop_on_signals
from gochan.durable import beside
from gochan.processes import Children, guarding, open_children

from .. import open_server_store
from ._problems import run
from ._program import check_program
from ._until_reached import until_reached


@final
class _AgentCommand(click.Command):
    """A command that is followed by another one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read its options; one that seems to be of the other command is told apart."""
        is_divided = "--" in args
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if is_divided or error.possibilities:
                raise
            said = error.format_message().rstrip(".")
            raise click.UsageError(f"{said}; put -- before the command of jobs") from None


@click.command(
    name="agent",
    cls=_AgentCommand,
    context_settings={"show_default": True},
    short_help="Run a command for each job of a server.",
)
@click.argument("url")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--queue", required=True, help="Whose jobs are run.")
@click.option(
    "--capacity",
    type=click.IntRange(1, 10_000),
    default=os.cpu_count() or 1,
    show_default="number of processors",
    help="How many at the same time.",
)
@click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", help="What jobs may ask for."
)
@click.option("--machine", show_default="name of the host", help="For jobs that are pinned to it.")
@click.option("--once", is_flag=True, help="Run one job, and leave.")
@click.option("--job", type=click.IntRange(min=1), metavar="ID", help="Run this job, and leave.")
@click.option("--any-command", is_flag=True, help="Jobs bring their own commands: lists of words.")
@click.option(
    "--upload", "patterns", multiple=True, metavar="PATTERN", help="Keep files that a run has made."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3600.0,
    help="How many seconds a job may run.",
)
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    default=20.0,
    help="After SIGTERM or Ctrl-C: how many seconds running jobs may go on.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=5.0,
    help="How many seconds a command has between TERM and KILL.",
)
def agent_command(
    url: str,
    command: tuple[str, ...],
    queue: str,
    labels: tuple[str, ...],
    any_command: bool,
    patterns: tuple[str, ...],
    drain: float,
    grace: float,
    **others: Any,
) -> int:
    """Run COMMAND for each job of QUEUE of the server at URL, until SIGTERM or Ctrl-C.

    The payload of the job takes the place of each {} in the command, or comes last; it is one
    argument, and no shell looks at it. {.} {/} {//} {/.} are parts of it, as in 'gochan run'.
    What the command prints is the log of the job. A status other than 0 is a failure.
    The secret of the server is in GOCHAN_SECRET, or in the file jobs.db.secret of this folder, if
    the server is on this machine.

    \b
      gochan agent http://127.0.0.1:8000 --queue shrink -- optipng {}

    A server that is away, at the start too, is waited for; with --once or --job as well. A wrong
    secret, or an address that is none, ends the agent at once, with status 2; a command that is not
    there with 127, and one that cannot be executed with 126, as in 'gochan run'.

    After SIGTERM no further job starts, and those that run may go on for a while; then they are
    ended, go back to the queue, and lose no attempt.
    """  # noqa: D301  # click wants the character
    from .._remote._address import agents_secret, check_address  # which needs httpx

    try:
        check_address(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="URL") from None
    if bool(command) == any_command:
        raise click.UsageError("give a command, or let jobs bring their own: --any-command")
    status = check_program(command)
    if status:
        return status
    pairs = dict(_pair(label) for label in labels)
    from .._agent import LogCourier, open_agent_at, run_command_for

    _tell_outages()

    def say(line: str) -> None:
        print(f"gochan: {line}", file=sys.stderr, flush=True)

    async def work(children: Children) -> None:
        async with open_server_store(url, secret=agents_secret(url=url)) as store:
            courier = LogCourier(store.upload, lease=store.lease or math.inf)
            store.tell_before_ends(courier.bring)
            handler = run_command_for(command, children, courier, store.upload, patterns)
            async with (
                beside(courier.run),
                open_agent_at(store, queue, handler, labels=pairs, grace=grace, **others) as jobs,
                stop_on_signals(jobs, drain=drain, grace=grace, say=say) as stopped,
            ):
                say(f"works on {queue!r} of {url}; Ctrl-C stops it")
                await stopped.wait()

    async def main() -> None:
        async with open_children(guardian) as children:
            await until_reached(partial(work, children), say)

    with guarding() as guardian:
        run(main)
    return 0


def _tell_outages() -> None:
    """Print that the server is away, and that it is back. How runs end, the server knows."""
    printing = logging.StreamHandler()
    printing.setFormatter(logging.Formatter("gochan: %(message)s"))
    stores = logging.getLogger("gochan.durable.stores")
    stores.addHandler(printing)
    stores.setLevel(logging.INFO)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"{text!r} is not like NAME=VALUE", param_hint="--label")
    return name, value
