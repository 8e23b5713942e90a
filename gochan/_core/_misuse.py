"""Misuse: what people pass to a select instead of a case, and what to write."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Final

from ._words import shortened

# What makes cases, and how to call it.
_METHODS: Final = {
    "on_receive": "on_receive()",
    "on_receive_ok": "on_receive_ok()",
    "on_send": "on_send(value)",
    "on_close": "on_close()",
    "on_tick": "on_tick()",
    "on_done": "on_done()",
}
_FUNCTIONS: Final = {"default": "default()", "after": "after(seconds)", "at": "at(deadline)"}


def not_a_case(label: object, thing: object, others: Sequence[object] = ()) -> TypeError:
    """Say what is wrong with something that is not a case, and how to mend it.

    Coroutines among ``others`` are closed, so that Python does not complain, too, that they
    were never awaited.
    """
    for other in (thing, *others):
        if inspect.iscoroutine(other):
            other.close()
    return TypeError(f"case {label!r} is not a case but {shortened(thing, 100)}; {_way_out(thing)}")


def _way_out(thing: object) -> str:
    if inspect.iscoroutine(thing):
        return "pass a case such as channel.on_receive(), and await the select only"
    if isinstance(thing, Mapping):
        return "write select(**cases)"
    if isinstance(thing, (list, tuple, set, frozenset)):
        return "write select(*cases)"
    calls = _METHODS | _FUNCTIONS
    name = getattr(thing, "__name__", None)
    if inspect.isroutine(thing) and name in calls:
        return f"call it: {calls[name]}"
    if not isinstance(thing, type):
        there = [f".{call}" for method, call in _METHODS.items() if hasattr(thing, method)]
        if there:
            first = ", ".join(there[:-1])
            return f"choose what to do there: {first}{' or ' if first else ''}{there[-1]}"
    return "cases come from channel.on_receive() and its like, default(), after() and at()"
