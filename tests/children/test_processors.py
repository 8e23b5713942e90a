"""The processors that this process may use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from gochan._children._processors import count_processors


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


def make(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_those_count_that_the_system_lets_us_use(tmp_path: Path) -> None:
    assert count_processors(tmp_path) == 8
    assert count_processors() >= 1


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "1000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "1600000 100000\n"}, 8),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "200000 100000\n"}, 2),
        ("0::/gone\n", {}, 8),
        ("0::/\n", {"cpu.max": "what\n"}, 8),
        ("0::/\n", {"cpu.max": "100 0\n"}, 8),
        ("nonsense\n", {}, 8),
        (
            "9:memory:/x\n4:cpu,cpuacct:/x\n0::/\n",
            {"cpu/x/cpu.cfs_quota_us": "250000\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        (
            "4:cpu,cpuacct:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            8,
        ),
    ],
)
def test_a_container_may_have_fewer(
    tmp_path: Path, groups: str, files: dict[str, str], expected: int
) -> None:
    """Part of a processor is one. The groups around ours count, too."""
    make(tmp_path, {"proc/self/cgroup": groups})
    make(tmp_path / "sys/fs/cgroup", files)
    assert count_processors(tmp_path) == expected
