"""What ``import gochan`` costs beside ``import trio``, in fresh interpreters.

    uv run python tests/benchmarks/import_time.py [--rounds N]

Processor time, not wall clock: medians of interleaved rounds, in milliseconds, with compiled
modules in place. The goal is 1.25 times the cost of trio.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

IMPORTS = {
    "trio": "import trio",
    "gochan": "import gochan",
    "gochan, hookimpl used": "from gochan import hookimpl",
    "gochan, a plugin's strategy by name": "import gochan; gochan.strategy('drop-oldest(3)')",
    "the plugin for pytest, beside pytest": "import _gochan_pytest",
}

# Pytest has imported itself before it loads plugins, so that does not count.
BEFORE = {"the plugin for pytest, beside pytest": "import pytest"}


def cost(name: str) -> float:
    """Return the milliseconds of processor time that one import takes."""
    program = (
        f"{BEFORE.get(name, '')}\n"
        "from time import process_time\n"
        "start = process_time()\n"
        f"{IMPORTS[name]}\n"
        "print(1000 * (process_time() - start))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    for name in IMPORTS:
        cost(name)  # so that all modules are compiled
    costs = {name: [cost(name)] for name in IMPORTS}
    for _ in range(rounds - 1):
        for name, measured in costs.items():
            measured.append(cost(name))
    medians = {name: statistics.median(measured) for name, measured in costs.items()}
    for name, median in medians.items():
        print(f"{name:40} {median:7.1f} ms  {median / medians['trio']:5.2f} x trio")


if __name__ == "__main__":
    main()
