"""Periodic jobs: one for each tick of a cron line, in the whole fleet."""

# Theory of operation
# -------------------
# Every process of the fleet submits the job of the next tick ahead of time, to be run at the
# tick. The key of the job is made of the name and the tick, so it is stored once, and as the
# key stays taken for a day after the end, a process whose clock is behind stores it no second
# time. Nobody has to be elected.
#
# Since the job is stored ahead of time, a tick at which no process runs is not lost: its job
# starts as soon as there is a worker. Further ticks that pass meanwhile have no job, unless they
# are caught up.

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, tzinfo
from itertools import takewhile
from typing import Any, Final, Literal

import trio

from .._core import ChanClosedError
from ._beside import beside
from ._durable_queue import DurableQueue
from ._times import moment

_REMEMBERED: Final = 86_400.0  # seconds for which a tick keeps its key after the end of its job
_LATE: Final = 60.0  # seconds after which a tick has been missed
_LOOKED_AT: Final = 10_000  # jobs that are looked at for the last tick


@asynccontextmanager
async def periodic(
    queue: DurableQueue[Any, Any],
    line: str,
    payload: Any,
    *,
    name: str | None = None,
    timezone: tzinfo = UTC,
    catch_up: Literal["last", "all", "none"] = "last",
    **options: Any,
) -> AsyncIterator[None]:
    """Submit a job at each tick of a cron line, as long as the block lasts.

    ::

        async with periodic(queue, "*/5 * * * *", {"report": "sales"}):
            await trio.sleep_forever()

    Any number of processes may do this with the same name; each tick gets one job. A fixed time
    that a change of the clock skips comes once, right after the gap; one that comes twice, once.
    Steps, such as ``*/30``, come in both passes.

    Args:
        queue: where the jobs are submitted.
        line: five fields: minute, hour, day of the month, month, day of the week.
        payload: of each job.
        name: tells apart several of one queue; by default, the line.
        timezone: in which the line is meant.
        catch_up: what happens to ticks at which there was no process, or no store. ``"last"``: one
            job makes up for all of them. ``"all"``: each gets its job. ``"none"``: none has one
            that would start more than a minute late.
        options: for each job, as for `DurableQueue.submit`; but for ``key`` and times.

    Raises:
        ImportError: the cron parser is not installed.
        TypeError: ``timezone`` is no `datetime.tzinfo`, or an option is one that the tick decides.
        ValueError: the line or ``catch_up`` is wrong.
    """
    if catch_up not in ("last", "all", "none"):
        raise ValueError(f'catch_up must be "last", "all" or "none", not {catch_up!r}')
    if not isinstance(timezone, tzinfo):
        raise TypeError(
            f'timezone must be a tzinfo, such as ZoneInfo("Europe/Berlin"), not {timezone!r}'
        )
    ours = sorted({"key", "once_for", "run_at", "delay", "expires", "headers"} & {*options})
    if ours:
        raise TypeError(f"periodic says itself what {', '.join(ours)} of its jobs is")
    ticks = _Ticks(queue, line, timezone)
    name = line if name is None else name

    async def submit(tick: datetime) -> None:
        expires = moment(tick.timestamp() + _LATE) if catch_up == "none" else None
        await queue.submit(
            payload,
            key=f"periodic {name} {tick.isoformat()}",
            once_for=_REMEMBERED,
            run_at=tick,
            expires=expires,
            headers={"periodic": name, "tick": tick.isoformat()},
            **options,
        )

    async def run() -> None:
        try:
            last = await _last_tick(queue, name) if catch_up == "all" else None
            while True:
                if last is not None and catch_up == "all":  # the store may have been away
                    for tick in ticks.until_now(last):
                        await submit(tick)
                last = ticks.next()
                await submit(last)
                await trio.sleep(max(0.0, last.timestamp() - queue.store.now()))
        except ChanClosedError:
            pass  # the queue accepts no more jobs

    async with beside(run):
        yield


class _Ticks:
    """The moments of a cron line, by the clock of the store."""

    def __init__(self, queue: DurableQueue[Any, Any], line: str, timezone: tzinfo) -> None:
        try:
            from cronsim import CronSim, CronSimError
        except ImportError:
            raise ImportError(
                "periodic needs the package cronsim; install gochan with its extra cron"
            ) from None
        self._queue = queue
        self._line = line
        self._timezone = timezone
        self._parse = CronSim
        try:
            self._after(self._now())
        except (CronSimError, TypeError) as error:
            raise ValueError(
                f"{line!r} is no cron line of five fields, such as '*/5 * * * *': {error}"
            ) from None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._queue.store.now(), self._timezone)

    def _after(self, when: datetime) -> Iterator[datetime]:
        ticks: Iterator[datetime] = self._parse(self._line, when)
        return ticks

    def next(self) -> datetime:
        """Return the next tick."""
        return next(self._after(self._now()))

    def until_now(self, last: datetime) -> Iterator[datetime]:
        """Yield the ticks after ``last`` that have passed."""
        now = self._now()
        yield from takewhile(now.__ge__, self._after(last.astimezone(self._timezone)))


async def _last_tick(queue: DurableQueue[Any, Any], name: str) -> datetime | None:
    """Return the last tick that has a job, as far as it is kept."""
    before = None
    for _ in range(_LOOKED_AT // 500):
        page = await queue.jobs(limit=500, before=before)
        for record in page:
            if record.headers.get("periodic") == name:
                return datetime.fromisoformat(record.headers["tick"])
        if not page:
            return None
        before = page[-1].id
    return None
