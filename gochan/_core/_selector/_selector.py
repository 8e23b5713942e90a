"""A selector: a set of cases to wait for again and again."""

from __future__ import annotations

from collections.abc import Hashable
from time import perf_counter
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar, final

import trio
from trio.lowlevel import enable_ki_protection

from .._cases import Case, Default
from .._errors import EndOfChannel
from .._misuse import not_a_case
from .._observer import SLOT, Operation, told, told_now
from .._pacing import current_pace, enter
from .._words import title_of
from ._abandoned import clear_abandoned
from ._decider import Decider

if TYPE_CHECKING:
    from types import TracebackType

L = TypeVar("L", bound=Hashable)
T = TypeVar("T")


@final
class Selector(Generic[L, T]):
    """A set of cases that is waited for again and again, each under a label.

    ::

        with Selector[str, Any]() as selector:
            selector.add(jobs.on_receive(), "job")
            selector.add(quit.on_close(priority=1), "quit")
            async for label, value in selector:
                match label:
                    case "job":
                        await process(value)
                    case "quit":
                        break

    It does what a `select` in a loop does, but the cost of an event does not grow with the
    number of cases: the selector keeps its places in their lines, and looks only at those
    where something has happened. Cases may be added and removed at any time, also while a
    task waits, by the same task or another one of its run.

    A case stays until it can happen no more. A receive or a tick can happen again and again;
    a case of `Chan.on_receive` goes silently when its channel is closed and drained, and one of
    `Chan.on_receive_ok` after it has yielded ``(None, False)``. All other cases happen once: a
    send, a close, the end of a wait group, and `at`. `after` counts from the moment when it is
    added. A case that has raised an error goes, too. A stopped ticker has to be removed.

    One task at a time may wait. While it does, it counts as waiting at each of the channels, in
    line with all others; while it does not, it counts nowhere, and nothing is handed to it or
    taken on its behalf. In the line of a case it keeps its place until it is served there, or
    until it is away when its turn comes.

    Leaving the ``with`` block, or `close`, takes it out of all lines.

    Args:
        name: shown in ``repr`` and in errors.

    Raises:
        TypeError: ``name`` is not a string.
    """

    __slots__ = ("__weakref__", "_decider", "_name")

    def __init__(self, *, name: str | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str, not {name!r}")
        self._name = name
        self._decider: Decider[L, T] = Decider(self._title)

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Selector does not support subclassing; hold one instead")

    # The cases

    @enable_ki_protection
    def add(self, case: Case[T], label: L) -> None:
        """Wait for ``case``, too, and call it ``label``.

        If there is a case with this label, the new one replaces it; so the value of a pending
        send can be changed. What has happened already is still reported.

        Raises:
            TypeError: ``case`` is not a case or is a `default`, or ``label`` is not hashable.
            RuntimeError: called in another thread than that of the task that waits, or
                outside `trio.run` with an `after`.
            trio.ClosedResourceError: the selector is closed.
        """
        if not isinstance(case, Case):
            raise not_a_case(label, case)
        if isinstance(case, Default):
            raise TypeError(
                f"case {label!r} is a default, but a selector waits; to go on at once if "
                f"nothing is ready, use select_nowait"
            )
        clear_abandoned()
        self._decider.add(case._from_now(), label)

    @enable_ki_protection
    def remove(self, label: L) -> bool:
        """Stop waiting for the case with this label.

        What has happened already is still reported.

        Returns:
            Whether there was such a case. It may have gone by itself.

        Raises:
            RuntimeError: called in another thread than that of the task that waits.
        """
        return self._decider.remove(label)

    def __contains__(self, label: object) -> bool:
        return label in self._decider.members.by_label

    def __len__(self) -> int:
        """Return how many cases there are."""
        return len(self._decider.members.by_label)

    # Selecting

    @enable_ki_protection
    async def select(self) -> tuple[L, T]:
        """Wait until one of the cases can happen, and do exactly that one.

        If several are ready, one of those with the highest ``priority`` is done; among them
        each is equally likely. If it is cancelled, nothing has happened.

        Returns:
            The label of the case, and its value.

        Raises:
            EndOfChannel: no case is left.
            ChanClosedError: a send case was drawn, and its channel is closed; or a receive
                case, and the receiving end of its channel was closed.
            ChanBrokenError: a send case was drawn, and nobody will receive any more.
            Refused: a send case was drawn, and the strategy turned the value away.
            trio.BusyResourceError: another task waits with this selector.
            trio.ClosedResourceError: the selector is closed, or was closed meanwhile.

        The errors of channels have the label of the case in their attribute ``case``.
        """
        return await self._next()

    @enable_ki_protection
    def select_nowait(self) -> tuple[L, T]:
        """Do one of the cases if any can happen without waiting.

        The same as `select`, but it never waits.

        Raises:
            trio.WouldBlock: nothing can happen now.
        """
        if SLOT.observer is not None and SLOT.begins():
            return told_now(self._operation("select_nowait"), self.select_nowait)
        self._decider.take_turn()
        event = self._decider.decide()
        if event is not None:
            return event
        if len(self):
            raise trio.WouldBlock
        raise self._end()

    def __aiter__(self) -> Selector[L, T]:
        return self

    @enable_ki_protection
    async def __anext__(self) -> tuple[L, T]:
        try:
            return await self._next()
        except EndOfChannel:
            raise StopAsyncIteration from None

    async def _next(self) -> tuple[L, T]:
        """Return what happens next."""
        pace = current_pace()
        task = pace.here.get("task")
        if task is None or task._cancel_status.effectively_cancelled:
            if SLOT.observer is not None and SLOT.begins():
                return await told(self._operation("select"), self._next())
            pace, task = await enter()
        decider = self._decider
        try:
            decider.take_turn()
            event = decider.decide()
            while event is None and decider.members:
                event = await decider.wait(task, pace)
                if event is None:
                    decider.check_open()
                    event = decider.decide()
        except Exception:
            await pace.pass_turn_if_due()
            raise
        if perf_counter() >= pace.due:
            await pace.pass_turn()
        if event is None:
            raise self._end()
        return event

    def _operation(self, verb: str) -> Operation:
        """Return what an observer is told of."""
        cases = [member.case for member in self._decider.members]
        operation = Operation(verb, self, (), cases)
        operation.stands(self._decider)
        return operation

    # Closing

    @enable_ki_protection
    def close(self) -> None:
        """Forget all cases and leave all lines. Closing again does nothing.

        A task that waits gets `trio.ClosedResourceError`. The channels stay as they are.

        Raises:
            RuntimeError: called in another thread than that of the task that waits.
        """
        self._decider.close()

    def __enter__(self) -> Selector[L, T]:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_decider"):
            self._decider.abandon()

    def __repr__(self) -> str:
        return f"<gochan.Selector {self._name or hex(id(self))}: {len(self)} cases>"

    @property
    def _title(self) -> str:
        return title_of("selector", self, self._name)

    def _end(self) -> EndOfChannel:
        return EndOfChannel(f"no case is left in {self._title}")

    def check(self) -> None:
        """Assert what must be true at all times. For tests."""
        self._decider.check()
