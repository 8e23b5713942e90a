"""``gochan purge``: jobs that have ended are deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ...durable import END_KINDS, DurableQueue, EndKind, Store, open_durable_queue
from ._as_json import text_of
from ._completing import suggest_queues
from ._known import queues_of
from ._place import Place, StoreCommand, at_store, json_option
from ._words import counted


@click.command(name="purge", cls=StoreCommand, short_help="Delete jobs that have ended.")
@at_store("write")
@click.argument("queue", shell_complete=suggest_queues)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(END_KINDS),
    multiple=True,
    required=True,
    help="That ended like this; may be repeated.",
)
@json_option
def purge_command(place: Place, queue: str, kinds: Sequence[EndKind], as_json: bool) -> int:
    """Delete the jobs of QUEUE that ended in this way. This cannot be undone.

    Those whose key is still taken stay. With --json: one document, an object with "purged", how
    many there were.
    """

    async def purge(store: Store) -> int:
        await queues_of(store, queue)
        found: DurableQueue[Any, Any]
        async with open_durable_queue(store, queue) as found:
            return await found.purge(kinds)

    count = place.ask(purge)
    if as_json:
        print(text_of({"purged": count}))
    else:
        print(f"{counted(count, 'job')} of queue {queue!r} deleted")
    return 0
