"""Reloading: which files are looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gochan._command.queues._reloading import Sources


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A folder with files in several places."""
    for place in (
        "a.py",
        "deep/er/b.py",
        ".hidden/c.py",
        "env/lib/d.py",
        "node_modules/e.py",
        "f.txt",
    ):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    (tmp_path / "env" / "pyvenv.cfg").touch()
    return Sources(str(tmp_path))


@pytest.mark.parametrize("place", ["a.py", "deep/er/b.py", "deep/new.py"])
def test_a_python_file_that_changes(sources: Sources, tmp_path: Path, place: str) -> None:
    """Or is new; it is told once."""
    assert sources.changed() is None
    (tmp_path / place).write_text("2")
    os.utime(tmp_path / place, ns=(1, 1))
    assert sources.changed() == str(tmp_path / place)
    assert sources.changed() is None


def test_a_file_that_goes(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "a.py").unlink()
    assert sources.changed() == str(tmp_path / "a.py")


@pytest.mark.parametrize("place", [".hidden/c.py", "env/lib/d.py", "node_modules/e.py", "f.txt"])
def test_files_of_others_do_not_matter(sources: Sources, tmp_path: Path, place: str) -> None:
    """Hidden ones, those of virtual environments, and what is no Python."""
    os.utime(tmp_path / place, ns=(1, 1))
    assert sources.changed() is None


def test_a_link_to_nowhere_does_not_matter(sources: Sources, tmp_path: Path) -> None:
    """Some editors make such files while one is open."""
    (tmp_path / "#a.py").symlink_to("nowhere")
    (tmp_path / "b.py").symlink_to("nowhere")
    assert sources.changed() is None
