"""Durable queues beside their peers: the goals, and whether they are met.

    uv run --group bench-durable python tests/benchmarks/durable.py [--rows WORD ...] [--rounds N]

Every round plays each piece of work of a row once, in random order, each in a process of its own.
A ratio is the median over the rounds of the ratios within each round. What a row is judged by
follows from what it is about: the clock, where waiting for disks and servers counts, and processor
time, where it does not. The other one is shown as well, since a busy machine changes the first.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from durable_work import many_jobs, on_postgres, on_sqlite, quiet

Figures = dict[str, float]
Work = tuple[Any, ...]  # a name, and its arguments

WORK: dict[str, Callable[..., Figures]] = {
    "submit": on_sqlite.submit,
    "commit each": on_sqlite.commit_each,
    "bare insert": on_sqlite.bare_insert,
    "cycle": on_sqlite.cycle,
    "huey": on_sqlite.huey,
    "litequeue": on_sqlite.litequeue,
    "persist-queue": on_sqlite.persist_queue,
    "postgres": on_postgres.cycle,
    "claim": many_jobs.claim_and_finish,
    "claim behind groups": many_jobs.claim_and_finish,
    "memory": many_jobs.memory,
    "idle": quiet.idle,
    "wake-up": quiet.wake_up,
}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        title: what is measured.
        ours: the work of gochan.
        peers: what it is compared with; the best of them counts.
        by: which figure is judged.
        at_least: how many times as fast as the fastest peer it has to be.
        at_most: how many times as much as the peer it may take; without a peer, how much.
        unit: of what is judged without a peer.
    """

    title: str
    ours: Work
    peers: tuple[Work, ...] = ()
    by: str = "wall"
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "us"


def rows(jobs: int, many: int, seconds: float) -> Iterator[Row]:
    """Yield the rows, for so many jobs."""
    few, slow = jobs // 10, jobs // 5
    full = (
        ("huey", 1, slow),
        ("huey", 4, slow),
        ("litequeue", "FULL", slow),
        ("persist-queue", slow),
    )
    yield Row(
        "submit, SQLite FULL, 100 tasks, against a commit each in a thread",
        ("submit", 100, jobs),
        (("commit each", 100, few),),
        at_least=15,
    )
    yield Row(
        "    against bare INSERTs, a commit each in a thread",
        ("submit", 100, jobs),
        (("bare insert", 100, few),),
    )
    yield Row(
        "submit, SQLite FULL, 1 task, against a commit each in a thread",
        ("submit", 1, few),
        (("commit each", 1, few),),
        at_least=0.8,
    )
    yield Row(
        "submit, run, outcome, SQLite FULL, against huey, litequeue, persist-queue at FULL",
        ("cycle", 10, jobs),
        full,
        at_least=4,
    )
    yield Row(
        "    against litequeue as shipped (NORMAL)",
        ("cycle", 10, jobs),
        (("litequeue", "NORMAL", slow),),
        at_least=1.5,
    )
    for role, title, least in (
        (
            "submit",
            "submit, run, outcome, PostgreSQL, one by one, against procrastinate, pgqueuer",
            8,
        ),
        ("batches", "    in batches of 100", 3),
    ):
        yield Row(
            title,
            ("postgres", "gochan", role, jobs),
            (("postgres", "procrastinate", role, slow), ("postgres", "pgqueuer", role, slow)),
            at_least=least,
        )
    for store, name in (("sqlite", "SQLite"), ("postgres", "PostgreSQL")):
        yield Row(
            f"claim and finish beside {many:,} waiting jobs, {name}, against 1,000",
            ("claim", store, many),
            (("claim", store, 1000),),
            by="cpu",
            at_most=1.5,
        )
    for store, name in (("sqlite", "SQLite"), ("postgres", "PostgreSQL")):
        yield Row(
            f"claim and finish behind 1,000 full groups, {name}, against none",
            ("claim behind groups", store, 1000),
            (("claim behind groups", store, 0),),
            by="cpu",
            at_most=10,
        )
    for store, name in (("sqlite", "SQLite"), ("postgres", "PostgreSQL")):
        yield Row(
            f"memory of a worker beside {many:,} waiting jobs, {name}, against 1,000",
            ("memory", store, many),
            (("memory", store, 1000),),
            by="MB",
            at_most=1.1,
        )
    for store, name in (("sqlite", "SQLite"), ("postgres", "PostgreSQL")):
        yield Row(
            f"idle worker, {name}, processor",
            ("idle", store, seconds),
            by="% of a core",
            at_most=1,
            unit="% of a core",
        )
        yield Row(
            "    statements",
            ("idle", store, seconds),
            by="statements/s",
            at_most=2,
            unit="statements/s",
        )
        yield Row(
            f"wake-up by another process, {name}",
            ("wake-up", store, "bells", 40),
            by="ms",
            at_most=5,
            unit="ms",
        )
        yield Row(
            "    with all bells lost",
            ("wake-up", store, "silence", 8),
            by="ms",
            at_most=1100,
            unit="ms",
        )


# Playing


