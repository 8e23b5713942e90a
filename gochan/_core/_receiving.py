"""The receiving half of a channel, as every end that receives has it."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Generic, Literal, Self, TypeVar

import trio
from trio.lowlevel import enable_ki_protection

from ._batches import Batches, check_max
from ._cases import Case, ReceiveCase, Received, ReceiveOkCase
from ._errors import EndOfChannel
from ._lines import NOTHING
from ._looking import Looking
from ._many import receive_many
from ._observer import SLOT, Operation, told, told_now
from ._state import ChanState

T_co = TypeVar("T_co", covariant=True)


class Receiving(Looking, Generic[T_co]):
    """What can be done with a `Chan`, and with the ends of a channel that receive."""

    __slots__ = ()

    _state: ChanState[T_co]

    @enable_ki_protection
    async def receive(self) -> T_co:
        """Receive the next value, waiting for one if there is none.

        If it is cancelled, nothing has been received. A value that was handed over is
        returned even if a cancellation comes before the task runs again.

        Raises:
            EndOfChannel: the sending end is closed and everything has been received.
            ChanClosedError: the receiving end is closed, or was closed while this waited.
        """
        state = self._state
        task = state.pace.here.get("task")
        if task is None or task._cancel_status.effectively_cancelled:
            if SLOT.observer is not None and SLOT.begins_at(state):
                return await told(Operation("receive", state), self.receive())
            task = await state.enter()
        if state.quick:
            value = state.quick.popleft()
        else:
            try:
                taken = state.take()
                if taken is NOTHING:
                    return await state.wait(task, "receive", None, self)  # type: ignore[no-any-return]
            except Exception:
                await state.pace.pass_turn_if_due()
                raise
            value = taken
            if SLOT.observer is not None:
                SLOT.got(state, (value,))
        if perf_counter() >= state.pace.due:
            await state.pace.pass_turn()
        return value

    @enable_ki_protection
    def receive_nowait(self) -> T_co:
        """Receive the next value if there is one now.

        Raises:
            trio.WouldBlock: there is none.
            EndOfChannel: the sending end is closed and everything has been received.
            ChanClosedError: the receiving end is closed.
        """
        quick = self._state.quick
        if quick:
            return quick.popleft()
        state = self._state
        if SLOT.observer is not None and SLOT.begins_at(state):
            return told_now(Operation("receive_nowait", state), self.receive_nowait)
        value = state.take()
        if value is NOTHING:
            raise trio.WouldBlock
        return value

    async def receive_ok(self) -> tuple[T_co, Literal[True]] | tuple[None, Literal[False]]:
        """Receive ``(value, True)``, or ``(None, False)`` instead of `EndOfChannel`.

        Otherwise the same as `receive`.
        """
        try:
            return await self.receive(), True
        except EndOfChannel:
            return None, False

    @enable_ki_protection
    async def receive_many(self, max: int | float) -> list[T_co]:  # noqa: A002  # as users say
        """Receive the values that are there now, in order; if there are none, wait for one.

        If it is cancelled, nothing has been received. What was handed over is returned even
        if a cancellation comes before the task runs again.

        Args:
            max: how many values to receive at most, ``math.inf`` for any number. They are
                received without letting other tasks run.

        Returns:
            At least one value.

        Raises:
            EndOfChannel: the sending end is closed and everything has been received.
            ChanClosedError: the receiving end is closed, or was closed while this waited.
            TypeError: ``max`` is neither an ``int`` nor ``math.inf``.
            ValueError: ``max`` is less than 1.
        """
        state = self._state
        receiving = receive_many(state, check_max(max), self)
        if SLOT.observer is not None and not state.hidden:
            receiving = told(Operation("receive_many", state), receiving)
        return await receiving

    @enable_ki_protection
    def receive_many_nowait(self, max: int | float) -> list[T_co]:  # noqa: A002  # as users say
        """Receive the values that are there now, in order; at least one, at most ``max``.

        Raises:
            trio.WouldBlock: there is none.
            EndOfChannel: the sending end is closed and everything has been received.
            ChanClosedError: the receiving end is closed.
            TypeError: ``max`` is neither an ``int`` nor ``math.inf``.
            ValueError: ``max`` is less than 1.
        """
        state = self._state
        if SLOT.observer is not None and SLOT.begins_at(state):
            operation = Operation("receive_many_nowait", state)
            return told_now(operation, partial(self.receive_many_nowait, max))
        values: list[T_co] = []
        state.take_many(values, check_max(max))
        if not values:
            raise trio.WouldBlock
        return values

    def batches(self, max: int | float, linger: float = 0.0) -> Batches[T_co]:  # noqa: A002
        """Iterate over the values in lists, until the channel is closed and drained.

        Each turn waits for a value, then goes on receiving until there are ``max``, or the
        first one is ``linger`` seconds old, or the channel ends. If a turn is cancelled, the
        next one goes on with what had come by then; see `Batches`.

        Args:
            max: how many values a list has at most, ``math.inf`` for any number.
            linger: how many seconds the first value may wait for others. With 0, a list has
                what is there at that moment, as from `receive_many`.

        Raises:
            TypeError: ``max`` or ``linger`` is not a number.
            ValueError: ``max`` is less than 1, or ``linger`` is negative or NaN.
        """
        return Batches(self, max, linger)

    def __aiter__(self) -> Self:
        return self

    @enable_ki_protection
    async def __anext__(self) -> T_co:
        # ``receive`` once more: another coroutine per item would cost a tenth of the speed.
        state = self._state
        task = state.pace.here.get("task")
        if task is None or task._cancel_status.effectively_cancelled:
            if SLOT.observer is not None and SLOT.begins_at(state):
                return await told(Operation("receive", state), self.__anext__())
            task = await state.enter()
        if state.quick:
            value = state.quick.popleft()
        else:
            try:
                taken = state.take()
                if taken is NOTHING:
                    return await state.wait(task, "receive", None, self)  # type: ignore[no-any-return]
            except EndOfChannel:
                await state.pace.pass_turn_if_due()
                raise StopAsyncIteration from None
            except Exception:
                await state.pace.pass_turn_if_due()
                raise
            value = taken
            if SLOT.observer is not None:
                SLOT.got(state, (value,))
        if perf_counter() >= state.pace.due:
            await state.pace.pass_turn()
        return value

    def on_receive(self, *, priority: int = 0) -> Case[T_co]:
        """A case for `select`: receive. Its value is what was received."""
        case: ReceiveCase[T_co] = ReceiveCase.at(self, priority)
        return case

    def on_receive_ok(self, *, priority: int = 0) -> Case[Received[T_co]]:
        """A case for `select`: receive ``(value, True)``, or ``(None, False)`` at the end."""
        case: ReceiveOkCase[T_co] = ReceiveOkCase.at(self, priority)
        return case
