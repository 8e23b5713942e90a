"""The queue whose handler is running: what a handler can ask for."""

from __future__ import annotations

from typing import Any

from ._durable_queue import DurableQueue
from ._leases import CURRENT


def current_queue() -> DurableQueue[Any, Any]:
    """Return the queue whose handler is running: to submit further jobs, or for its store.

    So a handler can be a plain function of a module, as ``gochan work`` takes it.

    Raises:
        RuntimeError: called from elsewhere.
    """
    try:
        owner = CURRENT.get().owner
    except LookupError:
        raise RuntimeError("current_queue() works only inside a durable job's handler") from None
    assert isinstance(owner, DurableQueue)
    return owner
