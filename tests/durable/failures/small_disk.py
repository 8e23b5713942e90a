"""A small disk: a file system of a few megabytes, which others fill."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import trio

from gochan.durable import StoreUnavailable, open_store

from .fleet import Fleet, open_fleet
from .ledger import Verdict
from .postgres import running_server


@contextmanager
def mounted_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """Mount a disk on a folder; false where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    try:
        mounted = not subprocess.run(command, check=False, capture_output=True).returncode
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write a file until there is no room."""
    with path.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 4


def nowhere() -> Verdict:
    """Return what is said where no disk can be mounted."""
    return Verdict(notes=Counter({"only root can mount a small disk": 1}))


async def fill_small_disk(
    folder: Path, address: str, times: int, *, seed: int = 1, **options: Any
) -> Verdict:
    """Under load, there is no room for a while, for longer than a lease now and then."""
    dice = Random(seed)
    disk = folder / "disk"
    disk.mkdir()
    with mounted_disk(disk, 16) as mounted:
        if not mounted:
            return nowhere()
        address = f"sqlite:{disk}/jobs.db"
        async with open_fleet(folder, address, **options) as fleet:
            await _start(fleet)
            for _ in range(times):
                await trio.sleep(dice.uniform(0.1, 0.3))
                fill(disk / "ballast")
                await trio.sleep(dice.choice([0.2, 1.0]))
                (disk / "ballast").unlink()
            await trio.sleep(0.5)
            return await fleet.settle(times=times)


async def _start(fleet: Fleet) -> None:
    await fleet.start("produce", ready=True)
    for _ in range(2):
        await fleet.start("work", ready=True, lease=0.7)


async def _keep_up(server: Any) -> int:
    """Wait until a server answers, and start it again if it ends; return how often that was."""
    ended = 0
    with trio.fail_after(60):
        while True:
            if not server.runs:
                ended += 1
                await trio.to_thread.run_sync(server.start)
            with suppress(StoreUnavailable):
                async with open_store(server.address):
                    return ended
            await trio.sleep(0.1)


async def fill_disk_of_server(folder: Path, times: int, *, seed: int = 1) -> Verdict:
    """The same for a server of its own; it may end by itself, and is started again then."""
    dice = Random(seed)
    disk = folder / "disk"
    disk.mkdir()
    os.chmod(folder, 0o755)  # the server is not root
    sizes = ("--max_wal_size=32MB", "--min_wal_size=32MB")
    with mounted_disk(disk, 160) as mounted:
        if not mounted:
            return nowhere()
        with running_server(*sizes, folder=disk) as server:
            async with open_fleet(folder, server.address) as fleet:
                await _start(fleet)
                ended = 0
                for _ in range(times):
                    await trio.sleep(dice.uniform(0.2, 0.4))
                    fill(disk / "ballast")
                    # Now even a little more than there is makes it stumble.
                    for _ in range(3):
                        await fleet.start("produce", filler=200_000, count=2)
                    await trio.sleep(dice.choice([0.3, 1.2]))
                    (disk / "ballast").unlink()
                    ended += await _keep_up(server)
                verdict = await fleet.settle(times=times)
                log = (disk / "log").read_text(errors="replace")
                verdict.notes["ends of the server"] += ended
                verdict.notes["no space left"] += log.count("No space left on device")
                return verdict
