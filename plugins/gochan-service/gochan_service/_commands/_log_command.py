"""``gochan log``: what a job has printed."""

from __future__ import annotations

import click

from ._usual import SERVER


@click.command(name="log", short_help="Print the log of a job of a server.")
@click.argument("words", nargs=-1, required=True, metavar="[URL] ID")
@click.option(
    "--at",
    metavar="URL",
    envvar="GOCHAN_URL",
    show_envvar=True,
    help=f"The server; without it, {SERVER}.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on while the job runs.")
@click.option(
    "--run",
    "version",
    type=click.IntRange(min=0),
    help="Of which run, by its version, as the page has it; by default, the last.",
)
def log_command(words: tuple[str, ...], at: str | None, follow: bool, version: int | None) -> int:
    """Print the log of job ID of a server, as it is.

    On a terminal, characters that it would obey are shown instead.
    """
    if len(words) > 2:
        raise click.UsageError(f"Got unexpected extra argument ({words[2]})")
    id = click.IntRange(min=1)(words[-1])
    url = words[0] if len(words) == 2 else at or SERVER
    from ._printing_log import print_log  # which needs httpx

    print_log(url, id, follow=follow, version=version)
    return 0