class Places:
    """Where the pieces of work are played: files in a folder, and databases on a server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None
        self._kept: dict[tuple[Any, ...], str] = {}

    def of(self, work: Work) -> str:
        """Return the place for a piece of work: a new one, or one that was filled for it."""
        name, *arguments = work
        if name == "postgres":
            return self._new("postgres")
        if name not in ("claim", "memory", "claim behind groups", "idle", "wake-up"):
            return tempfile.mkdtemp(dir=self._folder)
        if name in ("idle", "wake-up"):
            return self._new(arguments[0])
        kind = (name == "claim behind groups", *arguments)
        if kind not in self._kept:
            self._kept[kind] = self._new(arguments[0])
            store, n = arguments
            size = (20_000, n) if kind[0] else (max(n, 1), 0)
            many_jobs.fill(self._kept[kind], *size)
        return self._kept[kind]

    def _new(self, store: str) -> str:
        """Return the address of a new store."""
        if store == "sqlite":
            return f"sqlite:{tempfile.mkdtemp(dir=self._folder)}/jobs.db"
        import psycopg

        if self._server is None:
            self._server = _server()
        name = f"d{time.time_ns()}"
        with psycopg.connect(self._server.address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"{self._server.address.rpartition('/')[0]}/{name}"

    def remove(self) -> None:
        """Remove all of them."""
        if self._server is not None:
            self._server.remove()
        shutil.rmtree(self._folder, ignore_errors=True)


def _server() -> Any:
    """Return a PostgreSQL server of our own, as the tests of the plugin start it."""
    path = Path(__file__).parents[2] / "plugins" / "gochan-postgres" / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("postgres_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = module.Server()
    server.start()
    return server


def play(work: Work, places: Places) -> Figures:
    """Play a piece of work in a process of its own."""
    name, *arguments = work
    if name in ("claim", "memory", "claim behind groups", "idle", "wake-up"):
        given = arguments[1:]  # the place says which store it is
    else:
        given = arguments
    command = [sys.executable, __file__, "--play", json.dumps([name, places.of(work), *given])]
    played = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if played.returncode:
        raise RuntimeError(played.stderr)
    figures: Figures = json.loads(played.stdout.splitlines()[-1])
    return figures


def measure(table: Sequence[Row], rounds: int, places: Places) -> dict[Work, list[Figures]]:
    """Play all work, so many times, in random order."""
    works = [*dict.fromkeys(work for row in table for work in (row.ours, *row.peers))]
    measured: dict[Work, list[Figures]] = {work: [] for work in works}
    for number in range(1, rounds + 1):
        for count, work in enumerate(random.sample(works, len(works)), 1):
            show(f"round {number} of {rounds}, {count} of {len(works)}: {' '.join(map(str, work))}")
            try:
                measured[work].append(play(work, places))
            except Exception as error:  # the others are worth their figures
                print(f"{work} failed: {error}", file=sys.stderr)
    show("")
    return measured


def show(text: str) -> None:
    """Show on a terminal how far it is."""
    if sys.stderr.isatty():
        print(f"\r{text:78}", end="" if text else "\r", file=sys.stderr, flush=True)


# Printing


def ratio(row: Row, by: str, measured: dict[Work, list[Figures]]) -> float | None:
    """Return the median of the ratios within each round: against the best of the peers."""
    ratios = []
    for number, ours in enumerate(measured[row.ours]):
        theirs = [measured[peer][number] for peer in row.peers]
        if by not in ours or any(by not in figures for figures in theirs):
            return None
        best = min(figures[by] for figures in theirs)
        ratios.append(ours[by] / best if row.at_most is not None else best / ours[by])
    return statistics.median(ratios)


def line(row: Row, measured: dict[Work, list[Figures]]) -> str:
    """Return a line of the table."""

    def median(work: Work) -> float:
        return statistics.median(figures[row.by] for figures in measured[work])

    ours = median(row.ours)
    if not row.peers:
        assert row.at_most is not None
        met = ours <= row.at_most
        return (
            f"{row.title:82}{ours:10.2f} {row.unit:>12}{'':16}   <= {row.at_most:g}, {verdict(met)}"
        )
    theirs = min(median(peer) for peer in row.peers)
    judged, other = ratio(row, row.by, measured), "cpu" if row.by == "wall" else "wall"
    assert judged is not None
    beside = ratio(row, other, measured)
    text = f"{row.title:82}{ours:10.1f}{theirs:10.1f} {row.by:>4}{judged:8.2f}"
    text += f"{'':8}" if beside is None else f"{beside:8.2f}"
    if row.at_least is not None:
        return f"{text}   >= {row.at_least:g}, {verdict(judged >= row.at_least)}"
    if row.at_most is not None:
        return f"{text}   <= {row.at_most:g}, {verdict(judged <= row.at_most)}"
    return f"{text}   -"


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", nargs="*", default=[""], help="only rows with one of these words")
    parser.add_argument("--jobs", type=int, default=10_000, help="peers get a fifth or a tenth")
    parser.add_argument("--many", type=int, default=1_000_000, help="waiting jobs")
    parser.add_argument("--seconds", type=float, default=20.0, help="to be idle")
    parser.add_argument("--folder", type=Path, help="where the files are; its disk counts")
    chosen = parser.parse_args()
    table = [
        row
        for row in rows(chosen.jobs, chosen.many, chosen.seconds)
        if any(word.lower() in row.title.lower() for word in chosen.rows)
    ]
    places = Places(Path(tempfile.mkdtemp(prefix="gochan-durable-", dir=chosen.folder)))
    try:
        measured = measure(table, chosen.rounds, places)
    finally:
        places.remove()
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {chosen.rounds} rounds"
    )
    print(f"{'':82}{'gochan':>10}{'peer':>10}{'ratio':>13}{'other':>8}   goal")
    for row in table:
        whole = all(len(measured[work]) == chosen.rounds for work in (row.ours, *row.peers))
        print(line(row, measured) if whole else f"{row.title:82}{'failed':>10}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--play"]:
        name, place, *arguments = json.loads(sys.argv[2])
        print(json.dumps(WORK[name](place, *arguments)))
    elif sys.argv[1:2] == ["--be"]:
        on_postgres.play(*sys.argv[2:5], int(sys.argv[5]))
    else:
        main()
