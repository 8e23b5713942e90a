"""Discovery: which plugins are installed, and from which distributions."""

from __future__ import annotations

from importlib.metadata import (
    Distribution,
    EntryPoint,
    PackageNotFoundError,
    distributions,
    entry_points,
    version,
)
from pathlib import Path
from typing import TypeAlias

from ._hooks import PROJECT
from ._info import PluginInfo
from ._sentences import text_of

Found: TypeAlias = tuple[PluginInfo, EntryPoint | None]
"""A plugin and its entry point; ``None`` if that cannot be read."""


def find() -> list[Found]:
    """Return the plugins of all installed distributions."""
    try:
        return [(describe(entry), entry) for entry in entry_points(group=PROJECT)]
    except Exception:  # one damaged distribution, of any project, ends the whole search
        return _find_one_by_one()


def _find_one_by_one() -> list[Found]:
    """Search distribution by distribution, so that a damaged one hides no other."""
    found: dict[str, list[Found]] = {}
    for distribution in distributions():
        name, number = _identity(distribution)
        key = name.lower().replace("_", "-")
        if key in found:
            continue  # one of the same name, earlier on the path, hides it
        try:
            entries = distribution.entry_points.select(group=PROJECT)
            found[key] = [(describe(entry), entry) for entry in entries]
        except Exception as error:
            problem = f"its entry_points.txt cannot be read ({text_of(error)})"
            info = PluginInfo(name, name, number, "broken", problem=problem)
            found[key] = [(info, None)] if key.startswith(f"{PROJECT}-") else []
    return [pair for pairs in found.values() for pair in pairs]


def describe(entry: EntryPoint) -> PluginInfo:
    """Return what is known about a plugin before it is loaded."""
    return PluginInfo(entry.name, *_identity(entry.dist), "active")


def own_info(strategies: tuple[str, ...]) -> PluginInfo:
    """Describe the built-in strategies as if a plugin offered them."""
    try:
        number = version("trio-gochan")
    except PackageNotFoundError:  # pragma: no cover  # run from a bare source tree
        number = "?"
    return PluginInfo("built-in", "trio-gochan", number, "active", strategies)


def _identity(distribution: Distribution | None) -> tuple[str, str]:
    """Return name and version; if the metadata is damaged, those in the name of the folder."""
    try:
        metadata = distribution.metadata  # type: ignore[union-attr]  # fails like a bad file
        if metadata["Name"] and metadata["Version"]:
            return metadata["Name"], metadata["Version"]
    except Exception:  # missing or unreadable
        pass
    folder = Path(str(getattr(distribution, "_path", ""))).name
    name, _, number = folder.removesuffix(".dist-info").partition("-")
    return name or "?", number or "?"
