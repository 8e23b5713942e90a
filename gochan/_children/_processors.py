"""The processors that this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def count_processors(root: Path = Path("/")) -> int:
    """Return how many there are, as far as the system and a container let us; at least 1.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    try:
        there = len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover  # not Linux
        there = os.cpu_count() or 1
    return max(1, min([there, *map(math.ceil, _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Yield how many processors' worth of time each control group around us may use."""
    with suppress(OSError, ValueError):
        groups = (root / "proc/self/cgroup").read_text().splitlines()
        for _, controllers, path in (line.split(":", 2) for line in groups):
            if not controllers:
                top, names = root / "sys/fs/cgroup", ["cpu.max"]
            elif "cpu" in controllers.split(","):  # the first version of control groups
                top, names = root / "sys/fs/cgroup/cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
            else:
                continue
            folder = top / path.strip("/")
            within = [one for one in (folder, *folder.parents) if one.is_relative_to(top)]
            for group in within:
                # Without a limit the first word is "max" or "-1".
                with suppress(OSError, ValueError, ZeroDivisionError):
                    quota, period = " ".join((group / name).read_text() for name in names).split()
                    if int(quota) > 0:
                        yield int(quota) / int(period)
