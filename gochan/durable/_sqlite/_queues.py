"""Queues: their numbers, settings and counts, what they ring, and which job has a key."""

# Theory of operation
# -------------------
# The tally keeps the counts of each queue, so that they cost nothing to read. Whoever changes rows
# changes the tally, too.

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from typing import Final, Literal, final

from .._queue_records import Keep, QueueSettings
from .._records import Hint
from ._connection import Connection

# Made by the first queue that needs them, since all others would pay for them, too.
_INDEX_DROPPABLE: Final = """
CREATE INDEX IF NOT EXISTS gochan_job_droppable ON gochan_job(queue, priority)
WHERE state < 2 AND log IS NULL"""
_INDEX_FREE: Final = """
CREATE INDEX IF NOT EXISTS gochan_job_free ON gochan_job(queue, route, priority DESC)
WHERE state = 1 AND grp IS NULL"""


@final
class Queues:
    """What is known about the queues of a file, by one connection.

    Attributes:
        hints: what there is to ring, by the names of the queues.
    """

    def __init__(self, connection: Connection) -> None:
        self.hints: dict[str, list[Hint]] = defaultdict(list)
        self._db = connection
        self._ids: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def number_of(self, name: str) -> int:
        """Return the number of a queue; there is one as soon as anybody names it."""
        if name not in self._ids:
            self._db.run(
                "INSERT INTO gochan_queue(name) VALUES (?) ON CONFLICT DO NOTHING", (name,)
            )
            self._learn(self._db.value("SELECT id FROM gochan_queue WHERE name = ?", (name,)), name)
        return self._ids[name]

    def find(self, name: str) -> int:
        """Return the number of a queue; one that no queue has if there is none. Writes nothing."""
        if name not in self._ids:
            number = self._db.value("SELECT id FROM gochan_queue WHERE name = ?", (name,))
            if number is None:
                return -1
            self._learn(number, name)
        return self._ids[name]

    def name_of(self, queue: int) -> str:
        """Return the name of a queue."""
        if queue not in self._names:
            self._learn(
                queue, self._db.value("SELECT name FROM gochan_queue WHERE id = ?", (queue,))
            )
        return self._names[queue]

    def _learn(self, queue: int, name: str) -> None:
        self._ids[name], self._names[queue] = queue, name

    def forget(self) -> None:
        """Forget what was learnt in a transaction that was undone."""
        self._ids.clear()
        self._names.clear()
        self.hints.clear()

    def settings(self, queue: int) -> tuple[bool, QueueSettings | None]:
        """Return whether a queue is paused, and its settings, if anybody has said some."""
        row = self._db.row("SELECT paused, settings FROM gochan_queue WHERE id = ?", (queue,))
        paused, text = row or (False, None)
        return bool(paused), None if text is None else settings_from(text)

    def configure(
        self, now: float, queue: str, settings: QueueSettings | None, update: bool
    ) -> QueueSettings:
        number = self.number_of(queue)
        _, kept = self.settings(number)
        if settings is not None and (kept is None or update):
            text = _settings_text(settings)
            self._db.run("UPDATE gochan_queue SET settings = ? WHERE id = ?", (text, number))
            if settings.when_full == "drop-oldest":
                self._db.run(_INDEX_DROPPABLE)
            if settings.group_limit is not None:
                self._db.run(_INDEX_FREE)
            self.hints[queue].append(Hint("changed"))
            return settings
        return kept or QueueSettings()

    def count(self, changes: Counter[tuple[int, str]]) -> None:
        """Change the tally."""
        self._db.run_many(
            "INSERT INTO gochan_tally VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [(queue, what, n) for (queue, what), n in changes.items() if n],
        )

    def tally(self, queue: int) -> dict[str, int]:
        """Return the counts of a queue."""
        return dict(self._db.rows("SELECT what, n FROM gochan_tally WHERE queue = ?", (queue,)))

    def ring(
        self,
        queue: int,
        what: Literal["waiting", "scheduled", "ended", "cancel", "room"],
        *ids: int,
    ) -> None:
        """Note a bell."""
        self.hints[self.name_of(queue)].append(Hint(what, ids))

    def pause(self, now: float, queue: str, paused: bool) -> bool:
        number = self.number_of(queue)
        changed = self._db.run(
            "UPDATE gochan_queue SET paused = NOT paused WHERE id = ? AND paused <> ?",
            (number, int(paused)),
        )
        if changed and not paused:
            self.hints[queue].append(Hint("resumed"))
        return bool(changed)

    def room_of(self, queue: int) -> float:
        """Return how many more jobs may wait."""
        _, settings = self.settings(queue)
        if settings is None or settings.capacity == math.inf:
            return math.inf
        tally = self.tally(queue)
        return settings.capacity - tally.get("scheduled", 0) - tally.get("waiting", 0)

    def holder_of(self, now: float, queue: int, key: str) -> int | None:
        """Return the job that has a key."""
        holder: int | None = self._db.value(
            "SELECT id FROM gochan_job WHERE queue = ? AND key = ? AND state < 3", (queue, key)
        )
        if holder is None:
            holder = self._db.value(
                "SELECT max(id) FROM gochan_job WHERE queue = ? AND key = ? AND key_until > ?",
                (queue, key, now),
            )
        return holder


def _settings_text(settings: QueueSettings) -> str:
    keep = settings.keep
    return json.dumps(
        {
            "group_limit": settings.group_limit,
            "capacity": _finite(settings.capacity),
            "when_full": settings.when_full,
            "keep": [_finite(keep.done), _finite(keep.others), _finite(keep.most_done)],
        }
    )


def settings_from(text: str) -> QueueSettings:
    """Return settings from the text that a row has."""
    kept = json.loads(text)
    done, others, most = (math.inf if one is None else one for one in kept["keep"])
    capacity = math.inf if kept["capacity"] is None else kept["capacity"]
    return QueueSettings(kept["group_limit"], capacity, kept["when_full"], Keep(done, others, most))


def _finite(number: float) -> float | None:
    """JSON has no infinity."""
    return None if number == math.inf else number
