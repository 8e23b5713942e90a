"""The behaviour that Go's own tests of channels pin down.

Most of them come to this: an operation behaves the same however it is phrased, as a
plain call or as one case of a select among others. The rules are Go's, the words and
the programs are ours; each test names the rule.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gochan import (
    Case,
    Chan,
    ChanBrokenError,
    ChanClosedError,
    EndOfChannel,
    WaitGroup,
    default,
    select,
    select_nowait,
)
from gochan._core._choice import chance

pytestmark = pytest.mark.usefixtures("both_modes", "fixed_seeds")


@pytest.fixture
def fixed_seeds() -> None:
    chance.seed(2009)
    trio._core._run._r.seed(2009)  # type: ignore[attr-defined]


def holding(capacity: int, *values: Any) -> Chan[Any]:
    channel = Chan[Any](capacity)
    for value in values:
        channel.send_nowait(value)
    return channel


def closed(capacity: int, *values: Any) -> Chan[Any]:
    channel = holding(capacity, *values)
    channel.close()
    return channel


def used(capacity: int) -> Chan[Any]:
    """Return an empty channel that was full before, which must not make a difference."""
    channel = holding(capacity, *range(capacity))
    for _ in range(capacity):
        channel.receive_nowait()
    return channel


def never() -> Case[Any]:
    return Chan[Any]().on_receive()


# Every phrase behaves alike
#
# Go tries each operation on nil, open and closed channels, with and without values, as
# a statement, as the only case of a select, and as one among dummies, nil cases and a
# default. The answers form one table.

BLOCKS = "blocks"


async def nil(nursery: trio.Nursery) -> None:
    return None


def made(make: Callable[..., Chan[Any]], *arguments: Any) -> Callable[..., Any]:
    async def prepare(nursery: trio.Nursery) -> Chan[Any]:
        return make(*arguments)

    return prepare


def with_partner(channel: Callable[..., Any], partner: Callable[..., Any]) -> Callable[..., Any]:
    async def prepare(nursery: trio.Nursery) -> Chan[Any]:
        prepared: Chan[Any] = await channel(nursery)

        async def wait() -> None:
            with suppress(ChanClosedError, EndOfChannel):
                await partner(prepared)

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        return prepared

    return prepare


def sending(channel: Chan[Any]) -> Coroutine[Any, Any, Any]:
    return channel.send("theirs")


def receiving(channel: Chan[Any]) -> Coroutine[Any, Any, Any]:
    return channel.receive()


def selecting_to_send(channel: Chan[Any]) -> Coroutine[Any, Any, Any]:
    return select(never(), channel.on_send("theirs"))


def selecting_to_receive(channel: Chan[Any]) -> Coroutine[Any, Any, Any]:
    return select(channel.on_receive(), Chan[int]().on_send(0))


def selecting_to_do_both(channel: Chan[Any]) -> Coroutine[Any, Any, Any]:
    return select(channel.on_receive(), channel.on_send("theirs"))


SENT, RECEIVED, OK = None, "old", ("old", True)
ENDED, OVER, FAILS = EndOfChannel, (None, False), ChanClosedError
THEIRS, THEIRS_OK = "theirs", ("theirs", True)

# What send, receive, receive_ok and on_close do in each state of a channel.
TABLE: dict[str, tuple[Callable[..., Any], Any, Any, Any, Any]] = {
    "nil": (nil, BLOCKS, BLOCKS, BLOCKS, BLOCKS),
    "unbuffered": (made(holding, 0), BLOCKS, BLOCKS, BLOCKS, BLOCKS),
    "empty": (made(holding, 2), SENT, BLOCKS, BLOCKS, BLOCKS),
    "empty again": (made(used, 2), SENT, BLOCKS, BLOCKS, BLOCKS),
    "half full": (made(holding, 2, "old"), SENT, RECEIVED, OK, BLOCKS),
    "full": (made(holding, 1, "old"), BLOCKS, RECEIVED, OK, BLOCKS),
    "closed, unbuffered": (made(closed, 0), FAILS, ENDED, OVER, None),
    "closed, empty": (made(closed, 2), FAILS, ENDED, OVER, None),
    "closed, half full": (made(closed, 2, "old"), FAILS, RECEIVED, OK, None),
    "closed, full": (made(closed, 1, "old"), FAILS, RECEIVED, OK, None),
    "a sender waits": (
        with_partner(made(holding, 0), sending), BLOCKS, THEIRS, THEIRS_OK, BLOCKS,
    ),
    "a selecting sender waits": (
        with_partner(made(holding, 0), selecting_to_send), BLOCKS, THEIRS, THEIRS_OK, BLOCKS,
    ),
    "full, a sender waits": (
        with_partner(made(holding, 1, "old"), sending), BLOCKS, RECEIVED, OK, BLOCKS,
    ),
    "full, a selecting sender waits": (
        with_partner(made(holding, 1, "old"), selecting_to_send), BLOCKS, RECEIVED, OK, BLOCKS,
    ),
    "a receiver waits": (
        with_partner(made(holding, 0), receiving), SENT, BLOCKS, BLOCKS, BLOCKS,
    ),
    "a selecting receiver waits": (
        with_partner(made(holding, 0), selecting_to_receive), SENT, BLOCKS, BLOCKS, BLOCKS,
    ),
    "empty, a receiver waits": (
        with_partner(made(holding, 1), receiving), SENT, BLOCKS, BLOCKS, BLOCKS,
    ),
    "empty, a selecting receiver waits": (
        with_partner(made(holding, 1), selecting_to_receive), SENT, BLOCKS, BLOCKS, BLOCKS,
    ),
    "empty again, a receiver waits": (
        with_partner(made(used, 2), receiving), SENT, BLOCKS, BLOCKS, BLOCKS,
    ),
    "empty again, a selecting receiver waits": (
        with_partner(made(used, 2), selecting_to_receive), SENT, BLOCKS, BLOCKS, BLOCKS,
    ),
    "somebody waits to do either": (
        with_partner(made(holding, 0), selecting_to_do_both), SENT, THEIRS, THEIRS_OK, BLOCKS,
    ),
}  # fmt: skip

OPERATIONS = ["send", "receive", "receive_ok", "close"]

# What is buffered after the operation, where that is not what was buffered before.
BUFFERED: dict[tuple[str, str], list[str]] = {
    ("empty", "send"): ["new"],
    ("empty again", "send"): ["new"],
    ("half full", "send"): ["old", "new"],
    **{
        (state, operation): []
        for state in ("half full", "full", "closed, half full", "closed, full")
        for operation in ("receive", "receive_ok")
    },
    **{
        (f"full, a {who} waits", operation): ["theirs"]
        for who in ("sender", "selecting sender")
        for operation in ("receive", "receive_ok")
    },
}


def case_of(channel: Chan[Any] | None, operation: str, *, through_end: bool = False) -> Any:
    if channel is None:
        return None
    sender: Any = channel.sender if through_end else channel
    receiver: Any = channel.receiver if through_end else channel
    return {
        "send": lambda: sender.on_send("new"),
        "receive": receiver.on_receive,
        "receive_ok": receiver.on_receive_ok,
        "close": receiver.on_close,
    }[operation]()


async def plainly(channel: Chan[Any], operation: str) -> Any:
    return await (channel.send("new") if operation == "send" else getattr(channel, operation)())


async def plainly_without_waiting(channel: Chan[Any], operation: str) -> Any:
    return channel.send_nowait("new") if operation == "send" else channel.receive_nowait()


def in_select(*row: str, nowait: bool = False, through_end: bool = False) -> Callable[..., Any]:
    """Return a phrase: a select in which "case" stands among other things, in that order."""

    async def phrase(channel: Chan[Any] | None, operation: str) -> Any:
        others: dict[str, Any] = {
            "case": case_of(channel, operation, through_end=through_end),
            "nil": None,
            "receive": never(),
            "send": Chan[int]().on_send(1),
            "watch": Chan[int]().on_close(),
            "default": default(),
        }
        cases = [others[word] for word in row]
        index, value = select_nowait(*cases) if nowait else await select(*cases)
        if row[index] == "default":
            return BLOCKS
        assert row[index] == "case"
        return value

    return phrase


SELECTS = {
    "alone": in_select("case"),
    "alone, nowait": in_select("case", nowait=True),
    "alone, through an end": in_select("case", through_end=True),
    "beside nil": in_select("nil", "case", "nil"),
    "first": in_select("case", "receive", "send", "watch"),
    "in the middle": in_select("send", "nil", "case", "receive"),
    "last": in_select("watch", "receive", "send", "nil", "case"),
    "last, nowait": in_select("receive", "send", "watch", "case", nowait=True),
    "before default": in_select("case", "default"),
    "after default": in_select("default", "case"),
    "after default, nowait": in_select("default", "case", nowait=True),
    "among everything": in_select("receive", "default", "nil", "case", "send"),
}


async def outcome_of(attempt: Awaitable[Any]) -> Any:
    """Return what came of it; a task that is still waiting after a while is blocked."""
    with trio.move_on_after(1000):
        try:
            return await attempt
        except (ChanClosedError, ChanBrokenError, EndOfChannel) as error:
            return type(error)
        except trio.WouldBlock:
            pass
    return BLOCKS


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("state", TABLE)
async def test_every_phrase_of_an_operation_behaves_alike(
    state: str, operation: str, autojump_clock: trio.abc.Clock
) -> None:
    """Go's rules for nil, open and closed channels: always blocks, never blocks, or fails."""
    prepare, *row = TABLE[state]
    expected = row[OPERATIONS.index(operation)]
    phrases: dict[str, Any] = dict(SELECTS)
    if state != "nil" and operation != "close":
        phrases["plain"] = plainly
        if operation != "receive_ok":
            phrases["plain, nowait"] = plainly_without_waiting

    outcomes, buffered = {}, {}
    for name, phrase in phrases.items():
        async with trio.open_nursery() as nursery:
            channel = await prepare(nursery)
            before = [] if channel is None else ["old"] * len(channel)
            outcomes[name] = await outcome_of(phrase(channel, operation))
            if channel is not None:
                channel.check()
                buffered[name] = channel.drain()
            nursery.cancel_scope.cancel()
    assert outcomes == dict.fromkeys(outcomes, expected)
    left = BUFFERED.get((state, operation), before)
    assert buffered == dict.fromkeys(buffered, left)


