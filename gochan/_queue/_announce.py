"""Announcing each phase of a stop, and what the next Ctrl-C does."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import compress
from typing import Any, Final, final

from ._queue import JobQueue
from ._stop import Phase

# The stages that Ctrl-C goes through, one by one.
STAGES: Final[dict[Phase, int]] = {
    "run": 0, "quiet": 1, "drain": 1, "cancel": 2, "release": 3, "report": 3
}  # fmt: skip


@final
class Announcer:
    """Announces each stage of a stop of several queues, once all of them have reached it."""

    def __init__(
        self, queues: Sequence[JobQueue[Any, Any]], say: Callable[[str], object] | None
    ) -> None:
        self._queues = queues
        self._say = say or _print_line
        self._names_stuck = say is None
        self._told = self.stage

    @property
    def stage(self) -> int:
        """The stage of the queue that is furthest behind."""
        return min(STAGES[queue.phase] for queue in self._queues)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Announce what happens inside the block."""
        with ExitStack() as on_exit:
            for queue in self._queues:
                watcher = partial(self._tell, queue)
                on_exit.enter_context(queue.watch_phases(watcher))
            yield

    def _tell(self, queue: JobQueue[Any, Any]) -> None:
        """Announce a stage if ``queue`` is the last to reach it; name its stuck jobs."""
        if self.stage > self._told:
            self._told = self.stage
            line = self._line()
            if line:
                self._say(line)
        if self._names_stuck and queue.report is not None:
            for stuck in queue.report.stuck:
                self._say(str(stuck))

    def _line(self) -> str:
        counts = [queue.statistics() for queue in self._queues]
        running = sum(count.running for count in counts)
        left = round(max(queue.seconds_left or 0.0 for queue in self._queues), 1)
        if self.stage == 1:
            may_start = [queue._stop.finish == "queued" for queue in self._queues]
            running += sum(compress([count.waiting for count in counts], may_start))
            begin = f"no further job {'is accepted' if any(may_start) else 'starts'}"
            if not running or not left:
                return begin
            within = "" if left == math.inf else f" within {left:g} s"
            return f"{begin}, {_jobs(running)} may finish{within}; Ctrl-C cancels what runs"
        if not running:
            return ""
        if self.stage == 2:
            time = "any time" if left == math.inf else f"{left:g} s"
            return (
                f"cancelling what runs: {_jobs(running)}, with {time} to clean up; "
                "Ctrl-C gives up on the rest"
            )
        return f"giving up on what still runs: {_jobs(running)}"


def _jobs(count: int) -> str:
    return f"{count} job{'' if count == 1 else 's'}"


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
