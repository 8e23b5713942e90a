"""The scaler between a server and a provider, both made up; and the provider `command`."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from gochan_service import AgentPlan, ProviderError, ProviderSpec, Scaling, open_server_store
from gochan_service._scaling import _by_command, _local, _offered
from gochan_service._scaling._by_command import open_by_command
from gochan_service._scaling._fleet import Fleet, KnownAgent, Seen, open_fleet
from gochan_service._scaling._local import open_local
from gochan_service._scaling._offered import find_provider
from gochan_service._scaling._scaler import Scaler
from gochan_service._wire import AgentSaid
from trio.testing import MockClock

from gochan.durable import Ending, NewJob, StoreError, StoreUnavailable, Worker

from .services import SECRET, open_service


class World:
    """A server and a provider, each with a mind of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting = 0
        self.known: dict[str, KnownAgent] = {}
        self.there: list[str] = []
        self.ages: dict[str, list[float]] = {}
        self.can_list = True
        self.trouble: Exception | None = None
        self.down: Exception | None = None
        self.said: list[str] = []

    # The provider

    async def create(self, name: str) -> None:
        if self.trouble:
            raise self.trouble
        self.there.append(name)

    async def destroy(self, name: str) -> None:
        if self.trouble:
            raise self.trouble
        if name in self.there:
            self.there.remove(name)
        self.known.pop(name, None)

    async def list(self) -> Collection[str] | None:
        return [*self.there] if self.can_list else None

    # The server

    async def look(self) -> Seen:
        if self.down:
            raise self.down
        return Seen(self.waiting, self.waiting, None, self.ages, [*self.known.values()])

    async def drain(self, agent: str, draining: bool) -> None:
        if self.down:
            raise self.down
        name = agent.removesuffix(":1")
        self.hear(name, draining=draining)

    def hear(self, name: str, **options: Any) -> None:
        agent = {
            "name": f"{name}:1", "instance": name, "capacity": 1, "draining": False,
            "heard": 0.0, "busy": 0,
        }  # fmt: skip
        self.known[name] = KnownAgent(**{**agent, **options})

    def hear_all(self) -> None:
        for name in self.there:
            self.hear(name)


@pytest.fixture
def world() -> World:
    return World()


Make = Callable[..., Scaler]


@pytest.fixture
def make(world: World) -> Make:
    def make(**options: Any) -> Scaler:
        scaling = Scaling(**{"min_age": 0, "patience": 60, "target": 0, **options})
        say = world.said.append
        return Scaler(scaling, world, world, "p", say=say, clock=lambda: world.now)

    return make


async def test_agents_come_and_go(world: World, make: Make) -> None:
    """Created, heard of, drained, destroyed; each is said."""
    scaler = make()
    world.waiting = 1
    assert await scaler.step()
    assert len(world.there) == 2
    first, second = world.said[0].removeprefix("creates ").partition(":")[0].split(", ")
    assert world.said[0].endswith(": 1 jobs wait, 0 run, 2 slots are wanted")
    world.waiting = 0
    world.hear_all()
    world.hear(first, busy=1)
    world.ages = {f"{first}:1": [3.0]}
    world.hear("somebody-else")
    for _ in range(4):
        world.now += 5
        await scaler.step()
    assert {*world.there} == {first, second}  # the next job would have to wait
    world.hear(first)
    world.ages = {}
    world.now += 5
    await scaler.step()
    assert world.said[1:] == [f"drains {first}", f"drains {second}"]
    for _ in range(2):
        world.now += 5
        await scaler.step()
    assert world.there == []
    await scaler.step()
    assert scaler.names == []
    assert world.said[3:] == [f"destroys {first}, {second}"]


