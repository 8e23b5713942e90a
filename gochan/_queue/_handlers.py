"""Handlers and hooks: what users may pass, and what it is called."""

# Theory of operation
# -------------------
# A handler is async: it is called, and what it returns is awaited. Whether a callable is
# async can often be told beforehand: an async function is; a generator function, a class or
# a function of Python's own such as ``print`` is not. A plain function may return something
# to await, and only a call can tell.

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Awaitable, Callable
from types import AsyncGeneratorType, BuiltinFunctionType
from typing import Any, TypeVar

from .._core import brief

P = TypeVar("P")
R = TypeVar("R")


def name_of(handler: object) -> str:
    """Return what a handler is called."""
    handler = _unwrap(handler)
    return str(getattr(handler, "__name__", type(handler).__name__))


def check_handler(handler: object) -> None:
    """Raise `TypeError` if ``handler`` is certainly no async function."""
    if not callable(handler):
        raise TypeError(f"handler must be an async function, not {handler!r}")
    if not is_async(handler) and any(map(_is_never_async, _faces(handler))):
        raise not_async(handler)


def not_async(handler: object, returned: str = "") -> TypeError:
    """Return the error for a handler that is not async."""
    name = name_of(handler)
    found = f": it returned {returned}, which cannot be awaited" if returned else ""
    return TypeError(
        f"handler {name} is not async{found}; write async def, or if it blocks, a handler "
        f"that awaits trio.to_thread.run_sync({name}, payload)"
    )


def awaited(handler: Callable[[P], Awaitable[R]]) -> Callable[[P], Awaitable[R]]:
    """Return a handler that says so if what ``handler`` returns cannot be awaited."""
    if is_async(handler):
        return handler

    async def handle(payload: P) -> R:
        awaitable = handler(payload)
        if not inspect.isawaitable(awaitable):
            raise not_async(handler, brief(awaitable))
        result: R = await awaitable
        return result

    return handle


def is_async(handler: object) -> bool:
    """Whether a call of ``handler`` certainly returns a coroutine."""
    return any(map(inspect.iscoroutinefunction, _faces(handler)))


def _is_never_async(function: Any) -> bool:
    """Whether a call of ``function`` certainly returns nothing that can be awaited."""
    if inspect.isasyncgenfunction(function):
        return True
    if inspect.isgeneratorfunction(function):
        return not function.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE
    if inspect.isclass(function):
        return not hasattr(function, "__await__")
    if isinstance(function, BuiltinFunctionType):
        # Compiled functions of others look the same, and may be async.
        owner = function.__self__
        module = function.__module__ or type(owner).__module__
        own = module.partition(".")[0] in sys.stdlib_module_names
        return own and not isinstance(owner, AsyncGeneratorType)
    return False


def _unwrap(function: object) -> object:
    """Return what is called in the end, behind `functools.partial`."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _faces(function: object) -> tuple[object, ...]:
    """Return what may show whether a callable is async: itself, and its ``__call__``."""
    function = _unwrap(function)
    if inspect.isclass(function) or inspect.isroutine(function):
        return (function,)
    return function, _unwrap(getattr(function, "__call__", None))  # noqa: B004


def check_hook(name: str, hook: object) -> None:
    """Raise `TypeError` unless ``hook`` is ``None`` or a plain function."""
    if hook is None:
        return
    if not callable(hook):
        raise TypeError(f"{name} must be a function of a job, not {hook!r}")
    for function in _faces(hook):
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} must be a plain function, not an async one: {hook!r}")


def call_hook(name: str, hook: Callable[[P], object], about: P, owner: str) -> None:
    """Call the hook of a user; whatever it raises has a note that says whose hook it was."""
    try:
        result = hook(about)
        if inspect.iscoroutine(result):
            result.close()  # or Python would warn that it was never awaited
            raise TypeError(f"{name} must be a plain function, not an async one: {hook!r}")
    except BaseException as error:
        error.add_note(f"raised by {name} of {owner}, called with {about!r}")
        raise
