"""The job whose handler is running: what a handler can ask for."""

from __future__ import annotations

from typing import Any

import trio

from ._jobs import CURRENT, Job


def current_job() -> Job[Any, Any]:
    """Return the job whose handler is running.

    Raises:
        RuntimeError: called from elsewhere.
    """
    try:
        return CURRENT.get()
    except LookupError:
        raise RuntimeError("current_job() works only inside a job's handler") from None


def cleanup() -> trio.CancelScope:
    """Let a cancelled handler clean up, for a limited time.

    ::

        try:
            await work()
        except trio.Cancelled:
            with gochan.cleanup():
                await put_things_in_order()
            raise

    The block is shielded from cancellation until the hard deadline of the stop that is
    under way; outside a stop, for as long as the ``grace`` of the queue. A nursery, and
    `trio.run_process`, raise a group, which ``except trio.Cancelled`` does not catch; there,
    use ``finally`` and look at `Job.cause`.

    Raises:
        RuntimeError: called outside a job's handler.
    """
    return current_job()._owner.open_cleanup()
