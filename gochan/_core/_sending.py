"""The sending half of a channel, as every end that sends has it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from time import perf_counter
from typing import Generic, TypeVar

import trio
from trio.lowlevel import enable_ki_protection

from ._cases import Case, SendCase
from ._looking import Looking
from ._many import send_many
from ._observer import SLOT, Operation, told, told_now
from ._state import ChanState

T_contra = TypeVar("T_contra", contravariant=True)


class Sending(Looking, Generic[T_contra]):
    """What can be done with a `Chan`, and with the ends of a channel that send."""

    __slots__ = ()

    _state: ChanState[T_contra]

    @enable_ki_protection
    async def send(self, value: T_contra) -> None:
        """Send ``value``, waiting until a receiver or the buffer has taken it.

        If it is cancelled, nothing has been sent; once it returns, ``value`` has been
        taken in exactly once.

        Raises:
            ChanClosedError: this end is closed, or was closed while this waited.
            ChanBrokenError: the receiving end is closed, or was closed while this waited.
            Refused: the strategy turned ``value`` away.
        """
        state = self._state
        task = state.pace.here.get("task")
        if task is None or task._cancel_status.effectively_cancelled:
            if SLOT.observer is not None and SLOT.begins_at(state):
                await told(Operation("send", state, (value,)), self.send(value))
                return
            task = await state.enter()
        try:
            if len(state.buffer) < state.mark:
                state.buffer.append(value)
            elif state.give(value):
                if SLOT.observer is not None:
                    SLOT.gave(state, (value,))
            else:
                await state.wait(task, "send", value, self)
                return
        except Exception:
            await state.pace.pass_turn_if_due()
            raise
        if perf_counter() >= state.pace.due:
            await state.pace.pass_turn()

    @enable_ki_protection
    def send_nowait(self, value: T_contra) -> None:
        """Send ``value`` if that is possible without waiting.

        Raises:
            trio.WouldBlock: it is not.
            ChanClosedError: this end is closed.
            ChanBrokenError: the receiving end is closed.
            Refused: the strategy turned ``value`` away.
            RuntimeError: called from another thread than that of the run.
        """
        state = self._state
        if len(state.buffer) < state.mark and state.thread._is_owned():
            # To return what ``append`` returns, which is None, saves a step.
            return state.buffer.append(value)
        if SLOT.observer is not None and SLOT.begins_at(state):
            operation = Operation("send_nowait", state, (value,))
            told_now(operation, partial(self.send_nowait, value))
        elif not state.give(value):
            raise trio.WouldBlock
        elif SLOT.observer is not None:
            SLOT.gave(state, (value,))
        return None

    @enable_ki_protection
    async def send_many(self, items: Iterable[T_contra]) -> None:
        """Send all ``items``, one after the other, waiting whenever there is no room.

        That is as if each were sent by `send`, but much faster. If it is cancelled in the
        middle, or ends with an error, the first part of the items has been sent, each of them
        once, and the others have not. To learn which those are, pass an `Unsent`; then it
        yields exactly them.

        Args:
            items: any iterable. It is read only as far as its items can be sent; so if the
                wait for room is cancelled, one item has been read and not sent, and only an
                `Unsent` keeps it. What it raises is raised here, when all items
                before have been sent.

        Raises:
            ChanClosedError: this end is closed, or was closed before everything was sent.
                The first item that was not sent is in ``value``, and ``unsent`` is an
                `Unsent` that yields all of them, that one included.
            ChanBrokenError: the same, because the receiving end was closed.
            Refused: the strategy turned the item in ``value`` away, and nothing after it
                was tried; ``unsent`` is as above.
            TypeError: ``items`` is not iterable.
        """
        sending = send_many(self._state, items, self)
        if SLOT.observer is not None and not self._state.hidden:
            sending = told(Operation("send_many", self._state), sending)
        await sending

    def on_send(self, value: T_contra, *, priority: int = 0) -> Case[None]:
        """A case for `select`: send ``value``. Its value is ``None``."""
        return SendCase(self, value, priority)
