"""Logs on their way to a server, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from gochan_service._agent._log_stream import MUCH, SOON, LogCourier
from gochan_service._door._limits import LONGEST_BODY
from gochan_service._wire import Part

from gochan.durable import StoreError, StoreUnavailable, Ticket


class Server:
    """Keeps logs, unless it is told to do otherwise."""

    def __init__(self) -> None:
        self.logs: dict[tuple[int, int], bytes] = {}
        self.requests: list[list[int]] = []  # how long the parts were
        self.troubles: list[Exception] = []
        self.over: set[int] = set()
        self.loses_answers = False
        self.refuses = False

    async def __call__(self, parts: Sequence[Part]) -> Sequence[int | None]:
        self.requests.append([len(part.data) for part in parts])
        await trio.sleep(0.01)
        if self.troubles and not self.loses_answers:
            raise self.troubles.pop(0)
        sizes: list[int | None] = []
        for part in parts:
            if part.id in self.over:
                sizes.append(None)
                continue
            log = self.logs.get((part.id, part.version), b"")
            assert part.name == "log"
            if part.offset <= len(log) and not self.refuses:
                log = log[: part.offset] + part.data + log[part.offset + len(part.data) :]
            self.logs[part.id, part.version] = log
            sizes.append(len(log))
        if self.troubles:
            raise self.troubles.pop(0)
        return sizes


@asynccontextmanager
async def carrying(server: Server) -> AsyncIterator[LogCourier]:
    """Carry logs to a server inside the block."""
    courier = LogCourier(server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(courier.run)
        yield courier
        nursery.cancel_scope.cancel()


async def test_what_is_printed_arrives_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """Small pieces are gathered; the parts of all runs go together."""
    server = Server()
    async with carrying(server) as courier:
        one, other = courier.open(1, 1), courier.open(2, 5)
        for n in range(100):
            await one.write(b"%d\n" % n)
            await other.write(b".")
        await trio.sleep(SOON + 0.1)
    assert server.logs == {
        (1, 1): b"".join(b"%d\n" % n for n in range(100)), (2, 5): b"." * 100
    }  # fmt: skip
    assert len(server.requests) == 1


async def test_much_is_sent_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """Without waiting for more."""
    server = Server()
    async with carrying(server) as courier:
        log = courier.open(1, 1)
        await log.write(b"x" * MUCH)
        await trio.sleep(0.005)
        assert server.requests == [[MUCH]]  # before a flush, which would hurry it as well
        await log.flush()
        assert trio.current_time() == pytest.approx(0.01)


async def test_a_run_that_ends_waits_for_nothing_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Its worker is free for the next one as soon as the server has its log."""
    server = Server()
    async with carrying(server) as courier:
        for n in range(10):
            log = courier.open(n, 1)
            await log.write(b"done")
            await log.flush()
        assert trio.current_time() == pytest.approx(0.1)


