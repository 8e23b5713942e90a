"""Providers: what starts and ends agents, and how plugins offer one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, final


class ProviderError(Exception):
    """A provider could not do what it was asked for; the message says why, in one line."""


class Provider(Protocol):
    """What starts and ends agents: this machine, containers, a cloud.

    It may fail, take its time, and be wrong: ``gochan scale`` compares what it says with what the
    server hears.
    """

    async def create(self, name: str) -> None:
        """Start an agent of this name; it may be ready later.

        It has to tell the server its name: by ``--label instance=NAME``, or as its machine.

        Raises:
            ProviderError: it cannot.
        """

    async def destroy(self, name: str) -> None:
        """End the agent of this name, which has no jobs; do nothing if there is none.

        Raises:
            ProviderError: it cannot.
        """

    async def list(self) -> Collection[str] | None:
        """Return the names of the agents that are there or start; ``None`` if nobody can tell.

        Raises:
            ProviderError: it cannot just now.
        """


def is_of(prefix: str, name: str) -> bool:
    """Whether an agent of this name is one of those that have this prefix.

    One word follows: ``build-linux-1`` is of the prefix ``build-linux``, not of ``build``.
    """
    return name.rpartition("-")[0] == prefix


@final
@dataclass(frozen=True, slots=True)
class AgentPlan:
    """What agents are to be."""

    url: str
    """The server's."""
    queue: str
    """Whose jobs they run."""
    prefix: str
    """What their names begin with; a hyphen and one word without a hyphen follow."""
    capacity: int = 1
    """How many jobs each can run at the same time."""
    command: Sequence[str] = ()
    """What they run for a job, and options of ``gochan agent`` in front of ``--``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What else the user says to this provider."""
    folder: Path = Path("gochan-agents")
    """Where a provider may keep files."""


@final
@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """What a plugin offers by the hook ``gochan_providers``.

    Attributes:
        name: what users write after ``--provider``: a-z, 0-9 and hyphens.
        open: called with the plan; returns an async context manager that opens a provider.
        summary: one line for people.

    Raises:
        ValueError: the name is not of that form.
    """

    name: str
    open: Callable[[AgentPlan], AbstractAsyncContextManager[Provider, bool | None]]
    summary: str

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z][a-z0-9-]*", self.name):
            raise ValueError(
                f"a provider's name is made of a-z, 0-9 and hyphens, not {self.name!r}"
            )
