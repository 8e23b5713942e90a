"""What a journal of ``gochan run`` keeps when gochan is killed, and what it costs.

    python tests/benchmarks/journal.py [--kills N] [--lines N] [--workers N] [--seed N]
    python tests/benchmarks/journal.py --speed [--lines N] [--workers N]

The first kills runs with SIGKILL at random moments, and starts the same command again, until it
has been killed so often and every line is done. Each command notes its beginning and its end in a
file. Prints how many lines were lost, how many ran to their end more than once, and how many of
those had not been running when gochan was killed, or ended so shortly before that it could not be
written. The exit status is 1 if there are any lost ones, or any of the latter.

The second runs as many commands that do nothing, without a journal and with one, and then the same
again with all lines done; and prints lines per second, and the memory of gochan.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

RUN: Final = (sys.executable, "-m", "gochan", "run")

# How many seconds before the kill a command may have ended without that being written: gochan has
# to hear of the end, to pass the output on, and to wait for the disk.
SHORTLY: Final = 0.25


class Trial:
    """Runs that are killed, on one journal."""

    def __init__(self, folder: Path, lines: int, workers: int) -> None:
        self.folder = folder
        self.lines = lines
        self.log = folder / "log"
        self.log.touch()
        self.input = folder / "input"
        self.input.write_text("".join(f"{number}\n" for number in range(1, lines + 1)))
        log = shlex.quote(str(self.log))
        script = (
            f'echo "b $1 $(date +%s.%N)" >>{log}; sleep 0.0$(($1 % 10)); '
            f'echo "e $1 $(date +%s.%N)" >>{log}'
        )
        self.command = (
            *RUN, "-j", str(workers), "--journal", str(folder / "journal"),
            "--input", str(self.input), "--quiet", "--", "sh", "-c", script, "sh",
        )  # fmt: skip
        self.kills: list[float] = []

    def run(self, seconds: float | None) -> int:
        """Run it, and kill it so many seconds after its first command; return its status."""
        size = self.log.stat().st_size
        process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL, cwd=self.folder)
        while seconds is not None and process.poll() is None and self.log.stat().st_size == size:
            time.sleep(0.005)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            self.kills.append(time.time())
            process.wait()
            time.sleep(0.1)  # its guardian ends the commands
            return -signal.SIGKILL

    def ended(self) -> dict[str, list[float]]:
        """Return when each line has run to its end."""
        times: dict[str, list[float]] = {}
        for line in self.log.read_text().splitlines():
            what, number, when = line.split()
            if what == "e":
                times.setdefault(number, []).append(float(when))
        return times

    def unexplained(self, times: list[float]) -> int:
        """Count the ends of a line, but for the last, which were not about a kill."""
        return sum(
            not any(-0.2 <= kill - when <= SHORTLY for kill in self.kills) for when in times[:-1]
        )


def kill_often(kills: int, lines: int, workers: int, seed: int) -> bool:
    """Kill runs at random moments; print what came of it, and return whether that is right."""
    chance = random.Random(seed)
    total: Counter[str] = Counter()
    while total["kills"] < kills:
        with tempfile.TemporaryDirectory() as name:
            trial = Trial(Path(name), lines, workers)
            while len(trial.kills) + total["kills"] < kills:
                if trial.run(chance.random() * 0.6) == 0:
                    break
            status = trial.run(None)
            times = trial.ended()
            total["kills"] += len(trial.kills)
            total["journals"] += 1
            total["lines"] += lines
            total["failed runs"] += status != 0
            total["lost"] += lines - len(times)
            total["twice"] += sum(len(ends) - 1 for ends in times.values())
            total["unexplained"] += sum(map(trial.unexplained, times.values()))
    print(
        f"{total['kills']} kills, {total['journals']} journals of {lines} lines, "
        f"{workers} workers: {total['lost']} lines lost, {total['twice']} times a line ran to its "
        f"end again ({total['twice'] / max(1, total['kills']):.2f} for each kill), "
        f"{total['unexplained']} of which did not run at the kill"
    )
    return not (total["lost"] or total["unexplained"] or total["failed runs"])


def measure(lines: int, workers: int) -> None:
    """Print what a journal costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "input").write_text("".join(f"{number}\n" for number in range(lines)))
        common = (*RUN, "-j", str(workers), "--input", "input", "--quiet")
        journal = ("--journal", "journal")
        for title, words in (
            ("without a journal", (*common, "--", "true")),
            ("with a journal", (*common, *journal, "--", "true")),
            ("again, all done", (*common, *journal, "--", "true")),
        ):
            begin = time.perf_counter()
            process = subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
            print(
                f"{title:<18} {lines / seconds:8,.0f} lines/s  {usage.ru_maxrss >> 10:5} MiB"
                f"{'' if process.returncode == 0 else '  FAILED'}"
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.speed:
        measure(options.lines or 5000, options.workers)
        return 0
    return not kill_often(options.kills, options.lines or 300, options.workers, options.seed)


if __name__ == "__main__":
    sys.exit(main())
