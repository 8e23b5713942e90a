"""A strategy that answers nonsense: users of channels and queues are told whose fault it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan import Chan
from gochan.strategies import ADMIT, Empty, Filter, Refuse, Strategy

HERE = Path(__file__).name


class Broken(Strategy[Any]):
    """Makes senders wait beyond the first, and answers one question with nonsense."""

    def __init__(self, capacity: int = 1, **answers: Any) -> None:
        super().__init__(capacity)
        self.answers = answers

    def offer(self, item: Any, now: float) -> Any:
        return self.answers["offer"] if "offer" in self.answers else super().offer(item, now)

    def take(self, now: float) -> Any:
        return self.answers["take"] if "take" in self.answers else super().take(now)

    def next_change(self, now: float) -> Any:
        return self.answers.get("next_change")

    def close(self) -> Any:
        return self.answers.get("close", [])


def blamed(question: str) -> str:
    method: Callable[..., Any] = getattr(Broken, question)
    return rf"Broken\.{question} \({HERE}, line {method.__code__.co_firstlineno}\) answered "


@pytest.mark.parametrize("moment", [math.nan, -math.inf, "soon", True, 10**400], ids=repr)
async def test_a_send_that_raises_does_not_happen_later(
    moment: Any, autojump_clock: MockClock
) -> None:
    """It would wait, and the strategy cannot say until when."""
    channel = Chan[int](strategy=Broken(next_change=moment))
    channel.send_nowait(1)
    with pytest.raises((TypeError, ValueError), match=blamed("next_change")):
        await channel.send(2)
    await trio.sleep(10)
    assert channel.receive_nowait() == 1
    with pytest.raises(trio.WouldBlock):
        channel.receive_nowait()


async def test_a_receive_that_raises_takes_nothing_later(autojump_clock: MockClock) -> None:
    """Nor does it stay in line."""
    channel = Chan[int](strategy=Broken(next_change=math.nan))
    with pytest.raises(ValueError, match=blamed("next_change") + "nan; it must be a time"):
        await channel.receive()
    channel.send_nowait(1)
    await trio.sleep(10)
    assert channel.receive_nowait() == 1


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (None, "None; it must be ADMIT, WAIT or Refuse"),
        (True, "True; it must be"),
        (Refuse("full", math.nan), ".*it must be a Refuse whose retry_after is None, or"),
        (Refuse(""), ".*it must be a Refuse whose reason is a str, and not empty"),
    ],
    ids=["none", "true", "nan", "no reason"],
)
async def test_a_verdict_that_is_none_is_blamed_in_both(verdict: Any, words: str) -> None:
    """The channel sends nothing, and the queue has no job."""
    channel = Chan[int](strategy=Broken(offer=verdict))
    with pytest.raises((TypeError, ValueError), match=blamed("offer") + words):
        channel.send_nowait(1)
    assert len(channel) == 0

    async def handle(payload: int) -> None: ...

    with pytest.raises(BaseException) as caught:
        async with gochan.open_job_queue(handle, strategy=Broken(offer=verdict)) as queue:
            await queue.submit(1)
    assert blames(caught.value, "Broken.offer (")


async def test_empty_returned_by_mistake_is_no_item() -> None:
    """It is meant to be raised."""
    channel = Chan[int](strategy=Broken(take=Empty))
    channel.send_nowait(1)
    with pytest.raises(TypeError, match=blamed("take") + ".*if there is none, raise Empty"):
        channel.receive_nowait()


async def test_a_close_that_is_no_list_is_blamed() -> None:
    """The channel is closed all the same."""
    channel = Chan[int](strategy=Broken(close=None))
    with pytest.raises(TypeError, match=blamed("close") + "None; it must be a list of items"):
        channel.close()
    assert channel.closed


async def test_behind_a_filter_the_right_one_is_blamed() -> None:
    """The filter has passed on what it was told."""

    class Passes(Filter[Any]):
        pass

    channel = Chan[int](strategy=Passes() | Broken(next_change=math.nan))
    channel.send_nowait(1)
    with pytest.raises(ValueError, match=rf"^{blamed('next_change')}"):
        await channel.send(2)


async def test_of_several_behind_a_filter_the_broken_one_is_found() -> None:
    """Wherever it stands among the others."""

    class Several(Filter[Any]):
        def __init__(self, *parts: Strategy[Any]) -> None:
            super().__init__()
            self.several = parts

        def parts(self) -> Any:
            return self.several

    good, broken = Broken(next_change=5.0), Broken(next_change=math.nan)
    for parts in ([good, broken], [broken, good]):
        with pytest.raises(ValueError, match=rf"^{blamed('next_change')}nan; "):
            Several(*parts).next_change(0.0)


@pytest.mark.parametrize(
    ("question", "answer", "ask"),
    [
        ("close", "ab", lambda chain: chain.close()),
        ("remove", 1, lambda chain: chain.remove("a")),
        ("take_all", 7, lambda chain: [*chain.take_all(0.0)]),
        ("retry_after", math.nan, lambda chain: chain.retry_after(0.0)),
    ],
)
async def test_what_a_filter_puts_together_is_looked_at(
    question: str, answer: Any, ask: Callable[[Any], Any]
) -> None:
    """A string would become a list of letters, and anything true would be True."""

    class Passes(Filter[Any]):
        pass

    class Says(Strategy[Any]):
        pass

    setattr(Says, question, lambda *_: answer)
    with pytest.raises((TypeError, ValueError), match=rf"Says\.{question} .*answered {answer!r}; "):
        ask(Passes() | Says(1))


async def test_a_length_and_a_capacity_that_are_none_are_blamed() -> None:
    """Whenever a channel asks for them."""

    class Says(Strategy[Any]):
        def __len__(self) -> Any:
            return -1

        def offer(self, item: Any, now: float) -> Any:
            self.items.append(item)
            return ADMIT

    channel = Chan[int](strategy=Says(1))
    with pytest.raises(ValueError, match=r"Says\.__len__ .*answered -1; it must be an int >= 0"):
        channel.send_nowait(1)
    with pytest.raises(ValueError, match=r"Says\.__len__ .*answered -1; it must be an int >= 0"):
        len(channel)
    strategy = Broken()
    channel = Chan[int](strategy=strategy)
    strategy.capacity = math.nan
    with pytest.raises(ValueError, match=r"Broken\.capacity answered nan; it must be an int >= 0"):
        channel.statistics()


async def test_a_job_queue_names_the_strategy_too() -> None:
    """When a worker waits for something to do."""

    async def handle(payload: int) -> None: ...

    with pytest.raises(BaseException) as caught:
        async with gochan.open_job_queue(handle, strategy=Broken(next_change=math.nan)):
            await wait_all_tasks_blocked()
            await trio.sleep(1)
    assert blames(caught.value, "Broken.next_change (")


def blames(error: BaseException, words: str) -> bool:
    """Whether the words are in an error, its notes or causes, or in one of a group."""
    if words in "\n".join([str(error), *getattr(error, "__notes__", [])]):
        return True
    inside = [*getattr(error, "exceptions", ()), error.__cause__, error.__context__]
    return any(blames(each, words) for each in inside if each is not None)
