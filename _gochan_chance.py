"""The only randomness in channels and select.

It stands beside the package so that hypothesis, which seeds it to replay failing tests, does not
import gochan and trio into every run of pytest: hypothesis asks for it when it is imported itself.
"""

from __future__ import annotations

from random import Random
from typing import Final

chance: Final = Random()


def register_with_hypothesis() -> None:
    """Let hypothesis seed `chance`. Its entry point names this function."""
    from hypothesis import register_random

    register_random(chance)
