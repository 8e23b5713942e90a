"""Who works: what a server tells of its agents, and what follows for jobs that wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from gochan_service import HttpStore, open_agent, open_server_store

from gochan.durable import KnownWorker, NewJob, Roster, StoreError, explain_job

from .services import SECRET, Service, open_service

TOKEN = "gochan_token_of_{}"


@asynccontextmanager
async def opened(service: Service, role: str = "operator") -> AsyncIterator[HttpStore]:
    async with open_server_store(service.url, token=TOKEN.format(role)) as store:
        yield store


async def until_known(store: HttpStore, phase: str) -> KnownWorker:
    """Wait until the only agent has asked for jobs, and is in that phase."""
    with trio.fail_after(30):
        while True:
            workers = await store.workers()
            if [(worker.phase, worker.queues) for worker in workers] == [(phase, ("q",))]:
                return workers[0]
            await trio.sleep(0.02)


async def test_people_see_who_works(tmp_path: Path) -> None:
    """Viewers, too; and in which phase of its stop an agent is. Agents are not told of others."""
    began, over = trio.Event(), trio.Event()

    async def handler(payload: object) -> None:
        began.set()
        await over.wait()

    options = {"secret": SECRET, "lease": 1.0, "machine": "oslo", "labels": {"os": "linux"}}
    async with open_service(tmp_path) as service, opened(service, "viewer") as store:
        assert isinstance(store, Roster)
        assert await store.workers() == []
        await service.store.enqueue([NewJob(queue="q", payload=b"1")])
        async with open_agent(service.url, "q", handler, capacity=3, **options) as agent:  # type: ignore[arg-type]
            worker = await until_known(store, "")
            assert (worker.capacity, worker.machine) == (3, "oslo")
            await began.wait()
            assert worker.labels == {"os": "linux"}
            assert worker.silent is not None
            assert worker.silent < 20
            agent.job_queue.stop_soon(drain=60.0)
            await until_known(store, "drain")
            over.set()
        async with open_server_store(service.url, secret=SECRET) as other:
            with pytest.raises(StoreError, match="the secret of agents is not for 'workers'"):
                await other.workers()


async def test_an_agent_that_is_drained_is_in_that_phase(tmp_path: Path) -> None:
    """Whoever has said so."""

    async def handler(payload: object) -> None:
        pass

    async with (
        open_service(tmp_path) as service,
        opened(service) as store,
        open_agent(service.url, "q", handler, secret=SECRET),
    ):
        worker = await until_known(store, "")
        await service.ask("POST", f"/api/v1/agents/{worker.name}/drain")
        await until_known(store, "drain")
        (told,) = (await service.ask("GET", "/api/v1/agents")).json()["agents"]
        assert (told["draining"], told["phase"]) == (True, "drain")


async def test_a_job_that_no_agent_may_run_says_so(tmp_path: Path) -> None:
    """On the page, in the interface for programs, and to the command."""

    async def handler(payload: object) -> None:
        pass

    async with open_service(tmp_path) as service, opened(service) as store:
        picky = NewJob(queue="q", payload=b"1", labels={"gpu": "yes"})
        await service.store.enqueue([picky, NewJob(queue="other", payload=b"2")])
        nobody = (await service.ask("GET", "/api/v1/jobs/2/explain")).json()
        assert nobody["reasons"][0] == "No worker is there."
        async with open_agent(service.url, "q", handler, secret=SECRET):
            await until_known(store, "")
            misspelt = await explain_job(store, 2)
            assert misspelt is not None
            assert misspelt.reasons[0].startswith("No worker asks for jobs of queue 'other'")
            found = await explain_job(store, 1)
            assert found is not None
            assert found.reasons[0] == "No worker has gpu=yes."
            told = (await service.ask("GET", "/api/v1/jobs/1/explain")).json()
            assert told == {"reasons": [*found.reasons], "ahead": 0, "starts": None}
            async with service.client(None) as client:
                await client.post("/login", data={"token": TOKEN.format("viewer")})
                assert "No worker has gpu=yes." in (await client.get("/jobs/1")).text
