"""The values on their way, and who sent each."""

from __future__ import annotations

from collections import deque
from typing import final
from weakref import WeakKeyDictionary

from ._records import Record


@final
class Flights:
    """The values that were sent and not received yet, by channel.

    Values are told apart by identity; if the same object was sent several times, the oldest
    send is received first. A value is kept only while it is on its way, and no longer than its
    channel.
    """

    def __init__(self) -> None:
        self._channels: WeakKeyDictionary[object, dict[int, deque[tuple[object, Record]]]]
        self._channels = WeakKeyDictionary()
        self._lost: list[object] = []  # dropped before their send was reported

    def launch(self, channel: object, value: object, sent: Record) -> None:
        """Note that a value is on its way, unless it was dropped at once."""
        for number, lost in enumerate(self._lost):
            if lost is value:
                del self._lost[number]
                return
        there = self._channels.setdefault(channel, {})
        there.setdefault(id(value), deque()).append((value, sent))

    def land(self, channel: object, value: object) -> Record | None:
        """Note that a value has arrived; return the send, if it is known."""
        there = self._channels.get(channel, {})
        same = there.get(id(value))
        if same is None:
            return None
        _, sent = same.popleft()
        if not same:
            del there[id(value)]
        return sent

    def lose(self, channel: object, value: object) -> None:
        """Note that a value will never arrive."""
        if self.land(channel, value) is None:
            self._lost.append(value)

    def settle(self) -> None:
        """Forget what was dropped during an operation, now that it has ended."""
        self._lost.clear()
