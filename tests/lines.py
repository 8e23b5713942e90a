"""What tests of waiting tasks share: to put them into line, one behind the other."""

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


def stable(thing: object) -> str:
    """Return what a case of a test is called: the same in each process that runs a part of them."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(thing))
