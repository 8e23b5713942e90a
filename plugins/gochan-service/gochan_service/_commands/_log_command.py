"""``gochan log``: what a job has printed."""

from __future__ import annotations

import click


@click.command(name="log", short_help="Print the log of a job of a server.")
@click.argument("url")
@click.argument("id", type=click.IntRange(min=1))
@click.option("-f", "--follow", is_flag=True, help="Go on while the job runs.")
@click.option("--run", "version", type=click.IntRange(min=0), help="Of which run; the last one.")
def log_command(url: str, id: int, follow: bool, version: int | None) -> int:
    """Print the log of job ID of the server at URL, as it is.

    On a terminal, characters that it would obey are shown instead.
    """
    from ._printing_log import print_log  # which needs httpx

    print_log(url, id, follow=follow, version=version)
    return 0
