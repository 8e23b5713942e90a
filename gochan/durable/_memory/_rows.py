"""Rows: a job in memory, and what is known about a queue."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TypeAlias, final

from .._queue_records import QueueSettings
from .._records import END_KINDS, KEPT_ATTEMPTS, Attempt, EndKind, NewJob, State
from .._rules import Run

Route: TypeAlias = tuple[str | None, tuple[tuple[str, str], ...]]
Line: TypeAlias = list[tuple[int, int]]  # a heap of (-priority, id)
Ended: TypeAlias = tuple[float, int, int]


@final
@dataclass(slots=True, eq=False)
class Row:
    """A job."""

    id: int
    new: NewJob
    submitted: float
    state: State
    max_attempts: int
    expires: float | None
    run_at: float | None = None
    kind: EndKind | None = None
    version: int = 0
    attempt: int = 0
    crashes: int = 0
    lost: int = 0
    marked: bool = False
    worker: str | None = None
    started: float | None = None
    lease_until: float | None = None
    ended: float | None = None
    key_until: float = -math.inf  # until when it keeps its key after its end
    wish: str | None = None
    progress: tuple[float, float | None] | None = None
    error: str | None = None
    result: bytes | None = None
    needs: set[int] = field(default_factory=set)
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=KEPT_ATTEMPTS))
    forgotten: int = 0

    @property
    def route(self) -> Route:
        """Which workers may have it."""
        return self.new.machine, tuple(sorted(self.new.labels.items()))

    @property
    def idle(self) -> bool:
        """Whether it takes up room in its queue."""
        return self.state in ("scheduled", "waiting")

    @property
    def run(self) -> Run:
        """What the rules have to know."""
        return Run(self.attempt, self.max_attempts, self.marked, self.crashes, self.lost, self.wish)


@final
class QueueBook:
    """What is known about one queue."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.settings: QueueSettings | None = None
        self.paused = False
        self.counts: Counter[str] = Counter()
        self.pruned: Counter[EndKind] = Counter()
        self.lines: dict[Route, dict[str | None, Line]] = {}
        self.groups: Counter[str] = Counter()  # running jobs of each group
        self.keys: dict[str, int] = {}
        self.droppable: list[tuple[int, int]] = []  # a heap of (priority, id)
        # Heaps of (when, id, version): ended jobs by their end, but those that still have their
        # key by when they lose it.
        self.endings: dict[EndKind, list[Ended]] = {kind: [] for kind in END_KINDS}
        self.keyed: list[Ended] = []

    @property
    def limit(self) -> float:
        """How many jobs of one group may run."""
        limit = None if self.settings is None else self.settings.group_limit
        return math.inf if limit is None else limit

    @property
    def room(self) -> float:
        """How many more jobs may wait."""
        capacity = math.inf if self.settings is None else self.settings.capacity
        return capacity - self.counts["scheduled"] - self.counts["waiting"]

    def tidy(self) -> None:
        """Forget lines in which nothing waits."""
        for route, lines in [*self.lines.items()]:
            for group in [group for group, line in lines.items() if not line]:
                del lines[group]
            if not lines:
                del self.lines[route]
