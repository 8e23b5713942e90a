"""Queues: their numbers, their settings, their counts, and their bells."""

# Theory of operation
# -------------------
# The counts of a queue are kept as differences: each statement that moves jobs adds rows to the
# tally, so that no two of them ever wait for each other; `fold` makes one row of many.
#
# A bell is one NOTIFY for each transaction. Its payload says which queues, what, and which jobs;
# if it would be too long, it is empty, which means anything.

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, final

from gochan.durable import END_KINDS, EndKind, Hint, Keep, QueueCounts, QueueSettings

from ._connection import Connection

Changes: TypeAlias = Counter[tuple[int, str]]

_LONGEST_BELL: Final = 7900  # bytes; the server takes 7999


@final
class Names:
    """What a process has learnt about names; shared by its connections."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self.routes: set[tuple[int, str]] = set()
        self.limits: dict[int, int | None] = {}


@final
class Queues:
    """The queues, as one connection sees them.

    Attributes:
        hints: what there is to ring, by the names of queues, since somebody has taken it.
    """

    def __init__(self, connection: Connection, names: Names) -> None:
        self._db = connection
        self.names = names
        self.hints: dict[str, list[Hint]] = defaultdict(list)

    # Names

    def number(self, name: str) -> int:
        """Return the number of a queue; there is one as soon as anybody names it."""
        number = self.find(name)
        if number < 0:
            self._db.run(
                "INSERT INTO {s}.queue(name) VALUES (%(name)s) ON CONFLICT DO NOTHING",
                {"name": name},
            )
            number = self.find(name)
        return number

    def find(self, name: str) -> int:
        """Return the number of a queue; one that no queue has if there is none."""
        if name not in self.names.ids:
            number = self._db.value(
                "SELECT id FROM {s}.queue WHERE name = %(name)s", {"name": name}
            )
            if number is None:
                return -1
            if not self._db.own:
                return int(number)  # it may be undone with the user's transaction
            self._learn(number, name)
        return self.names.ids[name]

    def name(self, queue: int) -> str:
        """Return the name of a queue."""
        if queue not in self.names.names:
            name = self._db.value("SELECT name FROM {s}.queue WHERE id = %(id)s", {"id": queue})
            self._learn(queue, name)
        return self.names.names[queue]

    def _learn(self, queue: int, name: str) -> None:
        self.names.ids[name], self.names.names[queue] = queue, name

    # Settings

    def settings(self, queue: int) -> tuple[bool, QueueSettings | None]:
        """Return whether a queue is paused, and its settings."""
        row = self._db.row(
            "SELECT paused, settings FROM {s}.queue WHERE id = %(id)s", {"id": queue}
        )
        paused, text = row or (False, None)
        return paused, None if text is None else settings_from(text)

    def configure(self, name: str, settings: QueueSettings | None, update: bool) -> QueueSettings:
        """Do what `Store.configure` says."""
        queue = self.number(name)
        if settings is not None:
            self._db.run(
                "UPDATE {s}.queue SET settings = %(text)s, group_limit = %(limit)s, "
                "capacity = %(capacity)s WHERE id = %(id)s AND (settings IS NULL OR %(update)s)",
                {
                    "id": queue,
                    "text": settings_text(settings),
                    "limit": settings.group_limit,
                    "capacity": _finite(settings.capacity),
                    "update": update,
                },
            )
        _, kept = self.settings(queue)
        return kept or QueueSettings()

    def pause(self, name: str, paused: bool) -> bool:
        """Do what `Store.pause` says."""
        changed = self._db.run(
            "UPDATE {s}.queue SET paused = %(paused)s WHERE id = %(id)s AND paused <> %(paused)s",
            {"paused": paused, "id": self.number(name)},
        )
        if changed and not paused:
            self.hints[name].append(Hint("resumed"))
            self.announce()
        return bool(changed)

    # Counts

    def tally(self, queue: int) -> dict[str, int]:
        """Return the counts of a queue."""
        rows = self._db.rows(
            "SELECT what, sum(n)::bigint FROM {s}.tally WHERE queue = %(queue)s GROUP BY what",
            {"queue": queue},
        )
        return {what: n for what, n in rows if n}

    def write(self, changes: Changes) -> None:
        """Change the counts, and ring the bells, as one step of a transaction."""
        changed = [(queue, what, n) for (queue, what), n in changes.items() if n]
        self._db.run(
            """
WITH t AS (
    INSERT INTO {s}.tally
    SELECT * FROM unnest(%(queues)s::int[], %(whats)s::text[], %(ns)s::bigint[])
)
SELECT pg_notify(%(channel)s, %(bell)s) WHERE %(rings)s""",
            {
                "queues": [queue for queue, _, _ in changed],
                "whats": [what for _, what, _ in changed],
                "ns": [n for _, _, n in changed],
                "channel": self._db.dialect.channel,
                "bell": bell_text(self.hints),
                "rings": bool(self.hints),
            },
        )

    def announce(self) -> None:
        """Ring the bells of other processes."""
        self.write(Counter())

    def fold(self) -> None:
        """Make few rows of the tally's many, unless somebody else is doing it."""
        with self._db.transaction():
            if self._db.value("SELECT pg_try_advisory_xact_lock(7214, 1)"):
                self._db.run(
                    """
WITH d AS (DELETE FROM {s}.tally RETURNING queue, what, n)
INSERT INTO {s}.tally SELECT queue, what, sum(n) FROM d GROUP BY queue, what HAVING sum(n) <> 0"""
                )


def counts_from(tally: Mapping[str, int], *, paused: bool) -> QueueCounts:
    """Return counts as they are told."""
    pruned: dict[EndKind, int] = {}
    for kind in END_KINDS:
        if n := tally.get(f"pruned {kind}", 0):
            pruned[kind] = n
    counts = {what: n for what, n in tally.items() if not what.startswith("pruned ")}
    return QueueCounts(**counts, pruned=pruned, paused=paused)


# Bells


def bell_text(hints: Mapping[str, Iterable[Hint]]) -> str:
    """Return the payload of a NOTIFY."""
    said = {queue: _merged(about) for queue, about in hints.items()}
    text = json.dumps(said, separators=(",", ":"))
    if len(text) > _LONGEST_BELL:
        said = {queue: {what: [] for what in about} for queue, about in said.items()}
        text = json.dumps(said, separators=(",", ":"))
    return text if len(text) <= _LONGEST_BELL else ""


def _merged(hints: Iterable[Hint]) -> dict[str, Sequence[int]]:
    ids: dict[str, dict[int, None]] = {}
    for hint in hints:
        ids.setdefault(hint.what, {}).update(dict.fromkeys(hint.ids))
    return {what: [*named] for what, named in ids.items()}


def hints_from(text: str) -> dict[str, list[Hint]] | None:
    """Return what a payload says; ``None`` if it means anything."""
    try:
        return {
            queue: [Hint(what, tuple(ids)) for what, ids in about.items()]
            for queue, about in json.loads(text).items()
        }
    except (ValueError, TypeError, AttributeError):
        return None


# Settings as text


def settings_text(settings: QueueSettings) -> str:
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
    kept: dict[str, Any] = json.loads(text)
    done, others, most = (math.inf if one is None else one for one in kept["keep"])
    capacity = math.inf if kept["capacity"] is None else kept["capacity"]
    return QueueSettings(kept["group_limit"], capacity, kept["when_full"], Keep(done, others, most))


def _finite(number: float) -> float | None:
    """JSON has no infinity."""
    return None if number == math.inf else number
