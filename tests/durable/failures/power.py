"""Power loss: a disk that forgets what was not synced, and one that is full.

A file system for SQLite, in Python, notes what is written, synced, cut and removed. A crash is
made of it afterwards: at any moment, with all that was synced before, and of what was written
since, sector by sector, all, nothing, or what the dice say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Literal

import apsw
import trio

from gochan.durable import Retry, RetryLater, current_job, open_durable_queue, open_store
from gochan.durable._outage import Outages

from .ledger import QUEUE, Verdict, said

SECTOR = 512


@dataclass(frozen=True)
class Deed:
    """Something that was done to a file."""

    what: Literal["write", "sync", "truncate", "delete"]
    name: str
    at: int = 0
    data: bytes = b""


@dataclass
class Disk:
    """What was done to files, and what was acknowledged meanwhile.

    Attributes:
        deeds: in order.
        acknowledged: how many deeds there were when something was, and what that says: a job, and
            what it must be at least; ``stored`` or a kind.
        full: the writes for which there is no room, by their numbers from the opening on.
        writes: how many there were.
    """

    deeds: list[Deed] = field(default_factory=list)
    acknowledged: list[tuple[int, int, str]] = field(default_factory=list)
    full: range = range(0)
    writes: int = 0

    def acknowledge(self, id: int, what: str) -> None:
        """Note that somebody was told."""
        self.acknowledged.append((len(self.deeds), id, what))

    def check_room(self) -> None:
        """Raise if there is no room for another write."""
        self.writes += 1
        if self.writes - 1 in self.full:
            raise apsw.FullError("database or disk is full")

    def after_crash(self, at: int, folder: Path, dice: Random) -> None:
        """Write the files as they may be after a crash at a moment."""
        chance = dice.choice([0.0, 0.5, 0.5, 1.0])
        synced: dict[str, int] = {}
        for number, deed in enumerate(self.deeds[:at]):
            if deed.what == "sync":
                synced[deed.name] = number
        files: dict[str, bytearray] = {}
        for number, deed in enumerate(self.deeds[:at]):
            safe = number < synced.get(deed.name, -1)
            content = files.setdefault(deed.name, bytearray())
            match deed.what:
                case "write":
                    for start, data in _sectors(deed, whole=safe):
                        if safe or dice.random() < chance:
                            content.extend(bytes(max(0, start + len(data) - len(content))))
                            content[start : start + len(data)] = data
                case "truncate":
                    if safe or dice.random() < chance:
                        del content[deed.at :]
                case "delete":
                    del files[deed.name]
        for name, content in files.items():
            (folder / name).write_bytes(content)


def _sectors(deed: Deed, *, whole: bool) -> Iterator[tuple[int, bytes]]:
    step = len(deed.data) if whole else SECTOR
    for start in range(0, len(deed.data), step):
        yield deed.at + start, deed.data[start : start + step]


class _Files(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.below = apsw.vfs_names()[0]
        super().__init__("gochan-disk", self.below, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return _File(self, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:
        self.disk.deeds.append(Deed("delete", Path(name).name))
        super().xDelete(name, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, files: _Files, name: Any, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self.disk, self.name = files.disk, Path(path).name
        super().__init__(files.below, name, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        # SQLite takes no notice of a checkpoint that fails, but apsw raises what was raised here.
        if self.name.endswith("-wal"):
            self.disk.check_room()
        self.disk.deeds.append(Deed("write", self.name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self.disk.deeds.append(Deed("sync", self.name))  # the real disk need not

    def xTruncate(self, size: int) -> None:
        self.disk.deeds.append(Deed("truncate", self.name, size))
        super().xTruncate(size)


@contextmanager
def recorded_disk(*, checkpoint: int = 40) -> Iterator[Disk]:
    """Let apsw write through a disk that notes everything."""
    disk = Disk()
    files = _Files(disk)

    def prepare(connection: apsw.Connection) -> None:
        # Such a file system has no memory to share, so there is only one connection.
        connection.pragma("locking_mode", "exclusive")
        connection.wal_autocheckpoint(checkpoint)

    apsw.connection_hooks.append(prepare)
    try:
        yield disk
    finally:
        apsw.connection_hooks.remove(prepare)
        files.unregister()


async def live(
    disk: Disk,
    path: Path,
    *,
    synchronous: str = "full",
    jobs: int = 60,
    seed: int = 0,
    full: range = range(0),
) -> None:
    """Let a queue live through all that jobs can do; in virtual time."""
    dice = Random(seed)

    async def handle(payload: dict[str, Any]) -> int:
        await trio.sleep(dice.random())
        if payload["fails"] and current_job().attempt < 3:
            raise dice.choice([ValueError("no"), RetryLater(1.0)])
        return int(payload["n"])

    async def submit(number: int) -> None:
        await trio.sleep(dice.random() * 5)
        payload = {"n": number, "fails": number % 4 == 0, "filler": "x" * dice.randrange(2000)}
        key = f"k{number % 7}" if number % 3 == 0 else None
        job = await queue.submit(payload, key=key, delay=dice.choice([None, None, 1.0]))
        disk.acknowledge(job.id, "stored")
        if number % 9 == 0:
            await trio.sleep(dice.random())
            await Outages(QUEUE, str(path)).insist("cancel", partial(job.cancel, "enough"))
        outcome = await job.wait()
        disk.acknowledge(job.id, outcome.kind)

    async with open_store(f"sqlite:{path}", synchronous=synchronous, library="apsw") as store:
        async with (
            open_durable_queue(store, QUEUE, handle, retry=Retry(first=0.2)) as queue,
            trio.open_nursery() as nursery,
        ):
            disk.writes, disk.full = 0, full
            for number in range(jobs):
                nursery.start_soon(submit, number)
        assert disk.writes > disk.full.stop, "it was never full"


async def check_after_crash(disk: Disk, at: int, folder: Path, dice: Random) -> Verdict:
    """Crash at a moment, and compare what is there with what was acknowledged."""
    disk.after_crash(at, folder, dice)
    return await check_file(disk, at, folder / "jobs.db")


async def check_file(disk: Disk, at: int, path: Path) -> Verdict:
    """Compare what is in a file with what was acknowledged up to a moment."""
    verdict = Verdict(times=1)
    connection = apsw.Connection(str(path))
    try:
        if [*connection.execute("PRAGMA integrity_check")] != [("ok",)]:
            verdict.left.append(f"after {at} writes, the file is damaged")
            return verdict
    finally:
        connection.close()
    async with open_store(f"sqlite:{path}", library="apsw", synchronous="normal") as store:
        try:
            verdict.jobs = (await store.audit(QUEUE)).stored
        except AssertionError as error:
            verdict.left.append(f"after {at} writes, {error}")
        told = [(id, what) for when, id, what in disk.acknowledged if when <= at]
        records = await store.look([id for id, _ in told])
        for (id, what), record in zip(told, records, strict=True):
            if record is None or (what != "stored" and record.kind != what):
                now = said(record)
                verdict.lost.append(f"after {at} writes, job {id} was {what}, and is {now}")
        payloads = Counter(record.payload for record in await store.list(QUEUE, limit=999))
        verdict.doubled += [f"after {at} writes, {one!r}" for one, n in payloads.items() if n > 1]
        verdict.left += await _run_out(store)
    return verdict


async def _run_out(store: Any) -> list[str]:
    """Let all jobs end that are left; say what does not."""

    async def handle(payload: object) -> int:
        return 1

    async with open_durable_queue(store, QUEUE, handle) as queue:
        with trio.move_on_after(10_000) as scope:
            await queue.join()
    return ["not all jobs ended after a crash"] if scope.cancelled_caught else []


async def lose_power(
    folder: Path,
    times: int,
    *,
    synchronous: str = "full",
    seed: int = 0,
    jobs: int = 60,
) -> Verdict:
    """Lose power at random moments of one life of a queue. To be run in virtual time."""
    dice = Random(seed)
    total = Verdict()
    with recorded_disk() as disk:
        await live(disk, folder / "jobs.db", synchronous=synchronous, seed=seed, jobs=jobs)
    # Before that, the tables are being made, and nothing was promised.
    first = min(when for when, _, _ in disk.acknowledged)
    for number in range(times):
        crash = folder / f"crash-{number}"
        crash.mkdir()
        total.add(await check_after_crash(disk, dice.randint(first, len(disk.deeds)), crash, dice))
    return total


async def fill_disk(folder: Path, times: int, *, seed: int = 0, jobs: int = 20) -> Verdict:
    """Have no room for one to thirty writes, at any moment. To be run in virtual time."""
    dice = Random(seed)
    total = Verdict()
    for number in range(times):
        path = folder / f"full-{number}.db"
        with recorded_disk() as disk:
            first = dice.randrange(200)
            full = range(first, first + dice.randint(1, 30))
            await live(disk, path, seed=dice.randrange(1 << 30), jobs=jobs, full=full)
        verdict = await check_file(disk, len(disk.deeds), path)
        verdict.notes["writes refused"] += len(full)
        total.add(verdict)
    return total
