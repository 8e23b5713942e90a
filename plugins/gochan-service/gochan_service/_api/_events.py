"""Server-sent events: a stream that can be resumed, and ends when the server stops."""

# Theory of operation
# -------------------
# An event has an id, by which a browser that was cut off says where to go on. Hypercorn knows
# nothing of streams when it stops, so they look for the stop themselves; and it tells a stream that
# its client has left by cancelling it.

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import StreamingResponse

RETRY: Final = 500  # milliseconds after which a browser that was cut off comes again
QUIET: Final = 15.0  # seconds after which a comment shows that the stream lives


def event(data: str, *, kind: str | None = None, id: str | None = None) -> bytes:
    """Return an event as it is sent."""
    lines = [f"data: {line}" for line in data.split("\n")]
    if id is not None:
        lines.insert(0, f"id: {id}")
    if kind is not None:
        lines.insert(0, f"event: {kind}")
    return ("\n".join(lines) + "\n\n").encode()


COMMENT: Final = b": still there\n\n"
GREETING: Final = f"retry: {RETRY}\n\n".encode()


def stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """Return an answer that is a stream of events."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)
