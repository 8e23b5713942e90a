"""``gochan cancel``: jobs that are not wanted any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from ...durable import Cancelling, Store
from .._parameters import ID
from ._as_json import text_of
from ._completing import suggest_jobs
from ._known import records_of
from ._place import Place, StoreCommand, at_store, json_option

MEANING: Final[dict[Cancelling, str]] = {
    "ended": "cancelled",
    "signalled": "runs, and its worker is told",
    "unknown": "had ended already",
}


@click.command(name="cancel", cls=StoreCommand, short_help="End jobs early.")
@at_store("write")
@click.argument(
    "ids",
    shell_complete=suggest_jobs("scheduled", "waiting", "running"),
    type=ID,
    nargs=-1,
    required=True,
    metavar="ID...",
)
@click.option("--reason", default="", metavar="TEXT", help="What their records say.")
@json_option
def cancel_command(place: Place, ids: Sequence[int], reason: str, as_json: bool) -> int:
    """Cancel the jobs of these IDs.

    One that does not run ends at once. One that runs is cancelled by its worker, wherever that
    is; if its handler returns nevertheless, it is done.

    With --json: one document, a list of objects with "id" and "answer": "ended", "signalled",
    or "unknown" for a job that had ended.

    Exit status: 1 if a job had ended already; 2 if there is no such job, and nothing was
    cancelled.
    """

    async def cancel(store: Store) -> Sequence[Cancelling]:
        await records_of(store, ids)
        return await store.cancel(ids, reason)

    answers = place.ask(cancel)
    pairs = [*zip(ids, answers, strict=True)]
    if as_json:
        print(text_of([{"id": number, "answer": answer} for number, answer in pairs]))
    else:
        for number, answer in pairs:
            print(f"job {number}: {MEANING[answer]}")
    return int("unknown" in answers)
