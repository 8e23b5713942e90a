"""Keys: how a strategy finds what it wants to know about an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

Key: TypeAlias = str | Callable[[Any], Any] | None
"""How to find what a strategy wants to know about an item; see `by`."""

_MISSING: Final = object()


def by(key: Key, name: str = "key") -> Callable[[Any], Any]:
    """Return a function that finds something about an item, such as the tenant it is from.

    Args:
        key: a function of the item, or of the payload if the item is a job; or a name: what
            the item (or else the payload) has under it, as an attribute or in a mapping; or
            ``None`` for the attribute ``name`` of the item, as jobs have ``key`` and ``priority``.
        name: see above.

    Raises:
        TypeError: ``key`` is something else.
    """
    if key is None:
        return _finder(name)
    if callable(key):
        function = key
        return lambda item: function(getattr(item, "payload", item))
    if not isinstance(key, str):
        raise TypeError(f"{name} must be a name or a function, not {key!r}")
    return _finder(key)


def _finder(name: str) -> Callable[[Any], Any]:
    """Return a function that looks for a name in an item, and then in its payload."""
    # Nearly always it is an attribute, and all items are of one type. To ask whether a type
    # is that of a mapping costs more than all the rest, so it is asked once.
    plain: type | None = None

    def find(item: Any) -> Any:
        nonlocal plain
        if type(item) is not plain:
            if isinstance(item, Mapping):
                return _look_up(item, name)
            plain = type(item)
        found = getattr(item, name, _MISSING)
        return _look_up(item, name) if found is _MISSING else found

    return find


def _look_up(item: Any, name: str) -> Any:
    for thing in (item, getattr(item, "payload", None)):
        if isinstance(thing, Mapping):
            if name in thing:
                return thing[name]
        elif hasattr(thing, name):
            return getattr(thing, name)
    raise LookupError(f"{item!r} has no {name!r}, by which a strategy wants to tell items apart")
