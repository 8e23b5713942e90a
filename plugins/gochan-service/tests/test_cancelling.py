"""A cancel, at every moment of a job's life: what comes of it, and when.

The page "How a cancel travels" has the same table.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from gochan_service import Lab, LabAgent
from gochan_service._lab._agents import SECRET
from trio.testing import MockClock

from gochan import cleanup
from gochan.durable import DurableJob, JobRecord, StoreUnavailable, current_job

from .places import Place, until

RUN = 60.0  # seconds that a job takes
PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "how-a-cancel-travels.md"


@dataclass
class Scene:
    """A lab with an agent, and a job that is cancelled."""

    lab: Lab
    way: str
    cancelled: float = 0.0
    """When that was, the last time."""
    told: list[tuple[float, str]] = field(default_factory=list)
    """When the handler was told to end, and why."""
    runs: int = 0
    cleans_up: float = 0.0

    async def handler(self, payload: object) -> object:
        """Take a minute; fail at once if that is wanted."""
        self.runs += 1
        if payload == "fail":
            raise ValueError("as it was to")
        try:
            await trio.sleep(RUN if payload is None else float(str(payload)))
        finally:
            if current_job().cause is not None:
                self.told.append((trio.current_time(), current_job().cause or ""))
                with cleanup():
                    await trio.sleep(self.cleans_up)
        return payload

    async def agent(self) -> LabAgent:
        return await self.lab.start_agent("q", self.handler, grace=20.0)

    async def submit(self, payload: object = None, **options: Any) -> DurableJob[Any]:
        return await self.lab.submit("q", payload, **options)

    async def running(self, after: float = 5.0) -> DurableJob[Any]:
        """Return a job that an agent has run for some seconds."""
        await self.agent()
        job = await self.submit()
        await trio.sleep(after)
        assert self.runs == 1
        return job

    async def cancel(self, job: DurableJob[Any] | int, reason: str = "enough") -> None:
        """Cancel a job in one of the ways."""
        id = job if isinstance(job, int) else job.id
        self.cancelled = trio.current_time()
        await WAYS[self.way](self.lab, id, reason)

    async def rpc(self, route: str, **said: Any) -> httpx.Response:
        """Ask as an agent in another language."""
        async with self.lab.client() as client:
            client.headers["authorization"] = f"Bearer {SECRET}"
            client.timeout = httpx.Timeout(100)
            body = {"agent": {"name": "foreign"}, **said}
            return await client.post(f"/rpc/v1/{route}", json=body)


async def by_api(lab: Lab, id: int, reason: str) -> None:
    async with lab.client() as client:
        answer = await client.post(f"/api/v1/jobs/{id}/cancel", json={"reason": reason})
        assert answer.status_code == 200


async def by_page(lab: Lab, id: int, reason: str) -> None:
    async with lab.client() as client:
        del client.headers["authorization"]
        await client.post("/login", data={"token": "gochan_token_of_operator"})
        page = await client.get(f"/jobs/{id}")
        match = re.search(r'name="csrf" value="(\w+)"', page.text)
        assert match is not None
        form = {"csrf": match[1], "reason": reason}
        assert (await client.post(f"/jobs/{id}/cancel", data=form)).status_code == 303


async def by_command(lab: Lab, id: int, reason: str) -> None:
    """What `gochan cancel` does: it opens the store of the server, and calls this."""
    await lab.cancel(id, reason)


WAYS: dict[str, Callable[[Lab, int, str], Awaitable[None]]] = {
    "API": by_api,
    "page": by_page,
    "command line": by_command,
}

# The moments. Each returns the job that was cancelled.


async def waiting(scene: Scene) -> int:
    job = await scene.submit()
    await scene.cancel(job)
    await scene.agent()
    return job.id


async def put_off(scene: Scene) -> int:
    await scene.agent()
    job = await scene.submit("fail")
    await trio.sleep(0.1)
    assert (await scene.lab.record(job)).state == "scheduled"
    await scene.cancel(job)
    return job.id


async def offered(scene: Scene) -> int:
    job = await scene.submit()
    tickets = (await scene.rpc("request", queue="q")).json()["tickets"]
    assert [one["id"] for one in tickets] == [job.id]
    await scene.cancel(job)
    answer = await scene.rpc("accept", queue="q", tickets=tickets)
    assert (answer.status_code, answer.json()["lost"]) == (409, tickets)
    return job.id


async def accepted(scene: Scene) -> int:
    """By an agent in another language, which then looks, and puts the job back."""
    job = await scene.submit()
    tickets = (await scene.rpc("request", queue="q")).json()["tickets"]
    runs = (await scene.rpc("accept", queue="q", tickets=tickets)).json()["accepted"]
    await scene.cancel(job)
    watched = (await scene.rpc("watch", tickets=runs)).json()
    assert watched["cancelled"] == {str(job.id): "enough"}
    assert (await scene.rpc("reset", tickets=runs)).json() == {"taken": [True]}
    return job.id


async def starting(scene: Scene) -> int:
    """The lease is on its way to the agent, which takes half a second."""
    agent = await scene.agent()
    scene.lab.delay(agent, 0.5)
    job = await scene.submit()
    while (await scene.lab.record(job)).state == "waiting":  # noqa: ASYNC110  # as it is seen
        await trio.sleep(0.1)
    assert not scene.runs
    await scene.cancel(job)
    return job.id


async def running(scene: Scene) -> int:
    job = await scene.running()
    await scene.cancel(job)
    return job.id


async def cleaning_up(scene: Scene) -> int:
    """It has been told, and takes its time."""
    scene.cleans_up = 5.0
    job = await scene.running()
    await scene.cancel(job)
    await trio.sleep(2)
    await scene.cancel(job, "once more")
    return job.id


async def draining(scene: Scene) -> int:
    """The agent stops, and lets its jobs end."""
    job = await scene.running()
    scene.lab.stop_soon(scene.lab.agents[0])
    await trio.sleep(2)
    await scene.cancel(job)
    return job.id


async def ending(scene: Scene) -> int:
    """The handler has returned, and its report is on its way, which takes two seconds."""
    agent = await scene.agent()
    job = await scene.submit(10)
    await trio.sleep(9)
    scene.lab.delay(agent, 2)
    await trio.sleep(2)
    assert not agent.running
    await scene.cancel(job)
    return job.id


async def ended(scene: Scene) -> int:
    await scene.agent()
    job = await scene.submit(1)
    await job.wait()
    await scene.cancel(job)
    return job.id


async def retried(scene: Scene) -> int:
    """It was cancelled, has ended, and runs again: the next run is not hit."""
    job = await scene.running()
    await scene.cancel(job)
    await job.wait()
    await job.retry()
    await trio.sleep(RUN + 1)
    return job.id


async def server_down(scene: Scene) -> int:
    """Who cancels is told so at once, and tries again when it is there."""
    job = await scene.running()
    scene.lab.kill(scene.lab.server)
    with pytest.raises((httpx.ConnectError, StoreUnavailable)):
        await scene.cancel(job)
    assert trio.current_time() - scene.cancelled < 1
    await trio.sleep(5)
    assert not scene.told
    scene.lab.restart(scene.lab.server)
    await trio.sleep(1)
    await scene.cancel(job)
    return job.id


async def restarted(scene: Scene) -> int:
    """The server is killed as soon as it has said yes, and started five seconds later."""
    job = await scene.running()
    agent = scene.lab.agents[0]
    scene.lab.partition(agent)
    await scene.cancel(job)
    scene.lab.kill(scene.lab.server)
    scene.lab.heal(agent)
    await trio.sleep(5)
    scene.lab.restart(scene.lab.server)
    return job.id


async def cut_off(scene: Scene) -> int:
    """The agent is partitioned for good."""
    job = await scene.running()
    scene.lab.partition(scene.lab.agents[0])
    await scene.cancel(job)
    return job.id


async def cut_off_and_healed(scene: Scene) -> int:
    """The agent is partitioned for ten seconds."""
    job = await scene.running()
    scene.lab.partition(scene.lab.agents[0])
    await scene.cancel(job)
    await trio.sleep(10)
    scene.lab.heal(scene.lab.agents[0])
    return job.id


async def killed(scene: Scene) -> int:
    """The agent is killed before it is told."""
    job = await scene.running()
    scene.lab.kill(scene.lab.agents[0])
    await scene.cancel(job)
    return job.id


@dataclass(frozen=True)
class Promise:
    """What comes of it.

    Attributes:
        kind: how the job ends.
        ended: within how many seconds after the cancel.
        told: within how many seconds its handler is told; ``None`` if it need not be.
        cause: what it is told.
    """

    kind: str
    ended: float
    told: float | None = None
    cause: str = "cancelled"
    ways: tuple[str, ...] = ("API",)


ALL = tuple(WAYS)

TABLE: dict[Callable[[Scene], Awaitable[int]], Promise] = {
    waiting: Promise("cancelled", 0, ways=ALL),
    put_off: Promise("cancelled", 0),
    offered: Promise("cancelled", 0),
    accepted: Promise("cancelled", 0.1),
    starting: Promise("cancelled", 5, told=3),
    running: Promise("cancelled", 0.1, told=0.1, ways=ALL),
    cleaning_up: Promise("cancelled", 3.1, told=0),
    draining: Promise("cancelled", 0.1, told=0.1),
    ending: Promise("done", 6),
    ended: Promise("done", 0, ways=ALL),
    retried: Promise("done", RUN + 1.1, told=0.1),
    server_down: Promise("cancelled", 6, told=6, ways=ALL),
    restarted: Promise("cancelled", 15, told=15),
    cut_off: Promise("cancelled", 31, told=30, cause="lost_lease"),
    cut_off_and_healed: Promise("cancelled", 12, told=12),
    killed: Promise("cancelled", 31),
}


@pytest.mark.parametrize(
    ("moment", "way"),
    [(moment, way) for moment, promise in TABLE.items() for way in promise.ways],
    ids=lambda one: getattr(one, "__name__", one),
)
async def test_a_cancel_comes_to_what_was_promised(
    moment: Callable[[Scene], Awaitable[int]], way: str, autojump_clock: MockClock
) -> None:
    """And in time."""
    promise = TABLE[moment]
    async with Lab(seed=1) as lab:
        scene = Scene(lab, way)
        id = await moment(scene)
        record = await end_of(lab, id)
        assert record.kind == promise.kind
        assert trio.current_time() - scene.cancelled <= promise.ended + 0.01
        if record.kind == "cancelled":
            assert record.error == "enough"
        if promise.told is None:
            assert scene.told == [] or moment is killed
        else:
            ((at, cause),) = scene.told
            assert cause == promise.cause
            assert at - scene.cancelled <= promise.told + 0.01
        lab.check()


async def end_of(lab: Lab, id: int) -> JobRecord:
    while (record := await lab.record(id)).state != "ended":  # noqa: ASYNC110  # as it is seen
        await trio.sleep(0.01)
    return record


# The same with real processes, as a sample.

# A command that says what it is told, and ends.
COMMAND = ("sh", "-c", "trap 'echo told; exit 1' TERM; echo begun; sleep 60 & wait", "sh")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_real_process_has_its_sigterm(place: Place, way: str) -> None:
    """Whoever cancels it."""
    place.agent("--", *COMMAND)
    place.submit("x")
    until(lambda: "begun" in log_of(place), "begun")
    match way:
        case "API":
            place.post("jobs/1/cancel", {"reason": "enough"})
        case "page":
            cancel_on_the_page(place, 1)
        case "command line":
            place.ask("cancel", place.url, "1", "--reason", "enough")
    until(lambda: place.state(1) == "cancelled", "cancelled")
    assert log_of(place) == "begun\ntold\n"
    assert place.get("jobs/1").json()["job"]["error"] == "enough"


@pytest.mark.slow
def test_a_real_server_that_is_killed_has_not_forgotten_it(place: Place) -> None:
    """The agent stands still meanwhile, so it cannot have heard of it before."""
    agent = place.agent("--", *COMMAND)
    place.submit("x")
    until(lambda: "begun" in log_of(place), "begun")
    agent.process.send_signal(signal.SIGSTOP)
    place.post("jobs/1/cancel", {"reason": "enough"})
    place.server.end(signal.SIGKILL)
    agent.process.send_signal(signal.SIGCONT)
    place.server = place.start("serve", "--listen", place.url.removeprefix("http://"))
    place.server.expect("people:")
    until(lambda: place.state(1) == "cancelled", "cancelled")
    assert log_of(place) == "begun\ntold\n"


@pytest.mark.slow
def test_real_jobs_that_do_not_run_end_at_once(place: Place) -> None:
    """No process ever begins; and what has ended stays as it is."""
    place.submit("x")
    place.post("jobs/1/cancel", {})
    assert place.state(1) == "cancelled"
    place.agent("--", "true")
    place.submit("y")
    until(lambda: place.state(2) == "done", "done")
    place.post("jobs/2/cancel", {})
    assert (place.state(1), place.state(2)) == ("cancelled", "done")


def log_of(place: Place) -> str:
    return place.get("jobs/1/log").text


def cancel_on_the_page(place: Place, id: int) -> None:
    with httpx.Client(base_url=place.url, trust_env=False, timeout=60) as client:
        client.post("/login", data={"token": place.secrets["GOCHAN_TOKEN"]})
        match = re.search(r'name="csrf" value="(\w+)"', client.get(f"/jobs/{id}").text)
        assert match is not None
        form = {"csrf": match[1], "reason": "enough"}
        assert client.post(f"/jobs/{id}/cancel", data=form).status_code == 303


def test_the_page_has_the_same_table() -> None:
    """With the same outcomes and times."""
    if not PAGE.exists():
        pytest.skip("there are no documents here")
    text = PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\w+), .*\|$", text, re.MULTILINE))
    assert rows == {moment.__name__: promise.kind for moment, promise in TABLE.items()}
