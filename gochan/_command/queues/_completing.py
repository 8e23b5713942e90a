"""Completing: names of queues and numbers of jobs, as the store has them."""

# Theory of operation
# -------------------
# Somebody who presses Tab waits, and wants no error: so the store gets little time, and if it
# cannot be asked, nothing is suggested. It is asked where the words so far say that the jobs are.

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import click
import trio

from ...durable import JobRecord, State, Store
from ._place import Place, place_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

T = TypeVar("T")

_PATIENCE: Final = 2.0
_MOST: Final = 50
_LONGEST: Final = 40


def suggest_queues(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """Suggest the queues of the store."""
    names = _ask(context, lambda store: store.queues()) or ()
    return [name for name in names if name.startswith(typed)]


def suggest_jobs(
    *states: State,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]:
    """Suggest the newest jobs that are in one of these states, or in any, with their payloads."""

    def suggest(
        context: click.Context, _: click.Parameter, typed: str
    ) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem  # only who presses Tab needs it

        jobs = _ask(context, partial(_newest, states=states)) or ()
        return [
            CompletionItem(str(job.id), help=_about(job))
            for job in jobs
            if str(job.id).startswith(typed)
        ]

    return suggest


async def _newest(store: Store, states: tuple[State, ...]) -> list[JobRecord]:
    jobs = [
        job
        for queue in await store.queues()
        for job in await store.list(queue, states=states, limit=_MOST)
    ]
    return sorted(jobs, key=lambda job: -job.id)[:_MOST]


def _about(job: JobRecord) -> str:
    text = job.payload[:_LONGEST].decode(errors="replace")
    return f"{job.queue}: {text} ({job.kind or job.state})"


def _ask(context: click.Context, question: Callable[[Store], Awaitable[T]]) -> T | None:
    """Ask the store; return ``None`` if it does not answer in time."""

    async def ask(store: Store) -> T | None:
        with trio.move_on_after(_PATIENCE):
            return await question(store)
        return None

    try:
        return _place(context).ask(ask)
    except click.ClickException:
        return None


def _place(context: click.Context) -> Place:
    values = context.params
    return place_of(values.get("word"), values.get("at"), values.get("options") or (), "read")
