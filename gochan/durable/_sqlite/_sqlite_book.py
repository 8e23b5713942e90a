"""The book on SQLite: the operations of a store, each one step of a transaction."""

# Theory of operation
# -------------------
# The caller has begun a transaction that writes, and commits it. An operation that raises may
# have changed something, so its caller rolls back to before it.
#
# Invariants (``audit`` asserts the first)
# ----------------------------------------
# 1. The tally of a queue is the count of its rows.
# 2. A key belongs to at most one job that has not ended: a unique index holds it.

from __future__ import annotations

from typing import final

from .._records import Hint
from ._agreed_time import AgreedTime
from ._asking import Asking
from ._connection import Connection
from ._ending import Endings
from ._leasing import Leasing
from ._queues import Queues
from ._storing import Storing
from ._tending import Tending


@final
class SqliteBook:
    """The operations of a store. See `Store` for what they do."""

    def __init__(self, connection: Connection) -> None:
        self._queues = queues = Queues(connection)
        endings = Endings(connection, queues)
        storing = Storing(connection, queues, endings)
        leasing = Leasing(connection, queues)
        asking = Asking(connection, queues)
        tending = Tending(connection, queues, endings)
        self.configure = queues.configure
        self.pause = queues.pause
        self.enqueue = storing.enqueue
        self.offer = leasing.offer
        self.accept = leasing.accept
        self.claim = leasing.claim
        self.start = leasing.start
        self.extend = leasing.extend
        self.report = leasing.report
        self.finish = endings.finish
        self.release = endings.release
        self.cancel = endings.cancel
        self.retry = endings.retry
        self.look = asking.look
        self.list = asking.list
        self.queues = asking.queues
        self.statistics = asking.statistics
        self.audit = asking.audit
        self.explain = asking.explain
        self.purge = tending.purge
        self.tend = tending.tend
        self.keep_time = AgreedTime(connection).keep_time

    @property
    def hints(self) -> dict[str, list[Hint]]:
        """What there is to ring."""
        return self._queues.hints

    def forget(self) -> None:
        """Forget what was learnt in a transaction that was undone."""
        self._queues.forget()
