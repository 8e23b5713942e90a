"""Known: the queues and jobs that a store has, and what is said of others."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..._plugins import nearest
from ...durable import JobRecord, Store


async def queues_of(store: Store, name: str | None) -> list[str]:
    """Return the names of all queues, or the only one that is asked for.

    Raises:
        click.UsageError: there is no such queue.
    """
    names = [*await store.queues()]
    if name is None:
        return names
    if name not in names:
        meant = nearest(name, names)
        hint = f"; did you mean {meant!r}?" if meant else f"; it has: {', '.join(names) or 'none'}"
        raise click.UsageError(f"{store.address} has no queue {name!r}{hint}")
    return [name]


async def records_of(store: Store, ids: Sequence[int]) -> list[JobRecord]:
    """Return the records of jobs.

    Raises:
        click.UsageError: one of them is not there.
    """
    found = await store.look(ids)
    missing = [str(one) for one, record in zip(ids, found, strict=True) if record is None]
    if missing:
        jobs, them = ("job", "it") if len(missing) == 1 else ("jobs", "them")
        raise click.UsageError(
            f"{store.address} has no {jobs} {', '.join(missing)}, or does not keep {them} any "
            "more; `gochan jobs` lists those that it has"
        )
    return [record for record in found if record is not None]
