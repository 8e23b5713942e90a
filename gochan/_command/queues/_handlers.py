"""Handlers: async functions by their names."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from ..._plugins import nearest

Handler: TypeAlias = Callable[[Any], Awaitable[Any]]


def load_handler(name: str, folder: str) -> Handler:
    """Return the handler of a name like ``shop.jobs:send``; its module is looked for in ``folder``.

    Raises:
        click.UsageError: there is none, or it is not async.
    """
    module_name, _, path = name.partition(":")
    if not (module_name and path):
        raise click.UsageError(f"a handler is named like module:function, not {name!r}")
    thing: Any = _load_module(module_name, folder)
    for part in path.split("."):
        if not hasattr(thing, part):
            meant = nearest(part, [one for one in dir(thing) if not one.startswith("_")])
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise click.UsageError(f"handler {name!r}: there is no {part!r}{hint}")
        thing = getattr(thing, part)
    if not _is_async(thing):
        raise click.UsageError(
            f"handler {name!r} is not an async function; write async def, or if it blocks, a "
            "handler that awaits trio.to_thread.run_sync(function, payload)"
        )
    handler: Handler = thing
    return handler


def _load_module(name: str, folder: str) -> object:
    """Import a module as a script in that folder would."""
    place = str(Path(folder).resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise click.UsageError(
                f"there is no module {error.name!r} in {place}, nor is one installed; name its "
                "folder with --folder"
            ) from None
        problem: BaseException = error
    except (Exception, SystemExit) as error:  # whatever a module raises is its own fault
        problem = error
    raise click.UsageError(f"module {name!r} cannot be imported: {_text_of(problem)}")


def _text_of(error: BaseException) -> str:
    """Return what an error says, and where it was raised."""
    text = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) or not frames:
        return text  # which says where
    return f"{text} ({frames[-1].filename}, line {frames[-1].lineno})"


def _is_async(thing: object) -> bool:
    """Whether a call certainly returns something to await."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    call = getattr(type(thing), "__call__", None)  # noqa: B004  # it is looked at, not called
    return inspect.iscoroutinefunction(thing) or inspect.iscoroutinefunction(call)
