"""Words of messages: values in a short line, and what a thing is called."""

from __future__ import annotations

from reprlib import Repr


def brief(value: object) -> str:
    """Return the ``repr`` of a user's value in one short line, whatever that ``repr`` does."""
    return shortened(value, 60)


def shortened(value: object, width: int) -> str:
    """Return the ``repr`` of ``value`` in one line; what is longer than ``width`` is cut inside."""
    words = Repr()
    words.maxstring = words.maxother = width
    try:
        text = words.repr(value)
    except Exception:
        # Repr goes by the name of a class, which may be that of another one.
        text = words.repr_instance(value, 1)
    return " ".join(text.splitlines())


def title_of(kind: str, thing: object, name: str | None) -> str:
    """Return what messages call ``thing``: by its name, or by its address if it has none."""
    return f"{kind} {id(thing):#x}" if name is None else f"{kind} {name!r}"
