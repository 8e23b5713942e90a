"""``gochan jobs``: the jobs of a store, and how many each queue has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, final

import click

from ...durable import END_KINDS, STATES, EndKind, JobRecord, QueueCounts, State, Store
from .._parameters import ID
from ._as_json import text_of
from ._completing import suggest_queues
from ._known import queues_of
from ._place import Place, StoreCommand, at_store, json_option
from ._words import age, data_of, state_of, table

_COUNTS: Final = ("scheduled", "waiting", "running", *END_KINDS)


@final
@dataclass(frozen=True)
class _Page:
    """What was found."""

    queues: dict[str, QueueCounts]
    jobs: list[JobRecord]
    now: float


@click.command(name="jobs", cls=StoreCommand, short_help="List the jobs of a store.")
@at_store("read")
@click.option("--queue", shell_complete=suggest_queues, metavar="NAME", help="Only this queue.")
@click.option(
    "--state",
    "states",
    type=click.Choice([*STATES, *END_KINDS]),
    multiple=True,
    help="Only in this state, or ended like this.",
)
@click.option(
    "--kind", "kinds", type=click.Choice(END_KINDS), multiple=True, help="Only ended like this."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="At most so many jobs.",
)
@click.option("--before", type=ID, metavar="ID", help="Only jobs with lower ids: the next page.")
@json_option
def jobs_command(
    place: Place,
    queue: str | None,
    states: Sequence[State | EndKind],
    kinds: Sequence[EndKind],
    limit: int,
    before: int | None,
    as_json: bool,
) -> int:
    """List the jobs, the newest first, and count those of each queue.

    \b
      gochan jobs sqlite:jobs.db --queue mails --kind failed --kind timed_out

    --state and --kind may be repeated. With --json: one document, an object with "queues",
    the counts of each, and "jobs", a list of records.

    It only looks: it does not make a file, and can be used while workers run.
    """  # noqa: D301  # click wants the character
    ask = partial(_look, queue=queue, states=states, kinds=kinds, limit=limit, before=before)
    page = place.ask(ask)
    if as_json:
        print(text_of({"queues": page.queues, "jobs": page.jobs}))
        return 0
    print(_queue_table(page.queues))
    if page.jobs:
        print(f"\n{_job_table(page)}")
    if len(page.jobs) == limit:
        print(f"\nolder ones: --before {page.jobs[-1].id}")
    return 0


async def _look(
    store: Store,
    queue: str | None,
    states: Sequence[State | EndKind],
    kinds: Sequence[EndKind],
    limit: int,
    before: int | None,
) -> _Page:
    counts: dict[str, QueueCounts] = {}
    found: dict[int, JobRecord] = {}
    questions = [*_questions(states, kinds)]
    for name in await queues_of(store, queue):
        counts[name] = await store.statistics(name)
        for some_states, some_kinds in questions:
            some = await store.list(
                name, states=some_states, kinds=some_kinds, limit=limit, before=before
            )
            found |= {record.id: record for record in some}
    jobs = sorted(found.values(), key=lambda record: -record.id)
    return _Page(counts, jobs[:limit], store.now())


def _questions(
    states: Sequence[State | EndKind], kinds: Sequence[EndKind]
) -> Iterator[tuple[list[State], list[EndKind]]]:
    """Yield which states and kinds to ask for: the column of states shows how jobs have ended."""
    plain: list[State] = [one for one in states if one in STATES]
    if plain or not states:
        yield plain, [*kinds]
    ends: list[EndKind] = [
        one for one in states if one in END_KINDS and (not kinds or one in kinds)
    ]
    if ends:
        yield ["ended"], ends


def _queue_table(queues: dict[str, QueueCounts]) -> str:
    """Return a table of the counts; only kinds that occur, the states always."""
    if not queues:
        return "no queues"
    shown = [
        name
        for name in _COUNTS
        if name in STATES or any(getattr(counts, name) for counts in queues.values())
    ]
    rows = [
        [
            f"{name} (paused)" if counts.paused else name,
            *(str(getattr(counts, column)) for column in shown),
        ]
        for name, counts in queues.items()
    ]
    return table(["QUEUE", *(f"{name.upper().replace('_', ' ')}>" for name in shown)], rows)


def _job_table(page: _Page) -> str:
    """Return a table of the jobs."""
    rows = [
        [
            str(record.id),
            record.queue,
            state_of(record),
            f"{record.attempt}/{record.max_attempts}",
            age(record.submitted, page.now).rjust(6),  # so that columns stay where they are
            data_of(record.payload, record.codec),
            record.error or "",
        ]
        for record in page.jobs
    ]
    columns = ["ID>", "QUEUE", "STATE", "ATTEMPT>", "AGE>", "PAYLOAD", "ERROR"]
    if not any(record.error for record in page.jobs):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return table(columns, rows, wide=len(columns) - 5)