@pytest.mark.parametrize("state", [state for state in TABLE if state != "nil"])
async def test_closing_never_blocks_and_never_fails(state: str) -> None:
    """Unlike Go's, a second close is no error; what is buffered stays, nobody is left waiting."""
    async with trio.open_nursery() as nursery:
        channel = await TABLE[state][0](nursery)
        size = len(channel)
        channel.close()
        channel.close()
        assert channel.closed
        assert len(channel) == size
        channel.check()


# The product of all kinds of cases


@dataclass
class Candidate:
    """One case of a select, and what is known about it."""

    case: Case[Any] | None
    ready: bool
    expected: Any  # its value, or the type of its error
    act: Callable[[], object] | None = None  # makes it ready; raises WouldBlock if nobody waits
    happened: Callable[[], bool] | None = None  # where that can be seen


def ready_receive() -> Candidate:
    channel = holding(1, "value")
    return Candidate(channel.on_receive(), True, "value", happened=lambda: len(channel) == 0)


def ready_receive_ok() -> Candidate:
    channel = closed(1, "value")
    expected = ("value", True)
    return Candidate(channel.on_receive_ok(), True, expected, happened=lambda: len(channel) == 0)


def ready_send() -> Candidate:
    channel = holding(1)
    return Candidate(channel.on_send("value"), True, None, happened=lambda: len(channel) == 1)