async def test_a_new_scaler_finds_the_agents_of_an_old_one(world: World, make: Make) -> None:
    """From both sides: it creates no others."""
    world.there = ["p-1", "p-2"]
    world.hear("p-2")
    world.hear("p-3", busy=1, heard=1.0)
    scaler = make(min=3)
    await scaler.step()
    assert world.there == ["p-1", "p-2"]
    assert sorted(scaler.names) == ["p-1", "p-2", "p-3"]
    assert world.said == ["the provider does not know agents that work: p-3"]
    await scaler.step()
    assert len(world.said) == 1  # it is not said again and again


async def test_agents_of_another_queue_are_left_alone(world: World, make: Make) -> None:
    """Although their names begin alike; they may be busy with jobs that this one does not see."""
    world.there = ["p-linux-1", "p-linux-2"]
    world.hear("p-linux-1")
    scaler = make()
    for _ in range(5):
        await scaler.step()
        world.now += 5
    assert (scaler.names, world.said) == ([], [])
    assert world.there == ["p-linux-1", "p-linux-2"]


async def test_a_drained_agent_that_is_not_heard_of_is_not_wanted_again(
    world: World, make: Make
) -> None:
    """Its machine may sleep: nobody can be told that it gets jobs again."""
    world.there = ["p-1"]
    world.hear("p-1")
    scaler = make()
    await scaler.step()
    assert world.said == ["drains p-1"]
    world.known.clear()
    world.now += 5
    world.waiting = 1
    await scaler.step()
    assert len(world.there) == 3
    assert "wants again" not in str(world.said)


async def test_a_server_that_begins_anew_has_not_lost_its_agents(world: World, make: Make) -> None:
    """It hears from them soon. Where the provider cannot list, no others are created meanwhile."""
    world.can_list = False
    world.waiting = 1
    scaler = make(max=2)
    await scaler.step()
    world.hear_all()
    world.now += 5
    await scaler.step()
    assert len(world.there) == 2
    world.known.clear()
    world.now += 5
    await scaler.step()
    world.now += 5
    await scaler.step()
    assert len(world.there) == 2
    world.hear_all()
    world.now += 5
    await scaler.step()
    assert len(world.there) == 2


async def test_an_agent_that_was_killed_is_replaced(world: World, make: Make) -> None:
    """At once if the provider says so, although the server has heard from it a moment ago."""
    world.there = ["p-1"]
    world.hear("p-1")
    scaler = make(min=1)
    await scaler.step()
    world.there = []
    world.hear("p-1", heard=3.0)
    world.now += 3
    await scaler.step()
    assert len(world.there) == 1
    world.there = ["p-1"]  # it was there all the time
    world.now += 5
    world.hear("p-1", heard=0.0)
    await scaler.step()
    assert "p-1" in scaler.names


async def test_an_agent_that_ends_at_once_is_a_failure_of_its_provider(
    world: World, make: Make
) -> None:
    """It is told, and others are tried less and less often."""
    scaler = make(min=1)
    await scaler.step()
    (name,) = world.there
    world.now += 1
    await scaler.step()
    world.there = []
    world.now += 1
    await scaler.step()
    assert world.there == []
    assert world.said[1:] == [
        "no agent is asked for in the next 5 s",
        f"{name} ended before the server heard from it",
    ]
    world.now += 5
    await scaler.step()
    assert len(world.there) == 1


async def test_an_agent_that_has_gone_is_not_taken_for_one_that_works(
    world: World, make: Make
) -> None:
    """Although the server has heard from it not long ago."""
    world.there = ["p-1"]
    world.hear("p-1")
    scaler = make(min=0)
    await scaler.step()
    world.there = []
    for n in range(1, 25):
        world.now += 5
        if 5 * n < 110:
            world.hear("p-1", heard=5.0 * n, draining=True)
        await scaler.step()
        assert scaler.names == []
    assert world.said == ["drains p-1"]