async def test_an_end_does_not_send_what_is_on_its_way(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It waits for that."""
    server = Server()
    async with carrying(server) as courier:
        log = courier.open(1, 1)
        await log.write(b"x" * MUCH)
        await trio.sleep(0.005)
        await log.flush()
        await trio.sleep(1)
    assert server.requests == [[MUCH]]


async def test_who_prints_faster_than_the_server_takes_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """So memory is bounded; and nothing is missing."""
    server = Server()
    async with carrying(server) as courier:
        log = courier.open(1, 1)
        most = 0
        for _ in range(200):
            await log.write(b"x" * 2**16)
            most = max(most, log.waiting)
        await log.flush()
    assert most <= 2**20 + 2**16
    assert len(server.logs[1, 1]) == 200 * 2**16
    assert max(map(sum, server.requests)) <= 2**18


@pytest.mark.parametrize("loses", [False, True], ids=["request lost", "answer lost"])
async def test_after_an_outage_it_goes_on_where_the_server_is(
    autojump_clock: trio.testing.MockClock, loses: bool
) -> None:
    """Nothing is missing, and nothing is there twice."""
    server = Server()
    server.loses_answers = loses
    async with carrying(server) as courier:
        log = courier.open(1, 1)
        await log.write(b"first ")
        await log.flush()
        server.troubles = [StoreUnavailable("away")] * 3
        await log.write(b"second ")
        await trio.sleep(1.5)
        await log.write(b"third")
        await log.flush()
    assert server.logs[1, 1] == b"first second third"


async def test_a_server_that_has_lost_a_part_gets_what_follows(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """As after a power cut: the run goes on, and the server is not asked without a pause."""
    server = Server()
    async with carrying(server) as courier:
        log = courier.open(1, 1)
        await log.write(b"first ")
        await log.flush()
        server.logs[1, 1] = b"fir"
        with trio.fail_after(10):
            await log.write(b"x" * 2**21)
            await log.flush()
    assert server.logs[1, 1] == b"fir" + b"x" * 2**21
    assert len(server.requests) < 20


async def test_an_old_answer_takes_nothing_back(autojump_clock: trio.testing.MockClock) -> None:
    """An end sends what is on its way already; the answers may come in any order."""
    log = LogCourier(Server()).open(1, 1)
    await log.write(b"0123456789")
    log.hear(log.part().offset, 5)
    log.hear(0, 3)
    assert (log.part().offset, log.part().data) == (5, b"56789")
    log.hear(0, 10)
    assert (log.part().offset, log.waiting) == (10, 0)
    log.hear(5, 3)
    assert log.part().offset == 10


async def test_many_logs_are_not_too_much_for_one_request(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A server takes so many bytes, and so many parts; after an outage all runs have many."""
    server = Server()
    async with carrying(server) as courier:
        logs = [courier.open(id, 1) for id in range(2000)]
        for log in logs:
            await log.write(b"x" * (2**18 if log.run.id < 200 else 1))
        for log in logs:
            await log.flush()
    assert len(server.logs) == 2000
    assert max(map(sum, server.requests)) * 4 / 3 < LONGEST_BODY / 2
    assert max(map(len, server.requests)) <= 1000


async def test_a_run_whose_log_nobody_takes_goes_on(autojump_clock: trio.testing.MockClock) -> None:
    """Since it is over for the server, or the log is too long."""
    server = Server()
    server.over = {1}
    async with carrying(server) as courier:
        late, long, good = (courier.open(id, 1) for id in (1, 2, 3))
        await late.write(b"x" * 2**21)  # would wait for room
        assert late.waiting == 0
        await late.write(b"more")
        await late.flush()
        server.troubles = [StoreError("too long")]
        await long.write(b"x")
        await long.flush()
        await good.write(b"good")
        await good.flush()
    assert server.logs == {(3, 1): b"good"}


async def test_the_end_of_a_run_does_not_wait_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """For a server that is away."""
    server = Server()
    server.troubles = [StoreUnavailable("away")] * 1000
    async with carrying(server) as courier:
        log = courier.open(1, 1)
        await log.write(b"x")
        await log.flush()
        assert trio.current_time() == 10.0
        courier.lease = 4.0  # or the lease would be lost, and what is done would be done again
        await log.flush()
        assert trio.current_time() == 11.0


@pytest.mark.parametrize("later", [0.005, 0.5], ids=["in a request", "in a pause"])
async def test_the_log_of_a_run_goes_before_its_end(
    autojump_clock: trio.testing.MockClock, later: float
) -> None:
    """What could not be sent in an outage, of this run alone; in as many parts as it needs."""
    server = Server()
    server.troubles = [StoreUnavailable("away")] * 1000
    async with carrying(server) as courier:
        log, other = courier.open(1, 1), courier.open(2, 1)
        await log.write(b"x" * 2**19)
        await log.flush()
        await other.write(b"y")
        with pytest.raises(StoreUnavailable):
            await courier.bring({Ticket(1, 1)})
        seen = len(server.requests)
        while len(server.requests) == seen:  # noqa: ASYNC110  # the courier tries again and again
            await trio.sleep(0.001)
        await trio.sleep(later)
        server.troubles = server.troubles[:1] if later < 0.01 else []
        began = trio.current_time()
        await courier.bring({Ticket(1, 1), Ticket(3, 1)})
        assert server.logs == {(1, 1): b"x" * 2**19}
        assert trio.current_time() - began < 0.1
        await courier.bring({Ticket(1, 1)})
        assert trio.current_time() - began < 0.1
        await other.flush()
    assert server.logs[2, 1] == b"y"


async def test_logs_alone_do_not_hold_the_ends_back_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """As where there is no room for files; nor does a server that takes nothing."""
    server = Server()
    courier = LogCourier(server)
    log = courier.open(1, 1)
    await log.write(b"x" * 2**19)
    await courier.bring({Ticket(1, 1)})
    assert len(server.logs[1, 1]) == 2**19
    server.troubles = [StoreUnavailable("no room")] * 1000
    for seconds in (0, 30, 29.9):
        await log.write(b"y")
        await trio.sleep(seconds)
        with pytest.raises(StoreUnavailable):
            await courier.bring({Ticket(1, 1)})
    await trio.sleep(1)
    await courier.bring({Ticket(1, 1)})
    server.troubles = []
    await courier.bring({Ticket(1, 1)})
    await log.write(b"z")
    server.troubles = [StoreUnavailable("no room")]
    with pytest.raises(StoreUnavailable):
        await courier.bring({Ticket(1, 1)})
    del server.logs[1, 1]
    await courier.bring({Ticket(1, 1)})
    assert (log.waiting, server.logs[1, 1]) == (0, b"z")
    await log.write(b"z")
    server.refuses = True
    await courier.bring({Ticket(1, 1)})
    assert log.waiting == 1


async def test_a_log_that_nobody_takes_does_not_hold_its_end_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is too long, for one."""
    server = Server()
    courier = LogCourier(server)
    log = courier.open(1, 1)
    await log.write(b"x")
    server.troubles = [StoreError("too long")]
    await courier.bring({Ticket(1, 1)})
    assert log.waiting == 0
