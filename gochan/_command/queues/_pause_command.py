"""``gochan pause`` and ``gochan resume``: whether the jobs of a queue start."""

from __future__ import annotations

from functools import partial

import click

from ...durable import QueueCounts, Store
from ._as_json import text_of
from ._completing import suggest_queues
from ._known import queues_of
from ._place import Place, StoreCommand, at_store, json_option
from ._words import counted


@click.command(name="pause", cls=StoreCommand, short_help="Let no job of a queue start.")
@at_store("write")
@click.argument("queue", shell_complete=suggest_queues)
@json_option
def pause_command(place: Place, queue: str, as_json: bool) -> int:
    """Let no job of QUEUE start, in the whole fleet, until it is resumed.

    Jobs that run go on, and new ones can be submitted. With --json: one document, an object with
    "queue", "paused", and "changed", whether that is new.
    """
    return _set(place, queue, as_json, paused=True)


@click.command(name="resume", cls=StoreCommand, short_help="Let the jobs of a queue start again.")
@at_store("write")
@click.argument("queue", shell_complete=suggest_queues)
@json_option
def resume_command(place: Place, queue: str, as_json: bool) -> int:
    """Let the jobs of QUEUE start again.

    With --json: one document, an object with "queue", "paused", and "changed", whether that is
    new.
    """
    return _set(place, queue, as_json, paused=False)


def _set(place: Place, queue: str, as_json: bool, *, paused: bool) -> int:
    changed, counts = place.ask(partial(_pause, queue=queue, paused=paused))
    if as_json:
        print(text_of({"queue": queue, "paused": paused, "changed": changed}))
    else:
        state = "paused" if paused else "not paused"
        running = counted(counts.running, "job")
        waiting = counted(counts.waiting, "job")
        print(
            f"queue {queue!r} {'is' if changed else 'was'} {state}: {running} running, "
            f"{waiting} waiting"
        )
    return 0


async def _pause(store: Store, queue: str, paused: bool) -> tuple[bool, QueueCounts]:
    await queues_of(store, queue)
    changed = await store.pause(queue, paused)
    return changed, await store.statistics(queue)
