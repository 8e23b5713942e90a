"""Select by example: exactly one case happens, and nothing else is touched."""

from __future__ import annotations

import gc
import inspect
import weakref
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Literal, assert_type

import pytest
import trio
from trio.testing import assert_no_checkpoints, wait_all_tasks_blocked

from gochan import (
    Case,
    Chan,
    ChanBrokenError,
    ChanClosedError,
    EndOfChannel,
    Refused,
    WaitGroup,
    after,
    at,
    default,
    every,
    select,
    select_nowait,
)
from gochan.lowlevel import yield_interval
from gochan.strategies import WAIT, DropOnFull, Empty, Refuse, Strategy, Verdict

from ..interrupts import unprotected_steps

pytestmark = pytest.mark.usefixtures("both_modes", "virtual_time")


def holding(*values: Any) -> Chan[Any]:
    """Return a channel whose buffer is full of these values."""
    channel = Chan[Any](len(values))
    for value in values:
        channel.send_nowait(value)
    return channel


def closed(*values: Any) -> Chan[Any]:
    """Return a closed channel that still holds these values."""
    channel = holding(*values)
    channel.close()
    return channel


def broken() -> Chan[Any]:
    """Return a channel whose receiving end is closed."""
    channel = Chan[Any](1)
    channel.receiver.close()
    return channel


def refusing() -> Chan[Any]:
    """Return a channel that refuses every value."""
    channel = Chan[Any](strategy=DropOnFull(1))
    channel.send_nowait("old")
    return channel


def never() -> Case[Any]:
    return Chan[Any]().on_receive()


async def start_select(
    nursery: trio.Nursery, *cases: Any, scope: trio.CancelScope | None = None, **named: Any
) -> list[Any]:
    """Start a select that has to wait; what it returns or raises will be put into the list."""
    results: list[Any] = []

    async def run() -> None:
        with scope or trio.CancelScope():
            try:
                results.append(await select(*cases, **named))
            except (ChanClosedError, ChanBrokenError, EndOfChannel, Refused) as error:
                results.append(error)

    nursery.start_soon(run)
    await wait_all_tasks_blocked()
    assert not results
    return results


async def select_async(*cases: Any, **named: Any) -> tuple[int | str, Any]:
    with trio.fail_after(30):
        return await select(*cases, **named)


async def select_sync(*cases: Any, **named: Any) -> tuple[int | str, Any]:
    return select_nowait(*cases, **named)


both_forms = pytest.mark.parametrize("choose", [select_async, select_sync])

READY = {
    "send": (lambda: Chan[str](1).on_send("value"), None),
    "receive": (lambda: holding("value").on_receive(), "value"),
    "receive None": (lambda: holding(None).on_receive(), None),
    "receive_ok": (lambda: holding("value").on_receive_ok(), ("value", True)),
    "receive_ok None": (lambda: holding(None).on_receive_ok(), (None, True)),
    "receive_ok, closed with a value": (lambda: closed("value").on_receive_ok(), ("value", True)),
    "receive_ok, closed": (lambda: closed().on_receive_ok(), (None, False)),
    "close": (lambda: closed().on_close(), None),
    "close, with a value": (lambda: closed("value").on_close(), None),
}


# Exactly one


@both_forms
@pytest.mark.parametrize(("make", "value"), READY.values(), ids=READY)
async def test_the_one_ready_case_is_done(
    choose: Any, make: Callable[[], Case[Any]], value: Any
) -> None:
    """The result is the position of the case that was ready, and its value."""
    for position in range(3):
        cases = [Chan().on_receive(), Chan().on_send(0), Chan().on_close()]
        cases[position] = make()
        assert await choose(*cases) == (position, value)


@both_forms
async def test_exactly_one_of_several_ready_cases_is_done(choose: Any) -> None:
    """All the other channels stay as they were."""
    for _ in range(30):
        sources = [holding("value") for _ in range(3)]
        targets = [Chan[str](1) for _ in range(3)]
        cases = [source.on_receive() for source in sources]
        index, _ = await choose(*cases, *(target.on_send("value") for target in targets))
        happened = [len(source) == 0 for source in sources]
        happened += [len(target) == 1 for target in targets]
        assert happened == [position == index for position in range(6)]


