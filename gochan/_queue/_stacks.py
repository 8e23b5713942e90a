"""Where a task is: its stack, and the stacks of its child tasks."""

# Theory of operation
# -------------------
# A waiting task is a chain of coroutines, each awaiting the next, and trio can walk that
# chain, so the stack of a task can be read from outside. If a task waits for a nursery, the
# tasks in that nursery tell more, so their stacks follow, and those of their children.
#
# A job usually ignores its cancellation because it waits for a thread. The frame of
# ``trio.to_thread.run_sync`` tells which function the thread runs.

from __future__ import annotations

import traceback
from collections.abc import Iterator
from functools import partial
from inspect import unwrap
from pathlib import PurePath
from types import FrameType
from typing import Any, Final

import trio
from trio.lowlevel import Task

# How many tasks are described; the rest are only counted.
_TASKS: Final = 20

_THREAD: Final = unwrap(trio.to_thread.run_sync).__code__

# Frames of these libraries say little about what a job is doing.
_BELOW: Final = {"trio", "gochan", "outcome", "contextlib", "functools", "typing"}


def find(task: Task) -> tuple[str, list[str]]:
    """Return where a task is, in a few words, and the lines of its stack."""
    tree = [*_descend(task, 0)]
    lines: list[str] = []
    leaves: list[str] = []
    for member, depth in tree[:_TASKS]:
        stack = _stack(member)
        indent = "  " * depth
        if depth:
            lines.append(f"{indent}in its task {member.name}:")
        text = traceback.StackSummary.extract(iter(stack)).format()
        lines += [indent + line for entry in text for line in entry.splitlines()]
        thread = _thread(stack)
        if thread:
            lines.append(f"{indent}  [{thread}, which cannot be cancelled]")
        if thread or not any(nursery.child_tasks for nursery in member.child_nurseries):
            leaves.append(thread or _place(stack))
    if len(tree) > _TASKS:
        lines.append(f"and {len(tree) - _TASKS} more tasks")
    return "; ".join(dict.fromkeys(leaves)), lines


def _descend(task: Task, depth: int) -> Iterator[tuple[Task, int]]:
    yield task, depth
    for nursery in task.child_nurseries:
        for child in sorted(nursery.child_tasks, key=lambda child: child.name):
            yield from _descend(child, depth + 1)


def _stack(task: Task) -> list[tuple[FrameType, int]]:
    """Return the frames of a task, without those of the worker around a handler."""
    frames = [*task.iter_await_frames()]
    while len(frames) > 1 and frames[0][0].f_globals.get("__name__") == "gochan._queue._workers":
        del frames[0]
    return frames


def _thread(stack: list[tuple[FrameType, int]]) -> str:
    """Say what the thread runs that a task waits for, or return ``""`` if it waits for none."""
    for frame, _ in stack:
        if frame.f_code is _THREAD:
            return f"waiting for a thread that runs {_name(frame.f_locals.get('sync_fn'))}"
    return ""


def _name(function: Any) -> str:
    """Return the name of a function, with its module."""
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module else name


def _place(stack: list[tuple[FrameType, int]]) -> str:
    """Say where a task is: its innermost frame in the user's code."""
    own = [(frame, line) for frame, line in stack if belongs_to_user(frame)]
    if not stack:
        return "nowhere"
    frame, line = (own or stack)[-1]
    code = frame.f_code
    return describe(code.co_filename, line, code.co_qualname)


def belongs_to_user(frame: FrameType) -> bool:
    """Whether a frame is in the user's code, and so says what a task is doing."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] not in _BELOW


def describe(file: str, line: int, function: str) -> str:
    """Describe a place in a few words."""
    return f"in {function} ({PurePath(file).name}, line {line})"
