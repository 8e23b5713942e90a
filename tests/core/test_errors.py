"""Errors: what they are, what they carry, and what they say."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import gochan
from gochan import (
    Chan,
    ChanBrokenError,
    ChanClosedError,
    EndOfChannel,
    NameConflictError,
    PluginError,
    PluginWarning,
    Refused,
    UnknownStrategyError,
    select,
    select_nowait,
)
from gochan.strategies import DropOnFull, Refuse, Strategy, Verdict

pytestmark = pytest.mark.usefixtures("both_modes")

# Each way in which a channel fails: how it comes to that, what fails, and with which error.


def open_channel(**options: Any) -> Chan[Any]:
    return Chan[Any](**options)


def closed(**options: Any) -> Chan[Any]:
    channel = open_channel(**options)
    channel.close()
    return channel


def abandoned(**options: Any) -> Chan[Any]:
    channel = open_channel(**options)
    channel.receiver.close()
    return channel


def full(**options: Any) -> Chan[Any]:
    channel = open_channel(strategy=DropOnFull(1), **options)
    channel.send_nowait("first")
    return channel


FAILURES: dict[str, tuple[Callable[..., Chan[Any]], str, type[Exception], type[Exception]]] = {
    "send, closed": (closed, "send", ChanClosedError, trio.ClosedResourceError),
    "send, abandoned": (abandoned, "send", ChanBrokenError, trio.BrokenResourceError),
    "send, refused": (full, "send", Refused, Exception),
    "receive, ended": (closed, "receive", EndOfChannel, trio.EndOfChannel),
    "receive, abandoned": (abandoned, "receive", ChanClosedError, trio.ClosedResourceError),
}
every_failure = pytest.mark.parametrize(
    ("make", "operation", "error", "base"), FAILURES.values(), ids=FAILURES
)


def case_of(channel: Chan[Any], operation: str, value: object = "value") -> Any:
    return channel.on_send(value) if operation == "send" else channel.on_receive()


async def fail(channel: Chan[Any], operation: str, value: object = "value") -> list[Any]:
    """Return the errors of the awaited and of the immediate form of an operation."""
    arguments = [value] if operation == "send" else []
    errors = []
    for call in (getattr(channel, operation), getattr(channel, operation + "_nowait")):
        try:
            result = call(*arguments)
            if call.__name__ == operation:
                await result
        except Exception as error:
            errors.append(error)
    assert len(errors) == 2
    return errors


# What they are


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (ChanClosedError, [trio.ClosedResourceError]),
        (ChanBrokenError, [trio.BrokenResourceError]),
        (EndOfChannel, [trio.EndOfChannel]),
        (Refused, [Exception]),
        (PluginError, [Exception]),
        (UnknownStrategyError, [PluginError, LookupError]),
        (NameConflictError, [PluginError]),
        (PluginWarning, [UserWarning]),
    ],
)
def test_where_trio_has_a_word_the_error_is_one_of_trios(
    error: type[Exception], bases: list[type[Exception]]
) -> None:
    """Code that knows only trio's errors catches those of gochan."""
    assert all(issubclass(error, base) for base in bases)


def test_unlike_things_are_not_caught_together() -> None:
    """An end is no failure, a refusal no close, and a close breaks nothing."""
    assert not issubclass(EndOfChannel, trio.ClosedResourceError)
    assert not issubclass(ChanClosedError, trio.EndOfChannel)
    assert not issubclass(ChanClosedError, trio.BrokenResourceError)
    for error in (ChanClosedError, EndOfChannel, Refused):
        assert not issubclass(error, trio.WouldBlock)
    assert not issubclass(Refused, (trio.ClosedResourceError, trio.EndOfChannel))


@pytest.mark.parametrize(
    "name", [name for name in gochan.__all__ if isinstance(getattr(gochan, name), type)]
)
def test_tracebacks_show_the_name_that_users_import(name: str) -> None:
    """Everything public says that it comes from ``gochan``."""
    assert getattr(gochan, name).__module__ == "gochan"


@every_failure
async def test_each_failure_raises_its_error(
    make: Callable[..., Chan[Any]],
    operation: str,
    error: type[Exception],
    base: type[Exception],
) -> None:
    """Exactly that type, from the awaited and from the immediate form."""
    for caught in await fail(make(), operation):
        assert type(caught) is error
        assert isinstance(caught, base)
        assert traceback.format_exception_only(caught)[0].startswith(f"gochan.{error.__name__}: ")


# What they carry


