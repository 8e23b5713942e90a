"""``gochan run`` beside ``xargs -P`` and GNU parallel, where they are installed.

    uv run python tests/benchmarks/run.py [--lines N] [--rounds N] [--only speed,start,memory,flood]

Each round runs all programs once, one after the other, so that load on the machine meets all alike.
Ratios are medians over the rounds, of the ratios within a round. Processor time is that of the
program and of all that it has started.

    speed    N lines, a command for each: wall time and processor time
    start    the time from the start of the program to the first byte of output
    memory   the largest resident set, for two numbers of lines, and what that means for a million
    flood    a command that writes a gigabyte of lines into a pipe, beside the same with cat
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Modules are compiled once, whatever the environment says about that.
compiled = tempfile.mkdtemp()
atexit.register(shutil.rmtree, compiled)
os.environ["PYTHONPYCACHEPREFIX"] = compiled
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Runs a command with somebody who reads its output.
READ = ("sh", "-c", '"$@" | cat', "sh")

GOCHAN = (str(Path(sys.executable).with_name("gochan")), "run")


@dataclass(frozen=True)
class Cost:
    """What a program has cost: seconds of wall time, of processor time, and megabytes."""

    wall: float
    processor: float
    memory: float


def cost(command: Sequence[str], lines: bytes) -> Cost:
    """Run a command with these lines as its input, and nobody to read its output."""
    with tempfile.TemporaryFile() as given:
        given.write(lines)
        given.seek(0)
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def first_output(command: Sequence[str]) -> float:
    """Return how many seconds pass before the first byte of output."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"1\n")
    process.stdin.close()
    process.stdout.read(1)
    seconds = time.perf_counter() - started
    process.stdout.close()
    process.wait()
    return seconds


def programs(workers: int, script: str | None) -> dict[str, list[str]]:
    """Return the command line of each program that is installed."""
    if script is None:
        words, more = ["true"], {"xargs": ["-n1"], "parallel": []}
    else:
        words, more = ["sh", "-c", script], {"xargs": ["-I{}"], "parallel": ["-q"]}
    found = {"gochan": [*GOCHAN, "--workers", str(workers), "--", *words]}
    for name in ("xargs", "parallel"):
        if shutil.which(name):
            found[name] = [name, "-P", str(workers), *more[name], *words]
    return found


def numbers(count: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(1, count + 1))


def compare(title: str, costs: dict[str, list[Cost]]) -> None:
    for name, theirs in costs.items():
        wall = statistics.median(each.wall for each in theirs)
        processor = statistics.median(each.processor for each in theirs)
        text = f"{title:16} {name:9} {wall:7.2f} s wall, {processor:7.2f} s processor"
        if name != "gochan":
            pairs = [*zip(costs["gochan"], theirs, strict=True)]
            walls = statistics.median(ours.wall / other.wall for ours, other in pairs)
            both = statistics.median(ours.processor / other.processor for ours, other in pairs)
            text += f";  gochan takes {walls:.2f} x, {both:.2f} x"
        print(text, flush=True)


def speed(lines: int, rounds: int) -> None:
    for script in (None, "echo {}"):
        for workers in (2, 16):
            commands = programs(workers, script)
            costs: dict[str, list[Cost]] = {name: [] for name in commands}
            for _ in range(rounds):
                for name, command in commands.items():
                    # Parallel is so much slower that a tenth tells enough.
                    count = lines // 10 if name == "parallel" else lines
                    it = cost(command, numbers(count))
                    scale = lines / count
                    costs[name].append(Cost(it.wall * scale, it.processor * scale, it.memory))
            compare(f"{script or 'true'}, {workers:2}", costs)


def start(rounds: int) -> None:
    commands = {name: [*command] for name, command in programs(2, "echo {}").items()}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds[name].append(first_output(command))
    for name, them in seconds.items():
        print(
            f"first output     {name:9} {statistics.median(them):7.3f} s, best {min(them):.3f} s",
            flush=True,
        )


def memory(lines: int) -> None:
    commands = programs(4, None)
    for name in [*commands][:2]:
        few = cost(commands[name], numbers(lines)).memory
        many = cost(commands[name], numbers(4 * lines)).memory
        growth = (many - few) / (3 * lines)
        print(
            f"memory           {name:9} {few:7.1f} MB for {lines} lines, {many:.1f} MB for "
            f"{4 * lines}; {few + growth * (1_000_000 - lines):.0f} MB for a million at that rate",
            flush=True,
        )


def flood(rounds: int) -> None:
    size, script = "1000000000", "yes 0123456789 | head -c"
    commands = {"cat": ["sh", "-c", f"{script} {size} | cat"]}
    for mode in ("", "--keep-order", "--line-buffer", "--ungroup"):
        options = ["--quiet", *mode.split(), "--shell"]
        commands[f"gochan {mode}"] = [*GOCHAN, *options, script, ":::", size]
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(cost([*READ, *command], b""))
    for name, theirs in costs.items():
        ratio = min(each.wall for each in theirs) / min(each.wall for each in costs["cat"])
        wall, most = min(each.wall for each in theirs), max(each.memory for each in theirs)
        print(
            f"flood            {name:20} {wall:6.2f} s at best, {most:5.1f} MB;  {ratio:.2f} x cat",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="speed,start,memory,flood")
    arguments = parser.parse_args()
    first_output([*GOCHAN, "--", "true"])  # and compile
    if "start" in arguments.only:
        start(2 * arguments.rounds)
    if "speed" in arguments.only:
        speed(arguments.lines, arguments.rounds)
    if "memory" in arguments.only:
        memory(arguments.lines)
    if "flood" in arguments.only:
        flood(arguments.rounds)


if __name__ == "__main__":
    main()
