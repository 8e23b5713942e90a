"""What is told of jobs that have ended is put into words once, and is never old."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gochan_service._door import Cache

from gochan.durable import Ending, JobRecord, NewJob, Worker, open_store

from .services import Service, open_service


@pytest.fixture
async def record() -> JobRecord:
    """The row of a job that has ended."""
    async with open_store("memory:") as store:
        await store.enqueue([NewJob(queue="q", payload=b"1234")])
        await store.cancel([1], "so")
        (found,) = await store.look([1])
    assert found is not None
    return found


async def test_an_answer_is_kept_for_the_row_it_was_made_from(record: JobRecord) -> None:
    """A row that is another one in anything has its answer made again."""
    cache = Cache()
    assert cache.get(record) is None
    cache.keep(record, b"told")
    assert cache.get(replace(record)) == b"told"
    for other in (replace(record, version=record.version + 1), replace(record, error="other")):
        assert cache.get(other) is None
        assert cache.get(record) is None
        cache.keep(record, b"told")
    assert (cache.hits, cache.misses) == (1, 5)


async def test_what_was_used_last_is_kept_longest(record: JobRecord) -> None:
    """Within a number of answers, and of bytes."""
    few = Cache(most=2)
    ones = [replace(record, id=number) for number in (1, 2, 3)]
    for one in ones[:2]:
        few.keep(one, b"told")
    assert few.get(ones[0]) == b"told"
    few.keep(ones[2], b"told")
    assert [few.get(one) for one in ones] == [b"told", None, b"told"]
    small = Cache(longest=20)
    for one in ones:
        small.keep(one, b"six---")
    assert (len(small), small.size) == (2, 20)
    small.keep(ones[0], b"x" * 17)
    assert small.get(ones[0]) is None
    assert len(small) == 2


async def test_a_job_that_has_not_ended_is_not_kept(record: JobRecord) -> None:
    """Its files grow."""
    cache = Cache()
    cache.keep(replace(record, state="running"), b"told")
    assert len(cache) == 0


async def counts(service: Service) -> dict[str, float]:
    lines = (await service.ask("GET", "/api/v1/metrics")).text.splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if line.startswith("gochan_cache"))
    return {name: float(number) for name, number in found.items()}


async def test_a_server_keeps_answers_and_tells_how_often_they_were_there(tmp_path: Path) -> None:
    """While a job runs, its files are seen as they come; a retry is seen at once."""
    async with open_service(tmp_path) as service:

        async def told() -> tuple[str, dict[str, list[str]]]:
            found = (await service.ask("GET", "/api/v1/jobs/1")).json()
            return found["job"]["state"], found["files"]

        await service.store.enqueue([NewJob(queue="q", payload=b"1")])
        (run,) = await service.store.claim("q", 1, Worker("w"), 1000.0)
        version = str(run.version)
        assert await told() == ("running", {})
        service.files.append(1, run.version, "log", 0, b"x")
        assert await told() == ("running", {version: ["log"]})
        await service.store.finish([Ending(1, run.version, "done", b"1")])
        for _ in range(3):
            assert await told() == ("ended", {version: ["log"]})
        await service.store.retry([1])
        assert (await told())[0] == "waiting"
        found = await counts(service)
        assert found.pop("gochan_cache_bytes") == 0
        hits, misses = (f'gochan_cache_requests_total{{result="{one}"}}' for one in ("hit", "miss"))
        assert found == {hits: 2.0, misses: 4.0}