async def test_an_agent_that_works_on_after_its_provider_forgot_it_is_heard(
    world: World, make: Make
) -> None:
    """So it counts again."""
    world.there = ["p-1"]
    world.hear("p-1")
    scaler = make(min=1, max=1)
    await scaler.step()
    world.there = []
    world.now += 5
    world.hear("p-1", heard=2.0)
    await scaler.step()
    world.now += 5
    world.there = []
    world.hear("p-1", heard=1.0)
    await scaler.step()
    assert world.said[-1] == "the provider does not know agents that work: p-1"


async def test_a_provider_that_cannot_list_is_believed_to_have_what_works(
    world: World, make: Make
) -> None:
    """And who was not heard of for long has gone."""
    world.can_list = False
    scaler = make(min=1)
    await scaler.step()
    (name,) = world.there
    world.hear(name)
    world.now += 5
    await scaler.step()
    world.hear(name, heard=101.0)
    world.now += 101
    await scaler.step()
    assert len(world.there) == 2
    world.now += 60
    await scaler.step()
    world.now += 10
    await scaler.step()
    assert name not in scaler.names


async def test_a_provider_that_fails_is_told_and_asked_later(world: World, make: Make) -> None:
    """As long as that takes."""
    world.trouble = ProviderError("no quota")
    scaler = make(min=1)
    for _ in range(3):
        await scaler.step()
        world.now += 1
    assert [one for one in world.said if "creates" not in one] == [
        "no quota", "no agent is asked for in the next 5 s"
    ]  # fmt: skip
    world.trouble = None
    world.now += 5
    await scaler.step()
    assert len(world.there) == 1
    world.hear_all()
    await make().step()
    world.trouble = ProviderError("no rights")
    scaler = make()
    for _ in range(3):
        world.now += 5
        await scaler.step()
    assert world.said[-1] == "no rights"


async def test_an_agent_that_cannot_be_drained_is_told(world: World, make: Make) -> None:
    """The server has gone in the meantime."""
    world.there = ["p-1"]
    world.hear("p-1")
    scaler = make()

    async def drain(agent: str, draining: bool) -> None:
        raise StoreUnavailable("away")

    world.drain = drain  # type: ignore[method-assign]
    await scaler.step()
    assert world.said == ["p-1 could not be told whether it drains: away"]


async def test_without_a_server_nothing_is_decided(
    world: World, make: Make, autojump_clock: MockClock
) -> None:
    """It is asked less and less often; who is refused gives up."""
    world.down = StoreUnavailable("the server is away")
    scaler = make(min=1)
    with trio.move_on_after(300):
        await scaler.run()
    assert world.said == ["nothing is decided, for the server is away"]
    world.down = None
    with trio.move_on_after(10):
        await scaler.run()
    assert len(world.there) == 1
    world.down = StoreError("wrong token")
    with pytest.raises(StoreError, match="wrong token"):
        await scaler.run()


