"""Select: wait for the first of several things, and do exactly that one."""

# Theory of operation
# -------------------
# A select looks for a cancellation, and then runs in numbered passes.
#
#   1. Ask each case, once, whether it is ready. Asking changes nothing.
#   2. If any is: draw one of the highest priority, and do it. Only a strategy can still
#      say no then; if so, go on with the others (``_decide_slowly``).
#   3. If none was: take the default if there is one.
#   4. Otherwise wait in the lines of all cases. The first task that serves it draws the case,
#      and the select is bound to that one, whatever happens before its own task runs.
#
# Passes 1 to 3 happen without a switch of tasks, so they see one instant; no pass
# looks at a line in which the select itself stands, so it never meets itself. After them it
# lets others run if that is due.
#
# It keeps the pace of its first channel, as plain operations there do; to look up the pace of
# the run would cost more than to look at a channel.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any, Final, TypeAlias, TypeVar, overload

import trio
from trio.lowlevel import enable_ki_protection

from ._cases import FAILURES, NEVER, Case, CloseCase, Default, ReceiveCase, ReceiveOkCase, SendCase
from ._choice import Choice, draw, pick
from ._errors import Refused
from ._misuse import not_a_case
from ._observer import SLOT, Operation, told, told_now
from ._pacing import current_pace, enter
from ._results import R1, R2, R3, R4, R5, R6, R7, R8, A, B, C, D, E, F, G, Given, H
from ._state import ChanState

T = TypeVar("T")

Label: TypeAlias = int | str


@overload
def default() -> Case[None]: ...
@overload
def default(value: T) -> Case[T]: ...
def default(value: object = None) -> Case[object]:
    """A case for `select`: if no other case is ready, do not wait, and yield ``value``."""
    return _DEFAULT if value is None else Default(value)


