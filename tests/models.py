"""A world of channels at its simplest; the real channels are compared with it."""

# One list holds every operation that waits, in the order in which they began to wait; a
# line is those of them that want the same thing of the same channel. A plain operation is
# a select of one case. Nothing here is fast, and nothing is left to chance: where several
# cases might happen, ``draw`` is asked which of these it was.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Wish:
    """One case: send, receive, receive_ok or close, on a channel; or default."""

    verb: str
    channel: int = 0
    value: object = None
    priority: int = 0


@dataclass(frozen=True, eq=False)
class Operation:
    """What a task asks for: that one of its wishes comes true. ``None`` never does."""

    form: str  # plain, iterate, nowait, select or select_nowait
    wishes: tuple[Wish | None, ...]
    cancelled: bool = False  # before it begins


class Outcome(NamedTuple):
    """What became of an operation: which wish, a word, and the value that goes with it."""

    label: int | None
    word: str  # done, end, closed, broken, cancelled or would block
    value: object = None


@dataclass
class Channel:
    """What a channel holds."""

    capacity: int | float
    buffer: list[object] = field(default_factory=list)
    peak: int = 0
    closed: bool = False  # at either end
    ended: bool = False  # at the sending end
    broken: bool = False  # at the receiving end
    dropped: list[object] = field(default_factory=list)


@dataclass
class World:
    """Channels, and all who wait there. Each method is one instant."""

    channels: list[Channel]
    draw: Callable[[Operation, list[int]], int]
    waiting: list[Operation] = field(default_factory=list)
    finished: dict[Operation, Outcome] = field(default_factory=dict)

    def begin(self, operation: Operation) -> None:
        wishes = [*enumerate(operation.wishes)]
        ready = [label for label, wish in wishes if self.is_ready(wish)]
        defaults = [label for label, wish in wishes if wish and wish.verb == "default"]
        if operation.cancelled:
            self.finished[operation] = Outcome(None, "cancelled")
        elif ready or defaults:
            self.serve(operation, ready or defaults, self.do)
        elif "nowait" in operation.form:
            self.finished[operation] = Outcome(None, "would block")
        else:
            self.waiting.append(operation)

    def cancel(self, operation: Operation) -> None:
        if operation in self.waiting:
            self.waiting.remove(operation)
            self.finished[operation] = Outcome(None, "cancelled")

    def close(self, channel: Channel) -> None:
        channel.ended = True
        self.shut(channel)

    def shut(self, channel: Channel) -> None:
        channel.closed = True
        for operation in self.line(channel):
            self.serve(operation, self.labels(operation, channel), self.do)

    def drain(self, channel: Channel) -> list[object]:
        self.close(channel)
        values, channel.buffer = channel.buffer, []
        return values

    def abandon(self, channel: Channel) -> None:
        channel.broken = True
        self.shut(channel)
        values, channel.buffer = channel.buffer, []
        channel.dropped += values

    # "receive" stands for "receive_ok" too, and "" for whatever is wished.

    def line(self, channel: Channel, verb: str = "") -> list[Operation]:
        return [operation for operation in self.waiting if self.labels(operation, channel, verb)]

    def labels(self, operation: Operation, channel: Channel, verb: str = "") -> list[int]:
        return [
            label
            for label, wish in enumerate(operation.wishes)
            if wish and self.channels[wish.channel] is channel and wish.verb.startswith(verb)
        ]

    def is_ready(self, wish: Wish | None) -> bool:
        if wish is None or wish.verb == "default":
            return False
        channel = self.channels[wish.channel]
        if wish.verb == "close" or channel.closed:
            return channel.closed
        if wish.verb == "send":
            return len(channel.buffer) < channel.capacity or self.line(channel, "receive") != []
        return channel.buffer != [] or self.line(channel, "send") != []

    def serve(
        self,
        operation: Operation,
        labels: list[int],
        outcome: Callable[[Wish], tuple[str, object]],
    ) -> Wish:
        """Let one of these wishes come true, which ends the wait."""
        if operation in self.waiting:
            self.waiting.remove(operation)
        top = max(operation.wishes[label].priority for label in labels)
        label = self.draw(operation, [n for n in labels if operation.wishes[n].priority == top])
        wish = operation.wishes[label]
        word, value = outcome(wish)
        if wish.verb == "receive_ok" and word in ("done", "end"):
            word, value = "done", (value, word == "done")
        self.finished[operation] = Outcome(label, word, value)
        return wish

    def do(self, wish: Wish) -> tuple[str, object]:
        channel = self.channels[wish.channel]
        if wish.verb in ("close", "default"):
            return "done", None
        if wish.verb == "send":
            if channel.closed:
                broken = channel.broken and not channel.ended
                return "broken" if broken else "closed", wish.value
            channel.buffer.append(wish.value)
            self.settle(channel)
            return "done", None
        if channel.closed and not channel.buffer:
            return "closed" if channel.broken else "end", None
        if not channel.buffer:
            self.let_in(channel)
        value = channel.buffer.pop(0)
        self.settle(channel)
        return "done", value

    def settle(self, channel: Channel) -> None:
        """Serve those who wait, until values or room have run out, or those who wait."""
        while channel.buffer and (line := self.line(channel, "receive")):
            labels, value = self.labels(line[0], channel, "receive"), channel.buffer.pop(0)
            self.serve(line[0], labels, lambda _, value=value: ("done", value))
        while len(channel.buffer) < channel.capacity and self.line(channel, "send"):
            self.let_in(channel)
        channel.peak = max(channel.peak, len(channel.buffer))

    def let_in(self, channel: Channel) -> None:
        """Put the value of the first waiting sender into the buffer."""
        sender = self.line(channel, "send")[0]
        labels = self.labels(sender, channel, "send")
        channel.buffer.append(self.serve(sender, labels, lambda _: ("done", None)).value)
