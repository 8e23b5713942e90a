"""Agreed time: what the file says about the clocks of the processes that have it open."""

# Theory of operation
# -------------------
# All processes go by the clock of their host, so they agree, until it is set back. Then those
# that have the file open go on as if nothing had been (see `StoreClock`), and one that opens it
# later would be behind them. So whoever is ahead of the host notes its time in the file every few
# seconds, as the tally of no queue; whoever opens the file, or sees that it has changed, goes on
# from there. Where nobody was there to note it, rows tell: a job was not submitted, and no lease
# has begun, in the future.

from __future__ import annotations

from typing import Final, final

from ._connection import Connection

_STALE: Final = 5.0  # seconds after which the time is noted again

_NOTED: Final = "SELECT n / 1000.0 FROM gochan_tally WHERE queue = 0 AND what = 'milliseconds'"

_NOTE: Final = """
INSERT INTO gochan_tally VALUES (0, 'milliseconds', ?) ON CONFLICT DO UPDATE SET n = excluded.n"""


@final
class AgreedTime:
    """The time as the file has it."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def latest(self) -> float:
        """Return the latest moment that the file knows to be over."""
        moments = [
            self._noted(),
            self._db.value("SELECT submitted FROM gochan_job ORDER BY id DESC LIMIT 1"),
            self._db.value("SELECT max(started) FROM gochan_job WHERE state = 2"),
        ]
        return max(moment or 0.0 for moment in moments)

    def keep_time(self, now: float, ahead: bool) -> float:
        """Note the time if it is ahead of the host's; return the latest one that anybody noted."""
        noted = self._noted()
        if ahead and now > noted + _STALE:
            noted = now
            self._db.run(_NOTE, (int(now * 1000),))
        return noted

    def _noted(self) -> float:
        return self._db.value(_NOTED) or 0.0
