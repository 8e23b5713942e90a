"""What tests of waiting tasks share: to put them into line, and to learn what became of them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked


async def line_up(
    nursery: trio.Nursery, function: Callable[..., Awaitable[Any]], *args: Any
) -> None:
    """Start a task, and return when it waits, behind those started before."""
    nursery.start_soon(function, *args)
    await wait_all_tasks_blocked()


class Log(list[tuple[Any, Any]]):
    """What became of tasks: the label of each, and what it returned or how its channel ended."""

    async def run(self, label: object, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        try:
            self.append((label, await function(*args)))
        except (trio.EndOfChannel, trio.ClosedResourceError, trio.BrokenResourceError) as error:
            self.append((label, type(error)))


def trying(operation: Callable[..., Any], *args: Any) -> Any:
    """Return what an operation returns, or the type of what it raises."""
    try:
        return operation(*args)
    except Exception as error:
        return type(error)


def stable(thing: object) -> str:
    """Return what a case of a test is called: the same in each process that runs a part of them."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(thing))
