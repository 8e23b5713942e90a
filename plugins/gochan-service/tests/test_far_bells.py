"""The bells of a server, as its clients hear them, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
import trio
from gochan_service._remote._far_bells import FarBells
from gochan_service._remote._far_clock import FarClock
from gochan_service._wire import Exchange, Exchanged, decode, encode

from gochan import ReceiveChan
from gochan.durable import Hint, StoreUnavailable


class Server:
    """Answers polls, at once or when a bell rings."""

    def __init__(self) -> None:
        self.polls: list[tuple[list[str], float]] = []
        self.asked: list[str] = []  # of which queues, now
        self.hints: dict[str, list[Hint]] = {}
        self.rung = trio.Event()
        self.away = False
        self.on_the_way = 0.0

    def ring(self, queue: str, what: str = "waiting") -> None:
        self.hints.setdefault(queue, []).append(Hint(what))  # type: ignore[arg-type]
        self.rung.set()

    async def __call__(self, route: str, body: bytes, wait: float) -> bytes:
        exchange = decode(body, Exchange)
        self.polls.append((exchange.queues, wait))
        if self.away:
            raise StoreUnavailable("away")
        self.asked = exchange.queues
        try:
            with trio.move_on_after(wait):
                await self.rung.wait()
        finally:
            self.asked = []
        hints, self.hints = self.hints, {}
        self.rung = trio.Event()
        await trio.sleep(self.on_the_way)
        return encode(Exchanged(1000.0 + trio.current_time(), hints=hints))


@asynccontextmanager
async def hearing(server: Server) -> AsyncIterator[FarBells]:
    """Hear the bells of a server inside the block."""
    bells = FarBells(server, FarClock())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bells.run)
        yield bells
        nursery.cancel_scope.cancel()


async def heard(bell: ReceiveChan[Hint]) -> str:
    with trio.fail_after(60):
        return (await bell.receive()).what


async def test_a_bell_of_the_server_is_heard_here(autojump_clock: trio.testing.MockClock) -> None:
    """As soon as it rings; one poll waits all the time."""
    server, clock = Server(), FarClock()
    bells = FarBells(server, clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bells.run)
        async with bells.listen("q") as bell:
            assert clock.now() == 1000.0 + trio.current_time()
            await trio.sleep(45)
            server.ring("q")
            start = trio.current_time()
            assert await heard(bell) == "waiting"
            assert trio.current_time() == start
        nursery.cancel_scope.cancel()
    assert [wait for _, wait in server.polls][:3] == [0.0, 30.0, 30.0]


async def test_who_listens_later_is_heard_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """The poll that waits is broken off; what was on its way then is not missed."""
    server = Server()
    async with hearing(server) as bells, bells.listen("one") as one:
        await trio.sleep(5)
        server.on_the_way = 1.0
        server.ring("one")
        await trio.sleep(0.5)  # the server has handed the hint over
        async with bells.listen("two") as two:
            assert await heard(one) == "changed"
            server.ring("two")
            assert await heard(two) == "waiting"
    assert ["one", "two"] in [queues for queues, _ in server.polls]


@pytest.mark.parametrize("others", [["other"], []], ids=["beside others", "alone"])
async def test_who_comes_back_is_heard_again(
    others: list[str], autojump_clock: trio.testing.MockClock
) -> None:
    """The server is asked about a queue that was left, and is listened to once more."""
    server = Server()
    async with hearing(server) as bells, AsyncExitStack() as stack:
        for queue in others:
            await stack.enter_async_context(bells.listen(queue))
        for away in (0, 1, 100, 1):
            async with bells.listen("q"):
                await trio.sleep(1)
                assert "q" in server.asked
            await trio.sleep(away)


async def test_a_queue_is_heard_as_long_as_anybody_listens(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Though another one who has listened to it has left."""
    server = Server()
    async with hearing(server) as bells, bells.listen("q"):
        async with bells.listen("q"):
            pass
        async with bells.listen("other"):  # so that it asks anew
            await trio.sleep(1)
            assert {*server.asked} == {"q", "other"}


async def test_after_an_outage_anything_may_have_happened(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Everybody is told to look, when it begins and when it is over, though no bell rings."""
    server = Server()
    async with hearing(server) as bells, bells.listen("q") as bell:
        await trio.sleep(5)
        server.away = True
        server.ring("q")
        assert await heard(bell) == "waiting"  # the poll that waited
        assert await heard(bell) == "changed"
        with trio.move_on_after(60) as silence:
            await bell.receive()
        assert silence.cancelled_caught
        server.away = False
        back = trio.current_time()
        assert await heard(bell) == "changed"
        assert trio.current_time() - back <= 1.0


async def test_it_says_which_answer_it_has_of_each_server(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Of the last servers, since each start of one makes another."""
    said: list[dict[str, int]] = []
    server = Server()

    async def post(route: str, body: bytes, wait: float) -> bytes:
        answer = decode(await server(route, body, min(wait, 1.0)), Exchanged)
        said.append(dict(decode(body, Exchange).heard or {}))
        number = len(said)
        return encode(msgspec.structs.replace(answer, server=f"s{number // 2}", number=number))

    bells = FarBells(post, FarClock())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bells.run)
        async with bells.listen("q"):
            await trio.sleep(40)
        nursery.cancel_scope.cancel()
    assert said[:4] == [{}, {"s0": 1}, {"s0": 1, "s1": 2}, {"s0": 1, "s1": 3}]
    assert len(said) >= 40
    assert max(map(len, said)) == 16
    assert "s0" not in said[-1]
