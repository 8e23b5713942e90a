"""The lab: a server, agents and people in virtual time, with faults; and the laws it watches."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from gochan_service import Lab
from gochan_service._agent import open_agent_by
from gochan_service._door._tending import HEARD
from gochan_service._lab import _agents, _ledger
from gochan_service._lab._agents import SECRET
from gochan_service._lab._link import Link
from gochan_service._lab._network import URL, ServerEnd, Transport, _Connection
from gochan_service._lab._pipe import Pipe
from gochan_service._lab._storm import FAULTS
from gochan_service._remote import open_http_store
from trio.testing import MockClock

from gochan.durable import StoreUnavailable


async def double(n: int) -> int:
    await trio.sleep(5)
    return 2 * n


def in_virtual_time(main: Any, *arguments: Any) -> Any:
    return trio.run(main, *arguments, clock=MockClock(autojump_threshold=0))


# Without faults


async def test_jobs_are_run_by_agents(autojump_clock: MockClock) -> None:
    """As many at a time as they can; time is virtual."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double, capacity=2)
        jobs = [await lab.submit("q", n) for n in range(4)]
        await trio.sleep(1)
        assert agent.running == (1, 2)
        await lab.settle()
        assert [(await job.wait()).value for job in jobs] == [0, 2, 4, 6]
        assert trio.current_time() == pytest.approx(11, abs=1.5)
        assert lab.counts["done"] == lab.counts["submitted"] == 4


