"""Handlers and hooks: what users may pass, and what it is called."""

from __future__ import annotations

import functools
import inspect


def name_of(handler: object) -> str:
    """Return what a handler is called."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return str(getattr(handler, "__name__", type(handler).__name__))


def check_handler(handler: object) -> None:
    """Raise `TypeError` unless ``handler`` can be a handler."""
    if not callable(handler):
        raise TypeError(f"handler must be an async function, not {handler!r}")


def check_hook(name: str, hook: object) -> None:
    """Raise `TypeError` unless ``hook`` is ``None`` or can be a hook."""
    if hook is None:
        return
    if not callable(hook):
        raise TypeError(f"{name} must be a function of a job, not {hook!r}")
    for function in (hook, getattr(hook, "__call__", None)):  # noqa: B004  # it may be async
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} must be a plain function, not an async one: {hook!r}")
