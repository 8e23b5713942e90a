"""The part of the plugin for pytest that makes a test fail with a report instead of hanging.

The hooks are in ``_gochan_pytest``, which every run of pytest loads; this is imported only when
a test asks for it.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import pytest
import trio

from ._deadlocks import detect_deadlocks
from ._report import report


def watch(
    test: Callable[..., Awaitable[object]],
    tell: Callable[[str], object],
    *,
    deadlocks: bool,
    nobody_waits: bool,
) -> Callable[..., Awaitable[object]]:
    """Return the test function, watched; if it fails, call ``tell`` with who waited."""

    @functools.wraps(test)
    async def watched(*arguments: Any, **named: Any) -> object:
        __tracebackhide__ = True
        if not trio.lowlevel.in_trio_task():
            return await test(*arguments, **named)
        try:
            with detect_deadlocks() if deadlocks else nullcontext():
                value = await test(*arguments, **named)
        except BaseException:
            who = report()
            if who.waits:
                tell(str(who))
            raise
        me = trio.lowlevel.current_task()
        left = [wait for wait in report().waits if _is_below(wait.task, me)]
        if nobody_waits and left:
            lines = "\n".join(map(str, left))
            pytest.fail(
                f"at the end of the test, these tasks still wait in gochan:\n{lines}", False
            )
        return value

    return watched


def _is_below(task: Any, ancestor: Any) -> bool:
    """Whether a task is in a nursery of ``ancestor``, or of a task below it."""
    while task.parent_nursery is not None:
        task = task.parent_nursery.parent_task
        if task is ancestor:
            return True
    return False
