"""The canceller: who watches a job hears at once that it is cancelled."""

# Theory of operation
# -------------------
# This is the canceller of the Drone server, as Bo-Yi Wu tells of it: a map of the jobs that were
# cancelled in the last five minutes, and the subscribers, each a channel for some jobs. The row of
# a job is the truth, and lasts: the map only explains why a run is over, and the channels only
# wake. Who watches looks first, then waits; so a cancel that comes between two polls is seen by the
# next one, and it is no error to cancel twice.
#
# What is remembered is the job, not the run. So the map is asked only about runs that are over:
# a later run of a job is not cancelled because an earlier one was.

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, final

import trio

from gochan import Chan, ReceiveChan

REMEMBERED: Final = 300.0  # seconds


@final
class Canceller:
    """Tells subscribers of cancelled jobs."""

    def __init__(self) -> None:
        self._cancelled: OrderedDict[int, float] = OrderedDict()  # and until when it is remembered
        self._subscribers: dict[Chan[int], frozenset[int]] = {}

    def cancel(self, ids: Collection[int]) -> None:
        """Tell those who watch these jobs, and remember them for a while."""
        now = trio.current_time()
        while self._cancelled and next(iter(self._cancelled.values())) <= now:
            self._cancelled.popitem(last=False)
        for id in ids:
            self._cancelled[id] = now + REMEMBERED
            self._cancelled.move_to_end(id)
        self.wake(ids)

    def wake(self, ids: Collection[int]) -> None:
        """Let those look who watch these jobs; if there are none, all who watch."""
        for chan, watched in self._subscribers.items():
            if not ids or not watched.isdisjoint(ids):
                chan.close()  # which wakes all who wait, and may be done twice

    def remembers(self, id: int) -> bool:
        """Whether a job was cancelled a short while ago."""
        return self._cancelled.get(id, -1.0) > trio.current_time()

    @contextmanager
    def subscribed(self, ids: Iterable[int]) -> Iterator[ReceiveChan[int]]:
        """Return a channel that is closed when one of these jobs is cancelled."""
        chan = Chan[int](name="a watch")
        self._subscribers[chan] = frozenset(ids)
        try:
            yield chan.receiver
        finally:
            del self._subscribers[chan]
            chan.close()
