"""What durable queues lose when things fail: nothing, as this counts.

    python tests/benchmarks/failures.py [--times N] [--only WORDS] [--without-postgres]

Each failure is made to happen again and again, under load, in real processes; then the ledgers of
all processes are compared with the store, and `audit()` counts the rows. The exit status is 1 if
anything was lost, doubled or left behind. ``--times`` is for all failures; by default each has a
number of its own.

What was broken on purpose, and what held:

- A worker or a producer was killed (SIGKILL) at a random moment, and another one started: what
  was acknowledged is there once, and is done; a job that was cut short runs again.
- The power failed: all that was not synced to the disk was forgotten, sector by sector. The
  file is whole, and nothing that was acknowledged is gone (``synchronous="full"``).
- There was no room on the disk for one to thirty writes; on a small disk, for a while.
- A worker was stopped (SIGSTOP) for longer than its lease, or its handler blocked for so long.
  Its jobs ran elsewhere, and what it wrote when it went on changed nothing.
- Workers were replaced, one after the other, as a deploy does (SIGTERM): no attempt was burnt,
  and nothing was run to its end twice.
- A job killed its worker each time. It ended as failed, ``lost 5 times``; fifty others, which
  were leased beside it, are done.
- Two and three processes, and eight with a limit for groups, shared a store: each job ran once.
- The host's clock was set back by an hour, again and again (SQLite); the clocks of workers were an
  hour ahead and behind (PostgreSQL): delays and leases were as long as they should be.
- A thousand calls were cancelled: no thread, file or task was left, and nobody waited for ever.
- The server was killed with all its processes, and started again; the network cut connections,
  between request and answer too; or swallowed all for longer than a lease (PostgreSQL).

The samples of these, and those that need no numbers (files that are none, that are newer, that may
not be written, that are gone or on a network), are tests: ``tests/durable/failures``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import trio
from trio.testing import MockClock

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.durable.failures import (
    clocks,
    killing,
    network,
    poison,
    power,
    servers,
    sharing,
    small_disk,
    stopping,
    storms,
)
from tests.durable.failures.ledger import Verdict
from tests.durable.failures.postgres import new_schema, running_server

Failure = Callable[[Path, int], Awaitable[Verdict]]


class Row(NamedTuple):
    """A failure, and how often it happens by default."""

    name: str
    times: int
    happen: Failure
    virtual: bool = False


def on_sqlite() -> Iterator[Row]:
    """Yield the failures of a store in a file."""

    def row(name: str, times: int, scenario: Any, **options: Any) -> Row:
        async def happen(folder: Path, n: int) -> Verdict:
            address = f"sqlite:{folder}/jobs.db"
            verdict: Verdict = await scenario(folder, address, n, library="apsw", **options)
            return verdict

        return Row(f"SQLite: {name}", times, happen)

    yield row("workers and producers killed", 100, killing.kill_workers_and_producers)
    yield Row("SQLite: power lost", 150, power.lose_power, virtual=True)
    yield Row("SQLite: no room for a write", 100, power.fill_disk, virtual=True)
    yield row("a small disk that is full", 10, small_disk.fill_small_disk)
    yield row("workers stopped", 20, stopping.stop_workers_for_longer_than_their_lease)
    yield row("handlers that block", 5, stopping.block_workers_for_longer_than_their_lease)
    yield row("deploys", 50, stopping.deploy)
    yield row("poison", 3, poison.poison)
    yield row("poison, a little later", 3, poison.poison, after=0.05)
    yield row("two processes share", 2000, sharing.share, workers=2, producers=2)
    yield row("three processes share", 2000, sharing.share, workers=3, producers=3)
    yield row("eight, at most 2 of a group", 500, sharing.share, workers=8, producers=2, limit=2)
    yield row("host's clock set back", 20, clocks.set_host_back)
    yield row("calls cancelled", 1000, storms.cancel_calls)


def on_postgres(server: Any) -> Iterator[Row]:
    """Yield the failures of a store on a server."""

    def row(name: str, times: int, scenario: Any, *more: Any, **options: Any) -> Row:
        async def happen(folder: Path, n: int) -> Verdict:
            options["schema"] = new_schema()
            verdict: Verdict = await scenario(folder, server.address, n, *more, **options)
            return verdict

        return Row(f"PostgreSQL: {name}", times, happen)

    def restart() -> None:
        server.kill()
        server.start()

    async def break_network(folder: Path, address: str, times: int, **options: Any) -> Verdict:
        address = address.replace(str(server.port), "{port}")
        return await network.break_network(folder, address, server.port, times, **options)

    yield row("workers and producers killed", 100, killing.kill_workers_and_producers)
    yield row("server killed", 10, servers.restart_server, restart)
    yield Row("PostgreSQL: a small disk that is full", 5, small_disk.fill_disk_of_server)
    yield row("connections cut", 100, break_network, how="cut")
    yield row("a network that swallows", 10, break_network, how="swallow")
    yield row("workers stopped", 20, stopping.stop_workers_for_longer_than_their_lease)
    yield row("handlers that block", 5, stopping.block_workers_for_longer_than_their_lease)
    yield row("deploys", 50, stopping.deploy)
    yield row("poison", 2, poison.poison)
    yield row("eight, at most 2 of a group", 500, sharing.share, workers=8, producers=2, limit=2)
    yield row("workers' clocks an hour off", 100, servers.set_clocks_wrong)
    yield row("calls cancelled", 1000, storms.cancel_calls)


@contextmanager
def empty_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="gochan-failures-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def happen(row: Row, times: int) -> Verdict:
    """Let a failure happen, and return what it cost."""
    clock = MockClock(autojump_threshold=0) if row.virtual else None
    with empty_folder() as folder:
        try:
            return trio.run(row.happen, folder, times, clock=clock)
        except Exception as error:
            text = "".join(traceback.format_exception(error))
            return Verdict(times=times, left=[f"it did not come to an end: {text[-2000:]}"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, help="how often each failure happens")
    parser.add_argument("--only", default="", help="only failures with this in their names")
    parser.add_argument("--without-postgres", action="store_true")
    arguments = parser.parse_args()
    head = f"{'failure':46}{'times':>6}{'jobs':>7}{'lost':>6}{'doubled':>9}{'left':>6}{'s':>6}"
    print(head, "-" * len(head), sep="\n", flush=True)
    problems: list[str] = []
    with ExitStack() as servers_:
        rows = [*on_sqlite()]
        if not arguments.without_postgres:
            rows += on_postgres(servers_.enter_context(running_server()))
        for row in rows:
            if arguments.only.lower() in row.name.lower():
                began = perf_counter()
                verdict = happen(row, arguments.times or row.times)
                cost = [len(verdict.lost), len(verdict.doubled), len(verdict.left)]
                notes = ", ".join(f"{what}: {n}" for what, n in verdict.notes.items() if n)
                print(
                    f"{row.name:46}{verdict.times:6}{verdict.jobs:7}{cost[0]:6}{cost[1]:9}"
                    f"{cost[2]:6}{perf_counter() - began:6.0f}  {notes}",
                    flush=True,
                )
                problems += [f"{row.name}: {problem}" for problem in verdict.problems]
    for problem in problems[:50]:
        print(problem[:2500])
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
