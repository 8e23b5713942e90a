"""What is known about one plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

Status: TypeAlias = Literal["active", "blocked", "broken"]


@final
@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin: where it is from, its status, and what it offers."""

    name: str
    distribution: str
    version: str
    status: Status
    strategies: tuple[str, ...] = ()
    problem: str = ""

    @property
    def title(self) -> str:
        """The plugin as errors name it."""
        return f"{self.name!r} ({self.distribution} {self.version})"
