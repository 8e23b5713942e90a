"""The history of queues: how many jobs waited and ran, one sample for each look."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, final

from ....durable import QueueCounts

# No terminal is wider than this, or shows less of it.
_SAMPLES: Final = 300


@final
class History:
    """What was counted lately."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[tuple[int, int]]] = {}

    def add(self, queues: Mapping[str, QueueCounts]) -> None:
        """Keep the counts of all queues; those that are gone are forgotten."""
        self._samples = {name: self._samples.get(name, deque(maxlen=_SAMPLES)) for name in queues}
        for name, counts in queues.items():
            self._samples[name].append((counts.waiting + counts.scheduled, counts.running))

    def waiting(self, queue: str) -> Sequence[int]:
        """Return how many jobs had not started, the oldest sample first."""
        return [waiting for waiting, _ in self._samples.get(queue, ())]

    def running(self, queue: str) -> Sequence[int]:
        """Return how many jobs ran, the oldest sample first."""
        return [running for _, running in self._samples.get(queue, ())]
