"""Jobs and queues of the model of a store."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, final

from ..durable import EndKind, NewJob, QueueSettings, State
from ._store_rules import StoreRule

_KEPT_ATTEMPTS: Final = 20


@final
class Says(str):
    """A sentence that the store words: any that contains this one, and is not empty."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(other) and str(self) in str(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"<a text with {str(self)!r}>" if self else "<a text>"


@final
@dataclass(eq=False)
class ModelAttempt:
    """A run that is over."""

    worker: str | None
    started: float | None
    ended: float
    kind: str
    error: str | None


@final
@dataclass(eq=False)
class ModelJob:
    """A job."""

    id: int
    new: NewJob
    submitted: float
    state: State
    max_attempts: int
    run_at: float | None
    expires: float | None
    needs: list[int]
    version: int = -1
    """What the store said last."""
    moves: int = 0
    """How often its state has changed."""
    rule: StoreRule = StoreRule.STORED
    """Which rule its last change followed."""
    kind: EndKind | None = None
    attempt: int = 0
    crashes: int = 0
    lost: int = 0
    marked: bool = False
    """Whether ``attempt`` counts its present run."""
    worker: str | None = None
    started: float | None = None
    lease_until: float | None = None
    ended: float | None = None
    key_until: float = -math.inf
    """Until when it has its key, once it has ended."""
    wish: str | None = None
    progress: tuple[float, float | None] | None = None
    error: str | None = None
    result: bytes | None = None
    attempts: list[ModelAttempt] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.state != "ended"

    @property
    def idle(self) -> bool:
        """Whether it takes up room in its queue."""
        return self.state in ("scheduled", "waiting")

    @property
    def rank(self) -> tuple[int, int]:
        """Its place among those that wait."""
        return -self.new.priority, self.id

    def move(self, state: State, rule: StoreRule) -> None:
        """Change the state."""
        self.state = state
        self.rule = rule
        self.moves += 1
        self.lease_until = None

    def has_key(self, now: float) -> bool:
        """Whether its key, if it has one, is taken by it."""
        return self.live or self.key_until > now

    def expired(self, now: float) -> bool:
        """Whether it must not start any more."""
        return self.expires is not None and self.expires <= now


@final
@dataclass
class ModelQueue:
    """What is kept about a queue, but for its jobs."""

    settings: QueueSettings | None = None
    paused: bool = False
    stored: int = 0
    pruned: Counter[EndKind] = field(default_factory=Counter)

    @property
    def rules(self) -> QueueSettings:
        """The settings that hold."""
        return self.settings or QueueSettings()


def kept_attempts(job: ModelJob) -> tuple[list[ModelAttempt], int]:
    """Return the attempts that a record shows, and how many there were before these."""
    return job.attempts[-_KEPT_ATTEMPTS:], max(0, len(job.attempts) - _KEPT_ATTEMPTS)
