"""Loads: timed arrivals of jobs, random or recorded."""

# Theory of operation
# -------------------
# A load is a list of jobs, the same for every strategy: when each arrives, how long a worker
# needs for it, how long its caller waits for the answer. A scenario makes a load from a seed; a
# recording is read from lines of JSON. One wrong line makes the whole recording an error, which
# names the line.

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Any, Final, NoReturn, TypeAlias, final


@final
@dataclass(frozen=True, slots=True)
class Arrival:
    """One job of a load. Times are in seconds.

    Attributes:
        arrival: when it arrives.
        service: how long a worker needs for it.
        patience: how long after its arrival its caller still wants the answer.
        key: for strategies that group jobs.
        priority: for strategies that look at it; a higher one goes first.
        payload: for strategies that look into it.
    """

    arrival: float
    service: float
    patience: float = math.inf
    key: Hashable = None
    priority: int = 0
    payload: Any = None


@final
@dataclass(frozen=True, slots=True)
class BadPeriod:
    """The time with too much work: from ``start``, included, to ``end``, excluded."""

    start: float
    end: float
    service: float
    """The mean time that a worker needs for a job."""
    slowdown: float = 1.0
    """How many times longer a job takes that starts in this period."""

    def __contains__(self, moment: float) -> bool:
        return self.start <= moment < self.end

    def possible(self, workers: int) -> float:
        """Return how many jobs so many workers can do in that time."""
        return workers * (self.end - self.start) / (self.service * self.slowdown)


@final
@dataclass(frozen=True, slots=True)
class Load:
    """Jobs, in the order of arrival."""

    arrivals: tuple[Arrival, ...]
    bad: BadPeriod | None = None


# Random


Phase: TypeAlias = tuple[float, float]
"""Seconds, and how many jobs arrive per second."""


@final
@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of load: random arrivals and services, each independent of all others.

    Attributes:
        name: its name on the command line.
        summary: what happens in it.
        phases: for how long jobs arrive, and how many per second; gaps are exponential.
        bad: the bad period and the mean service time; service times are exponential.
        patience: the patience of every caller, in seconds.
        keys: how many keys there are. The second is half as frequent as the first, the third
            a third as frequent, and so on.
    """

    name: str
    summary: str
    phases: tuple[Phase, ...]
    bad: BadPeriod
    patience: float = 1.0
    keys: int = 8

    def load(self, seed: int) -> Load:
        """Return one load of this kind, the same one for the same seed."""
        chance, key_chance = Random(seed), Random(f"keys {seed}")
        keys = [f"key-{number}" for number in range(1, self.keys + 1)]
        weights = [*accumulate(1 / number for number in range(1, self.keys + 1))]
        arrivals = []
        begin = 0.0
        for seconds, per_second in self.phases:
            now, end = begin, begin + seconds
            while (now := now + chance.expovariate(per_second)) <= end:
                service = chance.expovariate(1 / self.bad.service)
                (key,) = key_chance.choices(keys, cum_weights=weights)
                arrivals.append(Arrival(now, service, self.patience, key))
            begin = end
        return Load(tuple(arrivals), self.bad)


SCENARIOS: Final = (
    Scenario(
        "overload",
        "28 jobs/s for 10 s, 80/s for 30 s, 28/s for 20 s",
        phases=((10, 28), (30, 80), (20, 28)),
        bad=BadPeriod(10, 40, service=0.1),
    ),
    Scenario(
        "slow-workers",
        "28 jobs/s for 60 s; from 10 s to 40 s, workers are 5 times slower",
        phases=((60, 28),),
        bad=BadPeriod(10, 40, service=0.1, slowdown=5),
    ),
)


# Recorded


class LoadError(ValueError):
    """A recording cannot be read. The message names the file and the line, and says why."""


def read_load(lines: Iterable[bytes], name: str, *, patience: float = math.inf) -> Load:
    """Read a recorded load, one JSON object per line; empty lines are skipped.

    The fields are those of `Arrival`; ``arrival`` and ``service`` are required. The lines can
    be in any order, such as that in which jobs ended; jobs that arrive at the same moment keep
    the order of their lines.

    Args:
        lines: the recording.
        name: the name of the file, for errors.
        patience: the patience of callers, where a line does not have it.

    Raises:
        LoadError: a line is wrong, or there is no job.
    """
    arrivals = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                arrivals.append(_read(line, patience))
            except (ValueError, RecursionError) as error:
                raise LoadError(f"{name}, line {number}: {error}") from None
    if not arrivals:
        raise LoadError(f"{name}: it has no jobs")
    return Load(tuple(sorted(arrivals, key=lambda one: one.arrival)))


def _read(line: bytes, patience: float) -> Arrival:
    """Return the job that a line describes."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: {error}") from None
    try:
        fields = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg}, at column {error.colno}") from None
    if not isinstance(fields, dict):
        raise ValueError("it is not a JSON object, as in " + _EXAMPLE)
    for name in fields:
        if name not in Arrival.__slots__:
            known = ", ".join(Arrival.__slots__)
            raise ValueError(f"{name!r} is no field of a job; known are {known}")
    fields = {name: value for name, value in fields.items() if value is not None}
    return Arrival(
        arrival=_seconds(fields, "arrival"),
        service=_seconds(fields, "service"),
        patience=_seconds(fields, "patience") if "patience" in fields else patience,
        key=_key(fields.get("key")),
        priority=_priority(fields.get("priority", 0)),
        payload=fields.get("payload"),
    )


_EXAMPLE: Final = '{"arrival": 0.25, "service": 0.1}'


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary; a name that is given twice is an error."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"{name!r} is given twice")
        fields[name] = value
    return fields


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")


def _seconds(fields: Mapping[str, Any], name: str) -> float:
    if name not in fields:
        raise ValueError(f"{name!r} is missing")
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name!r} must be a number of seconds, not {json.dumps(value)}")
    if value < 0:
        raise ValueError(f"{name!r} must be >= 0, not {value!r}")
    if value > _LONGEST:
        raise ValueError(f"{name!r} must be at most {_LONGEST:g}, not {value!r}")
    return float(value)


# Beyond this, a float can no longer tell apart times a microsecond from each other.
_LONGEST: Final = 1e10


def _key(value: Any) -> Hashable:
    if isinstance(value, (list, dict)):
        raise ValueError(f"'key' must be a string or a number, not {json.dumps(value)}")
    key: Hashable = value
    return key


def _priority(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"'priority' must be a whole number, not {json.dumps(value)}")
    return value
