"""An async generator that is read as a channel, as with trio's ``as_safe_channel``."""

# Theory of operation
# -------------------
# The generator runs in a task of its own from its first step to its last. So a nursery or a
# cancel scope that it holds across a ``yield`` stays in that task, and when the reader's block
# is left, that task is cancelled, and closes the generator before the block ends.
#
# The task takes a step only while somebody waits for a value. It is roused by the state of the
# channel when a task joins the line of receivers, in whatever way: so a select wants a value,
# too, and a receive that is cancelled no longer does. What nobody takes any more is offered to
# the next one.
#
# An error of the generator or of the block leaves the nursery in a group, which is opened, so
# users see the error itself. When both fail, they see the group.
#
# Invariants
# ----------
# 1. While the task is idle, nobody stands in the line of receivers, not even a selector that is
#    away. (To ask whether somebody is there takes out those that are away.)

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, final

import trio
from trio.lowlevel import ParkingLot

from ._lines import Line, Role
from ._memory_channel import CountedState, MemoryReceiveChannel, MemorySendChannel

P = ParamSpec("P")
T = TypeVar("T")

# The words of trio, which programs may look for.
BOTH_FAILED: Final = (
    "Encountered exception during cleanup of generator object, as well as exception in the "
    "contextmanager body - unable to unwrap."
)


@final
class PulledState(CountedState[T]):
    """A channel whose sender waits until a value is wanted."""

    __slots__ = ("_idle",)

    def __init__(self) -> None:
        super().__init__(0)
        self._idle = ParkingLot()

    def line_up(self, role: Role) -> Line:
        """Let the sender look, and return the line; see `ChanState.line_up`."""
        self._idle.unpark()
        return super().line_up(role)

    def _calling(self, role: Role) -> Line:
        self._idle.unpark()
        return super()._calling(role)

    async def wanted(self) -> None:
        """Wait until somebody waits to receive."""
        while not self.receivers:
            await self._idle.park()


def as_safe_channel(
    generator_function: Callable[P, AsyncGenerator[T, None]],
) -> Callable[P, AbstractAsyncContextManager[MemoryReceiveChannel[T]]]:
    """Let an async generator be read as a channel, as `trio.as_safe_channel` does.

    ::

        @as_safe_channel
        async def lines_of(path):
            async with await trio.open_file(path) as file:
                async for line in file:
                    yield line

        async with lines_of("words.txt") as lines:
            async for line in lines:
                print(line)

    The generator runs in a task of its own, so it may yield inside a nursery or a cancel scope,
    and it is closed when the block is left. It takes a step only while somebody waits for a
    value. The channel can do what all receiving ends of `open_memory_channel` can: it may be
    a case of `select`, too.

    Args:
        generator_function: an async generator function.

    Returns:
        A function that takes the same arguments, and returns a block that gives the channel.
        An error of the generator is raised by the block, and the block is cancelled for it; if
        both have failed, the block raises an ``ExceptionGroup``.
    """

    @wraps(generator_function)
    @asynccontextmanager
    async def open_safely(
        *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[MemoryReceiveChannel[T], None]:
        state = PulledState[T]()
        generator = generator_function(*args, **kwargs)
        try:
            async with trio.open_nursery(strict_exception_groups=True) as nursery:
                receiver: MemoryReceiveChannel[T] = MemoryReceiveChannel(state)
                await nursery.start(run_generator, generator, state)
                with receiver:
                    yield receiver
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = the_error_in(group)
        else:
            return
        try:
            raise error  # not inside of the handler, where it would get the group as its context
        finally:
            del error  # it would be in a cycle with its traceback

    return open_safely


async def run_generator(
    generator: AsyncGenerator[T, None],
    state: PulledState[T],
    task_status: trio.TaskStatus[None],
) -> None:
    """Send what ``generator`` yields, each value when it is wanted; then close it."""
    sender: MemorySendChannel[T] = MemorySendChannel(state)
    with sender:
        try:
            task_status.started()
            while True:
                await state.wanted()
                try:
                    value = await anext(generator)
                except StopAsyncIteration:
                    return
                with suppress(trio.BrokenResourceError):  # closed while the generator ran
                    await sender.send(value)
        finally:
            await finish(generator)


async def finish(generator: AsyncGenerator[Any, None]) -> None:
    """Close ``generator``, which may raise the `GeneratorExit` that closes it in a group."""
    try:
        await generator.aclose()
    except BaseExceptionGroup as group:
        exits, others = group.split(GeneratorExit)
        errors = [] if others is None else [*others.exceptions]
        if number_of_errors(exits) > 1:
            errors.append(AssertionError("More than one GeneratorExit found."))
        if errors:
            raise group.derive(errors) from None


def number_of_errors(error: BaseException | None) -> int:
    """Return how many errors ``error`` is, when all groups in it are opened."""
    if isinstance(error, BaseExceptionGroup):
        return sum(map(number_of_errors, error.exceptions))
    return error is not None


def the_error_in(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error in ``group`` that is no cancellation, or else what to raise instead.

    An error that ends the program goes before all others, with the group as its cause.
    """
    for error in group.exceptions:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            last = type(error)(*error.args)
            last.__cause__ = group
            return last
    errors = [error for error in group.exceptions if not isinstance(error, trio.Cancelled)]
    if len(errors) > 1:
        group.add_note(BOTH_FAILED)
        return group
    return [*errors, *group.exceptions][0]
