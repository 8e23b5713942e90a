"""Deeds: what keys ask of the store."""

# Theory of operation
# -------------------
# The view itself only looks, so that it can be used beside any worker. For a deed the store is
# opened once more, for writing, and closed again. What is wrong with a deed is told like all else.

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import click

from ....durable import Enqueued, Store, StoreError, explain_job
from ..._first_error import first_error
from .._cancel_command import MEANING
from .._place import Place
from .._words import counted
from ._panel import Deed

_REASON = "cancelled in gochan top"


async def do(place: Place, deed: Deed) -> Sequence[str]:
    """Do it; return sentences about what came of it."""
    access = replace(place, access="read" if deed.what == "explain" else "write")
    problem: BaseException
    try:
        async with AsyncExitStack() as stack:
            return await _do(await access.open(stack), deed)
    except* (StoreError, click.ClickException) as group:
        problem = first_error(group)
    if isinstance(problem, click.ClickException):
        return [problem.format_message()]
    return [str(problem)]


async def _do(store: Store, deed: Deed) -> Sequence[str]:
    if deed.what == "explain":
        explanation = await explain_job(store, deed.ids[0])
        if explanation is None:
            return [f"job {deed.ids[0]} is not kept any more"]
        return [f"job {deed.ids[0]}:", *explanation.reasons]
    if deed.what == "cancel":
        (cancelling,) = await store.cancel(deed.ids, _REASON)
        return [f"job {deed.ids[0]}: {MEANING[cancelling]}"]
    if deed.what == "retry":
        return [_retried(await store.retry(deed.ids))]
    await store.pause(deed.queue, deed.what == "pause")
    return [f"queue {deed.queue!r} is {'paused' if deed.what == 'pause' else 'resumed'}"]


def _retried(answers: Sequence[str | Enqueued]) -> str:
    again = sum(answer == "retried" for answer in answers)
    others = len(answers) - again
    rest = f"; {counted(others, 'job')} cannot" if others else ""
    return f"{counted(again, 'job')} will run again{rest}"
