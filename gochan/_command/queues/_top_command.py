"""``gochan top``: queues, workers and jobs, as they are now."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial

import click

from ...durable import Store
from .._parameters import Seconds
from ..terminal import painted
from ._as_json import text_of
from ._place import Place, StoreCommand, at_store
from .top import History, Known, Panel, look, picture, watch

_ENDLESS = 100_000  # lines, for a picture that nothing cuts


@click.command(
    name="top",
    cls=StoreCommand,
    context_settings={"show_default": True},
    short_help="Watch queues, workers and jobs.",
)
@at_store("read")
@click.option(
    "--interval",
    type=Seconds(min=0.1, max=3600),
    default=1.0,
    help="How long it is between two looks.",
)
@click.option("--once", is_flag=True, help="Print one picture, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print what is known as JSON, and end.")
def top_command(place: Place, interval: float, once: bool, as_json: bool) -> int:
    """Watch the queues, the workers and the jobs of a server or a store.

    \b
      gochan top
      gochan top sqlite:jobs.db
      ssh box gochan top --at postgresql://db.example.org/app --once

    Up and down choose a row. On a job, e explains why it waits, runs or has ended so, and c
    cancels it; on a reason why jobs have ended, r lets them run again; p pauses the queue of
    the row, or resumes it. Cancel and run again ask first. q ends this, and ? shows the keys.

    Where standard output is no terminal, one picture is printed. NO_COLOR leaves the colours
    out. With --json: one document, an object with "queues", the counts of each, "workers", and
    lists of records: "running", "waiting" and "ended", those of the last that were not done.
    """  # noqa: D301  # click wants the character
    live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if as_json:
        print(text_of(place.ask(look)))
        return 0
    if once or not live:
        _print(place.ask(look))
        return 0
    return place.ask(partial(_watch, place=place, interval=interval))


async def _watch(store: Store, place: Place, interval: float) -> int:
    return await watch(place, store, await look(store), sys.stdout.fileno(), interval)


def _print(known: Known) -> None:
    """Print a picture without keys; in colours on a terminal."""
    history = History()
    history.add(known.queues)
    columns = shutil.get_terminal_size().columns
    colours = sys.stdout.isatty()
    for row in picture(known, history, Panel(), columns=columns, lines=_ENDLESS, keys=False):
        text = painted(row).decode() if colours else "".join(span.text for span in row)
        print(text.rstrip())
