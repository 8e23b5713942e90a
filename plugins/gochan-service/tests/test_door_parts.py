"""Parts of the door, each alone, where users see them only under a load."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from gochan_service._api import Growth
from gochan_service._door._agents import Agents
from gochan_service._door._canceller import Canceller
from gochan_service._door._exchanges import Exchanges
from gochan_service._door._inbox import Inbox
from gochan_service._door._limits import Limited
from gochan_service._door._listeners import Ear, Listeners, TooMany
from gochan_service._door._offers import Offers
from gochan_service._wire import AgentSaid, Exchange, Exchanged
from starlette.requests import Request
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan.durable import Bells, Hint, NewJob, StoreUnavailable, open_store


async def test_the_canceller_forgets(autojump_clock: MockClock) -> None:
    """After five minutes; and who watches other jobs is not woken."""
    canceller = Canceller()
    with canceller.subscribed([1]) as mine, canceller.subscribed([2]) as other:
        canceller.cancel([1])
        canceller.cancel([1])
        assert await mine.receive_ok() == (None, False)
        assert not other.closed
        canceller.wake([])
        assert other.closed
    assert canceller.remembers(1)
    assert not canceller.remembers(2)
    await trio.sleep(301)
    assert not canceller.remembers(1)
    canceller.cancel([3])
    assert [*canceller._cancelled] == [3]


async def test_an_inbox_holds_back_who_sends_much(autojump_clock: MockClock) -> None:
    """Until somebody takes it; when it has ended, nothing is kept but the end."""
    inbox = Inbox()
    sent: list[int] = []

    async def send() -> None:
        for number in range(20):
            await inbox.put({"type": "http.request", "number": number})
            sent.append(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        assert len(sent) == 10
        assert [(await inbox.take())["number"] for _ in range(20)] == [*range(20)]
    inbox.end()
    await inbox.put({"type": "http.request"})
    await inbox.put({"type": "http.disconnect"})
    assert (await inbox.take())["type"] == "http.disconnect"


async def test_a_client_that_leaves_in_its_body_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is answered, and nothing is logged."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await Request(scope, receive).body()

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    head = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b""}
    await Limited(application)({**head, "headers": []}, receive, send)
    assert caplog.text == ""


async def test_many_hints_become_one() -> None:
    """That names no job, so that any may be meant."""
    ear = Ear()
    ear.ring("q", Hint("waiting", (1,)))
    ear.ring("q", Hint("waiting", (2,)))
    ((hint,),) = ear.take().values()
    assert sorted(hint.ids) == [1, 2]
    ear.ring("q", Hint("waiting", tuple(range(2000))))
    ear.ring("q", Hint("waiting", (1,)))
    assert ear.take() == {"q": [Hint("waiting")]}


async def test_other_settings_wake_who_watches_and_nobody_else(
    autojump_clock: MockClock,
) -> None:
    """A queue that changes is none of those who listen to another one."""
    canceller = Canceller()
    async with open_store("memory:") as store, trio.open_nursery() as nursery:
        listeners = Listeners(store, canceller)
        nursery.start_soon(listeners.run)
        assert listeners.rings("a") == 0
        async with listeners.hearing("a") as a, listeners.hearing("b") as b:
            a.take(), b.take()
            with canceller.subscribed([1]) as watch:
                settings = await store.configure("a")
                changed = type(settings)(capacity=7)
                await store.configure("a", changed, update=True)
                await wait_all_tasks_blocked()
                assert watch.closed
            assert a.rung.is_set()
            assert not b.rung.is_set()
            assert listeners.rings("a") == 1
        nursery.cancel_scope.cancel()


async def test_a_bell_that_was_lost_is_found_out(autojump_clock: MockClock) -> None:
    """In a time of silence, when the counts are not as they were; otherwise nobody is woken."""
    async with open_store("memory:") as store, trio.open_nursery() as nursery:
        store._patience = 30.0  # type: ignore[attr-defined]
        listeners = Listeners(store, Canceller())
        nursery.start_soon(listeners.run)
        async with listeners.hearing("q") as ear:
            ear.take()
            await trio.sleep(600)
            assert not ear.rung.is_set()
            bells, store._bells = store._bells, Bells()  # type: ignore[attr-defined]
            store._desk._bells = store._bells  # type: ignore[attr-defined]
            await store.enqueue([NewJob(queue="q", payload=b"1")])
            await trio.sleep(31)
            assert ear.take() == {"q": [Hint("changed")]}
            store._bells = store._desk._bells = bells  # type: ignore[attr-defined]
            await store.enqueue([NewJob(queue="q", payload=b"2")])
            await wait_all_tasks_blocked()
            assert "waiting" in {hint.what for hint in ear.take()["q"]}
            await trio.sleep(65)  # in which nobody knows what other bells there were
            assert ear.take() == {"q": [Hint("changed")]}
            await trio.sleep(600)
            assert not ear.rung.is_set()
        nursery.cancel_scope.cancel()


async def test_a_store_that_is_away_is_no_change(autojump_clock: MockClock) -> None:
    """Its agents are not woken for that."""
    async with open_store("memory:") as store, trio.open_nursery() as nursery:
        store._patience = 30.0  # type: ignore[attr-defined]
        listeners = Listeners(store, Canceller())
        nursery.start_soon(listeners.run)
        async with listeners.hearing("q") as ear:
            ear.take()

            async def away(queue: str) -> Any:
                raise StoreUnavailable("away")

            store.statistics = away  # type: ignore[method-assign]
            await trio.sleep(600)
            assert not ear.rung.is_set()
        nursery.cancel_scope.cancel()


async def test_a_store_that_is_away_knows_no_queue(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the room of queues that there are is not given away; who asks comes again."""
    monkeypatch.setattr("gochan_service._door._listeners.MOST", 2)
    async with open_store("memory:") as store, trio.open_nursery() as nursery:
        listeners = Listeners(store, Canceller())
        nursery.start_soon(listeners.run)
        await listeners.follow("made up")

        async def away() -> Any:
            raise StoreUnavailable("away")

        store.queues = away  # type: ignore[method-assign]
        with pytest.raises(TooMany, match="for one that is not there: 'q'"):
            await listeners.follow("q")
        nursery.cancel_scope.cancel()


