"""What a decision is made from, and what it says: data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class ScaledAgent:
    """An agent, as the server and its provider see it."""

    name: str
    """By which its provider knows it."""
    capacity: int = 1
    """How many jobs it can run at the same time."""
    busy: int = 0
    """How many it runs."""
    age: float = 0.0
    """Seconds since it was asked for, or was seen for the first time."""
    draining: bool = False
    """Whether the server gives it no more jobs."""
    heard: bool = True
    """Whether the server hears from it."""
    provided: bool = True
    """Whether its provider knows of it."""


@final
@dataclass(frozen=True, slots=True)
class ScalingSnapshot:
    """What there is at one moment."""

    waiting: int = 0
    """Jobs that can start."""
    running: int = 0
    """Jobs that these agents run."""
    agents: Sequence[ScaledAgent] = ()
    """All that were asked for and have not gone, those that only one side knows included."""
    duration: float | None = None
    """How many seconds a job has taken lately; ``None`` if that is not known."""
    age: float = 0.0
    """How many seconds the jobs that run have taken until now, on average."""
    rate: float = 0.0
    """How many jobs come in a second."""
    failed: int = 0
    """How many agents were asked for in vain since the last snapshot."""


@final
@dataclass(frozen=True, slots=True)
class ScalingDecision:
    """What is to be done, by the names of agents."""

    create: int = 0
    """How many new agents to ask for."""
    drain: Sequence[str] = ()
    """Those that are to get no more jobs."""
    undrain: Sequence[str] = ()
    """Those that are to get jobs again, which is quicker than a new one."""
    destroy: Sequence[str] = ()
    """Those that are to go: drained and idle, or never heard of."""
    wanted: int = 0
    """How many slots there should be: jobs that can run at the same time."""
    wait: float = 0.0
    """How many seconds the next job would wait, as things are; infinite without an agent."""
    notes: Sequence[str] = ()
    """What is odd, for people: a provider that fails, or both sides disagree."""