async def test_the_store_may_be_a_file(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Which a server that was killed leaves as it is."""
    async with Lab(seed=1, store=f"sqlite:{tmp_path}/jobs.db") as lab:
        await lab.start_agent("q", double)
        job = await lab.submit("q", 4)
        await trio.sleep(1)
        lab.kill(lab.server)
        await trio.sleep(10)
        lab.restart(lab.server)
        await lab.settle()
        assert (await job.wait()).value == 8
        assert (await lab.record(job)).attempt == 1


async def test_people_have_the_api_and_the_page(autojump_clock: MockClock) -> None:
    """As somebody with a role."""
    async with Lab(seed=1) as lab:
        async with lab.client("submitter") as client:
            answer = await client.post("/api/v1/jobs", json={"queue": "q", "payload": 1})
            assert answer.status_code == 201
        async with lab.client("viewer") as client:
            answer = await client.post("/api/v1/jobs", json={"queue": "q", "payload": 1})
            assert answer.status_code == 403
            assert "job" in (await client.get("/")).text
        await lab.start_agent("q", double)
        await lab.settle()
        assert (await lab.record(1)).kind == "done"
        with pytest.raises(LookupError, match="no job 2"):
            await lab.record(2)


async def test_nothing_depends_on_the_machine(autojump_clock: MockClock) -> None:
    """A thread takes no time, and the host's clock is virtual."""
    seen: list[float] = []

    async def handler(n: int) -> None:
        begun = time.time()
        await trio.to_thread.run_sync(time.sleep, 0.001)
        await trio.sleep(60)
        seen.append(time.time() - begun)

    real = time.time
    async with Lab(seed=1) as lab:
        await lab.start_agent("q", handler)
        before = time.time()
        await lab.submit("q", 1)
        await lab.settle()
        assert time.time() - before < 100
    assert seen == [pytest.approx(60)]
    assert time.time is real


async def test_the_clock_of_an_agent_may_be_wrong(autojump_clock: MockClock) -> None:
    """Its own alone; no job minds."""
    seen: list[float] = []

    async def handler(_: int) -> None:
        seen.append(time.time())

    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", handler)
        for seconds in (-7200, 7200):
            lab.skew(agent, seconds)
            await lab.submit("q", 1)
            await lab.settle()
        assert seen[1] - seen[0] == pytest.approx(14_400, abs=10)
        assert abs(time.time() - sum(seen) / 2) < 100


# Faults


async def test_other_threads_have_the_time_of_the_machine(autojump_clock: MockClock) -> None:
    """They do not know how late it is in the lab."""
    real = time.time()
    async with Lab(seed=1):
        await trio.sleep(1000)
        seen: list[float] = []
        thread = threading.Thread(target=lambda: seen.append(time.time()))
        thread.start()
        thread.join()
        assert time.time() - real > 900
    assert seen[0] - real < 900


async def test_a_killed_agent_loses_its_jobs_to_others(autojump_clock: MockClock) -> None:
    """When its lease has ended; whatever it does in its last moments is not seen."""
    async with Lab(seed=1) as lab:
        first = await lab.start_agent("q", double)
        job = await lab.submit("q", 1)
        await trio.sleep(1)
        lab.kill(first)
        assert not first.is_alive
        await lab.start_agent("q", double)
        await lab.settle()
        record = await lab.record(job)
        assert [one.kind for one in record.attempts] == ["lost", "done"]
        assert trio.current_time() == pytest.approx(36, abs=2)


@pytest.mark.parametrize("seed", range(5))
async def test_no_lease_ends_while_the_server_could_be_asked(
    seed: int, autojump_clock: MockClock
) -> None:
    """Though two renewals in a row fell into an outage, and it was over just in time."""

    async def minute(_: object) -> None:
        await trio.sleep(60)

    async with Lab(seed=seed) as lab:
        await lab.start_agent("q", minute)
        job = await lab.submit("q", 1)
        begun = trio.current_time()
        await trio.sleep(8)
        lab.kill(lab.server)
        await trio.sleep_until(begun + 25.5)
        lab.restart(lab.server)
        await lab.settle()
        assert [one.kind for one in (await lab.record(job)).attempts] == ["done"]


@pytest.mark.parametrize("seed", range(5))
async def test_what_ends_in_an_outage_is_not_done_again(
    seed: int, autojump_clock: MockClock
) -> None:
    """However long that is: a server hears its agents before it takes their jobs for lost."""
    async with Lab(seed=seed) as lab:
        await lab.start_agent("q", double, capacity=3)
        jobs = [await lab.submit("q", n) for n in range(3)]
        await trio.sleep(1)
        lab.kill(lab.server)
        await trio.sleep(600)
        lab.restart(lab.server)
        await lab.settle()
        for job in jobs:
            assert [one.kind for one in (await lab.record(job)).attempts] == ["done"]


async def test_a_server_takes_jobs_for_lost_soon_after_its_start(
    autojump_clock: MockClock,
) -> None:
    """If nobody says anything about them."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double)
        job = await lab.submit("q", 1)
        await trio.sleep(1)
        lab.kill(lab.server)
        lab.kill(agent)
        await trio.sleep(600)
        lab.restart(lab.server)
        back = trio.current_time()
        await trio.sleep(HEARD - 0.5)
        assert (await lab.record(job)).state == "running"
        await trio.sleep(1.0)
        assert (await lab.record(job)).state == "waiting"
        assert trio.current_time() - back < 6
        await lab.start_agent("q", double)
        await lab.settle()


async def test_an_agent_that_is_stopped_ends_what_it_runs(autojump_clock: MockClock) -> None:
    """And can be started again."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double)
        job = await lab.submit("q", 1)
        await trio.sleep(1)
        await lab.stop(agent)
        assert (await lab.record(job)).kind == "done"
        await lab.submit("q", 2)
        await trio.sleep(10)
        lab.restart(agent)
        await lab.settle()
        assert lab.counts["done"] == 2


async def test_a_server_may_be_stopped_and_started(autojump_clock: MockClock) -> None:
    """In order, or not; nothing is lost."""
    async with Lab(seed=1) as lab:
        await lab.start_agent("q", double)
        job = await lab.submit("q", 1)
        await lab.stop(lab.server)
        await trio.sleep(20)
        with pytest.raises(StoreUnavailable):
            await lab.cancel(job)
        lab.restart(lab.server)
        lab.restart(lab.server)
        await lab.settle()
        assert (await lab.record(job)).kind == "done"


async def test_an_agent_may_begin_before_its_server(autojump_clock: MockClock) -> None:
    """It tries again; until it has begun there is nothing to end in order."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double)
        job = await lab.submit("q", 1)
        lab.kill(lab.server)
        for _ in range(2):
            lab.restart(agent)
            await trio.sleep(5)
            assert not agent.begun.is_set()
            await lab.stop(agent)
            assert not agent.is_alive
        lab.restart(agent)
        await trio.sleep(5)
        await lab.settle()
        assert (await job.wait()).value == 2


@pytest.mark.parametrize("fails", [False, True])
async def test_an_agent_may_be_killed_as_it_begins(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """What it still does counts no more: it has not begun, and its errors are no breach."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double)

        class Jobs:
            async def wait_stopped(self) -> None:
                await trio.sleep_forever()

        @asynccontextmanager
        async def opening(*_: Any, **__: Any) -> AsyncIterator[Jobs]:
            lab.kill(agent)
            if fails:
                raise ValueError("killed")
            yield Jobs()

        monkeypatch.setattr(_agents, "open_agent_by", opening)
        lab.restart(agent)
        await trio.sleep(5)
        assert not agent.begun.is_set()


async def test_what_is_dead_stays_dead(autojump_clock: MockClock) -> None:
    """Until it is started; a server is at the latest when the lab settles."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double)
        await lab.submit("q", 1)
        for _ in range(2):
            lab.kill(agent)
            lab.kill(lab.server)
            assert (agent.is_alive, lab.server.is_alive) == (False, False)
            await trio.sleep(5)
        lab.restart(agent)
        await lab.settle()
        assert lab.server.is_alive
        assert lab.counts["done"] == 1


async def test_a_partition_holds_everything_back(autojump_clock: MockClock) -> None:
    """It arrives later, when nobody wants it any more."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double)
        job = await lab.submit("q", 1)
        await trio.sleep(1)
        lab.partition(agent)
        await trio.sleep(20)
        assert (await lab.record(job)).state == "running"
        lab.heal(agent)
        await trio.sleep(12)
        assert (await lab.record(job)).kind == "done"
        await lab.settle()
        assert (await lab.record(job)).attempt == 1


async def test_an_answer_that_is_lost_stores_nothing_twice(autojump_clock: MockClock) -> None:
    """Whoever asks again is answered again; so does a request that comes twice."""
    async with Lab(seed=1) as lab:
        await lab.start_agent("q", double)
        await lab.submit("q", 0)
        lab.drop_reply(lab.operator)
        await lab.submit("q", 1)
        lab.duplicate(lab.operator)
        await lab.submit("q", 2)
        lab.duplicate(lab.operator, after=60.0)
        await lab.submit("q", 3)
        await trio.sleep(100)
        await lab.settle()
        assert (await lab.store.statistics("q")).stored == lab.counts["done"] == 4


async def test_what_comes_twice_may_find_no_server(autojump_clock: MockClock) -> None:
    """Then it has come once."""
    async with Lab(seed=1) as lab:
        lab.duplicate(lab.operator, 10.0)
        await lab.submit("q", 1)
        lab.kill(lab.server)
        await trio.sleep(60)
        lab.restart(lab.server)
        await lab.server.begun.wait()
        assert (await lab.store.statistics("q")).waiting == 1


async def test_bytes_may_be_taken_in_parts(autojump_clock: MockClock) -> None:
    """As any stream may give fewer than were sent."""
    pipe = Pipe(Link(), ends_with_link=False)
    pipe.put(b"12345")
    pipe.put(b"6")
    pipe.end()
    assert [await pipe.take(3) for _ in range(4)] == [b"123", b"45", b"6", b""]


async def test_the_end_of_a_server_is_a_stream(autojump_clock: MockClock) -> None:
    """That has room, until it is closed."""
    end = ServerEnd(_Connection(Link()))
    await end.wait_send_all_might_not_block()
    await end.send_all(b"x")
    await end.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await end.send_all(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await end.receive_some(1)


async def test_a_way_may_be_slow(autojump_clock: MockClock) -> None:
    """In both directions."""
    async with Lab(seed=1) as lab:
        await lab.submit("q", 1)
        lab.delay(lab.operator, 2)
        begun = trio.current_time()
        await lab.submit("q", 1)
        assert trio.current_time() - begun == pytest.approx(4)
        lab.heal()
        await lab.submit("q", 1)
        assert trio.current_time() - begun == pytest.approx(4)


async def test_all_ways_of_the_server_may_be_bad(autojump_clock: MockClock) -> None:
    """Of everybody at once."""
    async with Lab(seed=1) as lab:
        await lab.start_agent("q", double)
        lab.partition(lab.server)
        lab.submit_soon("q", 1)
        await trio.sleep(60)
        assert not lab.counts
        await lab.settle()
        assert lab.counts["done"] == 1


async def test_a_drained_agent_gets_no_job(autojump_clock: MockClock) -> None:
    """Not after a restart of the server, nor of its own, until it is undrained."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double)
        await lab.drain(agent)
        job = await lab.submit("q", 1)
        for member in (lab.server, agent):
            await trio.sleep(60)
            lab.restart(member)
        await trio.sleep(70)
        assert (await lab.record(job)).state == "waiting"
        begun = trio.current_time()
        await lab.undrain(agent)
        await job.wait()
        assert trio.current_time() - begun < 6  # of which it runs for 5


async def test_settling_ends_a_drain(autojump_clock: MockClock) -> None:
    """As it ends all other faults."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double)
        await lab.drain(agent)
        await lab.submit("q", 1)
        await lab.settle()
        assert (lab.counts["done"], agent.is_drained) == (1, False)


async def test_only_whom_the_server_knows_is_drained(autojump_clock: MockClock) -> None:
    """And only if it is there."""
    async with Lab(seed=1) as lab:
        agent = await lab.start_agent("q", double)
        lab.partition(agent)
        lab.restart(lab.server)
        await lab.server.begun.wait()
        with pytest.raises(LookupError, match="not heard of agent1"):
            await lab.drain(agent)
        lab.kill(lab.server)
        with pytest.raises(StoreUnavailable, match="does not run"):
            await lab.undrain(agent)
        lab.drain_soon(agent)
        lab.undrain_soon(agent)
        await trio.sleep(1)
        assert not agent.is_drained


async def test_what_cannot_be_is_said(autojump_clock: MockClock) -> None:
    """People are not killed, and a storm knows its faults."""
    async with Lab() as lab:
        with pytest.raises(TypeError, match="people are not killed"):
            lab.kill(lab.operator)
        with pytest.raises(TypeError, match="people are not restarted"):
            lab.restart(lab.operator)
        await lab.stop(lab.operator)
        with pytest.raises(ValueError, match="'flood' is not one of kill"):
            await lab.storm(faults=["flood"])


async def test_real_time_is_refused() -> None:
    """A minute would take one."""
    with pytest.raises(RuntimeError, match="needs a virtual clock: use the fixture autojump_clock"):
        async with Lab():
            pass


# What is said


async def test_an_error_has_the_seed_and_the_script(autojump_clock: MockClock) -> None:
    """Of the block's own, too."""
    with pytest.raises(ValueError, match="oh") as caught:
        async with Lab(seed=77) as lab:
            await lab.start_agent("q", double, capacity=2)
            await trio.sleep(2.5)
            await lab.submit("q", 3, key="x")
            raise ValueError("oh")
    (note,) = caught.value.__notes__
    assert note == (
        "in a Lab with seed=77, after:\n"
        "    agent1 = await lab.start_agent('q', double, capacity=2)\n"
        "    await trio.sleep(2.5)\n"
        "    await lab.submit('q', 3, key='x')"
    )


async def test_an_error_of_the_block_hides_no_other_one(autojump_clock: MockClock) -> None:
    """Such as that of a store which breaks while the lab looks at it."""
    with pytest.RaisesGroup(ValueError, ZeroDivisionError):
        async with Lab() as lab:
            await lab.start_agent("q", double)

            async def fail(*_: Any) -> Any:
                raise ZeroDivisionError

            lab.store.offer = fail  # type: ignore[method-assign]
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("oh")


async def test_a_job_that_cannot_end_is_explained(autojump_clock: MockClock) -> None:
    """After the time that it had; everything that is wrong is said."""
    with pytest.raises(AssertionError, match=r"nothing lost: job 1 is waiting after 5 s \(.*gpu"):
        async with Lab() as lab:
            await lab.submit("q", 1, labels={"gpu": "yes"})
            await lab.settle(within=5)


async def test_an_agent_that_ends_by_itself_is_a_breach(autojump_clock: MockClock) -> None:
    """So is a server."""
    lab = Lab()
    with pytest.raises(AssertionError, match="alive: agent1 has ended: ValueError") as caught:
        async with lab:
            await lab.start_agent("q", double, lease=5)

            async def fail(*_: Any) -> Any:
                raise ValueError("oh")

            lab.store.list = fail  # type: ignore[method-assign]
            lab.agents[0]._jobs.store.claim = fail  # type: ignore[union-attr, method-assign]
            await lab.submit("q", 1)  # so that it claims
            await trio.sleep(40)
    assert "seed" in str(caught.value)
    lab = Lab()
    with pytest.raises(AssertionError, match="alive: the server has ended: ZeroDivisionError"):
        async with lab:

            async def fail_to_tend(*_: Any) -> Any:
                raise ZeroDivisionError

            lab.store.tend = fail_to_tend  # type: ignore[method-assign]
            await trio.sleep(40)


# What it has found


def open_agent_of(lab: Lab, handler: Any) -> Any:
    transport = Transport(lab._network, Link(), 4)
    return open_agent_by(open_http_store(URL, SECRET, 10.0, transport=transport), "q", handler)


async def test_an_agent_whose_block_is_cancelled_gives_its_jobs_back(
    autojump_clock: MockClock,
) -> None:
    """At once, and no attempt is burnt; although everything around it is cancelled as well."""
    async with Lab(seed=1) as lab:
        job = await lab.submit("q", 1)
        begun = trio.current_time()
        with trio.move_on_after(2):
            async with open_agent_of(lab, double):
                await trio.sleep_forever()
        assert trio.current_time() - begun == pytest.approx(2)
        record = await lab.record(job)
        assert (record.state, record.attempt) == ("waiting", 0)
        assert [one.kind for one in record.attempts] == ["interrupted"]


async def test_a_cancelled_agent_does_not_wait_for_a_server_that_is_away(
    autojump_clock: MockClock,
) -> None:
    """But for its grace; nor does one that is cancelled before it begins."""
    async with Lab(seed=1) as lab:
        await lab.submit("q", 1)
        begun = trio.current_time()
        with trio.move_on_after(2):
            async with open_agent_of(lab, double):
                await trio.sleep(1)
                lab.kill(lab.server)
                await trio.sleep_forever()
        assert trio.current_time() - begun == pytest.approx(7)
        with trio.CancelScope() as scope:
            scope.cancel()
            async with open_agent_of(lab, double):
                pytest.fail("it was entered")
        lab.restart(lab.server)
        await trio.sleep(40)


async def test_a_connection_that_is_cut_within_an_answer_is_no_failure(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the server: there is nothing in its log."""
    async with Lab(seed=1) as lab:
        send_all = ServerEnd.send_all

        async def cut(self: ServerEnd, data: Any) -> None:
            lab.server._scope.cancel()
            await send_all(self, data)

        async with lab.client() as client:
            monkeypatch.setattr(ServerEnd, "send_all", cut)
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/healthz")
        monkeypatch.undo()
        lab.restart(lab.server)
    assert "a connection failed" not in caplog.text


# Chance


async def storm(seed: int, steps: int) -> tuple[str, dict[str, int], float]:
    async with Lab(seed=seed) as lab:
        await lab.storm(steps)
        await lab.settle()
    return lab.script, {**lab.counts}, trio.current_time()


@pytest.mark.parametrize("seed", range(4))
def test_the_laws_hold_in_a_storm(seed: int) -> None:
    """Whatever happens."""
    script, counts, _ = in_virtual_time(storm, seed, 12)
    assert script
    assert counts["submitted"] >= 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_the_laws_hold_in_a_longer_storm(seed: int) -> None:
    """Whatever happens."""
    _, counts, _ = in_virtual_time(storm, 1000 + seed, 40)
    assert counts["submitted"]


def test_a_seed_gives_the_same_run_again() -> None:
    """To the last moment; another one does not."""
    one, other = in_virtual_time(storm, 5, 8), in_virtual_time(storm, 5, 8)
    assert one == other
    assert in_virtual_time(storm, 6, 8) != one


def test_a_script_gives_the_same_run_again() -> None:
    """It is a program."""
    script, counts, seconds = in_virtual_time(storm, 5, 12)

    async def again() -> tuple[str, dict[str, int], float]:
        from gochan_service._lab._storm import storm_handler

        lab = Lab(seed=5)
        names = {"lab": lab, "trio": trio, "handler": storm_handler(lab.random)}
        lines = "\n".join(f"    {line}" for line in script.splitlines())
        exec(f"async def main():\n    {lines.strip()}", names)
        async with lab:
            await names["main"]()  # type: ignore[operator]
        return lab.script, {**lab.counts}, trio.current_time()

    assert in_virtual_time(again)[0] == script


@pytest.mark.slow
def test_every_fault_is_a_verb() -> None:
    """And happens in storms."""
    assert all(hasattr(Lab, name) for name in FAULTS)
    missing = {*FAULTS}
    for seed in range(20):
        script = in_virtual_time(storm, seed, 25)[0]
        missing = {name for name in missing if f"lab.{name}" not in script}
        if not missing:
            break
    assert missing == set()


def test_the_laws_are_named_at_the_top_of_the_ledger() -> None:
    """Each that a breach begins with."""
    text = Path(_ledger.__file__).read_text(encoding="utf-8")
    for law in (
        "one lease",
        "late report",
        "one outcome",
        "one run",
        "nothing lost",
        "cancel",
        "drain",
    ):
        assert f"\n#   {law}  " in text