async def test_queues_that_nobody_hears_do_not_stay() -> None:
    """Clients can name any queue, for years."""
    bells = Bells()
    for queue in ("a", "b"):
        async with bells.listen(queue), bells.listen(queue):
            assert bells.queues == [queue]
    assert not bells._listeners


async def test_who_follows_a_log_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    """When it grows no more, or its reader leaves before the others."""
    growth = Growth()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(growth.wait, 7)
        for id in (7, 8):
            with trio.move_on_after(1):
                await growth.wait(id)
        assert [*growth._events] == [7]
        growth.ring(7)
    assert not growth._events


async def test_nobody_listens_under_a_name_of_the_server_itself(
    autojump_clock: MockClock,
) -> None:
    """A client draws its word; whatever it is, it takes no bells from those who wait here."""
    async with open_store("memory:") as store, trio.open_nursery() as nursery:
        listeners = Listeners(store, Canceller())
        nursery.start_soon(listeners.run)
        async with listeners.hearing("q") as mine:
            mine.take()
            for name in [*listeners._ears]:
                (await listeners.ear(str(name), ["q"])).take()
            await store.enqueue([NewJob(queue="q", payload=b"1")])
            await trio.sleep(1)
            assert "q" in mine.take()
            assert len(listeners._ears) == 2
        nursery.cancel_scope.cancel()


async def test_notes_about_offers_do_not_grow(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents can say anything of themselves."""
    monkeypatch.setattr("gochan_service._door._offers._MOST_NOTES", 3)
    async with open_store("memory:") as store:
        offers = Offers(store, Listeners(store, Canceller()))
        agents = Agents()
        for number in range(10):
            agent = agents.heard(AgentSaid("a", machine=str(number)))
            assert (await offers.look(agent, "q", 1))[0] == []
            assert len(offers._notes) <= 3


async def test_what_rings_while_a_client_leaves_is_kept_for_it(autojump_clock: MockClock) -> None:
    """It asks again, and is told then."""
    async with open_store("memory:") as store, trio.open_nursery() as nursery:
        listeners = Listeners(store, Canceller())
        nursery.start_soon(listeners.run)
        exchanges = Exchanges(store, listeners, Agents(), trio.Event())
        poll = Exchange(listener="a word of mine", queues=["q"], wait=30.0)
        await exchanges(poll, store, None, trio.sleep_forever)  # it is new, so it is told to look
        ear = await listeners.ear("a word of mine", [])

        async def leave() -> None:
            await trio.sleep(1)
            ear.ring("q", Hint("waiting", (7,)))

        assert (await exchanges(poll, store, None, leave)).hints == {}
        again = await exchanges(poll, store, None, trio.sleep_forever)
        assert again.hints == {"q": [Hint("waiting", (7,))]}
        nursery.cancel_scope.cancel()


async def test_what_a_repeated_question_has_taken_is_told_again(autojump_clock: MockClock) -> None:
    """Until the client says that it has the answer: a proxy may have sent the question twice."""
    async with open_store("memory:") as store, trio.open_nursery() as nursery:
        listeners = Listeners(store, Canceller())
        nursery.start_soon(listeners.run)
        exchanges = Exchanges(store, listeners, Agents(), trio.Event())

        async def ask(number: int, wait: float = 0.0) -> Exchanged:
            heard = {"a word of another server": 99, listeners.word: number}
            poll = Exchange(listener="a word of mine", queues=["q"], wait=wait, heard=heard)
            return await exchanges(poll, store, None, trio.sleep_forever)

        first = await ask(0)
        assert (first.server, first.number) == (listeners.word, 1)
        answers: list[Exchanged] = []

        async def repeated() -> None:
            answers.append(await ask(1, 30.0))

        nursery.start_soon(repeated)
        nursery.start_soon(repeated)
        await trio.sleep(1)
        ear = await listeners.ear("a word of mine", [])
        ear.ring("q", Hint("cancel", (7,)))
        ear.ring("q", Hint("changed"))
        await trio.sleep(1)
        told = {"q": [Hint("cancel", (7,)), Hint("changed")]}
        assert [(answer.number, answer.hints) for answer in answers] == [(2, told), (3, told)]
        assert (await ask(2)).hints == told  # it may have got the one, and not the other
        assert (await ask(4)).hints == {}
        assert (await ask(5)).hints == {}
        nursery.cancel_scope.cancel()