def later_receive() -> Candidate:
    channel, sent = holding(0), []

    def send() -> None:
        channel.send_nowait("late")
        sent.append("late")

    return Candidate(channel.on_receive(), False, "late", send, lambda: sent == ["late"])


def later_send() -> Candidate:
    channel = holding(1, "old")
    return Candidate(
        channel.on_send("value"),
        False,
        None,
        channel.receive_nowait,  # which always succeeds, and lets a waiting send move up
        lambda: channel.drain() == ["value"],
    )


def later_close() -> Candidate:
    channel = holding(0)
    return Candidate(channel.on_receive_ok(), False, (None, False), channel.close)


def later_failure() -> Candidate:
    channel = holding(0)
    return Candidate(channel.on_send("value"), False, ChanClosedError, channel.close)


KINDS: list[Callable[[], Candidate]] = [
    ready_receive,
    ready_receive_ok,
    ready_send,
    later_receive,
    later_send,
    later_close,
    later_failure,
    lambda: Candidate(closed(0).on_receive(), True, EndOfChannel),
    lambda: Candidate(closed(2).on_receive_ok(), True, (None, False)),
    lambda: Candidate(closed(1).on_send("value"), True, ChanClosedError),
    lambda: Candidate(never(), False, None),
    lambda: Candidate(holding(1, "old").on_send("value"), False, None),
    lambda: Candidate(None, False, None),
]


