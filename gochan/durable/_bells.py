"""Bells: listeners of a queue hear that something may have happened."""

# Theory of operation
# -------------------
# A bell is a channel that holds one hint of each sort for each listener. Ringing never waits:
# hints that nobody has received yet are merged, since "look again" need not be said twice. If
# too many jobs are named, the hint names none, which means that any may be meant.

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, final

import trio

from .._core import Chan, ReceiveChan
from ._records import Hint

_MOST_NAMED: Final = 1000


@final
class Bells:
    """The listeners of a store in this process."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Chan[Hint]]] = {}

    @asynccontextmanager
    async def listen(self, queue: str) -> AsyncIterator[ReceiveChan[Hint]]:
        """Receive the hints about a queue, inside the block."""
        bell = Chan[Hint](_MOST_NAMED, name=f"bell of {queue}")
        self._listeners.setdefault(queue, []).append(bell)
        try:
            yield bell.receiver
        finally:
            self._listeners[queue].remove(bell)
            if not self._listeners[queue]:
                del self._listeners[queue]  # servers hear whatever queues their clients name
            bell.close()

    def ring(self, hints: Mapping[str, Iterable[Hint]]) -> None:
        """Tell the listeners of each queue what may have happened."""
        for queue, about in hints.items():
            for bell in self._listeners.get(queue, ()):
                for hint in merged(about):
                    # A listener with so many unheard hints looks at everything anyway.
                    with suppress(trio.WouldBlock):
                        bell.send_nowait(hint)

    @property
    def queues(self) -> list[str]:
        """The queues that somebody listens to."""
        return [*self._listeners]


def merged(hints: Iterable[Hint]) -> list[Hint]:
    """Return one hint of each sort, which names all the jobs."""
    ids: dict[str, dict[int, None]] = {}
    for hint in hints:
        ids.setdefault(hint.what, {}).update(dict.fromkeys(hint.ids))
    return [
        Hint(what, tuple(named) if len(named) <= _MOST_NAMED else ())  # type: ignore[arg-type]
        for what, named in ids.items()
    ]
