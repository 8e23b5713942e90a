"""What the tests of the simulator share: how to call ``gochan sim``, and random examples."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

MODULE = (sys.executable, "-m", "gochan")


@dataclass(frozen=True)
class Ended:
    """What a command said in the end."""

    status: int
    out: bytes
    err: str


@pytest.fixture
def gochan(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """Call the installed command in this process."""
    (script,) = entry_points(group="console_scripts", name="gochan")
    main = script.load()

    def call(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["gochan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfdbinary.readouterr()
        return Ended(int(ended.value.code or 0), out, err.decode())

    return call


def finish(
    *arguments: str | Path,
    command: tuple[str, ...] = MODULE,
    shell: str | None = None,
    lines: bytes = b"",
    variables: Mapping[str, str] = {},  # it is only read
) -> Ended:
    """Call it in a process of its own; ``shell`` is a script that runs the command as ``"$@"``."""
    words = [*command, *map(str, arguments)]
    if shell is not None:
        words = ["sh", "-c", shell, "sh", *words]
    environment = {**os.environ, **variables}
    done = subprocess.run(
        words, input=lines, capture_output=True, env=environment, timeout=60, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr.decode())


def examples(few: int) -> settings:
    """Return the settings of a test that tries the same few random examples each time."""
    return settings(
        max_examples=int(os.environ.get("GOCHAN_EXAMPLES", "0")) or few,
        derandomize="GOCHAN_EXAMPLES" not in os.environ,
        database=None,
        print_blob=True,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
