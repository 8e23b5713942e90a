"""Select: wait for the first of several things, and do exactly that one."""

# Theory of operation
# -------------------
# A select runs in numbered passes, after it has looked for a cancellation.
#
#   1. Ask each case whether it is ready. Asking changes nothing.
#   2. If any is: draw one of the highest priority, and do it. Only a strategy can still
#      say no then; if so, draw another, and in the end ask again those not tried yet.
#   3. If none was: take the default if there is one.
#   4. Otherwise wait in the lines of all cases. Whoever comes first draws the case,
#      and the select is bound to that one, whatever happens before its task runs.
#
# Passes 1 to 3 happen without a switch of tasks, so they see one instant; no pass
# looks at a line in which the select itself stands, so it never meets itself.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, TypeAlias, TypeVar, overload

import trio
from trio.lowlevel import enable_ki_protection

from ._cases import FAILURES, NEVER, Case, Default
from ._choice import Choice, draw
from ._errors import Refused
from ._misuse import not_a_case
from ._pacing import current_pace, enter
from ._results import R1, R2, R3, R4, R5, R6, R7, R8, A, B, C, D, E, F, G, Given, H

T = TypeVar("T")

Label: TypeAlias = int | str


@overload
def default() -> Case[None]: ...
@overload
def default(value: T) -> Case[T]: ...
def default(value: object = None) -> Case[object]:
    """A case for `select`: if no other case is ready, do not wait, and yield ``value``."""
    return Default(value)


@overload
async def select(a: Given[A], /) -> R1[A]: ...
@overload
async def select(a: Given[A], b: Given[B], /) -> R2[A, B]: ...
@overload
async def select(a: Given[A], b: Given[B], c: Given[C], /) -> R3[A, B, C]: ...
@overload
async def select(a: Given[A], b: Given[B], c: Given[C], d: Given[D], /) -> R4[A, B, C, D]: ...
@overload
async def select(
    a: Given[A], b: Given[B], c: Given[C], d: Given[D], e: Given[E], /
) -> R5[A, B, C, D, E]: ...
@overload
async def select(
    a: Given[A], b: Given[B], c: Given[C], d: Given[D], e: Given[E], f: Given[F], /
) -> R6[A, B, C, D, E, F]: ...
@overload
async def select(
    a: Given[A], b: Given[B], c: Given[C], d: Given[D], e: Given[E], f: Given[F], g: Given[G], /
) -> R7[A, B, C, D, E, F, G]: ...
@overload
async def select(
    a: Given[A],
    b: Given[B],
    c: Given[C],
    d: Given[D],
    e: Given[E],
    f: Given[F],
    g: Given[G],
    h: Given[H],
    /,
) -> R8[A, B, C, D, E, F, G, H]: ...
@overload
async def select(*cases: Given[T]) -> tuple[int, T]: ...
@overload
async def select(**named: Given[T]) -> tuple[str, T]: ...
@overload
async def select(*cases: Given[T], **named: Given[T]) -> tuple[int | str, T]: ...
@enable_ki_protection
async def select(*cases: Case[Any] | None, **named: Case[Any] | None) -> tuple[Label, Any]:
    """Wait until one of several things can happen, and do exactly that one.

    ::

        match await select(stop=quit.on_close(priority=1), job=jobs.on_receive()):
            case "stop", _:
                return
            case "job", job:
                await process(job)

    If several cases are ready, one of those with the highest ``priority`` is done; among
    them each is equally likely. If none is ready, the `default` is taken if there is
    one; otherwise the task waits, in the line of every case, and does the first that
    comes. A case that is ``None`` is never ready, but counts. A select without any case
    waits for ever.

    If it is cancelled, nothing has happened at any of the cases; once it returns or
    raises one of the errors below, exactly one has.

    Args:
        cases: made by methods such as `Chan.on_receive` and `Chan.on_send`, or by
            `default`, `after` and `at`.
        named: the same; these are identified by their names.

    Returns:
        The position or the name of the case that was done, and its value.

    Raises:
        ChanClosedError: a send case was drawn, and its channel is closed.
        EndOfChannel: a receive case was drawn, and its channel is closed and drained.
        Refused: a send case was drawn, and the strategy turned the value away.
        TypeError: something that is not a case, or two defaults, were given.

    The first three have the position or the name of the case in their attribute ``case``.
    """
    pace = current_pace()
    task = pace.here.get("task")
    if task is None or task._cancel_status.effectively_cancelled:
        pace, task = await enter()
    try:
        row, labels = _in_a_row(cases, named)
        decided = _decide(row, labels)
    except Exception:
        await pace.pass_turn_if_due()
        raise
    if decided is not None:
        if perf_counter() >= pace.due:
            await pace.pass_turn()
        return decided
    while decided is None:
        choice = Choice.among(row, task, pace)
        index = await choice
        try:
            return labels[index], choice.conclude()
        except trio.WouldBlock:  # of several cases in one, one has ended
            row, labels = _in_a_row(cases, named)
            decided = _decide(row, labels)
        except FAILURES as error:
            error.case = labels[index]
            raise
    return decided


