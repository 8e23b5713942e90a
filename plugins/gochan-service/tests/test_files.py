"""The files of jobs, in a folder and beside the jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from gochan_service._door import Files
from gochan_service._door._files import FileRefused
from gochan_service._door._shelves import SCRIPTS, TableShelf

from . import postgres


@pytest.fixture(params=["in a folder", "beside the jobs"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    if request.param == "in a folder":
        yield Files(tmp_path / "files", longest=100, most=3)
        return
    tables = postgres.tables_of(request.getfixturevalue("server"), "files", SCRIPTS)
    yield Files(TableShelf(tables), longest=100, most=3)
    tables.close()


def test_parts_become_a_file(files: Files) -> None:
    """One that is sent again, also in other sizes, changes nothing; a hole is refused."""
    assert files.append(7, 1, "log", 0, b"hello ") == 6
    assert files.append(7, 1, "log", 0, b"hello ") == 6
    assert files.append(7, 1, "log", 9, b"hole") == 6
    assert files.append(7, 1, "log", 3, b"lo world") == 11
    assert files.append(7, 1, "log", 11, b"") == 11
    assert files.size(7, 1, "log") == 11
    for offset in range(13):
        for size in (1, 5, 6, 100):
            assert files.read(7, 1, "log", offset, size) == b"hello world"[offset:][:size]


def test_what_is_not_there_is_empty(files: Files) -> None:
    """Whoever asks learns nothing else."""
    assert files.read(7, 1, "log", 0, 10) == b""
    assert files.size(7, 1, "log") == 0
    assert (files.versions(7), files.names(7, 1), [*files.jobs()]) == ([], [], [])
    files.remove(7)


def test_runs_and_files_are_known_in_order(files: Files) -> None:
    """Those of a job that is removed are gone, those of others are not."""
    for job, version, name in [(7, 10, "log"), (7, 2, "b.png"), (7, 2, "a.png"), (1234, 1, "log")]:
        assert files.append(job, version, name, 0, name.encode()) == len(name)
    assert files.versions(7) == [2, 10]
    assert files.names(7, 2) == ["a.png", "b.png"]
    assert sorted(id for some in files.jobs() for id in some) == [7, 1234]
    files.remove(7)
    assert [id for some in files.jobs() for id in some] == [1234]
    assert files.read(7, 2, "a.png", 0, 10) == b""
    assert files.read(1234, 1, "log", 0, 10) == b"log"


def test_a_run_keeps_so_much_and_no_more(files: Files) -> None:
    """In each file, and so many files; what there is may grow."""
    assert files.append(7, 1, "log", 0, b"x" * 101) is None
    for name in ("log", "a", "b"):
        assert files.append(7, 1, name, 0, b"") == 0
    assert files.append(7, 1, "c", 0, b"x") is None
    assert files.append(7, 1, "b", 0, b"x") == 1
    assert files.append(7, 1, "b", 1, b"x" * 99) == 100
    assert files.names(7, 1) == ["a", "b", "log"]


@pytest.mark.parametrize(("size", "free", "takes"), [
    (9000, 60, False), (9000, 70, True), (2, 0.1, False), (2, 0.2, True),
])  # fmt: skip
def test_files_leave_room_for_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: float, free: float, takes: bool
) -> None:
    """Or a long log would fill the disk, and nobody could even cancel its job."""
    megabyte = 2**20 // 512
    blocks = SimpleNamespace(
        f_frsize=512, f_blocks=int(size * megabyte), f_bavail=int(free * megabyte)
    )
    monkeypatch.setattr("gochan_service._door._shelves.os.fstatvfs", lambda _: blocks)
    files = Files(tmp_path / "files")
    if takes:
        assert files.append(7, 1, "log", 0, b"x" * 50_000) == 50_000
        return
    with pytest.raises(OSError, match="what is left of the disk is for jobs"):
        files.append(7, 1, "log", 0, b"x" * 50_000)
    assert files.size(7, 1, "log") == 0


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../log", "a/b", "/etc/passwd", "a\\b", ".hidden", "a\0", "é", "log\n"]
)
def test_a_name_is_no_path(files: Files, name: str) -> None:
    """Neither to write nor to read; nothing is found that way."""
    for use in (
        lambda: files.append(7, 1, name, 0, b"x"),
        lambda: files.read(7, 1, name, 0, 10),
        lambda: files.size(7, 1, name),
    ):
        with pytest.raises(FileRefused, match="is no name of a file"):
            use()
    assert [*files.jobs()] == []


def test_who_writes_at_the_same_time_writes_one_after_the_other(files: Files) -> None:
    """A part that two servers have been sent is there once."""
    text = bytes(range(97, 97 + 20))

    def write() -> None:
        for offset in range(20):
            files.append(7, 1, "log", offset, text[offset : offset + 1])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.read(7, 1, "log", 0, 100) == text
