"""Coalesce: one of each key, in its own time, and no two at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from gochan_overflow import Coalesce
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

import gochan
from gochan import Chan
from gochan.strategies import ADMIT, WAIT, Empty, Filter, Strategy


def letter(item: str) -> str:
    """The first letter of "a1" is its key."""
    return item[0]


def channel_of(strategy: Strategy[str]) -> tuple[Chan[str], list[tuple[str, str]]]:
    drops: list[tuple[str, str]] = []
    return Chan[str](strategy=strategy, on_drop=lambda *drop: drops.append(drop)), drops


async def send_all(channel: Chan[str], items: str, pause: float = 0) -> None:
    for item in items.split():
        channel.send_nowait(item)
        await trio.sleep(pause)


async def arrivals(channel: Chan[str]) -> list[tuple[str, float]]:
    """Receive everything, each with the time at which it came."""
    began = trio.current_time()
    return [(item, round(trio.current_time() - began, 6)) async for item in channel]


async def test_the_newest_item_takes_the_place_of_the_one_of_its_key() -> None:
    """In the line, too, so frequent updates do not delay an item."""
    channel, drops = channel_of(Coalesce(letter))
    with channel:
        await send_all(channel, "a1 b1 a2 c1 a3")
        assert len(channel) == 3
        assert await channel.receive() == "a3"
        await send_all(channel, "a4 b2")
    assert [item async for item in channel] == ["b2", "c1", "a4"]
    assert drops == [("a1", "coalesced"), ("a2", "coalesced"), ("b1", "coalesced")]


async def test_items_without_a_key_stay_apart() -> None:
    """Nobody has said that one would do for the others."""
    done = []

    async def handle(number: int) -> None:
        done.append(number)

    async with gochan.open_job_queue(handle, strategy="coalesce(exclusive=True)") as queue:
        for number in range(3):
            queue.submit_nowait(number)
        for number in range(3, 6):
            queue.submit_nowait(number, key="same")
        queue.audit()
    assert done == [0, 1, 2, 5]


async def test_while_it_is_full_of_keys_senders_wait() -> None:
    """A key that waits already needs no more room; but all stand in one line."""
    channel, drops = channel_of(Coalesce(letter, capacity=2))
    async with trio.open_nursery() as nursery:
        await send_all(channel, "a1 b1 a2")
        with pytest.raises(trio.WouldBlock):
            channel.send_nowait("c1")
        await send_all(channel, "b2")
        nursery.start_soon(channel.send, "c1")
        await wait_all_tasks_blocked()
        with pytest.raises(trio.WouldBlock):
            channel.send_nowait("b3")
        assert [await channel.receive() for _ in range(3)] == ["a2", "b2", "c1"]
    assert drops == [("a1", "coalesced"), ("b1", "coalesced")]


async def test_with_debounce_an_item_goes_when_no_newer_one_comes(
    autojump_clock: MockClock,
) -> None:
    """For so long."""
    channel, _ = channel_of(Coalesce(letter, debounce=2.5))
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            with channel:
                await send_all(channel, "a1 a2 b1 a3", pause=1.0)  # at 0, 1, 2 and 3 s
                await trio.sleep(5)
                await send_all(channel, "a4", pause=10.0)

        received = await arrivals(channel)
    assert received == [("b1", 4.5), ("a3", 5.5), ("a4", 11.5)]


@pytest.mark.parametrize(("max_wait", "times"), [(None, [21.0]), (5.5, [5.5, 11.5, 17.5, 21.0])])
async def test_a_steady_stream_goes_after_the_maximum_wait(
    max_wait: float | None, times: list[float], autojump_clock: MockClock
) -> None:
    """Without one it goes only when the stream has ended."""
    channel, _ = channel_of(Coalesce(letter, debounce=2.0, max_wait=max_wait))
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            with channel:
                await send_all(channel, " ".join(f"a{n}" for n in range(20)), pause=1.0)
                await trio.sleep(5)

        received = await arrivals(channel)
    assert [time for _, time in received] == times
    assert received[-1][0] == "a19"


async def test_a_close_ends_the_debounce(autojump_clock: MockClock) -> None:
    """Nothing newer can come, so there is nothing to wait for; the order stays."""
    channel, _ = channel_of(Coalesce(letter, debounce=100.0))
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            with channel:
                await send_all(channel, "a1 b1 a2", pause=1.0)

        assert await arrivals(channel) == [("b1", 3.0), ("a2", 3.0)]


async def test_a_close_hands_nothing_back(autojump_clock: MockClock) -> None:
    """Not even what a worker was given by it, and has not begun."""
    done = []

    async def handle(name: str) -> None:
        done.append((name, trio.current_time() - began))

    began = trio.current_time()
    strategy = Filter[Any]() | Coalesce(letter, debounce=50.0)
    async with gochan.open_job_queue(handle, workers=2, strategy=strategy) as queue:
        for name in ("a1", "b1", "c1"):
            queue.submit_nowait(name)
        await trio.sleep(1)
    assert sorted(done) == [("a1", 1.0), ("b1", 1.0), ("c1", 1.0)]


async def test_no_two_jobs_of_a_key_run_at_once_and_no_update_is_lost(
    autojump_clock: MockClock,
) -> None:
    """What comes while one runs waits for its end; the newest of it."""
    running: list[str] = []
    spans: list[tuple[str, float]] = []

    async def handle(name: str) -> None:
        assert name[0] not in running
        running.append(name[0])
        spans.append((name, trio.current_time() - began))
        await trio.sleep(10)
        running.remove(name[0])

    began = trio.current_time()
    strategy = Coalesce[Any](letter, exclusive=True)
    async with gochan.open_job_queue(handle, workers=3, strategy=strategy) as queue:
        for name in ("a1", "a2", "b1", "a3"):
            job = queue.submit_nowait(name)
            await trio.sleep(1)
            strategy.check()
        assert job.state == "waiting"
        strategy.check()
    assert spans == [("a1", 0), ("b1", 2), ("a3", 10)]
    assert not strategy._in_work
    assert not strategy._keys_in_work


async def test_without_exclusive_keys_may_run_at_once(autojump_clock: MockClock) -> None:
    """As in a channel, where nobody tells when work has ended."""
    spans: list[tuple[str, float]] = []

    async def handle(name: str) -> None:
        spans.append((name, trio.current_time() - began))
        await trio.sleep(10)

    began = trio.current_time()
    async with gochan.open_job_queue(handle, workers=3, strategy=Coalesce[Any](letter)) as queue:
        queue.submit_nowait("a1")
        await trio.sleep(1)
        queue.submit_nowait("a2")
    assert spans == [("a1", 0), ("a2", 1)]


async def test_a_failed_or_cancelled_job_frees_its_key(autojump_clock: MockClock) -> None:
    """However it ends, and whether it was running or not."""
    done = []

    async def handle(name: str) -> None:
        await trio.sleep(1)
        done.append(name)
        if name == "a1":
            raise ValueError

    async with gochan.open_job_queue(
        handle, workers=2, strategy=Coalesce[Any](letter, exclusive=True), failures="collect"
    ) as queue:
        queue.submit_nowait("a1")
        await trio.sleep(0.5)
        queue.submit_nowait("a2")
        await trio.sleep(1)  # it is running now
        queue.submit_nowait("a3").cancel()
        queue.submit_nowait("a4").cancel()
        queue.submit_nowait("a5")
    assert done == ["a1", "a2", "a5"]


async def test_a_stop_hands_back_what_is_held_back(autojump_clock: MockClock) -> None:
    """By its debounce, or since its key is in work."""

    async def handle(name: str) -> None:
        await trio.sleep(10)

    strategy = Coalesce[Any](letter, debounce=0.5, exclusive=True)
    async with gochan.open_job_queue(handle, workers=2, strategy=strategy) as queue:
        first = queue.submit_nowait("a1")
        await trio.sleep(1)
        others = [queue.submit_nowait(name) for name in ("a2", "b1")]
        report = await queue.stop(drain=20)
    assert report.done == (first,)
    assert {*report.handed_back} == {*others}
    assert len(strategy) == 0


def test_drain_gives_all_by_the_time_at_which_they_were_due() -> None:
    """Also those that are held back; and one that is asked for part of it keeps the rest."""
    strategy = Coalesce[str](letter, debounce=1.0, exclusive=True)
    for now, item in enumerate(("a1", "b1", "c1")):
        strategy.offer(item, float(now))
    assert strategy.take(1.0) == "a1"
    for now, item in enumerate(("a2", "b2"), 3):
        strategy.offer(item, float(now))
    everything = strategy.take_all(4.0)
    assert next(everything) == "c1"
    assert len(strategy) == 2
    assert [*everything] == ["a2", "b2"]
    assert len(strategy) == 0


def test_removing_an_item_changes_nothing_for_the_others() -> None:
    """The next change is still that of the first of them."""
    strategy = Coalesce[str](letter, debounce=10.0)
    items = {key: f"{key}1" for key in "abcdefg"}
    for now, item in enumerate(items.values()):
        strategy.offer(item, float(now))
    strategy.offer("a2", 6.5)
    assert strategy.next_change(6.5) == 11.0
    for removed, change in (("b", 12.0), ("d", 12.0), ("c", 14.0)):
        assert strategy.remove(items[removed])
        assert strategy.next_change(6.5) == change
        strategy.check()


def test_it_learns_how_fast_the_work_goes() -> None:
    """As every strategy does."""
    strategy = Coalesce[str](letter)
    for now in range(3):
        strategy.finished("a", float(now), waited=0.0, ran=0.5, ok=True)
    assert strategy.retry_after(3.0) == 0.5


def test_it_spares_the_key_that_has_waited_longest() -> None:
    """If it has to spare one, as behind a filter that shares out the room."""
    strategy = Coalesce[str](letter)
    assert strategy.spare() is None
    for item in ("b1", "a1", "b2"):
        strategy.offer(item, 0.0)
    assert strategy.spare() == "b2"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"capacity": 0}, ValueError, "capacity must be >= 1"),
        ({"capacity": None}, TypeError, "capacity"),
        ({"debounce": -1}, ValueError, "debounce must be >= 0 and finite, not -1"),
        ({"debounce": math.nan}, ValueError, "debounce"),
        ({"debounce": math.inf}, ValueError, "debounce"),
        ({"debounce": True}, TypeError, "debounce must be a number of seconds, not True"),
        ({"debounce": "1"}, TypeError, "debounce"),
        ({"debounce": None}, TypeError, "debounce"),
        ({"debounce": 2, "max_wait": 1}, ValueError, "max_wait must be >= 2 and finite, not 1"),
        ({"max_wait": math.nan}, ValueError, "max_wait"),
        ({"max_wait": "1"}, TypeError, "max_wait"),
        ({"exclusive": 1}, TypeError, "exclusive must be True or False, not 1"),
        ({"key": 3}, TypeError, "key must be a name or a function"),
    ],
)
def test_wrong_options_are_told(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """When it is made."""
    with pytest.raises(error, match=message):
        Coalesce(**options)


async def test_wrong_keys_are_told() -> None:
    """To the sender; nothing has happened then."""
    strategy = Coalesce[Any]("key")
    channel = Chan[Any](strategy=strategy)
    with pytest.raises(TypeError, match="Coalesce needs keys that can be hashed: unhashable type"):
        channel.send_nowait(SimpleNamespace(key=[]))
    with pytest.raises(LookupError, match="has no 'key'"):
        channel.send_nowait(3)
    assert len(channel) == 0
    strategy.check()


# The model


class Model:
    """What the documentation says, word by word: all is looked up in one list."""

    def __init__(
        self, capacity: float, debounce: float, max_wait: float | None, exclusive: bool
    ) -> None:
        self.capacity, self.debounce, self.exclusive = capacity, debounce, exclusive
        self.max_wait = math.inf if max_wait is None else max_wait
        self.waiting: list[dict[str, Any]] = []  # in the order in which their keys came
        self.in_work: list[Any] = []
        self.closed = False

    def offer(self, item: Any, now: float) -> Any:
        for entry in self.waiting:
            if entry["item"][0] == item[0] is not None:
                before, entry["item"], entry["last"] = entry["item"], item, now
                return before
        if len(self.waiting) >= self.capacity:
            return WAIT
        self.waiting.append({"item": item, "first": now, "last": now})
        return ADMIT

    def due(self, entry: dict[str, Any]) -> float:
        if not self.debounce:
            return float(entry["first"])
        return min(entry["last"] + self.debounce, entry["first"] + self.max_wait)

    def free(self) -> list[dict[str, Any]]:
        busy = {item[0] for item in self.in_work} - {None}
        return [entry for entry in self.waiting if entry["item"][0] not in busy]

    def next(self, now: float) -> dict[str, Any] | None:
        due = [entry for entry in self.free() if self.closed or self.due(entry) <= now]
        return min(due, key=self.due, default=None)  # the first of several

    def change(self, now: float) -> float | None:
        if self.closed:
            return None
        first = min(map(self.due, self.free()), default=-math.inf)
        return first if first > now else None


STEPS = st.one_of(
    st.tuples(st.just("offer"), st.sampled_from(["a", "a", "b", "c", None])),
    st.tuples(st.just("take"), st.just(0)),
    st.tuples(st.sampled_from(["finish", "remove"]), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 12)),
    st.tuples(st.sampled_from(["change", "close"]), st.just(0)),
)


@settings(deadline=None, derandomize=True, database=None, max_examples=300)
@given(
    capacity=st.integers(1, 5),
    times=st.sampled_from([(0, None), (0, 1.0), (1.0, None), (1.0, 1.0), (1.0, 2.5)]),
    exclusive=st.booleans(),
    program=st.lists(STEPS, max_size=60),
)
def test_it_does_as_the_words_say(
    capacity: int,
    times: tuple[float, float | None],
    exclusive: bool,
    program: list[tuple[str, Any]],
) -> None:
    """At whatever time, in whatever order; and the next change is exact."""
    debounce, max_wait = times
    strategy = Coalesce[Any](
        lambda item: item[0],
        capacity=capacity,
        debounce=debounce,
        max_wait=max_wait,
        exclusive=exclusive,
    )
    model, now = Model(capacity, debounce, max_wait, exclusive), 0.0

    def finish(item: Any) -> None:
        strategy.finished(item, now, waited=0.0, ran=0.0, ok=True)

    other_steps: dict[str, Callable[[int], object]] = {
        "close": lambda _: setattr(model, "closed", strategy.close() == []),
        "finish": lambda n: finish(model.in_work.pop(n) if n < len(model.in_work) else ["a"]),
    }
    for step, argument in program:
        match step:
            case "offer" if not model.closed:
                item = [argument]
                verdict, expected = strategy.offer(item, now), model.offer(item, now)
                if isinstance(expected, list):
                    ((dropped, reason),) = strategy._dropped
                    assert (dropped is expected, reason) == (True, "coalesced")
                    strategy._dropped.clear()
                    expected = ADMIT
                assert verdict is expected
            case "take":
                if entry := model.next(now):
                    assert strategy.take(now) is entry["item"]
                    model.waiting = [one for one in model.waiting if one is not entry]
                    if exclusive:
                        model.in_work.append(entry["item"])
                else:
                    with pytest.raises(Empty):
                        strategy.take(now)
            case "remove":
                if argument < len(model.waiting):
                    assert strategy.remove(model.waiting.pop(argument)["item"])
                assert not strategy.remove(["a"])
            case "wait":
                now += argument / 8
            case "change":
                now = model.change(now) or now
            case "close" | "finish":
                other_steps[step](argument)
        assert not strategy._dropped
        assert len(strategy) == len(model.waiting)
        assert strategy.next_change(now) == model.change(now)
        strategy.check()
