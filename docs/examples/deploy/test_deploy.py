"""The files for systemd and containers: their times fit together, and their command ends well."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from gochan.durable import DurableJob, JobRecord, open_durable_queue, open_store

HERE = Path(__file__).parent
UNIT = (HERE / "reports-worker@.service").read_text(encoding="utf-8")
DEPLOYMENT = (HERE / "deployment.yaml").read_text(encoding="utf-8")
GOCHAN = str(Path(sys.executable).with_name("gochan"))


def setting(name: str) -> str:
    """Return what the unit says about something."""
    (value,) = re.findall(rf"^{name}=(.*)$", UNIT, flags=re.MULTILINE)
    return value


def option(name: str, words: str) -> float:
    """Return a number that is given to a command."""
    (value,) = re.findall(rf"{name}[ =](\d+)", words)
    return float(value)


@pytest.mark.parametrize(
    ("words", "patience"),
    [
        (UNIT, "TimeoutStopSec="),
        (DEPLOYMENT, "terminationGracePeriodSeconds: "),
    ],
)
def test_the_kill_comes_later_than_the_end(words: str, patience: str) -> None:
    """Or jobs would be lost that could have been given back."""
    (seconds,) = re.findall(rf"{patience}(\d+)", words)
    assert option("--drain", words) + option("--grace", words) + 5 <= float(seconds)


def test_all_run_the_same_command() -> None:
    """So that what is tested for one of them holds for the others."""
    _, _, *unit = setting("ExecStart").replace("${", "$(").replace("}", ")").split()
    _, found, _ = re.split(r"args:\n|\n +envFrom", DEPLOYMENT)
    words = [word.strip('"') for word in re.findall(r"- (.+)", found)]
    assert [part for word in words for part in word.split("=")] == unit
    assert '"gochan", "work"]' in (HERE / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Whose program and user have to be there, so that it takes the ones that are."""
    unit = tmp_path / "reports-worker@.service"
    text = UNIT.replace("/srv/reports/.venv/bin/gochan", GOCHAN).replace("User=reports\n", "")
    unit.write_text(text, encoding="utf-8")
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    assert [line for line in told.stderr.splitlines() if "reports-worker" in line] == []


async def until(job: DurableJob[Any], state: str) -> JobRecord:
    """Look at a job until it is in that state."""
    while (record := await job.record()).state != state:  # noqa: ASYNC110  # there is no bell
        await trio.sleep(0.01)
    return record


@contextmanager
def started(folder: Path, address: str, **changes: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command of the unit, as systemd would."""
    words = setting("ExecStart").replace("${DATABASE_URL}", address)
    for old, new in changes.items():
        words = re.sub(rf"--{old} \d+", f"--{old} {new}", words)
    _, *arguments = shlex.split(words)
    with subprocess.Popen(
        [GOCHAN, *arguments], cwd=folder, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
async def test_a_rolling_deploy_costs_no_attempt(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    """The old process gives its job back; the new one takes it up."""
    shutil.copy(HERE.parent / "reports.py", tmp_path)
    address = new_database()
    with trio.fail_after(60):
        async with open_store(address) as store, open_durable_queue(store, "reports") as queue:
            job = await queue.submit({"rows": 100_000, "pause": 0.05})
            with started(tmp_path, address, drain="0") as old:
                first = (await until(job, "running")).worker
                with started(tmp_path, address) as new:
                    old.send_signal(signal.SIGTERM)
                    assert await trio.to_thread.run_sync(old.wait) == 0
                    second = await until(job, "running")
                    assert (second.worker == first, second.attempt <= 1) == (False, True)
                    new.send_signal(signal.SIGTERM)
                    await trio.to_thread.run_sync(read_until, new, "no further job starts")
                    new.send_signal(signal.SIGINT)  # so that we need not wait for the drain
                    assert await trio.to_thread.run_sync(new.wait) == 0
            record = await job.record()
    assert (record.state, record.attempt) == ("waiting", 0)
    assert [run.kind for run in record.attempts] == ["interrupted", "interrupted"]


def read_until(process: subprocess.Popen[str], text: str) -> None:
    """Read what it says until that is there."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"it never said {text!r}")
