"""A ledger of ``gochan run`` under signals: no line is both done and left over, and none missing.

    uv run python tests/benchmarks/signals.py [--times N] [--seed N] [--only left-over,journal]
                                              [scenario ...]

Each scenario runs N times, with what is done to the run at random moments. Each command writes its
line to a file as its last deed, so that it is known what was done, whatever gochan says. After a
SIGKILL there is no left-over file; then no command may go on.

With a journal instead, the same command goes on afterwards, until every line is done. A line may
be done twice only if its command was ended by force, by us or because gochan was killed; or if
nobody has read its output.
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
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

LINES = 60
WORKERS = 4

INT, TERM, HUP, QUIT, KILL = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL
)  # fmt: skip

Deed: TypeAlias = Callable[["Run"], object]


class Run:
    """A run, while it lasts."""

    def __init__(self, folder: Path, scenario: Scenario, keeps: str, *more: str) -> None:
        self.marker = f"1000.{os.getpid()}{folder.name.encode().hex()}"  # the same if it goes on
        self.folder = folder
        (folder / "lines").write_bytes(b"".join(b"%d\n" % number for number in range(LINES)))
        script = scenario.script.replace("MARKER", self.marker)
        command = [
            sys.executable, "-m", "gochan", "run", "--workers", str(WORKERS), f"--{keeps}", "kept",
            "--input", "lines", *scenario.options, *more, "--", "sh", "-c", script, "sh",
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


TOTAL: Counter[str] = Counter()


def signals(*numbers: int) -> tuple[Deed, ...]:
    return tuple(lambda run, number=number: run.send(number) for number in numbers)  # type: ignore[misc]


@dataclass(frozen=True)
class Scenario:
    """What the commands do, and what is done to the run, one after the other."""

    deeds: tuple[Deed, ...] = ()
    script: str = "sleep 0.02; echo $1; echo $1 >>done"
    options: tuple[str, ...] = ()
    killed: bool = field(default=False)  # so that there is no left-over file

    def excused(self, said: str) -> int:
        """Return how many lines at most may be done once more when a run goes on."""
        if self.killed or Run.close_reader in self.deeds:
            return WORKERS
        return len(re.findall("^(?:interrupted|timed out) ", said, re.MULTILINE))


# What goes wrong does so in the first of the runs with one journal.
FAILS = "sleep 0.02; [ $(($1 % 7)) != 5 ] || [ -e again ] || exit 1; echo $1 >>done"
STUBBORN = "trap '' TERM; sleep 0.05; echo $1 >>done"
SLOW = "if [ $1 = 9 ] && [ ! -e again ]; then sleep MARKER; fi; sleep 0.01; echo $1 >>done"
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


def disturb(run: Run, scenario: Scenario, chance: random.Random) -> tuple[str, list[str]]:
    """Do to a run what a scenario says; return what it has said at its end, and what is wrong."""
    for deed in scenario.deeds:
        time.sleep(chance.choice([0.0, chance.uniform(0, 0.05), chance.uniform(0, 1.2)]))
        deed(run)
    said = run.ended()
    deadline = time.monotonic() + 10
    while goes_on(run.marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    return said, ["a command goes on"] if goes_on(run.marker) else []


def twice(done: list[int]) -> list[int]:
    return [number for number, count in sorted(Counter(done).items()) if count > 1]


def play_with_journal(scenario: Scenario, chance: random.Random, folder: Path) -> list[str]:
    """Run a scenario once with a journal, and go on; return what is wrong."""
    run = Run(folder, scenario, "journal")
    said, wrong = disturb(run, scenario, chance)
    before = numbers_in(folder / "done")
    if repeated := twice(before):
        wrong.append(f"done twice in one run: {repeated}")
    (folder / "again").touch()
    for _ in range(2):  # the second time there is nothing to do
        run = Run(folder, scenario, "journal", "--retry-failed", "--quiet")
        more = run.ended()
        if run.process.returncode:
            wrong.append(f"it does not go on: {more}")
    done = numbers_in(folder / "done")
    if missing := {*range(LINES)} - {*done}:
        wrong.append(f"missing: {sorted(missing)}")
    repeated = twice(done)
    TOTAL["twice"] += len(repeated)
    if len(repeated) > scenario.excused(said):
        wrong.append(f"done twice: {repeated}, {scenario.excused(said)} of which may be")
    if len(done) - len({*done}) > len(repeated):
        wrong.append(f"done more than twice: {sorted(done)}")
    return wrong


def play(scenario: Scenario, chance: random.Random, folder: Path) -> list[str]:
    """Run a scenario once; return what is wrong."""
    run = Run(folder, scenario, "left-over")
    said, wrong = disturb(run, scenario, chance)
    left = numbers_in(folder / "kept")
    done = numbers_in(folder / "done")
    if repeated := twice(done):
        wrong.append(f"done twice: {repeated}")
    # One that died before it began has left all over: the file with the lines is as it was.
    if scenario.killed or not (folder / "kept").exists():
        return [*wrong, *(["done without a start"] if done and not scenario.killed else [])]
    if missing := {*range(LINES)} - {*left} - {*done}:
        wrong.append(f"missing: {sorted(missing)}")
    counted = re.search(r"^ done +(\d+) *$", said, re.MULTILINE)
    silent = Run.close_reader in scenario.deeds  # who has lost its reader counts nothing
    if not (silent and counted is None) and int(counted[1] if counted else 0) + len(left) != LINES:
        wrong.append(f"not each line is counted once: {counted and counted[1]} done, {left} left")
    if len({*left}) != len(left):
        wrong.append(f"left over twice: {left}")
    if run.process.returncode == 0 and left:
        wrong.append("status 0, but lines are left over")
    return wrong


PLAYS = {"left-over": play, "journal": play_with_journal}


def check(name: str, keeps: str, times: int, chance: random.Random) -> list[str]:
    """Run a scenario some times; return what is wrong."""
    wrong = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            wrong += PLAYS[keeps](SCENARIOS[name], chance, Path(folder))
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(PLAYS))
    parser.add_argument("scenarios", nargs="*", default=[*SCENARIOS])
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    for keeps in arguments.only.split(","):
        for name in arguments.scenarios:
            wrong = check(name, keeps, arguments.times, chance)
            TOTAL["runs"] += arguments.times
            TOTAL["wrong"] += len(wrong)
            title = f"{keeps:9} {name:24} {arguments.times} runs, {len(wrong)} wrong"
            print(title, *wrong, sep="\n  ", flush=True)
    print(f"{TOTAL['runs']} runs, {TOTAL['wrong']} wrong; {TOTAL['twice']} done twice, as may be")
    sys.exit(TOTAL["wrong"] > 0)


if __name__ == "__main__":
    main()
