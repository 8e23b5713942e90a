"""What a job server loses when its processes die: nothing, as this counts.

    python plugins/gochan-service/tests/benchmarks/failures.py [--times N] [--only WORDS]

Each failure is made to happen again and again, under load, with real processes: `gochan serve`,
three `gochan agent` with commands that keep a ledger, and people who submit through the API. Then
the ledger is compared with the store, `audit` counts the rows, and it is looked for processes that
should be gone. The exit status is 1 if anything was lost, doubled or left behind. SIGTERM ends all
that was started.

- The server is killed (SIGKILL) at a random moment, as it starts too, and started again.
- An agent is killed; its guardian has to end its commands, and others run its jobs again.
- PostgreSQL is killed with all its processes, below a server that stays.
- The server is restarted by SIGTERM every second.
- Agents are replaced in turn, as a deploy does, half of them drained before: no attempt is burnt,
  and nothing is run to its end twice.
- All that, pauses of agents (SIGSTOP) and cancels, at random together.

Samples of these are tests: ``plugins/gochan-service/tests/breaking``.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import trio

sys.path.insert(0, str(Path(__file__).parents[1]))

from breaking import everything, killing, restarting
from breaking.databases import Databases
from breaking.ledger import Verdict

from gochan import open_signal_chan

ENDS = (signal.SIGTERM, signal.SIGHUP)
ENDED = 128 + signal.SIGTERM


class Row(NamedTuple):
    """A failure, and how often it happens by default."""

    name: str
    times: int
    happen: Callable[..., Awaitable[Verdict]]
    on_postgres: bool = False


ROWS = (
    Row("server killed", 100, killing.kill_servers),
    Row("agents killed", 100, killing.kill_agents),
    Row("server restarted every second", 60, restarting.storm),
    Row("deploys of agents", 100, restarting.deploy),
    Row("everything at random", 100, everything.everything),
    Row("PostgreSQL killed", 100, killing.kill_postgres, True),
    Row("server of PostgreSQL killed", 100, killing.kill_servers, True),
    Row("everything at random, on PostgreSQL", 100, everything.everything, True),
)


@contextmanager
def empty_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="gochan-service-failures-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def unless_ended(failure: Callable[[], Awaitable[Verdict]]) -> Verdict:
    """Let a failure happen.

    Raises:
        SystemExit: a signal came, and the processes of the failure are gone.
    """
    async with open_signal_chan(*ENDS) as signals:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def obey() -> None:
                    await signals.receive()
                    scope.cancel()

                nursery.start_soon(obey)
                verdict = await failure()
                nursery.cancel_scope.cancel()
            return verdict
    raise SystemExit(ENDED)


def happen(row: Row, times: int, options: dict[str, Any]) -> Verdict:
    """Let a failure happen, and return what it cost."""
    with empty_folder() as folder:
        try:
            return trio.run(unless_ended, partial(row.happen, folder, times, **options))
        except Exception as error:
            text = "".join(traceback.format_exception(error))
            return Verdict(times=times, left=[f"it did not come to an end: {text[-3000:]}"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, help="how often each failure happens")
    parser.add_argument("--only", default="", help="only failures with this in their names")
    parser.add_argument("--without-postgres", action="store_true")
    parser.add_argument("--seed", type=int, default=1, help="of whatever is random")
    arguments = parser.parse_args()
    for number in ENDS:  # while no failure happens
        signal.signal(number, lambda *_: sys.exit(ENDED))
    head = f"{'failure':38}{'times':>6}{'jobs':>7}{'lost':>6}{'doubled':>9}{'left':>6}{'s':>6}"
    print(head, "-" * len(head), sep="\n", flush=True)
    problems: list[str] = []
    with ExitStack() as stack:
        databases = Databases(stack)
        for row in ROWS:
            if arguments.only.lower() not in row.name.lower():
                continue
            if row.on_postgres and arguments.without_postgres:
                continue
            options: dict[str, Any] = {"seed": arguments.seed}
            if row.on_postgres:
                options["database"] = databases.new()
            began = perf_counter()
            verdict = happen(row, arguments.times or row.times, options)
            cost = [len(verdict.lost), len(verdict.doubled), len(verdict.left)]
            notes = ", ".join(f"{what}: {n}" for what, n in verdict.notes.items() if n)
            print(
                f"{row.name:38}{verdict.times:6}{verdict.jobs:7}{cost[0]:6}{cost[1]:9}"
                f"{cost[2]:6}{perf_counter() - began:6.0f}  {notes}",
                flush=True,
            )
            problems += [f"{row.name}: {problem}" for problem in verdict.problems]
    for problem in problems[:50]:
        print(problem[:2500])
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
