"""Files: on a network, not to be written, gone, in the place of others."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from gochan.durable import NewJob, StoreUnavailable, open_store
from gochan.durable._sqlite._connection import Connection
from gochan.durable._sqlite._sqlite_store import _File


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may look into, and only root may change."""
    place = Path(tempfile.mkdtemp(prefix="gochan-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def become_nobody(folder: Path) -> Iterator[None]:
    """Be a user who may change nothing there; for root, there is nothing read-only."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)


JOB = NewJob(queue="q", payload=b"1")


async def test_a_file_that_may_not_be_written(folder: Path, request: pytest.FixtureRequest) -> None:
    """That is said when it is opened, not when the first job waits for ever to be stored."""
    path = folder / "jobs.db"
    async with open_store(f"sqlite:{path}") as store:
        await store.enqueue([JOB])
    path.chmod(0o444)
    request.getfixturevalue("become_nobody")
    with pytest.raises(StoreUnavailable, match=r"jobs\.db cannot be opened: it may not be written"):
        async with open_store(f"sqlite:{path}"):
            pass


async def test_a_folder_that_may_not_be_written(
    folder: Path, request: pytest.FixtureRequest
) -> None:
    """With a file in it that may, and without one."""
    path = folder / "jobs.db"
    async with open_store(f"sqlite:{path}"):
        pass
    path.chmod(0o666)
    request.getfixturevalue("become_nobody")
    for name in ("jobs.db", "others.db"):
        with pytest.raises(StoreUnavailable, match=rf"{name} cannot be opened: "):
            async with open_store(f"sqlite:{folder}/{name}"):
                pass


@pytest.mark.parametrize("library", ["sqlite3", "apsw"])
async def test_a_file_that_is_gone_takes_no_more_jobs(library: str, tmp_path: Path) -> None:
    """What is written to a file without a name is lost; and when it is back, it is used again."""
    folder, elsewhere = tmp_path / "here", tmp_path / "there"
    folder.mkdir()
    path = folder / "jobs.db"
    async with open_store(f"sqlite:{path}", library=library) as store:
        await store.enqueue([JOB])
        folder.rename(elsewhere)
        with pytest.raises(StoreUnavailable, match=r"the file is gone"):
            await store.enqueue([JOB])
        folder.mkdir()
        path.touch()
        with pytest.raises(StoreUnavailable, match=r"or another one is in its place"):
            await store.enqueue([JOB])
        shutil.rmtree(folder)
        elsewhere.rename(folder)
        await store.enqueue([JOB])
        assert (await store.audit("q")).stored == 2


async def test_a_folder_that_is_removed_ends_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store says what is wrong, as often as it is asked, and can be closed."""
    monkeypatch.setattr("gochan.durable._sqlite._sqlite_store._LOOK", 0.01)
    folder = tmp_path / "here"
    folder.mkdir()
    async with open_store(f"sqlite:{folder}/jobs.db") as store:
        await store.enqueue([JOB])
        shutil.rmtree(folder)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match=r"the file is gone"):
                await store.enqueue([JOB])
            await trio.sleep(0.02)
    assert not folder.exists()


async def test_a_store_that_is_opened_halfway_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection is left open."""
    real, calls = _File.connect, []

    def connect(self: _File, *, opening: bool = False) -> Connection:
        if calls:
            raise StoreUnavailable("too many open files")
        calls.append(real(self, opening=opening))
        return calls[0]

    monkeypatch.setattr(_File, "connect", connect)
    with pytest.raises(StoreUnavailable, match="too many open files"):
        async with open_store(f"sqlite:{tmp_path}/jobs.db"):
            pass
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        calls[0].rows("SELECT 1")


@pytest.mark.parametrize(
    ("mounts", "warned"),
    [
        ("22 1 0:1 / / rw - ext4 /dev/vda rw", False),
        ("22 1 0:1 / / rw - nfs4 server:/home rw", True),
        (
            "22 1 0:1 / / rw - nfs4 server:/ rw\n23 22 0:2 / {} rw shared:1 - ext4 /dev/vda rw",
            False,
        ),
        ("22 1 0:1 / / rw - ext4 /dev/vda rw\n23 22 0:2 / {}/ rw - cifs //server/x rw", True),
        ("22 1 0:1 / / rw - ext4 /dev/vda rw\n23 22 0:2 / {} rw - fuse.sshfs s: rw", True),
        ("22 1 0:1 / / rw - ext4 /dev/vda rw\n23 22 0:2 / {}x rw - nfs s: rw", False),
        ("23 22 0:2 / {} rw - nfs s:/ rw\n24 23 0:2 / {} rw - tmpfs none rw", False),
        ("nonsense", False),
        (None, False),
    ],
)
@pytest.mark.parametrize("name", ["jobs", "my jobs"])
async def test_a_network_file_system_is_told(
    mounts: str | None, warned: bool, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a warning, as it works as long as only one machine uses it."""
    folder, table = tmp_path / name, tmp_path / "mounts"
    folder.mkdir()
    if mounts is not None:
        table.write_text(mounts.replace("{}", str(folder).replace(" ", r"\040")))
    monkeypatch.setattr("gochan.durable._sqlite._file_system._MOUNTS", table)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        async with open_store(f"sqlite:{folder}/jobs.db"):
            pass
    texts = [str(one.message) for one in told]
    assert [" is on a network file system (" in text for text in texts] == [True] * warned


def test_where_this_file_is_can_be_told(tmp_path: Path) -> None:
    """The real table can be read."""
    from gochan.durable._sqlite._file_system import network_file_system_of

    assert network_file_system_of("/proc/self/mountinfo") is None
