"""Permits: which calls of a store who may make."""

from __future__ import annotations

from typing import Final

from .._wire import CALLS, Call, Configure

# What agents may do: what the runs of jobs need, and jobs that their handlers submit.
_AGENTS: Final = frozenset(
    CALLS[name]
    for name in (
        "accept", "claim", "enqueue", "explain", "extend", "finish", "look", "offer", "release",
        "report", "start", "statistics", "tend",
    )
)  # fmt: skip


def permit_agent(call: Call) -> str | None:
    """Say why an agent may not make a call; ``None`` if it may."""
    if type(call) in _AGENTS or (isinstance(call, Configure) and call.settings is None):
        return None
    what = type(call).__name__.lower()
    return f"the secret of agents is not for {what!r}; that needs the token of a person"
