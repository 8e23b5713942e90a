"""What ``import gochan`` costs beside ``import trio``, in fresh interpreters.

    uv run python tests/benchmarks/import_time.py [--rounds N]

Each interpreter imports trio, then gochan, then what few programs need, so that load on the machine
meets both alike. Processor time, not wall clock: medians over the rounds, in milliseconds. All
modules have been compiled before, whatever the environment says about that. The goal for
``import gochan``, trio included, is 1.25 times trio.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

STEPS = (
    "import trio",
    "import gochan",
    "gochan.strategy('block(3)')",
    "gochan.hookimpl",
    "gochan.strategy('drop-oldest(3)')",
    "import pytest",
    "import _gochan_pytest",
)

PROGRAM = f"""
from time import process_time
import json
times = [process_time()]
for step in {STEPS!r}:
    exec(step)
    times.append(process_time())
print(json.dumps([1000 * (after - before) for before, after in zip(times, times[1:])]))
"""


def costs(compiled: str) -> list[float]:
    """Return the milliseconds of each step; a folder has the compiled modules."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    found: list[float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as compiled:
        costs(compiled)  # and compile
        measured = [costs(compiled) for _ in range(rounds)]
    for number, step in enumerate(STEPS):
        print(f"{step:40} {statistics.median(each[number] for each in measured):7.1f} ms")
    ratio = statistics.median((trio + gochan) / trio for trio, gochan, *_ in measured)
    print(f"import gochan, trio included: {ratio:.2f} x import trio")


if __name__ == "__main__":
    main()