async def select_or_fail(cases: list[Any]) -> tuple[int, Any]:
    """Return the index, and the value or the type of the error."""
    try:
        index, value = await select(*cases)
    except (ChanClosedError, ChanBrokenError, EndOfChannel) as error:
        index, value = error.case, type(error)
    assert isinstance(index, int)
    return index, value


async def try_out(candidates: list[Candidate], *, with_default: bool, order: list[int]) -> None:
    """Run one select over these, let the rest of the world act in that order, check everything."""
    cases: list[Any] = [candidate.case for candidate in candidates]
    if with_default:
        cases.append(default("idle"))
    ready = [index for index, candidate in enumerate(candidates) if candidate.ready]
    acting = [index for index in order if candidates[index].act is not None]
    results: list[tuple[int, Any]] = []

    async def run() -> None:
        results.append(await select_or_fail(cases))

    if ready or with_default:
        with trio.fail_after(30):
            await run()
        possible = ready or [len(candidates)]
    else:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await wait_all_tasks_blocked()
            assert not results
            for index in acting:
                with suppress(trio.WouldBlock):
                    candidates[index].act()  # type: ignore[misc]
            if not acting:
                nursery.cancel_scope.cancel()
        possible = acting[:1]

    assert len(results) == (1 if possible else 0)
    for chosen, value in results:
        assert chosen in possible
        expected = "idle" if chosen == len(candidates) else candidates[chosen].expected
        assert value == expected
        for index, candidate in enumerate(candidates):
            if candidate.act is not None and (ready or with_default):
                with suppress(trio.WouldBlock):
                    candidate.act()  # too late: there is no select any more
            if candidate.happened is not None:
                assert candidate.happened() is (index == chosen)


