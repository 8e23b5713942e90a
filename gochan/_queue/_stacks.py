"""Where a task is: the calls that it is in the middle of, and those of its children."""

# Theory of operation
# -------------------
# A task that waits is a chain of coroutines, each awaiting the next, so its stack can be
# read from outside; trio does that. A task that waits for a nursery is where the tasks
# of that nursery are, so these follow, and theirs, like branches of a tree.
#
# The usual reason why a job takes no notice of being cancelled is that it waits for a
# thread. What the thread runs is found in the frame of the function that waits for it.

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

# How many tasks are looked at; of the rest it is said how many there are.
_TASKS: Final = 20

_THREAD: Final = unwrap(trio.to_thread.run_sync).__code__

# Libraries in which a place says little about what a job is doing.
_BELOW: Final = {"trio", "gochan", "outcome", "contextlib", "typing"}


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
    """Say what the thread runs that a task waits for, if it does."""
    for frame, _ in stack:
        if frame.f_code is _THREAD:
            return f"waiting for a thread that runs {_name(frame.f_locals.get('sync_fn'))}"
    return ""


def _name(function: Any) -> str:
    """Return what a function is called, with its module."""
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module else name


def _place(stack: list[tuple[FrameType, int]]) -> str:
    """Say where a task is: the innermost place that belongs to the user."""
    own = [(frame, line) for frame, line in stack if belongs_to_user(frame)]
    if not stack:
        return "nowhere"
    frame, line = (own or stack)[-1]
    code = frame.f_code
    return describe(code.co_filename, line, code.co_qualname)


def belongs_to_user(frame: FrameType) -> bool:
    """Tell whether a place says something about what a task is doing."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] not in _BELOW


def describe(file: str, line: int, function: str) -> str:
    """Say where something is, in a few words."""
    return f"in {function} ({PurePath(file).name}, line {line})"
