"""How many commands can run when few files may be open."""

from __future__ import annotations

import os
import resource

import pytest

from gochan._command.run.files import OpenFiles, _open_files

from ..processes import finish, numbers


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    """Nothing is said then."""
    ended = finish(
        "run", "--workers", "60", "--", "sh", "-c", "sleep 0.1", lines=numbers(60),
        shell='ulimit -S -n 100; exec "$@"',
    )  # fmt: skip
    assert (ended.status, ended.complaints) == (0, [])


def test_otherwise_there_are_fewer_workers() -> None:
    """And no command fails for want of files."""
    ended = finish(
        "run", "--workers", "60", "--", "sh", "-c", "echo $1; sleep 0.1; echo $1 >&2", "sh",
        lines=numbers(100), shell='ulimit -n 128; exec "$@"',
    )  # fmt: skip
    assert (ended.status, ended.summary) == (0, {"done": "100"})
    (complaint,) = ended.complaints
    assert complaint.endswith(
        " workers instead of 60, because too few files may be open at a time (ulimit -n)"
    )
    assert 10 <= int(complaint.split()[1]) <= 20


def test_a_limit_that_suffices_stays() -> None:
    """Commands inherit it, and some programs do not expect a high one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    ended = finish("run", "--", "sh", "-c", "ulimit -S -n", lines=b"a\n")
    assert ended.out == b"%d\n" % soft


def test_elsewhere_three_files_are_taken_to_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not tell."""

    def fail(path: str) -> list[str]:
        raise FileNotFoundError

    monkeypatch.setattr(os, "listdir", fail)
    assert _open_files._open_now() == 3
    assert OpenFiles().affordable(1) == 1