@overload
def select_nowait(a: Given[A], /) -> R1[A]: ...
@overload
def select_nowait(a: Given[A], b: Given[B], /) -> R2[A, B]: ...
@overload
def select_nowait(a: Given[A], b: Given[B], c: Given[C], /) -> R3[A, B, C]: ...
@overload
def select_nowait(a: Given[A], b: Given[B], c: Given[C], d: Given[D], /) -> R4[A, B, C, D]: ...
@overload
def select_nowait(
    a: Given[A], b: Given[B], c: Given[C], d: Given[D], e: Given[E], /
) -> R5[A, B, C, D, E]: ...
@overload
def select_nowait(
    a: Given[A], b: Given[B], c: Given[C], d: Given[D], e: Given[E], f: Given[F], /
) -> R6[A, B, C, D, E, F]: ...
@overload
def select_nowait(
    a: Given[A], b: Given[B], c: Given[C], d: Given[D], e: Given[E], f: Given[F], g: Given[G], /
) -> R7[A, B, C, D, E, F, G]: ...
@overload
def select_nowait(
    a: Given[A],
    b: Given[B],
    c: Given[C],
    d: Given[D],
    e: Given[E],
    f: Given[F],
    g: Given[G],
    h: Given[H],
    /,
) -> R8[A, B, C, D, E, F, G, H]: ...
@overload
def select_nowait(*cases: Given[T]) -> tuple[int, T]: ...
@overload
def select_nowait(**named: Given[T]) -> tuple[str, T]: ...
@overload
def select_nowait(*cases: Given[T], **named: Given[T]) -> tuple[int | str, T]: ...
@enable_ki_protection
def select_nowait(*cases: Case[Any] | None, **named: Case[Any] | None) -> tuple[Label, Any]:
    """Do one of several things if any can happen without waiting.

    The same as `select`, but it never waits.

    Raises:
        trio.WouldBlock: nothing can happen now, and there is no `default`.
    """
    decided = _decide(*_in_a_row(cases, named))
    if decided is None:
        raise trio.WouldBlock
    return decided


def _in_a_row(
    cases: tuple[Case[Any] | None, ...], named: Mapping[str, Case[Any] | None]
) -> tuple[Sequence[Case[Any]], Sequence[Label]]:
    """Put positional and named cases in one row, beside what identifies each."""
    labels: Sequence[Label] = range(len(cases))
    if named:
        cases, labels = (*cases, *named.values()), (*labels, *named)
    for case in cases:
        if case is None or getattr(case, "_several", False):
            return _expand(cases, labels)
    return cases, labels  # type: ignore[return-value]  # none of them is None


def _expand(
    cases: Sequence[Case[Any] | None], labels: Sequence[Label]
) -> tuple[Sequence[Case[Any]], Sequence[Label]]:
    """Put cases in the place of those that are several, or missing."""
    row: list[tuple[Case[Any], Label]] = []
    for case, label in zip(cases, labels, strict=True):
        if case is None:
            row.append((NEVER, label))
        elif getattr(case, "_several", False):
            row += [(part, label) for part in case._parts()]
        else:
            row.append((case, label))
    return [case for case, _ in row], [label for _, label in row]


def _decide(cases: Sequence[Case[Any]], labels: Sequence[Label]) -> tuple[Label, Any] | None:
    """Run passes 1 to 3; return ``None`` if the select has to wait."""
    ready: list[int] = []
    default: int | None = None
    for index, case in enumerate(cases):
        if not isinstance(case, Case):
            raise not_a_case(labels[index], case, cases)
        if case._ready():
            ready.append(index)
        elif isinstance(case, Default):
            if default is not None:
                raise TypeError(
                    f"cases {labels[default]!r} and {labels[index]!r} are both defaults"
                )
            default = index
    tried: dict[int, int] = {}  # and how much had been given up there by then
    while ready:
        index = draw(cases, ready)
        try:
            return labels[index], cases[index]._commit()
        except trio.WouldBlock:
            pass
        except FAILURES as error:
            # Beside a default, what would be refused is not ready.
            if default is None or not isinstance(error, Refused):
                error.case = labels[index]
                raise
        ready.remove(index)
        tried[index] = cases[index]._given_up
        if not ready:
            # What a strategy has given up has made room there, and may have gone to another of
            # these channels.
            ready = [
                i
                for i, case in enumerate(cases)
                if (i not in tried or tried[i] != case._given_up) and case._ready()
            ]
    if default is None:
        return None
    return labels[default], cases[default].value
