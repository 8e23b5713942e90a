"""Opening a job queue with arguments that make no sense."""

from __future__ import annotations

import pytest

from gochan import open_job_queue


async def work(payload: object) -> object:
    return payload


async def test_arguments_are_checked_at_the_call() -> None:
    """Not only when the block is entered."""
    with pytest.raises(ValueError, match="workers"):
        open_job_queue(work, workers=0)
    with pytest.raises(ValueError, match="grace"):
        open_job_queue(work, grace=-1)
