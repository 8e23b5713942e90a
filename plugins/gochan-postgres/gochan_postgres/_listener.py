"""The listener: hears what other processes ring."""

# Theory of operation
# -------------------
# It has a connection of its own, and sleeps until its socket can be read. What its own process
# rings has been heard here at once, so that is left out. If the connection is lost, bells may have
# been lost with it; so when there is a new one, all is looked at.

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from random import SystemRandom
from typing import Any, Final

import psycopg
import trio
from psycopg import sql

from gochan.durable import Bells, Hint

from ._lane import Connector
from ._queues import hints_from

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 5.0
_JITTER: Final = SystemRandom()  # forked processes must not draw the same


async def hear(connector: Connector, bells: Bells) -> None:
    """Pass on what other processes ring, for ever; at once over, if a pooler is between."""
    pause = _FIRST_PAUSE
    while True:
        with contextlib.suppress(psycopg.Error, OSError):
            raw = await trio.to_thread.run_sync(_connect, connector)
            if raw is None:
                return
            pid = raw.info.backend_pid
            try:
                pause = _FIRST_PAUSE
                ring_for_anything(bells)
                await _hear_from(raw, connector, bells)
            finally:
                connector.pids.discard(pid)
                raw.close()
        await trio.sleep(pause * _JITTER.uniform(0.5, 1.0))
        pause = min(_LONGEST_PAUSE, 2 * pause)


def _connect(connector: Connector) -> psycopg.Connection[Any] | None:
    raw = connector.connect()
    if connector.pooled:
        raw.close()
        return None
    raw.execute(sql.SQL("LISTEN {}").format(sql.Identifier(connector.dialect.channel)))
    return raw


async def _hear_from(raw: psycopg.Connection[Any], connector: Connector, bells: Bells) -> None:
    while True:
        rung: dict[str, list[Hint]] = {}
        for notification in raw.notifies(timeout=0):
            if notification.pid in connector.pids:
                continue
            hints = hints_from(notification.payload)
            for queue, about in (anything(bells) if hints is None else hints).items():
                rung.setdefault(queue, []).extend(about)
        bells.ring(rung)
        await trio.lowlevel.wait_readable(raw.fileno())


def anything(bells: Bells) -> Mapping[str, list[Hint]]:
    """Return what is rung when nobody knows what has happened."""
    return {queue: [Hint("changed")] for queue in bells.queues}


def ring_for_anything(bells: Bells) -> None:
    """Have everybody look."""
    bells.ring(anything(bells))
