"""How a channel ends, at either end, and who is told of it."""

# Theory of operation
# -------------------
# The sending end says that no more values come; what is buffered is still received. The receiving
# end says that nobody will receive any more, so what is buffered is given up. The first of the
# two closes the channel. Those who wait for something that cannot come are woken then, in order,
# each with the error that it would meet if it came now.
#
# ``on_drop`` belongs to the user and may do anything, so it is called last, when all else is done.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ._errors import ChanBrokenError, ChanClosedError, EndOfChannel
from ._lines import Line, Wish, first
from ._observer import SLOT, Operation
from ._parts import Parts

T = TypeVar("T")


class Ending(Parts[T]):
    """A channel that can be closed, and abandoned."""

    __slots__ = ()

    dropped: int  # as in Parts; what is set here has to have its type here, some checkers say

    def close(self) -> None:
        """Say that no more values will come."""
        if not self.ended:
            if SLOT.observer is not None and not (self.closed or self.hidden):
                with Operation("close", self):
                    self._end_sending()
            else:
                self._end_sending()

    def _end_sending(self) -> None:
        self.check_caller()
        self.ended = True
        if not self.closed:
            self._shut()

    def abandon(self) -> None:
        """Close the receiving end: what is buffered will never be received."""
        if self.broken:
            return
        if SLOT.observer is not None and not (self.closed or self.hidden):
            with Operation("close", self):
                self._end_receiving()
        else:
            self._end_receiving()

    def _end_receiving(self) -> None:
        self.check_caller()
        self.broken = True
        try:
            if not self.closed:
                self._shut()
        finally:
            values = self.clear()
            self.finish(self.receivers)
            self.report([(value, "abandoned") for value in values])

    def drain(self) -> list[T]:
        """Close, and take back every value that nobody has received, oldest first."""
        self.check_thread(self.receivers)
        if not self.ended:
            self._end_sending()
        values = self.clear()
        self.finish(self.receivers)
        return values

    def _shut(self) -> None:
        self.closed = True
        self.mark = 0
        ended = () if self.held() else (self.receivers,)
        self.finish(*ended, self.senders, self.watchers)

    def clear(self) -> list[T]:
        """Take out everything that is buffered, oldest first."""
        values = list(self.buffer)
        self.buffer.clear()
        return values

    def finish(self, *lines: Line) -> None:
        """Wake all waiters in these lines, in order: the channel has ended for them."""
        for line in lines:
            while line:
                waiter = first(line)
                wish = waiter.choose(*lines)
                waiter.finish(error=self.reason_for(wish))

    def turn_out(self, end: object, reason: Callable[[Wish], BaseException | None]) -> None:
        """Wake those who wait by way of ``end``, which was closed; each gets its ``reason``."""
        for line in (self.receivers, self.senders, self.watchers):
            for waiter in [*line]:
                waiter.turn_out(line, end, reason)

    def reason_for(self, wish: Wish) -> BaseException | None:
        """Return the error with which a waiter ends that wants this; ``None`` if it is none."""
        if wish.role == "send":
            return self.closed_error(wish.value)
        if wish.role == "receive":
            return self.end()
        return None

    def closed_error(self, value: T) -> ChanClosedError | ChanBrokenError:
        """Return the error of a send. As with trio, the state of the sending end comes first."""
        if self.broken and not self.ended:
            return ChanBrokenError(f"nobody receives from {self.title} any more", value)
        return ChanClosedError(f"{self.title} is closed, so nothing can be sent", value)

    def end(self) -> ChanClosedError | EndOfChannel:
        """Return the error of a receive."""
        if self.broken:
            return ChanClosedError(f"the receiving end of {self.title} is closed")
        return EndOfChannel(f"{self.title} is closed, and everything has been received")

    def report(self, drops: Sequence[tuple[T, str]]) -> None:
        """Count values that will not be delivered, and tell of each of them.

        If ``on_drop`` raises, the others are told nevertheless, and the first error is raised.
        """
        self.dropped += len(drops)
        observer = SLOT.observer
        if observer is not None and not self.hidden:
            for value, reason in drops:
                observer.drops(self, value, reason)
        if self.on_drop is None:
            return
        trouble: BaseException | None = None
        for value, reason in drops:
            try:
                self.on_drop(value, reason)
            except BaseException as error:
                trouble = trouble or error
        if trouble is not None:
            try:
                raise trouble
            finally:
                del trouble  # it would be in a cycle with its traceback