@every_failure
@pytest.mark.parametrize("value", ["value", None, 0, ValueError("value")], ids=repr)
async def test_a_sender_that_fails_gets_the_value_back(
    make: Callable[..., Chan[Any]],
    operation: str,
    error: type[Exception],
    base: type[Exception],
    value: object,
) -> None:
    """S19: the very object; after a receive there is none."""
    for caught in await fail(make(), operation, value):
        if operation == "send":
            assert caught.value is value
        else:
            assert getattr(caught, "value", None) is None


@every_failure
async def test_an_error_says_which_case_of_a_select_it_was(
    make: Callable[..., Chan[Any]],
    operation: str,
    error: type[Exception],
    base: type[Exception],
) -> None:
    """Its position or its name, in ``case``; ``None`` where there was no select."""
    for caught in await fail(make(), operation):
        assert caught.case is None
    case, other = case_of(make(), operation), Chan[Any]()
    with pytest.raises(error) as info:
        await select(None, other.on_receive(), case)
    assert info.value.case == 2
    with pytest.raises(error) as info:
        await select(other.on_receive(), it=case)
    assert info.value.case == "it"
    with pytest.raises(error) as info:
        select_nowait(case)
    assert info.value.case == 0
    with pytest.raises(error) as info:
        select_nowait(it=case)
    assert info.value.case == "it"


@pytest.mark.parametrize(
    ("operation", "end", "error"),
    [
        ("send", lambda channel: channel.close(), ChanClosedError),
        ("send", lambda channel: channel.receiver.close(), ChanBrokenError),
        ("receive", lambda channel: channel.close(), EndOfChannel),
        ("receive", lambda channel: channel.receiver.close(), ChanClosedError),
    ],
    ids=["send, close", "send, abandon", "receive, close", "receive, abandon"],
)
async def test_the_errors_of_waiting_tasks_say_the_same(
    operation: str, end: Callable[[Chan[Any]], None], error: type[Exception]
) -> None:
    """Type, value and case, as if the channel had been closed before; one error each."""
    channel, caught = Chan[Any](), dict[str, Any]()
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "plain": lambda: fail_once(channel, operation),
        "position": lambda: select(None, case_of(channel, operation)),
        "name": lambda: select(Chan[Any]().on_receive(), it=case_of(channel, operation)),
    }

    async def run(label: str) -> None:
        with pytest.raises(error) as info:
            await calls[label]()
        caught[label] = info.value

    async with trio.open_nursery() as nursery:
        for label in calls:
            nursery.start_soon(run, label)
            await wait_all_tasks_blocked()
        end(channel)
    assert {type(one) for one in caught.values()} == {error}
    assert len({id(one) for one in caught.values()}) == 3
    assert {label: one.case for label, one in caught.items()} == {
        "plain": None,
        "position": 1,
        "name": "it",
    }
    if operation == "send":
        assert [one.value for one in caught.values()] == ["value"] * 3


async def fail_once(channel: Chan[Any], operation: str) -> None:
    await (channel.send("value") if operation == "send" else channel.receive())


def test_every_failing_call_raises_a_new_error() -> None:
    """So that tracebacks and cases of different calls do not mix."""
    channel = closed()
    errors = []
    for _ in range(2):
        with pytest.raises(EndOfChannel) as info:
            channel.receive_nowait()
        errors.append(info.value)
    assert errors[0] is not errors[1]


# What they say


@pytest.mark.parametrize("make", [closed, abandoned])
@pytest.mark.parametrize("operation", ["send", "receive"])
async def test_errors_say_what_happened_to_which_channel(
    make: Callable[..., Chan[Any]], operation: str
) -> None:
    """The name if there is one, otherwise the identity that ``repr`` shows."""
    channel = make()
    for caught in await fail(channel, operation):
        assert f"{id(channel):#x}" in str(caught)
    for caught in await fail(make(name="jobs"), operation):
        assert "'jobs'" in str(caught)
        assert "closed" in str(caught) or "nobody receives" in str(caught)


class Busy(Strategy[Any]):
    """Refuses everything."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__(1)
        self.refuse = Refuse("busy", retry_after)

    def offer(self, item: Any, now: float) -> Verdict:
        return self.refuse


@pytest.mark.parametrize(
    ("retry_after", "message"),
    [
        (None, "refused: busy"),
        (2, "refused: busy; try again in 2 s"),
        (0.12345, "refused: busy; try again in 0.123 s"),
        (0, "refused: busy; try again in 0 s"),
    ],
)
def test_a_refusal_says_why_and_when_to_try_again(retry_after: float | None, message: str) -> None:
    """In attributes for programs, and in words for people."""
    channel = Chan[Any](strategy=Busy(retry_after))
    with pytest.raises(Refused) as info:
        channel.send_nowait("value")
    assert info.value.reason == "busy"
    assert info.value.retry_after == retry_after
    assert info.value.value == "value"
    assert str(info.value) == message