@pytest.mark.parametrize("with_default", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
async def test_any_mixture_of_cases(size: int, with_default: bool) -> None:
    """Go's reflect tries them all: the case is a legal one, its value right, the rest untouched."""
    shuffling = random.Random(size)
    for kinds in itertools.combinations_with_replacement(KINDS, size):
        candidates = [kind() for kind in kinds]
        shuffling.shuffle(candidates)
        order = shuffling.sample(range(size), size)
        await try_out(candidates, with_default=with_default, order=order)


# Sending and receiving on one channel in one select


@pytest.mark.parametrize("send_first", [True, False])
async def test_a_select_alone_on_an_unbuffered_channel_blocks(
    send_first: bool, autojump_clock: trio.abc.Clock
) -> None:
    """Go's self select: its two cases never meet each other."""
    channel = Chan[int]()
    cases = [channel.on_send(1), channel.on_receive()]
    with trio.move_on_after(1000) as scope:
        await select(*(cases if send_first else reversed(cases)))
    assert scope.cancelled_caught
    assert select_nowait(*cases, default("idle")) == (2, "idle")


@pytest.mark.parametrize("send_first", [True, False])
async def test_a_select_alone_on_a_buffered_channel_never_blocks(send_first: bool) -> None:
    """It fills and empties the buffer at random, and every value comes out in order."""
    channel = Chan[int](10)
    sent, received, sizes = [], [], set()
    for number in range(1000):
        cases = {"send": channel.on_send(number), "receive": channel.on_receive()}
        if not send_first:
            cases = dict(reversed(cases.items()))
        with trio.fail_after(30):
            label, value = await select(**cases)
        if label == "send":
            sent.append(number)
        else:
            received.append(value)
        sizes.add(len(channel))
        channel.check()
    assert received + channel.drain() == sent
    assert sizes == set(range(11))


@pytest.mark.parametrize("capacity", [0, 10])
async def test_two_tasks_that_send_and_receive_on_one_channel(capacity: int) -> None:
    """Go's self select, with a partner: without a buffer, each only gets what the other sent."""
    channel = Chan[str](capacity)
    seen = Counter[tuple[str, str]]()

    async def run(name: str) -> None:
        for number in range(500):
            send, receive = channel.on_send(name), channel.on_receive()
            if number % 2:
                index, value = await select(send, receive)
            else:
                index, value = await select(receive, send)
                index = 1 - index
            seen[name, "sends" if index == 0 else str(value)] += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, "a")
        nursery.start_soon(run, "b")
    left = Counter(channel.drain())
    for name, other in ("ab", "ba"):
        received = seen["a", name] + seen["b", name]
        assert seen[name, "sends"] == received + left[name]
        if capacity == 0:
            assert seen[name, name] == 0
            assert seen[name, "sends"] == seen[other, name]


# First in, first out


