"""The hooks that a plugin can implement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:
    import click

    from ..strategies import StrategySpec

PROJECT: Final = "gochan"


hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT)
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of that name."""


class Hooks:
    """What gochan asks plugins. Hooks are for finding and choosing, never called per item."""

    @hookspec
    def gochan_strategies(self) -> Iterable[StrategySpec]:  # type: ignore[empty-body]
        """Yield the strategies that this plugin offers."""

    @hookspec
    def gochan_commands(self) -> Iterable[click.Command]:  # type: ignore[empty-body]
        """Yield the commands that this plugin adds to ``gochan``."""

    # Not `StoreSpec`, whose room is below this one.
    @hookspec
    def gochan_stores(self) -> Iterable[object]:  # type: ignore[empty-body]
        """Yield the stores that this plugin offers, each a `gochan.durable.StoreSpec`."""

    # Not `DirectorySpec`, which a plugin has.
    @hookspec
    def gochan_directories(self) -> Iterable[object]:  # type: ignore[empty-body]
        """Yield the directories of people that this plugin can read.

        Each is a ``gochan_service.DirectorySpec``.
        """

    # Not `ProviderSpec`, which is in the same plugin.
    @hookspec
    def gochan_providers(self) -> Iterable[object]:  # type: ignore[empty-body]
        """Yield what this plugin can start agents with, each a `gochan_service.ProviderSpec`."""
