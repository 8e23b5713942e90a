"""The command ``gochan sim``: replay a load against several strategies, in virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gochan import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def gochan_commands() -> Iterable[click.Command]:
    """Offer ``gochan sim``."""
    from ._command import sim  # only the command line needs this, and it has click

    yield sim
