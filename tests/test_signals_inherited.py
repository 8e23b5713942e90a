"""The tests run the same where signals are ignored at first: in the background, under nohup."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from .processes import finish, start

ROOT = Path(__file__).parent.parent

NUMBERS = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)

# Says which signals a process ignores.
ASK = f"""
import signal
print([n for n in {[*map(int, NUMBERS)]} if signal.getsignal(n) == signal.SIG_IGN])
"""


def test_signals_are_heard_here_and_by_all_that_tests_start() -> None:
    """Ctrl-C interrupts, and the others end a process."""
    assert [signal.getsignal(number) for number in NUMBERS] == [
        signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL, signal.SIG_DFL
    ]  # fmt: skip
    assert finish("-S", "-c", ASK, command=(sys.executable,)).out == b"[]\n"


@pytest.mark.skipif(not (ROOT / "conftest.py").exists(), reason="not in a source distribution")
@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="alone"),
        pytest.param(("-n", "1"), id="in a worker", marks=pytest.mark.slow),
    ],
)
def test_that_is_so_although_they_were_ignored(options: tuple[str, ...]) -> None:
    """Otherwise tests would wait for ever for the end of what they have interrupted."""
    test = f"{__file__}::{test_signals_are_heard_here_and_by_all_that_tests_start.__name__}"
    ignoring = 'trap "" INT HUP QUIT TERM; exec "$@"'
    ended = finish("-S", "-c", ASK, command=(sys.executable,), shell=ignoring)
    assert ended.out == f"{[*map(int, NUMBERS)]}\n".encode()  # the trap does what it should
    with start(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, test,
        command=(sys.executable,), shell=ignoring, cwd=ROOT,
        variables={"PYTHONPYCACHEPREFIX": ""},
    ) as running:  # fmt: skip
        ended = running.ended(seconds=60)
    assert b"1 passed" in ended.out
    assert ended.status == 0
