"""Whether the process runs a command and does nothing else."""

from __future__ import annotations

from typing import Final

import click

ALONE: Final = "gochan.alone"


def is_alone() -> bool:
    """Return whether all children of this process are those of the command that is running."""
    return bool(click.get_current_context().meta.get(ALONE))
