"""The reporter: writes to the store what became of the jobs that a process has leased."""

# Theory of operation
# -------------------
# A worker does not wait until the end of its job is written; it notes the end here, and starts
# its next job. The reporter takes all that was noted while it wrote the last batch, so the
# busier the workers, the fewer transactions a job costs. Jobs that take no time end in a row; so
# before it begins, it lets the others of the row end.
#
# The mark that a handler was started is written in the same way. Most jobs end before their
# mark is sent; then the end says that the attempt counts, and no mark is needed.
#
# A store that cannot be reached is asked until it can be. A batch that is repeated changes nothing
# twice, since the version has moved; but then False no longer says whether the first attempt or
# somebody else has moved it, so the row is looked at.

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, final

import trio

from ._errors import StoreUnavailable
from ._leases import Account, Lease, Written
from ._outage import Outages
from ._records import Ending, ProgressReport, Release
from ._store import Store

_MOST: Final = 1000  # in a batch
_ROOM: Final = 500  # ends that may be on their way before a worker has to wait
_QUIET: Final = 5  # turns of trio's loop in which no job ends, and no more are waited for
_LONGEST: Final = 0.01  # seconds that more are waited for
_PROGRESS: Final = 1.0  # seconds between two batches of progress


@final
class Reporter:
    """Writes starts, ends and progress.

    Args:
        store: where to.
        outages: told whether the store can be reached.
        on_written: called with a lease, what was written about it, and whether the store took it.
    """

    def __init__(
        self,
        store: Store,
        outages: Outages,
        on_written: Callable[[Lease, Account, Written], object],
    ) -> None:
        self._store = store
        self._outages = outages
        self._on_written = on_written
        self._starts: dict[Lease, None] = {}
        self._ends: deque[tuple[Lease, Account]] = deque()
        self._progress: dict[Lease, None] = {}
        self._writing = 0
        self._news = trio.Event()
        self._progress_news = trio.Event()
        self._done = trio.Event()
        self._over = False
        self._hurries = False

    # Noting, which never waits

    def note_start(self, lease: Lease) -> None:
        """Have a start marked, unless the job ends before."""
        self._starts[lease] = None
        self._news.set()

    def note_end(self, lease: Lease, account: Account) -> None:
        """Have an end written."""
        self._starts.pop(lease, None)
        self._progress.pop(lease, None)
        self._ends.append((lease, account))
        self._news.set()

    def note_progress(self, lease: Lease) -> None:
        """Have it written how far a job has come."""
        self._progress[lease] = None
        self._progress_news.set()

    def forget(self, lease: Lease) -> None:
        """Write nothing more about a job."""
        self._starts.pop(lease, None)
        self._progress.pop(lease, None)

    @property
    def pending(self) -> int:
        """How many ends are not written yet."""
        return len(self._ends) + self._writing

    async def wait_for_room(self) -> None:
        """Wait while too many ends are on their way."""
        while self.pending >= _ROOM and not self._over:
            await self._done.wait()

    async def wait_written(self) -> None:
        """Wait until everything that was noted is written, or nothing more will be."""
        while self.pending and not self._over:
            await self._done.wait()

    async def wait_marked(self, lease: Lease) -> None:
        """Wait until the start of a job is marked."""
        while lease in self._starts and not self._over:
            await self._done.wait()

    # Writing

    def hurry(self) -> None:
        """Write what ends without waiting for more, since no further jobs start."""
        self._hurries = True

    async def run(self) -> None:
        """Write what is noted, for ever."""
        try:
            await self._write()
        finally:  # if the store has raised, nobody may wait for ever
            self._over = True
            self._done.set()

    async def _write(self) -> None:
        backoff = self._outages.backoff()
        repeated = False
        while True:
            await self._news.wait()
            self._news = trio.Event()
            await self._gather()
            try:
                await self._write_starts()
                await self._write_ends(repeated=repeated)
            except StoreUnavailable:
                repeated = True
                self._news.set()
                await backoff.pause()
            else:
                backoff.end()
                repeated = False
                done, self._done = self._done, trio.Event()
                done.set()

    async def _gather(self) -> None:
        """Let more jobs end, as long as some do in every few turns of trio's loop."""
        until = trio.current_time() + _LONGEST
        seen = quiet = 0
        while not self._hurries and quiet < _QUIET and trio.current_time() < until:
            await trio.lowlevel.checkpoint()
            quiet = quiet + 1 if len(self._ends) == seen else 0
            seen = len(self._ends)

    async def _write_starts(self) -> None:
        if self._starts:
            starts = [*self._starts][:_MOST]
            with self._outages.calling("start"):
                await self._store.start([lease.ticket for lease in starts])
            for lease in starts:
                self._starts.pop(lease, None)
            if self._starts:
                self._news.set()

    async def _write_ends(self, *, repeated: bool) -> None:
        batch = [self._ends.popleft() for _ in range(min(_MOST, len(self._ends)))]
        self._writing = len(batch)
        endings = [(lease, one) for lease, one in batch if isinstance(one, Ending)]
        releases = [(lease, one) for lease, one in batch if isinstance(one, Release)]
        unsaid: Sequence[tuple[Lease, Account]] = batch
        try:
            if endings:
                with self._outages.calling("finish"):
                    taken = await self._store.finish([one for _, one in endings])
                unsaid = releases
                self._tell(endings, taken, repeated=repeated)
            if releases:
                with self._outages.calling("release"):
                    taken = await self._store.release([one for _, one in releases])
                unsaid = []
                self._tell(releases, taken, repeated=repeated)
        finally:
            self._ends.extendleft(reversed(unsaid))
            self._writing = 0
            if self._ends:
                self._news.set()

    def _tell(
        self, said: Sequence[tuple[Lease, Account]], taken: Sequence[bool], *, repeated: bool
    ) -> None:
        refused: Written = "unclear" if repeated else "no"
        for (lease, account), answer in zip(said, taken, strict=True):
            self._on_written(lease, account, "yes" if answer else refused)

    async def run_progress(self) -> None:
        """Write how far jobs have come, about once a second, for ever."""
        while True:
            await self._progress_news.wait()
            self._progress_news = trio.Event()
            batch, self._progress = [*self._progress], {}
            reports = [
                ProgressReport(lease.record.id, lease.record.version, *lease.progress)
                for lease in batch
                if lease.progress is not None
            ]
            with suppress(StoreUnavailable), self._outages.calling("report"):
                await self._store.report(reports)  # if it cannot, the next report says more
            await trio.sleep(_PROGRESS)
