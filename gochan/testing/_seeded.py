"""What is left to chance follows a seed, so that a run can be repeated exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from _gochan_chance import chance

from .._core import yield_interval


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Have everything follow ``seed`` that gochan and trio leave to chance, inside the block.

    ::

        with seeded(7):
            trio.run(main, clock=MockClock(autojump_threshold=0))

    That is the order in which tasks run, the case that a select takes, and the jitter of retries
    and of pauses after an outage. A run in virtual time that waits for no thread, process or socket
    is then the same each time; so a test that has failed with one of a thousand seeds fails with it
    again. The block may also be inside `trio.run`; then it holds from there on.

    Args:
        seed: any number.
    """
    scheduler = trio._core._run
    before = scheduler._r.getstate(), chance.getstate(), scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    scheduler._r.seed(seed)
    chance.seed(seed)
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    try:
        with yield_interval(0):  # any other depends on how fast the machine is
            yield
    finally:
        scheduler._r.setstate(before[0])
        chance.setstate(before[1])
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before[2]  # type: ignore[misc]
