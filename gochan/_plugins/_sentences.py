"""What is said about plugins: the same sentences in warnings, errors and the list."""

# Each sentence names the plugin, its distribution and version, the cause, and what to do.

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ._errors import PluginError
from ._info import PluginInfo

BLOCK_VARIABLE: Final = "GOCHAN_BLOCK_PLUGINS"

# How much of a plugin's own words about its trouble is repeated.
_LONGEST: Final = 500


def broken(info: PluginInfo, handle: str) -> str:
    """Say what is wrong with a broken plugin; ``handle`` is the name that blocks it."""
    return (
        f"gochan plugin {info.title} is broken and was skipped: {info.problem.rstrip('.')}. "
        f"{cure(handle)}"
    )


def cure(handle: str) -> str:
    """Say what helps against a broken plugin."""
    return f"Fix, update or uninstall it, or set {BLOCK_VARIABLE}={handle}."


def clash(thing: str, infos: Sequence[PluginInfo], handle: str) -> str:
    """Say what is wrong with a name that several plugins offer."""
    titles = " and ".join(info.title for info in infos)
    nobody = "neither" if len(infos) == 2 else "none of them"
    return (
        f"{thing} is offered by {titles}, so it belongs to {nobody}; uninstall "
        f"all but one, or block it with {BLOCK_VARIABLE}={handle}"
    )


def unknown(name: str, known: Iterable[str], nearest: str | None) -> str:
    """Say that no strategy has a name, which names there are, and which may have been meant."""
    text = f"there is no strategy named {clean(name)!r}; known are: {', '.join(known)}."
    return f"{text} Did you mean {nearest!r}?" if nearest else text


def text_of(problem: BaseException) -> str:
    """Return one line about an error of a plugin, even if its own text cannot be shown."""
    kind = type(problem).__name__
    try:
        text = str(problem) if isinstance(problem, PluginError) else f"{kind}: {problem}"
    except Exception:
        return f"{kind}, whose text cannot be shown"
    missing = problem.name if isinstance(problem, ImportError) else None
    if missing and missing.partition(".")[0] == "gochan":
        text += "; was it written for another version of gochan?"
    return clean(text)


def clean(text: str) -> str:
    """Return ``text`` in one line, not too long, and safe to print."""
    text = " ".join(text.split())
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