async def test_the_end_waits_for_jobs(world: World, make: Make, autojump_clock: MockClock) -> None:
    """All drain; who has jobs for too long is left."""
    world.there = ["p-1", "p-2"]
    world.hear_all()
    world.hear("p-2", busy=1)
    scaler = make()

    async def finish() -> None:
        await trio.sleep(20)
        world.hear("p-2", draining=True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(finish)
        began = trio.current_time()
        assert await scaler.end(60) == []
    assert trio.current_time() - began >= 20
    assert world.there == []
    world.there = ["p-3", "p-4"]
    world.hear("p-3", busy=1)
    world.hear("p-4")
    keep = world.drain

    async def drain(agent: str, draining: bool) -> None:
        busy = world.known[agent.removesuffix(":1")].busy
        await keep(agent, draining)
        world.hear(agent.removesuffix(":1"), draining=draining, busy=busy)

    world.drain = drain  # type: ignore[method-assign]
    assert await scaler.end(60) == ["p-3"]
    assert world.there == ["p-3"]
    world.down = StoreUnavailable("away")
    assert "p-3" in await scaler.end(60)
    assert world.said[-1] == "agents are left, for away"


async def test_who_does_not_go_at_the_end_is_named(
    world: World, make: Make, autojump_clock: MockClock
) -> None:
    """After a while."""
    world.there = ["p-1"]
    world.hear_all()

    async def destroy(name: str) -> None:
        """Do nothing."""

    world.destroy = destroy  # type: ignore[method-assign]
    assert await make().end(60) == ["p-1"]


# The provider `command`


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def plan(**options: str) -> AgentPlan:
    return AgentPlan("http://host", "q", "p", options=options)


async def test_commands_start_end_and_list_agents(tmp_path: Path) -> None:
    """With the name in its place, and no shell between."""
    cloud = script(tmp_path / "cloud", f'cd {tmp_path}; "$@"')
    wanted = plan(
        create=f"{cloud} touch '{{name}} of {{queue}}'",
        destroy=f"{cloud} rm '{{name}} of {{queue}}'",
        list=f"{cloud} echo '{{prefix}}-1\n{{prefix}}-2\nother {{url}} {{{{.Names}}}}'",
    )
    async with open_by_command(wanted) as provider:
        await provider.create("p-1")
        assert (tmp_path / "p-1 of q").exists()
        assert await provider.list() == ["p-1", "p-2"]
        await provider.destroy("p-1")
        assert not (tmp_path / "p-1 of q").exists()
    async with open_by_command(plan(create="true {name}", destroy="true {name}")) as provider:
        assert await provider.list() is None


async def test_a_command_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its status and what it has said; one that hangs is ended."""
    broken = script(tmp_path / "broken", "echo no quota >&2; exit 3")
    wanted = plan(create=f"{broken} {{name}}", destroy="/no/such {name}", list="sleep 99")
    async with open_by_command(wanted) as provider:
        with pytest.raises(ProviderError, match=r"broken p-1 ends with status 3: no quota"):
            await provider.create("p-1")
        with pytest.raises(ProviderError, match="/no/such p-1 cannot be started: No such file"):
            await provider.destroy("p-1")
        monkeypatch.setattr(_by_command, "_LONGEST", 0.1)
        with pytest.raises(ProviderError, match=r"sleep 99 takes longer than 0.1 s"):
            await provider.list()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "needs --create"),
        ({"create": "a {name}"}, "needs --destroy"),
        ({"create": "a", "destroy": "b {name}"}, "--create needs the name"),
        ({"create": "a '{name}", "destroy": "b {name}"}, "--create is no command: No closing"),
    ],
)
async def test_commands_are_checked_before_any_is_run(options: dict[str, str], why: str) -> None:
    """What is missing is said."""
    with pytest.raises(ProviderError, match=why):
        async with open_by_command(plan(**options)):
            pass


# Which providers there are


def test_a_provider_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it is said which there are."""
    assert find_provider("local").name == "local"
    with pytest.raises(ProviderError, match="no provider 'moon'; there are: command, local"):
        find_provider("moon")
    twice = [ProviderSpec("moon", open_by_command, "")] * 2
    monkeypatch.setattr(_offered, "plugin_offers", lambda *_: twice)
    with pytest.raises(ProviderError, match="several plugins offer a provider 'moon'"):
        find_provider("moon")
    with pytest.raises(ValueError, match="a-z, 0-9 and hyphens"):
        ProviderSpec("The Moon", open_by_command, "")


# The provider `local`


async def test_local_agents_are_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by a file for each; another provider finds them, and one that has ended is forgotten.

    Here they are no agents: `python -m gochan` is a program that sleeps.
    """
    sleeper = script(tmp_path / "python", "echo $* >&2; exec sleep 99")
    monkeypatch.setattr(_local.sys, "executable", sleeper)
    folder = tmp_path / "agents"
    wanted = AgentPlan("http://host", "q", "p", 3, ("--once", "--", "x"), folder=folder)
    async with open_local(wanted) as provider:
        await provider.create("p-1")
        await provider.create("p-2")
        assert {*await provider.list()} == {"p-1", "p-2"}
        said = "-m gochan agent http://host --queue q --capacity 3 --label instance=p-1 --once -- x"
        await sees(lambda: (folder / "p-1.log").read_text() == f"{said}\n")
        await sees(lambda: text_in(folder / "p-2.process"))
    async with open_local(wanted) as other:
        assert {*await other.list()} == {"p-1", "p-2"}
        await other.destroy("p-1")
        await other.destroy("p-3")
        with trio.fail_after(30):
            while {*await provider.list()} != {"p-2"}:  # noqa: ASYNC110  # it is the parent
                await trio.sleep(0.01)
        assert {*await other.list()} == {"p-2"}
        assert not (folder / "p-1.process").exists()
        words = (folder / "p-2.process").read_text().split()
        (folder / "p-4.process").write_text(" ".join([*words[:21], "1", *words[22:]]))
        (folder / "p-5.process").touch()
        assert {*await other.list()} == {"p-2", "p-5"}  # p-4 had the same number, at another time
        monkeypatch.setattr(_local, "_WRITING", 0)
        assert {*await other.list()} == {"p-2"}
        await other.destroy("p-2")
        with trio.fail_after(30):
            while await provider.list():  # noqa: ASYNC110  # as above
                await trio.sleep(0.01)


def text_in(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def sees(condition: Callable[[], object]) -> None:
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110  # another process makes it true
            await trio.sleep(0.01)


async def test_an_agent_that_cannot_be_noted_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: nobody would know that it runs."""
    monkeypatch.setattr(_local.sys, "executable", script(tmp_path / "python", "echo runs"))
    folder = tmp_path / "agents"
    async with open_local(AgentPlan("http://host", "q", "p", command=("x",), folder=folder)) as one:
        (folder / "p-1.process").symlink_to(tmp_path / "nowhere" / "file")
        await one.create("p-1")
        await sees(lambda: (folder / "p-1.log").read_text())
        with trio.fail_after(30):
            while await one.list() or one._children:  # noqa: ASYNC110  # it is the parent
                await trio.sleep(0.01)
        assert "runs" not in (folder / "p-1.log").read_text()


async def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """Those of a prefix that begins alike; what cannot be read is told."""
    async with open_local(AgentPlan("http://host", "q", "p", command=("x",), folder=tmp_path)) as p:
        (tmp_path / "p-linux-1.process").write_text("1\n")
        (tmp_path / "p-1.process").write_text("1\n")
        (tmp_path / "p-3.process").write_text(f"{2**22 + 1}\n")  # there is no such process
        assert [*await p.list()] == []
        assert os.listdir(tmp_path) == ["p-linux-1.process"]
        (tmp_path / "p-2.process").mkdir()
        with pytest.raises(ProviderError, match="cannot be listed: Is a directory"):
            await p.list()


async def test_without_the_proc_filesystem_a_number_has_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a Mac."""
    monkeypatch.setattr(_local.os.path, "exists", lambda _: False)
    monkeypatch.setattr(_local, "_stat_of", lambda _: None)
    wanted = AgentPlan("http://host", "q", "p", command=("x",), folder=tmp_path)
    (tmp_path / "p-1.process").write_text(f"{os.getpid()}\n")
    (tmp_path / "p-2.process").write_text(f"{2**22 + 1}\n")
    async with open_local(wanted) as provider:
        assert [*await provider.list()] == ["p-1"]


async def test_what_local_agents_need_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command, a folder, and a shell."""
    with pytest.raises(ProviderError, match="needs the command for jobs"):
        async with open_local(AgentPlan("http://host", "q", "p")):
            pass
    (tmp_path / "file").touch()
    wanted = AgentPlan("http://host", "q", "p", command=("x",), folder=tmp_path / "file")
    with pytest.raises(ProviderError, match="file cannot be made: File exists"):
        async with open_local(wanted):
            pass
    wanted = AgentPlan("http://host", "q", "p", command=("x",), folder=tmp_path / "new")
    async with open_local(wanted) as provider:
        (tmp_path / "new").rmdir()
        with pytest.raises(ProviderError, match="an agent cannot be started: No such file"):
            await provider.create("p-1")


# What a server says


async def test_what_a_server_says(tmp_path: Path) -> None:
    """Of jobs that wait and run, how long they take, and of agents."""
    async with open_service(tmp_path) as service:
        token = "gochan_token_of_operator"
        async with open_fleet(service.url, token, "q") as fleet:
            assert await fleet.look() == Seen(0, 0, None, {}, [])
            await service.store.enqueue([NewJob(queue="q", payload=b"1")] * 3)
            async with open_server_store(service.url, secret=SECRET) as agent:
                said = AgentSaid("host:1", 4, "host", {"instance": "p-1"})
                agent.introduce(lambda: said)
                done, _ = await agent.claim("q", 2, Worker("host:1", "host", {}), 60)
                await agent.start([done.ticket])
                await agent.finish([Ending(done.id, done.version, "done")])
            await fleet.drain("host:1", True)
            await fleet.drain("nobody", True)
            seen = await fleet.look()
            assert (seen.waiting, seen.stored) == (1, 3)
            assert seen.duration is not None
            assert 0 <= seen.duration < 60
            assert [*seen.ages] == ["host:1"]
            (one,) = seen.agents
            assert (one.name, one.instance, one.capacity) == ("host:1", "p-1", 4)
            assert (one.draining, one.busy) == (True, 1)
            await service.store.pause("q", True)
            assert (await fleet.look()).waiting == 0
        async with open_fleet(service.url, "gochan_wrong", "q") as fleet:
            with pytest.raises(StoreError, match="token of an operator"):
                await fleet.look()
    async with open_fleet(service.url, token, "q") as fleet:
        with pytest.raises(StoreUnavailable):
            await fleet.look()


@pytest.mark.parametrize(
    ("status", "kind", "why"),
    [
        (503, StoreUnavailable, "the server answers 503"),
        (418, StoreError, "the server answers 418: a teapot"),
    ],
)
async def test_odd_answers_are_errors(status: int, kind: type[Exception], why: str) -> None:
    """One may go away by itself, the other not."""
    answer = httpx.MockTransport(lambda _: httpx.Response(status, text="a teapot"))
    async with httpx.AsyncClient(transport=answer, base_url="http://host") as client:
        with pytest.raises(kind, match=why):
            await Fleet(client, "q").look()


async def test_many_running_jobs_are_read_in_pages() -> None:
    """Each once."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("agents"):
            return httpx.Response(200, json={"agents": []})
        if "queues" in request.url.path:
            counts = {"waiting": 0, "running": 3, "stored": 3, "paused": False}
            return httpx.Response(200, json={"counts": counts})
        job = {"worker": "a", "started": None, "ended": None}
        if request.url.params.get("state") != "running":
            return httpx.Response(200, json={"jobs": [], "before": None})
        last = "before" in request.url.params
        jobs = [job] if last else [job, job]
        return httpx.Response(200, json={"jobs": jobs, "before": None if last else 2})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
        assert (await Fleet(client, "q").look()).ages == {"a": [0.0, 0.0, 0.0]}


async def test_the_age_of_jobs_is_told_by_the_clock_of_the_server() -> None:
    """That of the scaler may be wrong by an hour; then it would want as many agents as it may."""

    def answer(request: httpx.Request) -> httpx.Response:
        counts = {"waiting": 0, "running": 1, "stored": 1, "paused": False}
        job = {"worker": "a", "started": "2001-02-03T04:05:00+00:00", "ended": None}
        done = request.url.params.get("kind") == "done"
        said = {"agents": [], "counts": counts, "jobs": [] if done else [job], "before": None}
        return httpx.Response(200, json=said, headers={"date": "Sat, 03 Feb 2001 04:05:06 GMT"})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
        assert (await Fleet(client, "q").look()).ages == {"a": [6.0]}