async def test_exactly_one_case_of_a_waiting_select_is_done() -> None:
    """The first event takes the select out of every other line, before its task has run."""
    channels = [Chan[str]() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        results = await start_select(nursery, *(channel.on_receive() for channel in channels))
        channels[1].send_nowait("first")
        for channel in channels:
            with pytest.raises(trio.WouldBlock):
                channel.send_nowait("second")
            channel.check()
    assert results == [(1, "first")]


async def test_a_waiting_select_is_woken_by_each_kind_of_case() -> None:
    """A receiver, a sender and a close each complete the case that waits for them."""
    for index, (act, value) in enumerate(
        [
            (lambda channels: channels[0].send_nowait("value"), "value"),
            (lambda channels: channels[1].send_nowait("value"), ("value", True)),
            (lambda channels: channels[2].receive_nowait(), None),
            (lambda channels: channels[3].close(), None),
        ]
    ):
        channels = [Chan[str]() for _ in range(4)]
        async with trio.open_nursery() as nursery:
            results = await start_select(
                nursery,
                channels[0].on_receive(),
                channels[1].on_receive_ok(),
                channels[2].on_send("offer"),
                channels[3].on_close(),
            )
            act(channels)
        assert results == [(index, value)]


async def test_a_select_may_have_any_number_of_cases() -> None:
    """There is no limit, and the position is right however far behind it is."""
    channels = [Chan[int]() for _ in range(1000)]
    async with trio.open_nursery() as nursery:
        results = await start_select(nursery, *(channel.on_receive() for channel in channels))
        channels[987].send_nowait(1)
    assert results == [(987, 1)]
    assert not any(channel.statistics().tasks_waiting_receive for channel in channels)


# Default, None, nothing


@both_forms
@pytest.mark.parametrize("position", range(3))
async def test_the_default_is_taken_if_nothing_is_ready(choose: Any, position: int) -> None:
    """It is not waited for, and nothing happens at the other cases."""
    source, target = Chan[int](), Chan[int]()
    cases: list[Any] = [source.on_receive(), target.on_send(1)]
    cases.insert(position, default("idle"))
    assert await choose(*cases) == (position, "idle")
    for channel in (source, target):
        statistics = channel.statistics()
        assert (statistics.tasks_waiting_receive, statistics.tasks_waiting_send) == (0, 0)


@both_forms
@pytest.mark.parametrize(("make", "value"), READY.values(), ids=READY)
async def test_the_default_is_not_taken_if_something_is_ready(
    choose: Any, make: Callable[[], Case[Any]], value: Any
) -> None:
    """A closed channel counts as ready, too."""
    for _ in range(10):
        assert await choose(default("idle"), make()) == (1, value)


@both_forms
async def test_a_low_priority_still_comes_before_the_default(choose: Any) -> None:
    """The default is not a tier: it is for when no case is ready at all."""
    case = holding("value").on_receive(priority=-1)
    assert await choose(default("idle"), case) == (1, "value")


@both_forms
async def test_the_default_may_be_alone(choose: Any) -> None:
    """Then it is what happens; its value is None unless one is given."""
    assert await choose(default()) == (0, None)
    assert await choose(default("idle")) == (0, "idle")
    assert await choose(None, None, default("idle"), None) == (2, "idle")
    assert await choose(otherwise=default("idle")) == ("otherwise", "idle")


@both_forms
async def test_a_case_that_is_none_is_disabled_but_keeps_its_place(choose: Any) -> None:
    """Switching cases off does not renumber the others."""
    assert await choose(None, holding(1).on_receive()) == (1, 1)
    assert await choose(None, None, never(), holding(3).on_receive(), None) == (3, 3)
    assert await choose(off=None, on=holding(4).on_receive()) == ("on", 4)


@pytest.mark.parametrize(
    ("cases", "named"), [((), {}), ((None,), {}), ((None, None), {"off": None})]
)
async def test_without_any_case_it_waits_for_ever(
    cases: tuple[None], named: dict[str, None], autojump_clock: trio.abc.Clock
) -> None:
    """Nothing can happen, so only a cancellation ends it."""
    with trio.move_on_after(1e6) as scope:
        await select(*cases, **named)
    assert scope.cancelled_caught
    with pytest.raises(trio.WouldBlock):
        select_nowait(*cases, **named)


# Names


@both_forms
async def test_cases_may_be_named_and_mixed(choose: Any) -> None:
    """Positional cases are told apart by number, the others by name."""
    for ready, label in enumerate([0, 1, "third", "fourth"]):
        cases = [never() for _ in range(4)]
        cases[ready] = holding("value").on_receive()
        assert await choose(*cases[:2], third=cases[2], fourth=cases[3]) == (label, "value")


@both_forms
async def test_every_name_is_free(choose: Any) -> None:
    """No name collides with one that gochan uses for itself."""
    for name in ("cases", "named", "self", "case0", "default", "priority"):
        assert await choose(never(), **{name: holding("value").on_receive()}) == (name, "value")


async def test_a_waiting_select_knows_its_cases_by_the_same_labels() -> None:
    """They do not depend on whether the select had to wait."""
    for ready, label in enumerate([0, 2, "third", "fourth"]):
        channels = [Chan[int]() for _ in range(4)]
        cases = [channel.on_receive() for channel in channels]
        async with trio.open_nursery() as nursery:
            results = await start_select(
                nursery, cases[0], None, cases[1], third=cases[2], off=None, fourth=cases[3]
            )
            channels[ready].send_nowait(5)
        assert results == [(label, 5)]


# Duplicates and reuse


@both_forms
async def test_a_channel_may_be_listed_twice(choose: Any) -> None:
    """One of the cases is done, once."""
    channel = holding("first", "second")
    index, value = await choose(channel.on_receive(), channel.on_receive())
    assert index in (0, 1)
    assert value == "first"
    assert len(channel) == 1


async def test_a_waiting_select_that_lists_a_channel_twice_counts_once() -> None:
    """Statistics count tasks, and the task is served once."""
    channel = Chan[str]()
    async with trio.open_nursery() as nursery:
        results = await start_select(
            nursery, channel.on_receive(), channel.on_receive_ok(), channel.on_receive()
        )
        assert channel.statistics().tasks_waiting_receive == 1
        channel.check()
        channel.send_nowait("value")
        with pytest.raises(trio.WouldBlock):
            channel.send_nowait("more")
    assert results in ([(0, "value")], [(1, ("value", True))], [(2, "value")])


async def test_a_case_is_a_value_that_can_be_used_again() -> None:
    """The same case may be passed twice, by several tasks at once, and again later."""
    channel = Chan[int]()
    case = channel.on_receive()
    async with trio.open_nursery() as nursery:
        first = await start_select(nursery, case, case)
        second = await start_select(nursery, None, None, case)
        channel.send_nowait(1)
        channel.send_nowait(2)
    assert first in ([(0, 1)], [(1, 1)])
    assert second == [(2, 2)]
    channel.close()
    with pytest.raises(EndOfChannel):
        await select_async(case)


# Errors


FAILING: dict[str, tuple[Callable[[], Case[Any]], type[Exception], Any]] = {
    "send, closed": (lambda: closed().on_send("mine"), ChanClosedError, "mine"),
    "send, broken": (lambda: broken().on_send("mine"), ChanBrokenError, "mine"),
    "send, refused": (lambda: refusing().on_send("mine"), Refused, "mine"),
    "receive, closed": (lambda: closed().on_receive(), EndOfChannel, None),
    "receive, broken": (lambda: broken().on_receive(), ChanClosedError, None),
    "receive_ok, broken": (lambda: broken().on_receive_ok(), ChanClosedError, None),
}


@both_forms
@pytest.mark.parametrize(("make", "error", "value"), FAILING.values(), ids=FAILING)
async def test_a_failing_case_raises_and_says_which_it_was(
    choose: Any, make: Callable[[], Case[Any]], error: type[Exception], value: Any
) -> None:
    """The error is that of the plain operation, and `.case` is what identifies the case."""
    for cases, named, label in [
        ((make(), never()), {}, 0),
        ((None, make()), {"other": never()}, 1),
        ((never(),), {"name": make(), "other": None}, "name"),
    ]:
        with pytest.raises(error) as caught:
            await choose(*cases, **named)
        assert caught.type is error
        assert caught.value.case == label  # type: ignore[attr-defined]
        assert getattr(caught.value, "value", None) == value


class Putting(Strategy[Any]):
    """Says that there is room, and then that one has to wait."""

    def offer(self, item: Any, now: float) -> Verdict:
        return WAIT

    def take(self, now: float) -> Any:
        raise Empty


@both_forms
async def test_a_case_that_fails_after_another_was_tried_in_vain_says_which_it_was(
    choose: Any,
) -> None:
    """In its turn, as if it had been tried at once."""
    closed = Chan[int]()
    closed.close()
    for _ in range(20):
        full = Chan[int](strategy=Putting(9))
        with pytest.raises(ChanClosedError) as caught:
            await choose(full.on_send(1, priority=1), it=closed.on_send(2))
        assert (caught.value.case, caught.value.value) == ("it", 2)


def close(channel: Chan[Any]) -> None:
    channel.close()


def abandon(channel: Chan[Any]) -> None:
    channel.receiver.close()


@pytest.mark.parametrize(
    ("operation", "end", "error", "value"),
    [
        ("send", close, ChanClosedError, "mine"),
        ("send", abandon, ChanBrokenError, "mine"),
        ("receive", close, EndOfChannel, None),
        ("receive", abandon, ChanClosedError, None),
        ("receive_ok", abandon, ChanClosedError, None),
    ],
)
async def test_a_waiting_case_fails_when_its_channel_ends(
    operation: str, end: Callable[[Chan[Any]], None], error: type[Exception], value: Any
) -> None:
    """The error is the same as if the channel had been closed before."""
    for label in (0, "name"):
        channel, other = Chan[Any](), Chan[Any]()
        case = {
            "send": lambda channel=channel: channel.on_send("mine"),
            "receive": channel.on_receive,
            "receive_ok": channel.on_receive_ok,
        }[operation]()
        async with trio.open_nursery() as nursery:
            if label == 0:
                results = await start_select(nursery, case, other.on_receive())
            else:
                results = await start_select(nursery, other.on_receive(), name=case)
            end(channel)
        [raised] = results
        assert type(raised) is error
        assert raised.case == label
        assert getattr(raised, "value", None) == value
        assert other.statistics().tasks_waiting_receive == 0


async def test_errors_outside_select_name_no_case() -> None:
    """`.case` is None where there is none."""
    with pytest.raises(EndOfChannel) as end:
        closed().receive_nowait()
    with pytest.raises(ChanClosedError) as failure:
        closed().send_nowait(1)
    with pytest.raises(Refused) as refusal:
        refusing().send_nowait(1)
    assert (end.value.case, failure.value.case, refusal.value.case) == (None, None, None)


# Closed channels


@both_forms
async def test_values_buffered_before_a_close_come_before_its_end(choose: Any) -> None:
    """Closing says that no more values come, not that those there are gone."""
    channel = closed(1, 2)
    assert await choose(never(), channel.on_receive()) == (1, 1)
    assert await choose(never(), channel.on_receive_ok()) == (1, (2, True))
    for _ in range(3):
        assert await choose(never(), channel.on_receive_ok()) == (1, (None, False))
        with pytest.raises(EndOfChannel):
            await choose(never(), channel.on_receive())


@both_forms
async def test_on_close_is_ready_from_the_moment_of_the_close(choose: Any) -> None:
    """Not before, then at once and for ever, whatever is still buffered."""
    channel = holding("value")
    assert await choose(channel.on_close(), default("open")) == (1, "open")
    channel.close()
    for _ in range(3):
        assert await choose(channel.on_close(), default("open")) == (0, None)
    assert channel.receive_nowait() == "value"


async def test_waiting_for_a_close_takes_no_values() -> None:
    """Values pass by those in `on_close`."""
    channel = Chan[int]()
    async with trio.open_nursery() as nursery:
        watching = await start_select(nursery, channel.on_close())
        with pytest.raises(trio.WouldBlock):
            channel.send_nowait(1)
        receiving = await start_select(nursery, channel.on_receive())
        channel.send_nowait(2)
        await wait_all_tasks_blocked()
        assert (receiving, watching) == ([(0, 2)], [])
        channel.close()


# Misuse


WRONG: dict[str, tuple[Any, str]] = {
    "channel": (Chan(), r"choose what to do there: .on_receive\(\)"),
    "receiving end": (Chan().receiver, r"choose what to do there: .on_receive\(\)"),
    "sending end": (Chan().sender, "choose what to do there"),
    "number": (5, r"cases come from channel\.on_receive"),
    "truth": (False, r"cases come from channel\.on_receive"),
    "function": (print, r"cases come from channel\.on_receive"),
    "class": (Case, r"cases come from channel\.on_receive"),
    "class of channels": (Chan, r"cases come from channel\.on_receive"),
    "wait group": (WaitGroup(), r"choose what to do there: \.on_done\(\)$"),
    "method not called": (Chan().on_receive, r"call it: on_receive\(\)$"),
    "method of an end not called": (Chan().sender.on_send, r"call it: on_send\(value\)$"),
    "function not called": (default, r"call it: default\(\)$"),
    "list": ([never()], r"write select\(\*cases\)$"),
    "empty tuple": ((), r"write select\(\*cases\)$"),
    "dict": ({"a": never()}, r"write select\(\*\*cases\)$"),
}


@both_forms
@pytest.mark.parametrize(("thing", "hint"), WRONG.values(), ids=WRONG)
async def test_what_is_not_a_case_is_a_type_error(choose: Any, thing: Any, hint: str) -> None:
    """The message says which one it is and what to write instead; nothing has happened."""
    channel = holding("value")
    ready = channel.on_receive()
    for cases, named, label in [
        ((thing, ready), {}, 0),
        ((ready, thing), {"name": ready}, 1),
        ((ready, default()), {"name": thing}, "name"),
    ]:
        with pytest.raises(TypeError, match=f"^case {label!r} is not a case .*{hint}"):
            await choose(*cases, **named)
    assert len(channel) == 1


@both_forms
@pytest.mark.parametrize("count", [1, 2])
async def test_a_coroutine_is_a_type_error_and_nothing_more(choose: Any, count: int) -> None:
    """The natural slip, `select(a.receive(), b.receive())`: no warnings come on top of it."""
    coroutines = [Chan[int]().receive() for _ in range(count)]
    try:
        with pytest.raises(TypeError, match=r"^case 1 .*pass a case such as channel.on_receive"):
            await choose(never(), *coroutines)
        states = [inspect.getcoroutinestate(coroutine) for coroutine in coroutines]
        assert states == [inspect.CORO_CLOSED] * count  # so "never awaited" is never said
    finally:
        for coroutine in coroutines:
            coroutine.close()


@both_forms
@pytest.mark.parametrize("ready", [False, True])
async def test_a_second_default_is_a_type_error(choose: Any, ready: bool) -> None:
    """Also if something is ready, so that it does not show only now and then."""
    channel = holding("value")
    case = channel.on_receive() if ready else None
    with pytest.raises(TypeError, match="cases 0 and 'late' are both defaults"):
        await choose(default(1), case, late=default(2))
    with pytest.raises(TypeError, match="cases 0 and 2 are both defaults"):
        await choose(same := default(), case, same)
    assert len(channel) == 1


@pytest.mark.parametrize("priority", [True, False, 1.0, 0.0, "high", None])
async def test_a_priority_must_be_an_int(priority: Any) -> None:
    """For every kind of case, when it is made."""
    channel = Chan[int]()
    for make in (
        channel.on_receive,
        channel.on_receive_ok,
        channel.on_close,
        channel.sender.on_close,
        channel.receiver.on_receive,
        lambda *, priority: channel.on_send(1, priority=priority),
        lambda *, priority: channel.sender.on_send(1, priority=priority),
        lambda *, priority: after(1, priority=priority),
        lambda *, priority: at(1, priority=priority),
        every(1).on_tick,
        WaitGroup().on_done,
    ):
        with pytest.raises(TypeError, match="priority must be an int"):
            make(priority=priority)


# Bound to its case


CHOSEN: dict[str, tuple[Callable[[Chan[Any]], Case[Any]], Callable[[Chan[Any]], Any], Any]] = {
    "receive": (Chan.on_receive, lambda c: c.send_nowait("value"), "value"),
    "receive_ok": (Chan.on_receive_ok, lambda c: c.send_nowait("value"), ("value", True)),
    "receive_ok at the end": (Chan.on_receive_ok, Chan.close, (None, False)),
    "send": (lambda c: c.on_send("value"), lambda c: c.receive_nowait(), None),
    "close": (Chan.on_close, Chan.close, None),
}

AFTERWARDS: dict[str, Callable[[Chan[Any], Chan[Any], trio.CancelScope], Any]] = {
    "the other channel closes": lambda chosen, other, scope: other.close(),
    "the other channel breaks": lambda chosen, other, scope: other.receiver.close(),
    "its own channel closes": lambda chosen, other, scope: chosen.close(),
    "its own channel breaks": lambda chosen, other, scope: chosen.receiver.close(),
    "its task is cancelled": lambda chosen, other, scope: scope.cancel(),
}


@pytest.mark.parametrize("later", AFTERWARDS.values(), ids=AFTERWARDS)
@pytest.mark.parametrize(("case", "act", "value"), CHOSEN.values(), ids=CHOSEN)
async def test_a_select_is_bound_to_the_case_that_came_first(
    case: Callable[[Chan[Any]], Case[Any]],
    act: Callable[[Chan[Any]], Any],
    value: Any,
    later: Callable[[Chan[Any], Chan[Any], trio.CancelScope], Any],
) -> None:
    """Whatever happens between that and the moment when its task runs changes nothing."""
    for timer in (None, after(3600)):  # with a timer, a select waits in another way
        chosen, other, scope = Chan[Any](), Chan[Any](), trio.CancelScope()
        cases = (case(chosen), other.on_receive(), other.on_send("offer"), timer)
        async with trio.open_nursery() as nursery:
            results = await start_select(nursery, *cases, scope=scope)
            act(chosen)
            later(chosen, other, scope)
            other.check()
            chosen.check()
        assert results == [(0, value)]
        assert not scope.cancelled_caught


# Cancellation


async def test_a_cancelled_select_has_left_every_line() -> None:
    """As soon as it is cancelled, even before its task has run: as if it had never been."""
    source, target, ended = Chan[str](), Chan[str](), Chan[str]()
    async with trio.open_nursery() as nursery:
        results = await start_select(
            nursery,
            source.on_receive(),
            source.on_receive_ok(),
            target.on_send("offer"),
            ended.on_close(),
            target.on_close(),
            scope=(scope := trio.CancelScope()),
        )
        assert source.statistics().tasks_waiting_receive == 1
        assert target.statistics().tasks_waiting_send == 1
        scope.cancel()
        assert source.statistics().tasks_waiting_receive == 0
        assert target.statistics().tasks_waiting_send == 0
        with pytest.raises(trio.WouldBlock):
            source.send_nowait("value")
        with pytest.raises(trio.WouldBlock):
            target.receive_nowait()
        ended.close()
    assert scope.cancelled_caught
    assert results == []
    for channel in (source, target, ended):
        channel.check()


@pytest.mark.parametrize("otherwise", [None, default("idle")])
async def test_a_select_that_begins_cancelled_does_nothing(otherwise: Case[Any] | None) -> None:
    """As trio wants it: also if a case is ready, or there is a default."""
    source, target = holding("value"), Chan[str](1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await select(source.on_receive(), target.on_send("offer"), otherwise)
    assert scope.cancelled_caught
    assert (len(source), len(target)) == (1, 0)


# Selects among themselves


@pytest.mark.parametrize("send_first", [True, False])
@pytest.mark.parametrize("serve", ["send", "receive"])
async def test_a_select_never_meets_itself(send_first: bool, serve: str) -> None:
    """Sending and receiving on one channel in one select, it waits for somebody else."""
    channel = Chan[str]()
    cases: dict[str, Any] = {"send": channel.on_send("mine"), "receive": channel.on_receive()}
    if not send_first:
        cases = dict(reversed(cases.items()))
    with pytest.raises(trio.WouldBlock):
        select_nowait(**cases)
    async with trio.open_nursery() as nursery:
        results = await start_select(nursery, **cases)
        statistics = channel.statistics()
        assert (statistics.tasks_waiting_send, statistics.tasks_waiting_receive) == (1, 1)
        channel.check()
        if serve == "send":
            channel.send_nowait("theirs")
        else:
            assert channel.receive_nowait() == "mine"
        channel.check()
    assert results == [("receive", "theirs") if serve == "send" else ("send", None)]


@pytest.mark.parametrize("sender_first", [True, False])
@pytest.mark.parametrize("duplex", [True, False])
async def test_a_select_meets_another_select_in_either_order_of_arrival(
    sender_first: bool, duplex: bool
) -> None:
    """One waits in a select, the other arrives with a select, and both go on."""
    channel = Chan[str]()
    sending: list[Any] = [Chan().on_receive(), channel.on_send("from the sender")]
    receiving: list[Any] = [Chan().on_send("elsewhere"), channel.on_receive()]
    if duplex:
        # Each could do the other's part, too; what the first offers decides nothing.
        sending.append(channel.on_receive())
        receiving.append(channel.on_send("from the receiver"))
    first, second = (sending, receiving) if sender_first else (receiving, sending)
    async with trio.open_nursery() as nursery:
        results = await start_select(nursery, *first)
        results.append(await select(*second))
    channel.check()
    if duplex:
        assert sorted(results, key=repr) in (
            [(1, "from the sender"), (1, None)],
            [(2, "from the receiver"), (2, None)],
        )
    else:
        assert sorted(results, key=repr) == [(1, "from the sender"), (1, None)]


LEAVE: dict[str, Callable[[trio.CancelScope, Chan[int]], None]] = {
    "cancelled": lambda scope, other: scope.cancel(),
    "served elsewhere": lambda scope, other: other.send_nowait(0),
    "closed elsewhere": lambda scope, other: other.close(),
}


@pytest.mark.parametrize("role", ["receive", "send"])
@pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE)
async def test_a_select_that_leaves_a_line_disturbs_nobody(
    leave: Callable[[trio.CancelScope, Chan[int]], None], role: str
) -> None:
    """Its neighbours, selects and plain operations, are served in their order of arrival."""

    async def check(position: int) -> None:
        shared, other, scope = Chan[int](), Chan[int](), trio.CancelScope()
        served: dict[int, Any] = {}

        async def wait_in_line(number: int) -> None:
            case = shared.on_receive() if role == "receive" else shared.on_send(number)
            if number == position:
                with scope:
                    label, _ = await select(case, end=other.on_receive_ok())
                    assert label == "end"
            elif number % 2:
                _, served[number] = await select(case, Chan().on_receive())
            else:
                plain = shared.receive() if role == "receive" else shared.send(number)
                served[number] = await plain

        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(wait_in_line, number)
                await wait_all_tasks_blocked()
            leave(scope, other)
            shared.check()
            staying = [number for number in range(5) if number != position]
            if role == "receive":
                for number in staying:
                    shared.send_nowait(number)
            else:
                assert [shared.receive_nowait() for _ in staying] == staying
            shared.check()
        assert served == {number: number if role == "receive" else None for number in staying}

    for position in range(5):
        await check(position)


# Without waiting


async def test_select_nowait_leaves_nobody_waiting() -> None:
    """It fails with `trio.WouldBlock`, is no schedule point, and stands in no line afterwards."""
    channel = Chan[int]()
    with assert_no_checkpoints():
        with pytest.raises(trio.WouldBlock):
            select_nowait(channel.on_receive(), channel.on_send(1), channel.on_close())
        assert select_nowait(channel.on_receive(), default("idle")) == (1, "idle")
    statistics = channel.statistics()
    assert (statistics.tasks_waiting_receive, statistics.tasks_waiting_send) == (0, 0)
    with pytest.raises(trio.WouldBlock):
        channel.send_nowait(1)


# Strategies that refuse


@both_forms
async def test_what_would_be_refused_is_not_ready_beside_a_default(choose: Any) -> None:
    """The default, or another case, is taken instead, and nothing is refused."""
    channel = refusing()
    for _ in range(20):
        assert await choose(channel.on_send("new"), default("idle")) == (1, "idle")
        ready = holding("value").on_receive(priority=-1)
        assert await choose(channel.on_send("new"), default("idle"), ready) == (2, "value")
    assert channel.drain() == ["old"]


@both_forms
async def test_without_a_default_a_refusal_is_raised(choose: Any) -> None:
    """It does not wait: the strategy has said no."""
    channel = refusing()
    with pytest.raises(Refused) as caught:
        await choose(never(), offer=channel.on_send("new"))
    assert (caught.value.case, caught.value.value) == ("offer", "new")
    assert caught.value.reason == "full"
    assert channel.drain() == ["old"]


@both_forms
async def test_without_a_default_a_refusal_is_as_likely_as_any_ready_case(choose: Any) -> None:
    """It is one of the outcomes, not the only one."""
    outcomes = set()
    for _ in range(100):
        try:
            outcomes.add(await choose(refusing().on_send("new"), holding("value").on_receive()))
        except Refused:
            outcomes.add("refused")
    assert outcomes == {"refused", (1, "value")}


class Undecided(Strategy[Any]):
    """Lets senders wait, until it has made up its mind."""

    verdict: Verdict = WAIT

    def offer(self, item: Any, now: float) -> Verdict:
        return self.verdict


async def test_a_waiting_case_that_is_refused_says_which_it_was() -> None:
    """A refusal that comes late is the same as one that comes at once."""
    strategy = Undecided(1)
    channel, other = Chan[Any](strategy=strategy), Chan[Any]()
    async with trio.open_nursery() as nursery:
        results = await start_select(nursery, other.on_receive(), offer=channel.on_send("mine"))
        strategy.verdict = Refuse("changed its mind")
        with pytest.raises(trio.WouldBlock):
            channel.receive_nowait()  # which lets the strategy look again
    [refused] = results
    assert isinstance(refused, Refused)
    assert (refused.case, refused.value, refused.reason) == ("offer", "mine", "changed its mind")
    assert other.statistics().tasks_waiting_receive == 0


class Perishable(Strategy[Any]):
    """Has room for one item, and gives it up instead of giving it out."""

    def take(self, now: float) -> Any:
        self.drop(super().take(now), "perished")
        raise Empty


@both_forms
async def test_to_receive_in_vain_may_make_room_to_send(choose: Any) -> None:
    """Whichever of the two was tried first, the send is not left waiting beside free room."""
    for _ in range(20):
        channel = Chan[Any](strategy=Perishable(1))
        channel.send_nowait("old")
        with trio.fail_after(1):
            assert await choose(channel.on_receive(), channel.on_send("new")) == (1, None)
        assert channel.drain() == ["new"]


# Values


@both_forms
async def test_a_send_case_that_lost_has_sent_nothing(choose: Any) -> None:
    """Its value is still the caller's, and can be sent again."""
    target, value = Chan[list[int]](1), [1]
    result = await choose(target.on_send(value), holding("value").on_receive(priority=1))
    assert result == (1, "value")
    assert len(target) == 0
    assert await choose(target.on_send(value)) == (0, None)
    assert target.receive_nowait() is value


async def test_a_waiting_send_case_that_lost_has_sent_nothing() -> None:
    """Nobody can receive its value any more, not even before its task has run."""
    target, other = Chan[str](), Chan[str]()
    async with trio.open_nursery() as nursery:
        results = await start_select(nursery, target.on_send("offer"), other.on_receive())
        other.send_nowait("value")
        with pytest.raises(trio.WouldBlock):
            target.receive_nowait()
    assert results == [(1, "value")]


class Thing:
    """Something that can be referred to weakly."""


@pytest.mark.parametrize("end", ["lost at once", "lost after a wait", "cancelled", "sent"])
async def test_a_select_that_has_ended_keeps_no_value_alive(
    end: str, autojump_clock: trio.abc.Clock
) -> None:
    """Neither the value of a send case nor anything else of it stays behind in a channel."""
    target, other = Chan[Thing](), Chan[str](1)
    references: list[weakref.ref[Thing]] = []

    async def offer() -> None:
        thing = Thing()
        references.append(weakref.ref(thing))
        with trio.move_on_after(1):
            await select(target.on_send(thing), other.on_receive(priority=1))

    if end == "lost at once":
        other.send_nowait("value")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(offer)
        await wait_all_tasks_blocked()
        if end == "lost after a wait":
            other.send_nowait("value")
        elif end == "sent":
            target.receive_nowait()
    gc.collect()
    assert [reference() for reference in references] == [None]


def test_a_channel_does_not_keep_itself_alive_by_its_cases() -> None:
    """It goes with the last one who holds it, without the collector of cycles."""
    channel, thing = Chan[Thing](1), Thing()
    channel.send_nowait(thing)
    gone = weakref.ref(channel), weakref.ref(thing)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(trio.WouldBlock):
            select_nowait(channel.on_send(thing), Chan[int]().on_receive())
        channel.on_receive()
        del channel, thing
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()


async def test_a_case_works_without_its_channel() -> None:
    """A program that holds a case may drop the channel."""
    case = holding("a", "b").on_receive()
    gc.collect()
    assert await select(case) == (0, "a")
    assert select_nowait(case, default()) == (0, "b")
    assert select_nowait(case, default()) == (1, None)
    assert repr(case).startswith("<gochan.Case: receive from channel 0x")
    with trio.move_on_after(0) as scope:
        await select(case)
    assert scope.cancelled_caught


# Types


async def test_results_are_typed() -> None:
    """A type checker knows from the label which value it got; `assert_type` says so."""
    numbers, words = Chan[int](1), Chan[str](1)
    numbers.send_nowait(1)
    words.send_nowait("one")
    result = await select(numbers.on_receive(priority=1), words.on_receive())
    assert_type(result, tuple[Literal[0], int] | tuple[Literal[1], str])
    match result:
        case 0, number:
            assert_type(number, int)
            assert number == 1
        case 1, word:
            assert_type(word, str)
            pytest.fail("the other case has the higher priority")
    attempt = select_nowait(words.on_send("two"), default(3.0))
    assert_type(attempt, tuple[Literal[0], None] | tuple[Literal[1], float])
    assert attempt == (1, 3.0)
    named = select_nowait(word=words.on_receive(), idle=default("none"))
    assert_type(named, tuple[str, str])
    assert named == ("word", "one")


class Tier(IntEnum):
    """Names for priorities."""

    LOW = 0
    HIGH = 1


async def test_priorities_may_have_names() -> None:
    """Any kind of int will do."""
    channel = holding("value")
    for _ in range(20):
        chosen = await select(
            default_like := channel.on_receive(priority=Tier.HIGH), after(0, priority=Tier.LOW)
        )
        assert chosen == (0, "value")
        assert default_like.priority == 1
        channel.send_nowait("value")


# At the call


async def test_what_can_be_done_at_the_call_is_reported() -> None:
    """Although a cancellation comes while others run; and those see it done."""
    met = 0
    for _ in range(50):
        channel, seen = holding("value"), list[int]()
        with yield_interval(0), trio.CancelScope() as scope:

            async def cancel(
                scope: trio.CancelScope = scope,
                channel: Chan[Any] = channel,
                seen: list[int] = seen,
            ) -> None:
                seen.append(len(channel))
                scope.cancel()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(cancel)
                result = await select(channel.on_receive(), never())
                met += scope.cancel_called  # or the other task has not run yet
                assert result == (0, "value")
        assert seen == [0]
    assert met > 5


# Interrupts


async def send_soon(channel: Chan[Any]) -> None:
    await wait_all_tasks_blocked()
    channel.send_nowait("value")


@pytest.mark.parametrize("waits", [False, True])
async def test_a_select_cannot_be_interrupted_halfway(waits: bool) -> None:
    """Once a case has happened, Control-C waits until that has been reported."""
    channel = Chan[Any](1)
    async with trio.open_nursery() as nursery:
        if waits:
            nursery.start_soon(send_soon, channel)
        else:
            channel.send_nowait("value")
        cases = channel.on_receive(), never()
        assert await unprotected_steps(select, lambda: select(*cases)) == []
    assert len(channel) == 0


async def test_a_select_that_does_not_wait_cannot_be_interrupted_halfway() -> None:
    """Neither while it wakes another task, nor while it takes a value."""
    channel, full = Chan[Any](), holding("value")
    async with trio.open_nursery() as nursery:
        results = await start_select(nursery, channel.on_receive(), never())
        for case in (channel.on_send("sent"), full.on_receive()):
            assert await unprotected_steps(select_nowait, lambda c=case: select_nowait(c)) == []
    assert results == [(0, "sent")]
    assert len(full) == 0


class Shut(Strategy[Any]):
    """Lets nothing in."""

    def offer(self, item: Any, now: float) -> Verdict:
        return WAIT


async def test_beside_a_default_neither_a_wait_nor_a_refusal_happens() -> None:
    """Whichever of the two is tried first."""
    shut, full = Chan[int](strategy=Shut(1)), Chan[int](strategy=DropOnFull(1))
    full.send_nowait(0)
    for _ in range(50):
        assert select_nowait(shut.on_send(1), full.on_send(2), default("idle")) == (2, "idle")
    assert full.drain() == [0]
