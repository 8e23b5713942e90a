"""Strategies and listeners that go wrong: what was under way is done or not, and all are told."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan import Chan, ChanBrokenError, ChanClosedError, Selector, select
from gochan.strategies import ADMIT, WAIT, Block, Empty, Strategy, Verdict

from ..lines import line_up

pytestmark = pytest.mark.usefixtures("both_modes")


class Later(Strategy[Any]):
    """Gives items out, and lets them in, only from a moment on; old ones are dropped then."""

    def __init__(self, capacity: int, moment: float, stale: int = 0) -> None:
        super().__init__(capacity)
        self.moment = moment
        self.stale = stale

    def take(self, now: float) -> Any:
        if now < self.moment or not self.items:
            raise Empty
        while self.stale and len(self.items) > 1:
            self.stale -= 1
            self.drop(self.items.popleft(), "stale")
        return self.items.popleft()

    def next_change(self, now: float) -> float | None:
        return self.moment if now < self.moment else None


# The answers of next_change


class Nonsense(Strategy[Any]):
    """Lets nothing in, and says something senseless about when that changes."""

    def __init__(self, answer: Any) -> None:
        super().__init__(1)
        self.answer = answer
        self.open = False

    def offer(self, item: Any, now: float) -> Verdict:
        return super().offer(item, now) if self.open else WAIT

    def next_change(self, now: float) -> float | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (math.nan, ValueError),
        ("soon", TypeError),
        (10**400, ValueError),
        (True, TypeError),
        (ZeroDivisionError(), ZeroDivisionError),
    ],
)
@pytest.mark.parametrize("how", ["send", "select", "selector"])
async def test_a_send_that_raises_does_not_happen_later(
    answer: Any, error: type[Exception], how: str
) -> None:
    """A senseless moment is blamed on the method, and the send is over."""
    strategy = Nonsense(answer)
    channel = Chan[Any](strategy=strategy)
    with pytest.raises(error) as caught:
        if how == "send":
            await channel.send(1)
        elif how == "select":
            await select(channel.on_send(1), Chan[int]().on_receive())
        else:
            with Selector[str, Any]() as selector:
                selector.add(channel.on_send(1), "send")
                await selector.select()
    if error is not ZeroDivisionError:
        assert "Nonsense.next_change (test_trouble.py, line" in str(caught.value)
    strategy.answer, strategy.open = None, True
    channel._state.ask_again()  # type: ignore[attr-defined]
    assert channel.statistics().tasks_waiting_send == 0
    assert len(channel) == 0
    channel.check()


# Closing


class GivesAllBack(Later):
    """Holds everything back, and hands it back at the end."""

    hands_back = True

    def close(self) -> list[Any]:
        items, self.items = [*self.items], type(self.items)()
        return items


async def test_what_ends_at_once_is_drawn_by_priority(autojump_clock: MockClock) -> None:
    """A strategy that hands back everything leaves receivers nothing: they end with the rest."""
    for _ in range(50):
        channel = Chan[Any](strategy=GivesAllBack(3, moment=math.inf))
        channel.send_nowait("held back")
        chosen: list[Any] = []

        async def wait(channel: Chan[Any] = channel, chosen: list[Any] = chosen) -> None:
            chosen.append(
                await select(
                    closed=channel.on_close(),
                    ended=channel.on_receive_ok(priority=1),
                )
            )

        async with trio.open_nursery() as nursery:
            await line_up(nursery, wait)
            channel.close()
        assert chosen == [("ended", (None, False))]
        assert channel.drain() == ["held back"]


class FailsToClose(Block[Any]):
    """Raises when it is closed."""

    def close(self) -> list[Any]:
        raise ZeroDivisionError


async def test_an_abandoned_channel_counts_its_values_though_the_strategy_fails() -> None:
    """The error is raised, and everything else has happened."""
    drops: list[tuple[Any, str]] = []
    channel = Chan[Any](strategy=FailsToClose(2), on_drop=lambda *drop: drops.append(drop))
    channel.send_nowait(1)
    channel.send_nowait(2)
    caught: list[object] = []

    async def send() -> None:
        with pytest.raises(ChanBrokenError) as error:
            await channel.send(3)
        caught.append(error.value.value)

    async with trio.open_nursery() as nursery:
        await line_up(nursery, send)
        with pytest.raises(ZeroDivisionError):
            channel.receiver.close()
    assert caught == [3]
    assert drops == [(1, "abandoned"), (2, "abandoned")]
    assert channel.statistics().dropped == 2
    with pytest.raises(ChanClosedError):
        channel.receive_nowait()
    channel.check()


class CountsCloses(Block[Any]):
    """Counts how often it is closed."""

    closes = 0

    def close(self) -> list[Any]:
        self.closes += 1
        return []


async def test_a_strategy_is_closed_once() -> None:
    """However often, and by whichever end, the channel is closed."""
    strategy = CountsCloses(3)
    channel = Chan[Any](strategy=strategy)
    channel.send_nowait(1)
    for close in (channel.close, channel.close, channel.receiver.close, channel.drain):
        close()
    assert strategy.closes == 1


# Listeners


@pytest.mark.parametrize("buffered", [True, False])
async def test_of_several_drops_each_is_reported_though_the_listener_raises(buffered: bool) -> None:
    """The first error is raised, when all have been told."""
    told: list[object] = []

    def listen(value: object, reason: str) -> None:
        told.append(value)
        raise ZeroDivisionError(value)

    channel = Chan[Any](3, on_drop=listen) if buffered else Chan(strategy=Block(3), on_drop=listen)
    for value in range(3):
        channel.send_nowait(value)
    with pytest.raises(ZeroDivisionError) as caught:
        channel.receiver.close()
    assert told == [0, 1, 2]
    assert caught.value.args == (0,)
    assert channel.statistics().dropped == 3


@pytest.mark.parametrize("how", ["receive", "async for", "receive_many", "select", "selector"])
async def test_a_value_stays_if_the_listener_raises_while_one_waits_for_it(
    how: str, autojump_clock: MockClock
) -> None:
    """Time lets the strategy drop one item and give out the next: that is not lost."""

    def listen(value: object, reason: str) -> None:
        raise ZeroDivisionError(value)

    channel = Chan[Any](strategy=Later(5, moment=trio.current_time() + 5, stale=1), on_drop=listen)
    channel.send_nowait("stale")
    channel.send_nowait("next")
    with pytest.raises(ZeroDivisionError):
        match how:
            case "receive":
                await channel.receive()
            case "async for":
                await anext(channel)
            case "receive_many":
                await channel.receive_many(2)
            case "select":
                await select(channel.on_receive(), Chan[int]().on_receive())
            case _:
                with Selector[str, Any]() as selector:
                    selector.add(channel.on_receive(), "it")
                    await selector.select()
    channel.check()
    assert channel.statistics().tasks_waiting_receive == 0
    assert channel.receive_nowait() == "next"


# Room that a look makes


class Stale(Strategy[Any]):
    """Holds the first item back until it is too old; that is found when it is to be given out."""

    def offer(self, item: Any, now: float) -> Verdict:
        if len(self.items) >= self.capacity:
            return WAIT
        self.items.append((item, now))
        return ADMIT

    def take(self, now: float) -> Any:
        while self.items:
            item, since = self.items[0]
            if not since:
                if now < 5:
                    break
                self.items.popleft()
                self.drop(item, "too old")
                continue
            return self.items.popleft()[0]
        raise Empty

    def next_change(self, now: float) -> float | None:
        return min((5.0 for _, since in self.items if not since), default=None)


@pytest.mark.parametrize("one_select", [False, True])
def test_a_sender_is_let_in_when_a_drop_has_made_room(one_select: bool) -> None:
    """Then a receiver that waits gets it; nobody sleeps for ever."""

    async def main() -> None:
        dropped: list[Any] = []
        channel = Chan[Any](strategy=Stale(1), on_drop=lambda *drop: dropped.append(drop))
        channel.send_nowait("old")
        with trio.fail_after(60):
            if one_select:
                assert await select(channel.on_send("new"), channel.on_receive()) == (0, None)
            else:
                got: list[Any] = []

                async def receive() -> None:
                    got.append(await channel.receive())

                async with trio.open_nursery() as nursery:
                    await line_up(nursery, receive)
                    await line_up(nursery, channel.send, "new")
                assert got == ["new"]
        assert trio.current_time() == 5
        assert dropped == [("old", "too old")]

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_a_cancelled_timed_wait_lets_its_value_go(autojump_clock: MockClock) -> None:
    """What was to be sent belongs to its sender again, and to nobody else."""
    import gc
    import weakref

    class Value:
        pass

    channel = Chan[Any](strategy=Later(0, moment=math.inf))
    value = Value()
    known = weakref.ref(value)
    with trio.move_on_after(1):
        await channel.send(value)
    await wait_all_tasks_blocked()
    del value
    gc.collect()
    assert known() is None


class Clears(Strategy[Any]):
    """Lets nothing in until a moment; then it drops what it has, and lets in what comes."""

    def __init__(self, moment: float) -> None:
        super().__init__(1)
        self.moment = moment

    def offer(self, item: Any, now: float) -> Verdict:
        if self.items and now < self.moment:
            return WAIT
        while self.items:
            self.drop(self.items.popleft(), "old")
        self.items.append(item)
        return ADMIT

    def next_change(self, now: float) -> float | None:
        return self.moment if now < self.moment else None


@pytest.mark.parametrize("how", ["send", "select", "selector"])
async def test_what_was_sent_is_sent_though_the_listener_raises(
    how: str, autojump_clock: MockClock
) -> None:
    """The sender hears of the trouble; its value is in the channel, once."""

    def listen(value: object, reason: str) -> None:
        raise ZeroDivisionError(value)

    channel = Chan[Any](strategy=Clears(trio.current_time() + 5), on_drop=listen)
    channel.send_nowait("old")
    with pytest.raises(ZeroDivisionError):
        match how:
            case "send":
                await channel.send("new")
            case "select":
                await select(channel.on_send("new"), Chan[int]().on_receive())
            case _:
                with Selector[str, Any]() as selector:
                    selector.add(channel.on_send("new"), "it")
                    await selector.select()
    assert channel.statistics().tasks_waiting_send == 0
    assert channel.drain() == ["new"]
    channel.check()


async def test_a_selector_reports_later_what_was_sent_while_the_listener_raised(
    autojump_clock: MockClock,
) -> None:
    """What has happened is not told twice, and not forgotten."""

    def listen(value: object, reason: str) -> None:
        raise ZeroDivisionError(value)

    channel = Chan[Any](strategy=Clears(trio.current_time() + 5), on_drop=listen)
    channel.send_nowait("old")
    with Selector[str, Any]() as selector:
        selector.add(channel.on_send("new"), "it")
        with pytest.raises(ZeroDivisionError):
            await selector.select()
        assert await selector.select() == ("it", None)
        assert len(selector) == 0
    assert channel.drain() == ["new"]
