"""``gochan retry``: jobs that have ended run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ...durable import DurableQueue, Enqueued, Retrying, Store, open_durable_queue
from .._parameters import ID
from ._as_json import text_of
from ._completing import suggest_jobs, suggest_queues
from ._known import queues_of, records_of
from ._place import Place, StoreCommand, at_store, json_option
from ._words import counted


@click.command(name="retry", cls=StoreCommand, short_help="Let jobs run again that have ended.")
@at_store("write")
@click.argument("ids", shell_complete=suggest_jobs("ended"), type=ID, nargs=-1, metavar="[ID]...")
@click.option(
    "--queue", shell_complete=suggest_queues, metavar="NAME", help="With --failed: of this queue."
)
@click.option("--failed", is_flag=True, help="All jobs that failed or timed out.")
@json_option
def retry_command(
    place: Place, ids: Sequence[int], queue: str | None, failed: bool, as_json: bool
) -> int:
    """Let the jobs of these IDs, or all failed ones of a queue, run again.

    \b
      gochan retry sqlite:jobs.db 7 9
      gochan retry sqlite:jobs.db --queue mails --failed

    Each gets as many attempts as it had at first, and does not expire any more.

    With --json: one document, a list of objects with "id" and "answer": "retried", "live" for a
    job that has not ended, or "key taken", with the id of the other job as "by". With --failed,
    an object with "retried", how many there were.

    Exit status: 1 if a job cannot run again; 2 if there is no such job, and nothing was changed.
    """  # noqa: D301  # click wants the character
    if failed != (queue is not None) or failed == bool(ids):
        raise click.UsageError("give the ids of jobs, or --queue NAME --failed")
    if queue is not None:
        return _retry_failed(place, queue, as_json)

    async def retry(store: Store) -> Sequence[Retrying]:
        await records_of(store, ids)
        return await store.retry(ids)

    answers = place.ask(retry)
    pairs = [*zip(ids, answers, strict=True)]
    if as_json:
        print(text_of([_as_json(number, answer) for number, answer in pairs]))
    else:
        for number, answer in pairs:
            print(f"job {number}: {_meaning(answer)}")
    return int(any(answer != "retried" for answer in answers))


def _retry_failed(place: Place, name: str, as_json: bool) -> int:
    async def retry(store: Store) -> int:
        await queues_of(store, name)
        queue: DurableQueue[Any, Any]
        async with open_durable_queue(store, name) as queue:
            return await queue.retry_failed()

    count = place.ask(retry)
    if as_json:
        print(text_of({"retried": count}))
    else:
        print(f"{counted(count, 'job')} of queue {name!r} will run again")
    return 0


def _as_json(number: int, answer: Retrying) -> dict[str, object]:
    if isinstance(answer, Enqueued):
        return {"id": number, "answer": "key taken", "by": answer.id}
    return {"id": number, "answer": answer}


def _meaning(answer: Retrying) -> str:
    if isinstance(answer, Enqueued):
        return f"cannot run again, because job {answer.id} has its key"
    return "will run again" if answer == "retried" else "has not ended"