@pytest.mark.parametrize("capacity", [1, 7, 1000])
async def test_a_buffer_keeps_the_order(capacity: int) -> None:
    """Go's fifo, asynchronous."""
    channel = Chan[int](capacity)

    async def send() -> None:
        with channel:
            for number in range(200):
                await channel.send(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        assert [number async for number in channel] == list(range(200))


async def test_a_daisy_chain_keeps_the_order() -> None:
    """Go's fifo, synchronous: a value may pass any number of hands, one at a time."""

    async def hand_on(source: Chan[int], target: Chan[int]) -> None:
        with target:
            async for number in source:
                await target.send(number)

    async def send(target: Chan[int]) -> None:
        with target:
            for number in range(30):
                await target.send(number)

    async with trio.open_nursery() as nursery:
        last = Chan[int]()
        nursery.start_soon(send, last)
        for _ in range(30):
            source, last = last, Chan[int]()
            nursery.start_soon(hand_on, source, last)
        assert [number async for number in last] == list(range(30))


async def test_a_token_passes_through_a_thousand_tasks() -> None:
    """Go's chain of tasks: each adds one to what its neighbour sent."""

    async def add_one(source: Chan[int], target: Chan[int]) -> None:
        await target.send(await source.receive() + 1)

    async with trio.open_nursery() as nursery:
        first = last = Chan[int]()
        for _ in range(1000):
            source, last = last, Chan[int]()
            nursery.start_soon(add_one, source, last)
        nursery.start_soon(first.send, 0)
        assert await last.receive() == 1000


# Without waiting


@pytest.mark.parametrize("value", [None, 0, "", (), "text", Chan, [1]], ids=repr)
async def test_trying_succeeds_exactly_if_somebody_is_there(value: Any) -> None:
    """Go's nonblock, for values of every kind, empty ones too, with a buffer and without."""
    for capacity in (0, 1):
        channel = Chan[Any](capacity)
        received: list[Any] = []

        async def receive(channel: Chan[Any] = channel, received: list[Any] = received) -> None:
            received.append(await channel.receive())

        with pytest.raises(trio.WouldBlock):
            channel.receive_nowait()
        assert select_nowait(channel.on_receive(), default("idle")) == (1, "idle")
        async with trio.open_nursery() as nursery:
            if capacity == 0:
                with pytest.raises(trio.WouldBlock):
                    channel.send_nowait(value)
                nursery.start_soon(receive)
                await wait_all_tasks_blocked()
                channel.send_nowait(value)
                await wait_all_tasks_blocked()
                assert received == [value]
                nursery.start_soon(channel.send, value)
                await wait_all_tasks_blocked()
            else:
                channel.send_nowait(value)
            with pytest.raises(trio.WouldBlock):
                channel.send_nowait(value)
            assert select_nowait(channel.on_send(value), default("full")) == (1, "full")
            assert channel.receive_nowait() is value


async def test_a_default_is_never_taken_while_one_case_after_the_other_is_ready() -> None:
    """Go's race of a select with a default: between two operations there is no gap to see."""
    full, empty = holding(1, "token"), holding(1)
    stop = False

    async def move_it_about() -> None:
        nonlocal full, empty
        while not stop:
            with suppress(trio.WouldBlock):  # the select has taken it, and lets others run
                empty.send_nowait(full.receive_nowait())
                full, empty = empty, full
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(move_it_about)
        channels, seen = (full, empty), set()
        for _ in range(1000):
            index, token = await select(*[c.on_receive() for c in channels], default())
            assert token == "token"
            seen.add(index)
            channels[index].send_nowait(token)
            await trio.lowlevel.checkpoint()
        stop = True
    assert seen == {0, 1}


# Places in line


@pytest.mark.parametrize("leaving", [0, 1, 2])
async def test_tasks_behind_a_select_that_left_are_still_there(leaving: int) -> None:
    """Go's issue 2075, in which they were forgotten; also those who come after it has left."""
    shared, other = Chan[int](), Chan[int]()
    received: list[int] = []

    async def receive() -> None:
        received.append(await shared.receive())

    async def receive_either() -> None:
        assert await select(shared.on_receive(), other.on_receive()) == (1, -1)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(receive_either if number == leaving else receive)
            await wait_all_tasks_blocked()
        other.send_nowait(-1)
        await wait_all_tasks_blocked()
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        for number in range(3):
            shared.send_nowait(number)
            await wait_all_tasks_blocked()
        with pytest.raises(trio.WouldBlock):
            shared.send_nowait(3)
    assert received == [0, 1, 2]


async def test_a_select_that_stands_twice_in_a_line_leaves_it_twice() -> None:
    """Go's duplicate channel: woken from elsewhere, it spoils nobody's place."""
    shared, other = Chan[int](), Chan[int]()
    received: list[Any] = []

    async def receive_either() -> None:
        received.append(await select(shared.on_receive(), shared.on_receive(), other.on_receive()))

    async def receive() -> None:
        received.append(await shared.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_either)
        await wait_all_tasks_blocked()
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        other.send_nowait(1)
        shared.send_nowait(2)
        with pytest.raises(trio.WouldBlock):
            shared.send_nowait(3)
        await wait_all_tasks_blocked()
    assert sorted(received, key=repr) == [(2, 1), 2]


# Many tasks


async def test_one_select_never_sends_twice() -> None:
    """Go's doubleselect: of four sends, one happens, so no number arrives a second time."""
    targets, merged = [Chan[int]() for _ in range(4)], Chan[int]()
    group = WaitGroup()
    group.add(len(targets))

    async def send() -> None:
        for number in range(400):
            await select(*[target.on_send(number) for target in targets])
        for target in targets:
            target.close()

    async def forward(source: Chan[int]) -> None:
        async for number in source:
            await merged.send(number)
        group.done()

    async def close_behind_them() -> None:
        await group.wait()
        merged.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        nursery.start_soon(close_behind_them)
        for target in targets:
            nursery.start_soon(forward, target)
        arrived = [number async for number in merged]
    assert sorted(arrived) == list(range(400))


SEND_FORMS: dict[str, Callable[[Chan[Any], Any], Awaitable[Any]]] = {
    "plain": lambda channel, value: channel.send(value),
    "alone": lambda channel, value: select(channel.on_send(value)),
    "in a select": lambda channel, value: select(None, never(), channel.on_send(value)),
}
RECEIVE_FORMS: dict[str, Callable[[Chan[Any]], Awaitable[Any]]] = {
    "plain": lambda channel: channel.receive(),
    "alone": lambda channel: select(channel.on_receive()),
    "in a select": lambda channel: select(channel.on_receive(), None, Chan[int]().on_send(1)),
}


@pytest.mark.parametrize("capacity", [0, 1, 10, 100])
@pytest.mark.parametrize("receive", RECEIVE_FORMS)
@pytest.mark.parametrize("send", SEND_FORMS)
async def test_every_form_of_sending_meets_every_form_of_receiving(
    send: str, receive: str, capacity: int
) -> None:
    """Go's ken/chan: any mixture, any number of tasks, and each value arrives exactly once."""
    channel = Chan[int](capacity)
    received: list[int] = []

    async def send_some(first: int) -> None:
        for number in range(first, first + 20):
            await SEND_FORMS[send](channel, number)

    async def receive_some() -> None:
        for _ in range(20):
            result = await RECEIVE_FORMS[receive](channel)
            received.append(result if receive == "plain" else result[1])

    async with trio.open_nursery() as nursery:
        for task in range(5):
            nursery.start_soon(send_some, 20 * task)
            nursery.start_soon(receive_some)
    assert sorted(received) == list(range(100))
    channel.check()


async def test_plain_operations_and_selects_under_stress() -> None:
    """Go's select stress: plain partners and one select over all channels, on either side."""
    channels = [Chan[int](capacity) for capacity in (0, 0, 2, 3)]
    each = 150
    sent, received = Counter[int](), Counter[int]()

    async def send(which: int) -> None:
        for _ in range(each):
            await channels[which].send(which)
            sent[which] += 1

    async def receive(which: int) -> None:
        for _ in range(each):
            received[await channels[which].receive()] += 1

    async def select_among_all(count: Counter[int], make: Callable[[int], Case[Any]]) -> None:
        done = [0] * len(channels)
        cases: list[Case[Any] | None] = [make(which) for which in range(len(channels))]
        for _ in range(each * len(channels)):
            which, value = await select(*cases)
            assert isinstance(which, int)
            assert value in (None, which)
            count[which] += 1
            done[which] += 1
            if done[which] == each:
                cases[which] = None

    async with trio.open_nursery() as nursery:
        for which in range(len(channels)):
            nursery.start_soon(send, which)
            nursery.start_soon(receive, which)
        nursery.start_soon(select_among_all, sent, lambda which: channels[which].on_send(which))
        nursery.start_soon(select_among_all, received, lambda which: channels[which].on_receive())
    assert sent == received == dict.fromkeys(range(len(channels)), 2 * each)
    for channel in channels:
        channel.check()


async def test_many_consumers_share_one_queue() -> None:
    """Go's multi consumer: workers range over the work, and the last one closes the results."""
    work, results = Chan[int](8), Chan[int](3)
    group = WaitGroup()

    async def consume() -> None:
        async for number in work:
            await results.send(number * number)
        group.done()

    async def feed() -> None:
        with work:
            for number in range(500):
                await work.send(number)
        await group.wait()
        results.close()

    async with trio.open_nursery() as nursery:
        for _ in range(23):
            group.add()
            nursery.start_soon(consume)
        nursery.start_soon(feed)
        collected = [result async for result in results]
    assert sorted(collected) == [number * number for number in range(500)]


async def test_channels_pass_through_channels() -> None:
    """Go's idiom for an answer: the request brings the channel along."""
    requests = Chan[tuple[int, Chan[int]]]()

    async def serve() -> None:
        async for number, answer in requests:
            await answer.send(2 * number)

    async def ask(number: int) -> None:
        answer = Chan[int]()
        await select(never(), requests.on_send((number, answer)))
        assert await answer.receive() == 2 * number
        group.done()

    group = WaitGroup()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        for number in range(50):
            group.add()
            nursery.start_soon(ask, number)
        await group.wait()
        requests.close()
