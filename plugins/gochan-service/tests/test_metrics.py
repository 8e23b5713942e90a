"""What Prometheus is told about a server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gochan.durable import NewJob

from .services import SECRET, open_service


async def test_metrics(tmp_path: Path) -> None:
    """Jobs by queue and state, ends by kind, agents and their polls."""
    async with open_service(tmp_path) as service:
        jobs = [NewJob(queue="a", payload=b"1"), NewJob(queue='b"\n', payload=b"1")]
        await service.store.enqueue([*jobs, jobs[0]])
        await service.store.cancel([3], "enough")
        await service.store.pause("a", True)
        agent = {"name": "x", "capacity": 4}
        async with service.client(SECRET) as client:
            said = {"agent": agent, "tickets": [{"id": 9, "version": 9}]}
            await client.post("/rpc/v1/healthz", json=said)
        answer = await service.ask("GET", "/api/v1/metrics")
        openmetrics = {"accept": "application/openmetrics-text"}
        async with service.client() as client:
            other = await client.get("/api/v1/metrics", headers=openmetrics)
        assert (await service.ask("GET", "/api/v1/metrics", who=None)).status_code == 401
    assert answer.headers["content-type"].startswith("text/plain")
    assert other.headers["content-type"].startswith("application/openmetrics-text")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["gochan_queue_jobs", "a", "waiting"] == 1
    assert found["gochan_queue_jobs", 'b"\n', "waiting"] == 1
    assert found["gochan_queue_paused", "a"] == 1
    ended = {v for k, v in found.items() if k[0].startswith("gochan_queue_ended") and "a" in k}
    assert ended == {0, 1}
    assert found["gochan_agents",] == 1
    assert found["gochan_agents_capacity",] == 4
    assert found["gochan_agents_held_jobs",] == 1
    assert found["gochan_agents_polls",] == 0


async def test_metrics_need_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is said."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    async with open_service(tmp_path) as service:
        answer = await service.ask("GET", "/api/v1/metrics")
    assert answer.status_code == 400
    assert "prometheus-client" in answer.text
