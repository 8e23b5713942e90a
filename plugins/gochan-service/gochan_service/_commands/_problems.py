"""What goes wrong in a command, in one line for its user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import click
import trio

from gochan.durable import StoreError

from .._people import RegisterError


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run ``main``; make what can go wrong an error of usage.

    Raises:
        click.UsageError: the store, the server or the system has refused something.
    """
    problem: BaseException
    try:
        trio.run(main)
    except* (StoreError, RegisterError, OSError, ValueError) as group:
        problem = group
    else:
        return
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    raise click.UsageError(str(problem))
