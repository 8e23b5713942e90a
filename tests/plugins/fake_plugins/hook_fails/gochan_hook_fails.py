"""A plugin whose hook fails at once, with an error that pluggy could have raised, too."""

from __future__ import annotations

from gochan import hookimpl


@hookimpl
def gochan_strategies() -> None:
    len(3)  # type: ignore[arg-type]
