"""A ledger of ``gochan run`` under signals: no line is both done and left over, and none missing.

    uv run python tests/benchmarks/signals.py [--times N] [--seed N] [scenario ...]

Each scenario runs N times, with what is done to the run at random moments. Each command writes its
line to a file as its last deed, so that it is known what was done, whatever gochan says. After a
SIGKILL there is no left-over file; then no command may go on.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

LINES = 60

INT, TERM, HUP, QUIT, KILL = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL
)  # fmt: skip

Deed: TypeAlias = Callable[["Run"], object]


class Run:
    """A run, while it lasts."""

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        self.marker = f"1000.{os.getpid()}{random.randrange(1000):03}"
        self.folder = folder
        (folder / "lines").write_bytes(b"".join(b"%d\n" % number for number in range(LINES)))
        script = scenario.script.replace("MARKER", self.marker)
        command = [
            sys.executable, "-m", "gochan", "run", "--workers", "4", "--left-over", "left",
            "--input", "lines", *scenario.options, "--", "sh", "-c", script, "sh",
        ]  # fmt: skip
        with (folder / "said").open("wb") as said:
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
            )

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def close_reader(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ended(self) -> str:
        """Wait for its end, and return what it has said."""
        pipe = self.process.stdout
        assert pipe is not None
        if not pipe.closed:
            pipe.read()
            pipe.close()
        self.process.wait(60)
        return (self.folder / "said").read_text(errors="replace")


def signals(*numbers: int) -> tuple[Deed, ...]:
    return tuple(lambda run, number=number: run.send(number) for number in numbers)  # type: ignore[misc]


@dataclass(frozen=True)
class Scenario:
    """What the commands do, and what is done to the run, one after the other."""

    deeds: tuple[Deed, ...] = ()
    script: str = "sleep 0.02; echo $1; echo $1 >>done"
    options: tuple[str, ...] = ()
    killed: bool = field(default=False)  # so that there is no left-over file


FAILS = "sleep 0.02; [ $(($1 % 7)) != 5 ] || exit 1; echo $1 >>done"
STUBBORN = "trap '' TERM; sleep 0.05; echo $1 >>done"
SLOW = "if [ $1 = 9 ]; then sleep MARKER; fi; sleep 0.01; echo $1 >>done"
LOUD = "head -c 100000 /dev/zero; echo $1 >>done"
SHORT = ("--drain", "0.1", "--grace", "0.1")

SCENARIOS = {
    "quiet": Scenario(),
    "int": Scenario(signals(INT)),
    "int int": Scenario(signals(INT, INT)),
    "int int int": Scenario(signals(INT, INT, INT)),
    "int x 5": Scenario(signals(INT, INT, INT, INT, INT)),
    "term": Scenario(signals(TERM)),
    "term term": Scenario(signals(TERM, TERM)),
    "term int int": Scenario(signals(TERM, INT, INT)),
    "hup": Scenario(signals(HUP)),
    "quit": Scenario(signals(QUIT)),
    "stop and go on": Scenario(signals(signal.SIGSTOP, signal.SIGCONT)),
    "fails": Scenario(script=FAILS),
    "fails, int": Scenario(signals(INT), FAILS),
    "fails, keep going, int": Scenario(signals(INT), FAILS, ("--keep-going",)),
    "stubborn, int int int": Scenario(signals(INT, INT, INT), STUBBORN),
    "stubborn, short": Scenario(signals(TERM), STUBBORN, SHORT),
    "slow, int int": Scenario(signals(INT, INT), SLOW),
    "time limit": Scenario((), SLOW, ("--timeout", "0.2", "--keep-going")),
    "loud, int int": Scenario(signals(INT, INT), LOUD),
    "reader goes": Scenario((Run.close_reader,)),
    "reader goes, int": Scenario((Run.close_reader, *signals(INT)), LOUD),
    "kill": Scenario(signals(KILL), SLOW, killed=True),
    "int kill": Scenario(signals(INT, KILL), SLOW, killed=True),
}


def numbers_in(path: Path) -> list[int]:
    return [*map(int, path.read_bytes().split())] if path.exists() else []


def goes_on(marker: str) -> bool:
    """Return whether a process has this as its last argument."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes().endswith(b"\0" + marker.encode() + b"\0"):
                return True
    return False


def play(scenario: Scenario, chance: random.Random, folder: Path) -> list[str]:
    """Run a scenario once; return what is wrong."""
    run = Run(folder, scenario)
    for deed in scenario.deeds:
        time.sleep(chance.choice([0.0, chance.uniform(0, 0.05), chance.uniform(0, 1.2)]))
        deed(run)
    said = run.ended()
    deadline = time.monotonic() + 10
    while goes_on(run.marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    wrong = ["a command goes on"] if goes_on(run.marker) else []
    left = numbers_in(folder / "left")
    done = numbers_in(folder / "done")
    if len({*done}) != len(done):
        wrong.append(f"done twice: {sorted(done)}")
    # One that died before it began has left all over: the file with the lines is as it was.
    if scenario.killed or not (folder / "left").exists():
        return [*wrong, *(["done without a start"] if done and not scenario.killed else [])]
    if missing := {*range(LINES)} - {*left} - {*done}:
        wrong.append(f"missing: {sorted(missing)}")
    counted = re.search(r"^ done +(\d+) *$", said, re.MULTILINE)
    if (int(counted[1]) if counted else 0) + len(left) != LINES:
        wrong.append(f"not each line is counted once: {counted and counted[1]} done, {left} left")
    if len({*left}) != len(left):
        wrong.append(f"left over twice: {left}")
    if run.process.returncode == 0 and left:
        wrong.append("status 0, but lines are left over")
    return wrong


def check(name: str, times: int, chance: random.Random) -> list[str]:
    """Run a scenario some times; return what is wrong."""
    wrong = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            wrong += [f"{name}: {each}" for each in play(SCENARIOS[name], chance, Path(folder))]
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("scenarios", nargs="*", default=[*SCENARIOS])
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    found = 0
    for name in arguments.scenarios:
        wrong = check(name, arguments.times, chance)
        found += len(wrong)
        title = f"{name:24} {arguments.times} runs, {len(wrong)} wrong"
        print(title, *wrong, sep="\n  ", flush=True)
    sys.exit(found > 0)


if __name__ == "__main__":
    main()
