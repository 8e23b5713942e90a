"""The only randomness in gochan: in channels and select, and in the pauses of durable queues.

It stands beside the package so that hypothesis, which seeds it to replay failing tests, does not
import gochan and trio into every run of pytest: hypothesis asks for it when it is imported itself.
"""

from __future__ import annotations

import os
from random import Random
from typing import Final

chance: Final = Random()

# Forked processes must not draw the same: they would all come back at once after an outage.
os.register_at_fork(after_in_child=chance.seed)


def register_with_hypothesis() -> None:
    """Let hypothesis seed `chance`. Its entry point names this function."""
    from hypothesis import register_random

    register_random(chance)
