"""The API for people, over real sockets."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from gochan_service import Lab
from gochan_service._api import page_of
from gochan_service._api._follow import Growth, parts
from gochan_service._door._files import Files
from trio.testing import MockClock

from gochan.durable import Ending, NewJob, QueueSettings, Worker, open_store

from .services import SECRET, Service, open_service

ME = Worker("me")


async def submit(service: Service, payload: object = 1, **options: Any) -> int:
    response = await service.ask(
        "POST", "/api/v1/jobs", json={"queue": "q", "payload": payload, **options}
    )
    assert response.status_code == 201, response.text
    id: int = response.json()["id"]
    return id


async def run(service: Service, log: bytes = b"", *, end: bool = True) -> tuple[int, int]:
    """Have the next job run, and print something."""
    (record,) = await service.store.claim("q", 1, ME, 30.0)
    if log:
        service.files.append(record.id, record.version, "log", 0, log)
    if end:
        assert await service.store.finish([Ending(record.id, record.version, "done", b"42")])
    return record.id, record.version


# Who may come in


async def test_nothing_is_answered_without_a_token(tmp_path: Path) -> None:
    """Nor with the secret of agents, nor with a token that nobody has."""
    async with open_service(tmp_path) as service:
        for credential in (None, SECRET, "gochan_token_", "x" * 10_000):
            async with service.client(credential) as client:
                for path in ("jobs", "jobs/1", "jobs/1/log", "queues", "agents", "events"):
                    response = await client.get(f"/api/v1/{path}")
                    assert response.status_code == 401
                    assert response.json() == {"error": "a token is needed"}
                    assert response.headers["www-authenticate"] == "Bearer"


async def test_people_of_the_register_come_in(tmp_path: Path) -> None:
    """Until they are blocked."""
    here = {"by": "root", "at": 0.0, "source": "test"}
    async with open_service(tmp_path) as service:
        from gochan_service._people import Person

        service.register.add(Person("ada", "viewer"), **here)
        token = service.register.make_token("ada", lasts=1e12, **here)
        async with service.client(token) as client:
            assert (await client.get("/api/v1/jobs")).status_code == 200
            refused = await client.post("/api/v1/jobs", json={"queue": "q", "payload": 1})
            assert (refused.status_code, refused.json()) == (
                403, {"error": "ada is a viewer; that is for submitters"}
            )  # fmt: skip
            service.register.set_active("ada", False, **here)
            assert (await client.get("/api/v1/jobs")).status_code == 401


async def test_what_is_done_is_noted_with_its_source(tmp_path: Path) -> None:
    """In the audit table."""
    async with open_service(tmp_path) as service:
        id = await submit(service)
        await service.ask("POST", f"/api/v1/jobs/{id}/cancel", json={"reason": "not now"})
        newest, oldest = service.register.audit()
        assert (newest.login, newest.what, newest.source) == ("operator", "cancel", "127.0.0.1")
        assert newest.details == f"jobs {id}: not now"
        assert oldest.what == "submit"
        await service.ask("POST", f"/api/v1/jobs/{id}/cancel", json={"reason": ""})
        assert service.register.audit()[0].details == f"jobs {id}"


# Submitting


async def test_a_job_is_stored_with_all_that_was_said(tmp_path: Path) -> None:
    """As in Python."""
    async with open_service(tmp_path) as service:
        first = await submit(service, {"a": [1, None]})
        id = await submit(
            service, "x", key="k", once_for=5, priority=3, delay=100, timeout=7.5, max_attempts=2,
            group="g", machine="m", labels={"os": "linux"}, after=[first], after_all="ended",
            headers={"h": "v"}, run_at="2100-01-01T00:00:00+00:00",
            expires="2100-01-02T00:00:00+02:00", receipt="r",
        )  # fmt: skip
        one, record = await service.store.look([first, id])
        assert one is not None
        assert record is not None
        assert json.loads(one.payload) == {"a": [1, None]}
        assert (record.key, record.priority, record.timeout) == ("k", 3, 7.5)
        assert (record.max_attempts, record.group, record.machine) == (2, "g", "m")
        assert (record.labels, record.held_by) == ({"os": "linux"}, 1)
        assert record.headers == {"h": "v", "gochan-person": "operator"}
        assert record.run_at is not None
        assert record.run_at.isoformat() == "2100-01-01T00:00:00+00:00"
        assert record.expires is not None
        assert record.expires.isoformat() == "2100-01-01T22:00:00+00:00"
        again = await service.ask(
            "POST", "/api/v1/jobs", json={"queue": "q", "payload": 1, "key": "k"}
        )
        assert again.json() == {"id": id, "created": False}


async def test_several_jobs_are_stored_together_or_one_by_one(tmp_path: Path) -> None:
    """If one is refused, none is stored, unless that is said."""
    async with open_service(tmp_path) as service:
        good, bad = {"queue": "q", "payload": 1}, {"queue": "q", "payload": 2, "after": [99]}
        response = await service.ask("POST", "/api/v1/jobs", json={"jobs": [good, bad]})
        assert response.status_code == 409
        assert "99" in response.json()["error"]
        assert (await service.store.statistics("q")).stored == 0
        response = await service.ask(
            "POST", "/api/v1/jobs", json={"jobs": [good, bad], "whole": False}
        )
        assert response.status_code == 201
        stored, refused = response.json()["jobs"]
        assert stored["created"]
        assert "99" in refused["error"]


async def test_a_job_may_be_about_jobs(tmp_path: Path) -> None:
    """What is in a payload says nothing about what is submitted."""
    async with open_service(tmp_path) as service:
        id = await submit(service, {"jobs": [1, 2]})
        (record,) = await service.store.look([id])
        assert record is not None
        assert json.loads(record.payload) == {"jobs": [1, 2]}


async def test_a_full_queue_answers_503_and_when_to_come_again(tmp_path: Path) -> None:
    """The pressure moves up to the caller."""
    async with open_service(tmp_path) as service:
        await service.store.configure("q", QueueSettings(capacity=1))
        await submit(service)
        response = await service.ask("POST", "/api/v1/jobs", json={"queue": "q", "payload": 1})
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"queue": "q"}', "required field `payload`"),
        (b'{"queue": "", "payload": 1}', "length >= 1"),
        (b'{"queue": "q", "payload": 1, "typo": 2}', "unknown field `typo`"),
        (b'{"queue": "q", "payload": 1, "priority": 1e400}', "out of range"),
        (b'{"queue": "q", "payload": 1, "delay": -1}', ">= 0"),
        (b'{"queue": "q", "payload": 1, "after": [9999999999999999999999]}', ""),
        (b'{"queue": "q", "payload": 1, "run_at": "2100-01-01T00:00:00"}', "no offset from UTC"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 100_000, ""),
    ],
)
async def test_what_is_no_job_is_refused(tmp_path: Path, body: bytes, why: str) -> None:
    """With what is wrong; and nothing is stored."""
    async with open_service(tmp_path) as service:
        response = await service.ask("POST", "/api/v1/jobs", content=body)
        assert response.status_code == 400
        assert why in response.json()["error"]
        assert (await service.store.statistics("q")).stored == 0


# Looking


async def test_jobs_are_found_in_pages(tmp_path: Path) -> None:
    """The newest first, of all queues or some, in some states."""
    async with open_service(tmp_path) as service:
        ids = [await submit(service, n) for n in range(5)]
        await service.store.enqueue([NewJob(queue="other", payload=b"1")])
        await run(service)

        async def find(query: str) -> list[int]:
            response = await service.ask("GET", f"/api/v1/jobs?{query}", who="viewer")
            return [job["id"] for job in response.json()["jobs"]]

        assert await find("") == [6, *reversed(ids)]
        assert await find("queue=q&limit=2") == [5, 4]
        assert await find("queue=q&limit=2&before=4") == [3, 2]
        assert await find("state=ended") == [1]
        assert await find("kind=failed") == []
        assert await find("state=waiting&state=ended&queue=q") == [5, 4, 3, 2, 1]
        page = (await service.ask("GET", "/api/v1/jobs?limit=2")).json()
        assert page["before"] == 5
        assert (await service.ask("GET", "/api/v1/jobs?limit=100")).json()["before"] is None


@pytest.mark.parametrize(
    "query", ["state=odd", "kind=odd", "limit=0", "limit=x", "before=-1", "stat=x"]
)
async def test_an_odd_question_is_refused(tmp_path: Path, query: str) -> None:
    """By name."""
    async with open_service(tmp_path) as service:
        response = await service.ask("GET", f"/api/v1/jobs?{query}")
        assert response.status_code == 400
        assert response.json()["error"]


async def test_one_job_is_shown_with_its_result_and_files(tmp_path: Path) -> None:
    """And why it waits."""
    async with open_service(tmp_path) as service:
        await submit(service, {"n": 1})
        late = await submit(service)
        id, version = await run(service, b"hello\n")
        shown = (await service.ask("GET", f"/api/v1/jobs/{id}", who="viewer")).json()
        assert (shown["job"]["payload"], shown["job"]["result"]) == ({"n": 1}, 42)
        assert shown["files"] == {str(version): ["log"]}
        reasons = (await service.ask("GET", f"/api/v1/jobs/{late}/explain")).json()
        assert (reasons["ahead"], len(reasons["reasons"])) == (0, 2)
        for path in ("jobs/99", "jobs/99/explain", "jobs/99/log", "jobs/99/files/1/log"):
            response = await service.ask("GET", f"/api/v1/{path}")
            assert (response.status_code, response.json()) == (
                404, {"error": "there is no job 99"}
            )  # fmt: skip
        assert (await service.ask("GET", "/api/v1/jobs/0")).status_code == 400


async def test_payloads_of_other_codecs_are_shown_as_base64(tmp_path: Path) -> None:
    """Under the name of the codec."""
    async with open_service(tmp_path) as service:
        await service.store.enqueue([NewJob(queue="q", payload=b"\xff\x00", codec="raw")])
        shown = (await service.ask("GET", "/api/v1/jobs/1")).json()
        assert shown["job"]["payload"] == {"raw": "/wA="}


# Steering


async def test_a_job_is_cancelled_and_tried_again(tmp_path: Path) -> None:
    """What cannot be is 409."""
    async with open_service(tmp_path) as service:
        id = await submit(service, key="k")

        async def steer(what: str, who: str = "operator") -> tuple[int, Any]:
            response = await service.ask("POST", f"/api/v1/jobs/{id}/{what}", who=who)
            return response.status_code, response.json()

        assert await steer("retry") == (409, {"error": f"job {id} has not ended"})
        assert (await steer("cancel", "viewer"))[0] == 403
        assert (await steer("cancel", "submitter"))[0] == 403
        assert await steer("cancel") == (200, {"cancel": "ended"})
        assert await steer("retry") == (200, {"retry": "retried"})
        assert await steer("cancel") == (200, {"cancel": "ended"})
        other = await submit(service, key="k")
        assert await steer("retry") == (409, {"error": f"job {other} has its key"})


async def test_queues_are_shown_paused_and_resumed(tmp_path: Path) -> None:
    """A name may have a slash."""
    async with open_service(tmp_path) as service:
        await service.store.enqueue([NewJob(queue="a/b", payload=b"1")])
        assert (await service.ask("POST", "/api/v1/queues/a/b/pause")).json() == {"changed": True}
        shown = (await service.ask("GET", "/api/v1/queues/a/b", who="viewer")).json()
        assert (shown["name"], shown["counts"]["paused"]) == ("a/b", True)
        assert (await service.ask("POST", "/api/v1/queues/a/b/resume")).json() == {"changed": True}
        queues = (await service.ask("GET", "/api/v1/queues")).json()["queues"]
        assert queues["a/b"]["waiting"] == 1
        assert not queues["a/b"]["paused"]
        refused = await service.ask("POST", "/api/v1/queues/a/b/pause", who="submitter")
        assert refused.status_code == 403
        assert (await service.ask("GET", "/api/v1/queues/none")).status_code == 404


async def test_agents_are_shown_and_drained(tmp_path: Path) -> None:
    """By operators."""
    async with open_service(tmp_path) as service:
        beat = {"agent": {"name": "a/1", "capacity": 3, "labels": {"gpu": "yes"}}}
        async with service.client(SECRET) as agent:
            assert (await agent.post("/rpc/v1/healthz", json=beat)).json()["draining"] is False
            (shown,) = (await service.ask("GET", "/api/v1/agents", who="viewer")).json()["agents"]
            assert (shown["name"], shown["capacity"]) == ("a/1", 3)
            assert shown["labels"] == {"gpu": "yes"}
            assert 0 <= shown["heard"] < 60
            assert (shown["queues"], shown["jobs"]) == ([], 0)
            for queue in ("q", "p", "q"):
                ask = {"agent": {"name": "a/1", "held": 2}, "queue": queue, "wait": 0}
                await agent.post("/rpc/v1/request", json=ask)
            (shown,) = (await service.ask("GET", "/api/v1/agents", who="viewer")).json()["agents"]
            assert (shown["queues"], shown["jobs"]) == (["p", "q"], 2)
            path = "/api/v1/agents/a/1/drain"
            assert (await service.ask("POST", path, who="submitter")).status_code == 403
            assert (await service.ask("POST", path)).json() == {"draining": True}
            assert (await agent.post("/rpc/v1/healthz", json=beat)).json()["draining"] is True
            await service.ask("POST", "/api/v1/agents/a/1/undrain")
            assert (await agent.post("/rpc/v1/healthz", json=beat)).json()["draining"] is False
        assert (await service.ask("POST", "/api/v1/agents/nobody/drain")).status_code == 404


# Logs


async def test_a_log_is_read_from_anywhere(tmp_path: Path) -> None:
    """Byte for byte; terminal sequences are not touched."""
    log = b"one\n\x1b[31mred\x1b[0m\n\xff\n"
    async with open_service(tmp_path) as service:
        id = await submit(service)
        empty = await service.ask("GET", f"/api/v1/jobs/{id}/log")
        assert (empty.status_code, empty.content) == (200, b"")
        _, version = await run(service, log)
        for query in ("", f"?version={version}"):
            response = await service.ask("GET", f"/api/v1/jobs/{id}/log{query}", who="viewer")
            assert response.content == log
        assert (await service.ask("GET", f"/api/v1/jobs/{id}/log?offset=4")).content == log[4:]
        missing = await service.ask("GET", f"/api/v1/jobs/{id}/log?version=7&follow=1")
        why = f"job {id} has no log of run 7; it has those of {version}"
        assert (missing.status_code, missing.json()) == (404, {"error": why})
        odd = await service.ask("GET", f"/api/v1/jobs/{id}/log?follow=perhaps")
        assert (odd.status_code, odd.json()) == (
            400,
            {"error": "follow is one of 0, 1, false, true"},
        )
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_log_is_followed_until_the_run_is_over(tmp_path: Path) -> None:
    """What comes later is told as soon as it is uploaded."""
    async with open_service(tmp_path) as service:
        id = await submit(service)
        _, version = await run(service, b"first ", end=False)
        got: list[bytes] = []
        async with (
            service.client() as client,
            service.client(SECRET) as agent,
            client.stream("GET", f"/api/v1/jobs/{id}/log?follow=1") as response,
        ):
            chunks = response.aiter_bytes()
            got.append(await anext(chunks))
            part = {"id": id, "version": version, "name": "log", "offset": 6, "data": "c2Vj"}
            answer = await agent.post("/rpc/v1/upload", json={"parts": [part]})
            assert answer.json() == {"sizes": [9]}
            got.append(await anext(chunks))
            await service.store.finish([Ending(id, version, "done")])
            with pytest.raises(StopAsyncIteration):
                await anext(chunks)
        assert got == [b"first ", b"sec"]


async def yes() -> bool:
    await trio.lowlevel.checkpoint()
    return True


@pytest.mark.parametrize("what", ["the server stops", "the job is removed"])
async def test_a_log_is_not_followed_for_ever(
    tmp_path: Path, autojump_clock: MockClock, what: str
) -> None:
    """Although its run is not over."""
    stopping = trio.Event()
    async with open_store("memory:") as store:
        await store.enqueue([NewJob(queue="q", payload=b"1")])
        (record,) = await store.claim("q", 1, ME, 1e9)
        files = Files(tmp_path)
        files.append(record.id, record.version, "log", 0, b"first ")
        welcome: Any = yes
        followed = parts(store, files, Growth(), record, record.version, 0, stopping, welcome)
        assert await anext(followed) == (6, b"first ")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def end() -> None:
                await trio.sleep(100)
                if what == "the server stops":
                    stopping.set()
                else:
                    await store.finish([Ending(record.id, record.version, "done")])
                    await store.purge("q", ["done"], 1)

            assert [one async for one in followed] == []
        assert 100 <= trio.current_time() < 102


async def events(response: httpx.Response) -> list[dict[str, str]]:
    text = (await response.aread()).decode()
    blocks = [block for block in text.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


async def test_a_log_comes_as_events_that_can_be_resumed(tmp_path: Path) -> None:
    """The id of an event is where the next one begins."""
    async with open_service(tmp_path) as service:
        id = await submit(service)
        await run(service, b"one\ntwo\n")
        path, accept = f"/api/v1/jobs/{id}/log", {"accept": "text/event-stream"}
        async with service.client() as client:
            whole = await events(await client.get(path, headers=accept))
            assert whole[0] == {"retry": "500"}
            assert (whole[1]["id"], json.loads(whole[1]["data"])) == ("8", "one\ntwo\n")
            assert whole[2]["event"] == "end"
            rest = await events(await client.get(path, headers={**accept, "last-event-id": "4"}))
            assert json.loads(rest[1]["data"]) == "two\n"
            none = await events(await client.get(path, headers={**accept, "last-event-id": "8"}))
            assert [one.get("event") for one in none] == [None, "end"]


async def test_files_are_given_as_attachments(tmp_path: Path) -> None:
    """A browser never shows them; a name is no path."""
    async with open_service(tmp_path) as service:
        await submit(service)
        id, version = await run(service, end=False)
        service.files.append(id, version, "page.html", 0, b"<script>")
        response = await service.ask("GET", f"/api/v1/jobs/{id}/files/{version}/page.html")
        assert response.content == b"<script>"
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["content-disposition"] == 'attachment; filename="page.html"'
        for name in ("none", "..%2f..%2fpeople", "%2e%2e", ".x", "log%00", "a" * 300):
            odd = await service.ask("GET", f"/api/v1/jobs/{id}/files/{version}/{name}")
            assert odd.status_code in (400, 404)


# Events


async def test_events_tell_which_queues_have_changed(tmp_path: Path) -> None:
    """Until the server stops; then the stream ends."""
    lines: list[str] = []
    async with open_service(tmp_path) as service, service.client() as client:
        await submit(service)
        async with client.stream("GET", "/api/v1/events?queue=q") as response:
            stream = response.aiter_lines()
            while "data: q" not in lines:
                lines.append(await anext(stream))
            before = len(lines)
            await submit(service)
            while "data: q" not in lines[before:]:
                lines.append(await anext(stream))
            service.server.stopping.set()
            with trio.fail_after(20):
                rest = [line async for line in stream]
        assert not [line for line in rest if line.startswith("data")] or rest
    assert lines[:2] == ["retry: 500", ""]


async def test_a_stream_of_events_is_never_silent_for_long(autojump_clock: MockClock) -> None:
    """So that nobody in between takes it for dead."""
    async with (
        Lab(seed=1) as lab,
        lab.client() as client,
        client.stream("GET", "/api/v1/events?queue=q", timeout=None) as response,
    ):
        told: list[float] = []
        async for part in response.aiter_raw():
            if part == b": still there\n\n":
                told.append(trio.current_time())
                if len(told) == 4:
                    await lab.stop(lab.server)
    assert all(14 < after - before < 21 for before, after in pairwise([0.0, *told]))


async def test_nobody_can_take_the_bells_of_others_by_names_that_are_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A viewer may listen to queues that are not there yet, but half of the room is for others."""
    monkeypatch.setattr("gochan_service._door._listeners.MOST", 10)
    async with open_service(tmp_path) as service, service.client() as client:
        names = "&".join(f"queue=made-up-{number}" for number in range(20))
        greedy = await service.ask("GET", f"/api/v1/events?{names}", who="viewer")
        assert (greedy.status_code, greedy.headers["retry-after"]) == (429, "1")
        assert "one that is not there: 'made-up-5'" in greedy.json()["error"]
        await submit(service)
        async with client.stream("GET", "/api/v1/events?queue=q") as response:
            assert response.status_code == 200