_DEFAULT: Final = Default(None)


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
    becomes ready. A case that is ``None`` is never ready, but keeps its index. A select
    without any case waits for ever.

    If it is cancelled, nothing has happened at any of the cases; once it returns or
    raises one of the errors below, exactly one has.

    What can be done at the call is done before any other task runs, and reported even if a
    cancellation comes while others run.

    Type checkers know which value goes with which index for up to eight positional cases. Of
    more, of an unpacked list, and of named cases they know the type that the values have in
    common. So if values of different types come by name, say which one a name stands for, with an
    annotation or an ``isinstance``; and no checker sees a misspelt name in ``case "jbo", job``.

    Args:
        cases: made by methods such as `Chan.on_receive` and `Chan.on_send`, or by
            `default`, `after` and `at`. ``None`` stands for a case that never happens.
        named: the same; these are identified by their names.

    Returns:
        The position or the name of the case that was done, and its value.

    Raises:
        ChanClosedError: a send case was drawn, and its channel is closed; or a receive case,
            and the receiving end was closed.
        ChanBrokenError: a send case was drawn, and nobody will receive any more.
        EndOfChannel: a receive case was drawn, and its channel is closed and drained.
        Refused: a send case was drawn, and the strategy turned the value away.
        TypeError: something that is not a case, or two defaults, were given.

    The first four have the position or the name of the case in their attribute ``case``.
    """
    row: _Row = (*cases, *named.values()) if named else cases
    labels = (*range(len(cases)), *named) if named else None
    state = row[0].end._state if row and type(row[0]) in _AT_CHANNELS else None
    pace = current_pace() if state is None else state.pace
    task = pace.here.get("task")
    if task is None or task._cancel_status.effectively_cancelled:
        if SLOT.observer is not None and SLOT.begins():
            full, _ = _in_full(row, labels)
            if not _is_hidden(full):  # pragma: no branch  # gochan's own are inside operations
                return await told(Operation("select", None, (), full), select(*cases, **named))
        pace, task = await enter()
        if state is not None:
            state.pace = pace
    try:
        decided = _decide(row, labels)
    except Exception:
        await pace.pass_turn_if_due()
        raise
    if decided is not None:
        if perf_counter() >= pace.due:
            await pace.pass_turn()
        return decided
    while decided is None:
        all_cases, all_labels = _in_full(row, labels)
        choice = Choice.among(all_cases, task, pace)
        index = await choice
        try:
            value = choice.conclude()
            if SLOT.observer is not None:
                SLOT.decided(all_cases[index], all_labels[index], value)
            return all_labels[index], value
        except trio.WouldBlock:  # of several cases in one, one has ended
            decided = _decide(row, labels)
        except FAILURES as error:
            error.case = all_labels[index]
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
    if not named and SLOT.observer is None:
        # A loop with a default mostly finds nothing ready. To see that takes one look at each case.
        index = -1
        chosen = None
        for case in cases:
            index += 1
            if type(case) is ReceiveCase:
                state = case.end._state
                if state.buffer or state.senders or state.closed or type(state) is not ChanState:
                    break
            elif type(case) is Default and chosen is None:
                chosen = index, case.value
            else:
                break
        else:
            if chosen is None:
                raise trio.WouldBlock
            return chosen
    return _select_nowait(cases, named)


def _select_nowait(cases: _Row, named: Mapping[str, Any]) -> tuple[Label, Any]:
    """Do the same, whatever the cases are, and tell an observer of it."""
    row: _Row = (*cases, *named.values()) if named else cases
    labels = (*range(len(cases)), *named) if named else None
    if SLOT.observer is not None and SLOT.begins():
        operation = Operation("select", None, (), _in_full(row, labels)[0])
        return told_now(operation, partial(select_nowait, *cases, **named))
    decided = _decide(row, labels)
    if decided is None:
        raise trio.WouldBlock
    return decided


# The cases of a select in a row, and what identifies each: without labels, its index.
_Row: TypeAlias = Sequence[Any]
_Labels: TypeAlias = Sequence[Label] | None

_AT_CHANNELS: Final = frozenset({ReceiveCase, ReceiveOkCase, SendCase, CloseCase})


def _decide(row: _Row, labels: _Labels = None) -> tuple[Label, Any] | None:
    """Run passes 1 to 3; return ``None`` if the select has to wait."""
    ready: list[int] | None = None  # those of the highest priority
    default = index = top = -1
    for case in row:
        index += 1
        kind = type(case)
        if kind is ReceiveCase:  # its ``_ready``, written out
            state = case.end._state
            if not (state.buffer or state.senders or state.closed) and (
                type(state) is ChanState or not state.may_take()
            ):
                continue
        elif kind is Default:
            if default >= 0:
                raise _two_defaults(default, index, labels)
            default = index
            continue
        elif case is None:
            continue
        elif not isinstance(case, Case):
            raise not_a_case(_label(index, labels), case, row)
        elif case._several:
            return _decide(*_in_full(row, labels))
        elif not case._ready():
            continue
        if ready is None or case.priority > top:
            ready, top = [index], case.priority
        elif case.priority == top:
            ready.append(index)
    if ready is None:
        if default < 0:
            return None
        if SLOT.observer is not None:
            SLOT.decided(row[default], _label(default, labels), row[default].value)
        return (default if labels is None else labels[default]), row[default].value
    index = ready[0] if len(ready) == 1 else pick(ready)
    try:
        value = row[index]._commit()
    except trio.WouldBlock:
        return _decide_slowly(row, labels, default, index)
    except FAILURES as error:
        if _is_told(error, default):
            error.case = _label(index, labels)
            raise
        return _decide_slowly(row, labels, default, index)
    if SLOT.observer is not None:
        SLOT.decided(row[index], _label(index, labels), value)
    return (index if labels is None else labels[index]), value


def _decide_slowly(
    row: _Row, labels: _Labels, default: int, in_vain: int
) -> tuple[Label, Any] | None:
    """Do the same, where one case was tried ``in_vain``: its strategy has said no.

    What a strategy has given up since a case was tried has made room there, and may have gone
    to another of these channels. So a case is tried again if more has been given up than then.
    """
    tried = {in_vain: row[in_vain]._given_up}
    ready: list[int] = []
    while ready := ready or [
        index
        for index, case in enumerate(row)
        if case is not None and tried.get(index) != case._given_up and case._ready()
    ]:
        index = draw(row, ready)
        ready.remove(index)
        try:
            value = row[index]._commit()
            if SLOT.observer is not None:
                SLOT.decided(row[index], _label(index, labels), value)
            return _label(index, labels), value
        except trio.WouldBlock:
            pass
        except FAILURES as error:
            if _is_told(error, default):
                error.case = _label(index, labels)
                raise
        tried[index] = row[index]._given_up
    if default < 0:
        return None
    if SLOT.observer is not None:
        SLOT.decided(row[default], _label(default, labels), row[default].value)
    return _label(default, labels), row[default].value


def _is_hidden(row: Sequence[object]) -> bool:
    """Whether gochan selects for itself."""
    return bool(row) and all(isinstance(case, Case) and case._is_hidden for case in row)


def _is_told(error: Exception, default: int) -> bool:
    """Whether a select raises ``error``. Beside a default, what would be refused is not ready."""
    return default < 0 or not isinstance(error, Refused)


def _label(index: int, labels: _Labels) -> Label:
    return index if labels is None else labels[index]


def _two_defaults(first: int, second: int, labels: _Labels) -> TypeError:
    return TypeError(
        f"cases {_label(first, labels)!r} and {_label(second, labels)!r} are both defaults"
    )


def _in_full(row: _Row, labels: _Labels) -> tuple[Sequence[Case[Any]], Sequence[Label]]:
    """Put cases in the place of those that are missing, or stand for several."""
    pairs: list[tuple[Case[Any], Label]] = []
    for index, case in enumerate(row):
        label = _label(index, labels)
        if case is None:
            pairs.append((NEVER, label))
        elif isinstance(case, Case) and case._several:
            pairs += [(part, label) for part in case._parts()]
        else:
            pairs.append((case, label))
    return [case for case, _ in pairs], [label for _, label in pairs]
