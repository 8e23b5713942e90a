"""The host's clock: set back by an hour, again and again, while processes come and go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import trio

from gochan.durable import StoreClock
from gochan.durable._sqlite import _sqlite_store

from .fleet import open_fleet
from .ledger import Verdict

HOUR = 3600.0
_true = time.time


class Host:
    """A host whose clock can be set."""

    def __init__(self) -> None:
        self.set = 0.0

    def __call__(self) -> float:
        """Return the time, as the host has it."""
        return _true() + self.set


class SetByFile(Host):
    """A host whose clock is set by a file, for all processes."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = Path(path)

    def __call__(self) -> float:
        """Return the time, as the host has it."""
        with suppress(ValueError):  # it is being written
            self.set = float(self._path.read_text())
        return super().__call__()


def set_clock(path: str, seconds: float) -> None:
    """Set the clock of all who follow this file."""
    Path(path).write_text(str(seconds))


def follow(host: Host) -> None:
    """Let this process go by the clock of a host, for good."""
    time.time = host
    _sqlite_store.StoreClock = partial(StoreClock, wall=host)  # type: ignore[assignment, misc]


@contextmanager
def settable_host() -> Iterator[Host]:
    """Let stores on SQLite follow a clock that can be set."""
    host = Host()
    clock, look = _sqlite_store.StoreClock, _sqlite_store._LOOK
    _sqlite_store.StoreClock = partial(StoreClock, wall=host)  # type: ignore[assignment, misc]
    _sqlite_store._LOOK = 0.02  # type: ignore[misc]
    try:
        yield host
    finally:
        _sqlite_store.StoreClock, _sqlite_store._LOOK = clock, look  # type: ignore[misc]


async def set_host_back(folder: Path, address: str, times: int, **options: Any) -> Verdict:
    """Each new worker begins an hour earlier than the one before, and shares the work with it.

    No lease ends early or late.
    """
    clock = str(folder / "clock")
    set_clock(clock, 0)
    async with open_fleet(folder, address, **options) as fleet:
        await fleet.start("produce", ready=True, delay=0.1, set_by=clock)
        await fleet.start("work", ready=True, set_by=clock)
        for number in range(times):
            # What every process sees, from now on.
            set_clock(clock, -HOUR * (number + 1))
            await trio.sleep(1.3)  # within a second, those that are there have noted it
            workers = fleet.alive("work")
            await fleet.start("work", ready=True, set_by=clock)
            await fleet.start("produce", ready=True, delay=0.1, set_by=clock)
            await trio.sleep(0.2)
            if len(workers) > 1:
                workers[0].terminate()
                await workers[0].gone()
            fleet.alive("produce")[0].kill()
        return await fleet.settle(times=times, again=False)