# gochan's own clients


async def test_the_store_of_a_server_is_that_of_the_person(tmp_path: Path) -> None:
    """By an address, in any program."""
    from gochan_service import open_server_store

    from gochan.durable import StoreError

    async with open_service(tmp_path) as service:
        token = "gochan_token_of_viewer"
        async with open_server_store(service.url, token=token) as store:
            assert await store.queues() == []
            with pytest.raises(StoreError, match="viewer is a viewer; that is for submitters"):
                await store.enqueue([NewJob(queue="q", payload=b"1")])
        async with open_server_store(service.url, token="gochan_token_of_submitter") as store:
            await store.enqueue([NewJob(queue="q", payload=b"1")])
        (record,) = await service.store.look([1])
        assert record is not None
        assert record.headers == {"gochan-person": "submitter"}


@pytest.mark.parametrize("queues", [0, 1, 2, 50])
async def test_a_page_reads_little_however_many_queues_there_are(queues: int) -> None:
    """The newest jobs of all, in their order; not as many of each queue."""
    async with open_store("memory:") as store:
        names = [f"queue {number}" for number in range(queues)]
        chance = random.Random(queues)
        jobs = [NewJob(queue=chance.choice(names), payload=b"1") for _ in range(300 * bool(names))]
        ids = [one.id for one in await store.enqueue(jobs)]  # type: ignore[union-attr]
        read = 0
        of_store = store.list

        async def listing(*arguments: Any, **options: Any) -> Any:
            nonlocal read
            found = await of_store(*arguments, **options)
            read += len(found)
            return found

        store.list = listing  # type: ignore[method-assign]
        seen: list[int] = []
        before: int | None = None
        while True:
            read = 0
            page, before = await page_of(store, names, states=[], kinds=[], limit=20, before=before)
            seen += [record.id for record in page]
            assert read <= 45 + queues
            if before is None:
                break
        assert seen == ids[::-1]
