"""``gochan explain``: why a job waits, or why it ended so."""

from __future__ import annotations

import click

from ...durable import Explanation, Store, explain_job
from .._parameters import ID
from ..terminal import printable
from ._as_json import text_of
from ._completing import suggest_jobs
from ._known import records_of
from ._place import Place, StoreCommand, at_store, json_option


@click.command(
    name="explain", cls=StoreCommand, short_help="Say why a job waits, or why it ended so."
)
@at_store("read")
@click.argument("id", shell_complete=suggest_jobs(), type=ID)
@json_option
def explain_command(place: Place, id: int, as_json: bool) -> int:
    """Say why the job ID waits and when it should start, or why it ended as it did.

    With --json: one document, an object with "id", "reasons", a list of sentences, "ahead", how
    many jobs of its queue come before it, and "starts", when it should start, if that is known.
    """

    async def ask(store: Store) -> Explanation:
        await records_of(store, [id])
        explanation = await explain_job(store, id)
        assert explanation is not None
        return explanation

    answer = place.ask(ask)
    if as_json:
        names = ("reasons", "ahead", "starts")
        print(text_of({"id": id} | {name: getattr(answer, name) for name in names}))
    else:
        for reason in answer.reasons:
            print(printable(reason))
    return 0
