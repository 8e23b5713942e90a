"""What the security page promises, over all routes: the server itself is asked which there are."""

from __future__ import annotations

import random
import re
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gochan_service._api._visitors as visitors
import httpx
import pytest
import trio
from gochan_service._people import ROLES, Person, allows
from starlette.routing import Route

from gochan.durable import NewJob, Store, StoreUnavailable, Worker, open_store

from .doors import QUEUE, open_near
from .services import SECRET, Service, open_service

HERE: dict[str, Any] = {"by": "root", "at": 0.0, "source": "test"}

# Anybody gets these, and nothing that is in the store.
OPEN = {
    "/healthz", "/readyz", "/api/v1/healthz", "/api/v1/readyz", "/openapi.json", "/login",
    "/static/page.css", "/static/page.js", "/static/mark.svg",
}  # fmt: skip

# The role that each route for people needs; what a page may show depends on it, too.
NEEDED = {
    ("GET", "/api/v1/jobs"): "viewer",
    ("POST", "/api/v1/jobs"): "submitter",
    ("GET", "/api/v1/jobs/{id}"): "viewer",
    ("GET", "/api/v1/jobs/{id}/explain"): "viewer",
    ("POST", "/api/v1/jobs/{id}/cancel"): "submitter",
    ("POST", "/api/v1/jobs/{id}/retry"): "submitter",
    ("GET", "/api/v1/jobs/{id}/log"): "viewer",
    ("GET", "/api/v1/jobs/{id}/files/{version}/{name}"): "viewer",
    ("GET", "/api/v1/queues"): "viewer",
    ("GET", "/api/v1/queues/{name}"): "viewer",
    ("POST", "/api/v1/queues/{name}/pause"): "operator",
    ("POST", "/api/v1/queues/{name}/resume"): "operator",
    ("GET", "/api/v1/agents"): "viewer",
    ("POST", "/api/v1/agents/{name}/drain"): "operator",
    ("POST", "/api/v1/agents/{name}/undrain"): "operator",
    ("GET", "/api/v1/events"): "viewer",
    ("GET", "/api/v1/metrics"): "viewer",
    ("POST", "/api/v1/exchange"): "viewer",  # each call in it for itself: see below
    ("GET", "/"): "viewer",
    ("GET", "/jobs/{id}"): "viewer",
    ("POST", "/jobs/{id}/cancel"): "submitter",
    ("POST", "/jobs/{id}/retry"): "submitter",
    ("GET", "/queues"): "viewer",
    ("POST", "/queues/{name}/pause"): "operator",
    ("GET", "/agents"): "viewer",
    ("POST", "/agents/{name}/drain"): "operator",
    ("GET", "/people"): "operator",
    ("POST", "/logout"): "viewer",
}

BODIES: dict[str, Any] = {"/api/v1/jobs": {"queue": "q", "payload": 1}}


def routes_of(service: Service) -> list[tuple[str, str]]:
    """Return all routes: the method, and the path with its places."""
    routes = service.server.application._application.routes  # type: ignore[attr-defined]
    assert all(isinstance(route, Route) for route in routes)
    return sorted(
        (method, route.path_format)
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    )


def real(path: str) -> str:
    """Return a path with its places filled in."""
    places = {"{id}": "1", "{version}": "1", "{name}": "q"}
    return re.sub("{.*?}", lambda place: places[place[0]], path)


async def status_of(
    client: httpx.AsyncClient, method: str, path: str, **options: Any
) -> tuple[int, str]:
    """Return what a route answers, and where it leads; a stream is not read."""
    async with client.stream(method, real(path), **options) as response:
        return response.status_code, response.headers.get("location", "")


@asynccontextmanager
async def logged_in(service: Service, role: str = "operator") -> AsyncIterator[httpx.AsyncClient]:
    """Return a browser in which somebody with this role has logged in."""
    async with service.client(None) as client:
        token = f"gochan_token_of_{role}"
        answer = await client.post("/login", data={"token": token})
        assert answer.status_code == 303
        yield client


async def csrf_of(client: httpx.AsyncClient) -> str:
    """Return the word that forms of this browser's session have."""
    return (await client.get("/")).text.split('name="csrf" value="')[1].split('"')[0]


# Secrets and tokens on every route


async def test_nothing_is_answered_to_strangers(tmp_path: Path) -> None:
    """Without a token, with a wrong one, with that of the others, on each route that there is."""
    wrong = [None, "gochan_token_", "x" * 5000, "gochan_token_of_nobody"]
    async with open_service(tmp_path) as service:
        await service.store.enqueue([NewJob(queue="q", payload=b"1")])
        closed = [(method, path) for method, path in routes_of(service) if path not in OPEN]
        for word in [*wrong, "gochan_token_of_operator", SECRET]:
            async with service.client(word) as client:
                for method, path in closed:
                    is_for_agents = path.startswith("/rpc/")
                    if word == (SECRET if is_for_agents else "gochan_token_of_operator"):
                        continue
                    status, where = await status_of(client, method, path, json={})
                    found = status, where.split("?to=")[0]
                    is_page = not path.startswith(("/rpc/", "/api/"))
                    wanted = (303, "/login") if is_page else (401, "")
                    assert found == wanted, (method, path, word)
        assert service.register.audit() == []
        (record,) = await service.store.look([1])
        assert record is not None
        assert record.state == "waiting"


async def test_what_is_open_says_nothing(tmp_path: Path) -> None:
    """Of the jobs, the people and the queues."""
    async with open_service(tmp_path) as service, service.client(None) as client:
        await service.store.enqueue([NewJob(queue="secret-queue", payload=b"1")])
        service.register.add(Person("secret-queue", "viewer"), **HERE)
        paths = {path for _, path in routes_of(service)}
        assert paths >= OPEN
        for path in OPEN:
            assert "secret-queue" not in (await client.get(path)).text


# Roles


@pytest.mark.slow
async def test_every_route_needs_the_role_that_is_promised(tmp_path: Path) -> None:
    """A table of all routes for people; one that is not in it fails this test."""
    async with open_service(tmp_path) as service:
        for_people = [
            (method, path)
            for method, path in routes_of(service)
            if path not in OPEN and not path.startswith("/rpc/")
        ]
        assert {*for_people} == {*NEEDED}
        for role in ROLES:
            await service.store.enqueue(
                [NewJob(queue="q", payload=b"1", headers={"gochan-person": role})]
            )
        for number, role in enumerate(ROLES, 1):
            program = service.client(f"gochan_token_of_{role}")
            async with program, logged_in(service, role) as browser:
                csrf = await csrf_of(browser)
                for method, path in for_people:
                    mine = path.replace("{id}", str(number))
                    if path == "/logout":
                        continue
                    if path.startswith("/api/"):
                        body = BODIES.get(path, {})
                        status, _ = await status_of(program, method, mine, json=body)
                    else:
                        form = {"csrf": csrf} if method == "POST" else None
                        status, _ = await status_of(browser, method, mine, data=form)
                    may = allows(role, NEEDED[method, path])  # type: ignore[arg-type]
                    assert (status != 403) == may, (role, method, path, status)
                    assert status not in (401, 500), (role, method, path)


CALLS: list[tuple[dict[str, Any], str]] = [
    ({"call": "look", "ids": [1]}, "viewer"),
    ({"call": "queues"}, "viewer"),
    ({"call": "statistics", "queue": "q"}, "viewer"),
    ({"call": "enqueue", "jobs": []}, "submitter"),
    ({"call": "cancel", "ids": [], "reason": "x"}, "submitter"),
    ({"call": "pause", "queue": "q", "paused": True}, "operator"),
    ({"call": "purge", "queue": "q", "kinds": ["done"], "n": 1}, "operator"),
    ({"call": "finish", "endings": []}, "operator"),
    ({"call": "release", "releases": []}, "operator"),
]


@pytest.mark.parametrize("role", ROLES)
async def test_calls_of_a_store_need_the_same_roles(tmp_path: Path, role: str) -> None:
    """Also those that agents make."""
    async with open_service(tmp_path) as service:
        calls = [call for call, _ in CALLS]
        answer = await service.ask("POST", "/api/v1/exchange", who=role, json={"calls": calls})
        for (call, needed), got in zip(CALLS, answer.json()["answers"], strict=True):
            may = allows(role, needed)  # type: ignore[arg-type]
            assert (got["trouble"] is None) == may, (call, got)


# Requests from other sites


async def test_a_form_of_another_site_changes_nothing(tmp_path: Path) -> None:
    """Whatever it sends: no word, the word of another session, or the right one."""
    async with open_service(tmp_path) as service:
        await service.store.enqueue([NewJob(queue="q", payload=b"1")])
        async with logged_in(service) as mine, logged_in(service) as others:
            words: list[dict[str, str]] = [{}, {"csrf": ""}, {"csrf": await csrf_of(others)}]
            right = {"csrf": await csrf_of(mine)}
            forms = [path for method, path in routes_of(service) if method == "POST"]
            forms = [path for path in forms if not path.startswith(("/rpc/", "/api/", "/login"))]
            assert "/jobs/{id}/cancel" in forms
            assert "/logout" in forms
            before = len(service.register.audit())
            for path in forms:
                for form in words:
                    status, _ = await status_of(mine, "POST", path, data=form)
                    assert status == 403, (path, form)
                for site in ("cross-site", "same-site"):
                    head = {"sec-fetch-site": site}
                    status, _ = await status_of(mine, "POST", path, data=right, headers=head)
                    assert status == 403, (path, site)
            assert len(service.register.audit()) == before
            assert (await mine.get("/")).status_code == 200


async def test_another_site_logs_nobody_in(tmp_path: Path) -> None:
    """Else somebody would work in the name of an attacker without knowing it."""
    async with open_service(tmp_path) as service, service.client(None) as client:
        form = {"token": "gochan_token_of_viewer"}
        head = {"sec-fetch-site": "cross-site"}
        answer = await client.post("/login", data=form, headers=head)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)
        own = await client.post("/login", data=form, headers={"sec-fetch-site": "same-origin"})
        assert own.status_code == 303


async def test_a_cookie_is_for_this_site_and_for_no_script(tmp_path: Path) -> None:
    """By TLS only, where the server has TLS; a new one each time."""
    async with open_service(tmp_path) as service, service.client(None) as client:
        cookies = []
        for _ in range(2):
            client.cookies.clear()
            client.cookies.set("gochan_session", "one that an attacker knows")
            answer = await client.post("/login", data={"token": "gochan_token_of_viewer"})
            cookie = answer.headers["set-cookie"]
            assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {*cookie.split("; ")}
            cookies.append(cookie.split(";")[0])
        assert len({*cookies}) == 2
        assert "attacker" not in "".join(cookies)


# Text that is no text


HOSTILE = [
    "'; DROP TABLE job; --",
    '" OR 1=1 --',
    "%s %(s)s {s} {now} $1 ? :x",
    "\\'; DELETE FROM person; --",
    "<script>alert(1)</script>",
    "\x1b]0;title\x07\x1b[2J",
    "\u202etxt.exe",
    "../../../etc/passwd",
    "a\r\nSet-Cookie: x=y",
]


async def use_every_text(service: Service, text: str) -> None:
    """Say a text wherever a text can be said, and see that it is kept as it is."""
    job = {"queue": text, "payload": text, "key": text, "group": text, "machine": text,
           "labels": {text: text}, "headers": {text: text}, "receipt": text}  # fmt: skip
    stored = await service.ask("POST", "/api/v1/jobs", json=job)
    assert stored.status_code == 201, stored.text
    id = stored.json()["id"]
    (record,) = await service.store.look([id])
    assert record is not None
    assert (record.queue, record.key, record.group, record.machine) == (text,) * 4
    assert record.headers[text] == record.labels[text] == text
    agent = {"name": text, "machine": text, "labels": {text: text}}
    async with service.client(SECRET) as client:
        said = {"agent": agent, "queue": text, "wait": 0}
        (ticket,) = (await client.post("/rpc/v1/request", json=said)).json()["tickets"]
        said = {"agent": agent, "queue": text, "tickets": [ticket]}
        (mine,) = (await client.post("/rpc/v1/accept", json=said)).json()["accepted"]
        failed = mine | {"status": "failed", "error": text, "retry": False}
        said = {"agent": agent, "reports": [failed]}
        assert (await client.post("/rpc/v1/updateStatus", json=said)).json() == {"taken": [True]}
    where = {"queue": text, "state": "ended"}
    found = (await service.ask("GET", "/api/v1/jobs", params=where)).json()["jobs"]
    assert [(one["id"], one["error"]) for one in found] == [(id, text)]
    for method, path in (("POST", f"/api/v1/jobs/{id}/cancel"), ("GET", f"/jobs/{id}")):
        await service.ask(method, path, json={"reason": text})
    async with logged_in(service) as browser:
        for path in ("/", f"/jobs/{id}", "/queues", "/agents", "/people"):
            page = await browser.get(path)
            assert page.status_code == 200
            assert "<script>alert" not in page.text
            assert "set-cookie" not in page.headers
    assert (await service.ask("GET", "/api/v1/metrics")).status_code == 200
    await service.store.audit(text)
    service.register.note(text, text, by=text, at=0.0, source=text)
    assert service.register.audit(limit=1)[0].details == text
    assert service.register.who(text, at=0.0) is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_what_people_write_is_text_everywhere(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """No statement, no template, no markup, no header, no path, no command to a terminal."""
    address = f"sqlite:{tmp_path / 'jobs.db'}"
    if kind == "postgresql":
        address = request.getfixturevalue("server").address
    async with open_store(address) as store, open_service(tmp_path, store=store) as service:
        for text in HOSTILE:
            await use_every_text(service, text)
        assert {*await store.queues()} >= {*HOSTILE}


# Reports that come again, late, or in another order


@pytest.mark.parametrize("seed", range(20))
async def test_reports_in_any_order_end_a_run_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int
) -> None:
    """The first end that was taken stays; what is said again is taken, or is too late."""
    chance = random.Random(seed)
    async with open_near(tmp_path) as near:
        run = await near.run(max_attempts=1)
        ends = ["done", "failed", "timed_out", "cancelled"]
        reports = [run | {"status": one, "retry": False} for one in [*ends, "running", "progress"]]
        first = None
        for _ in range(12):
            some = chance.choices(reports, k=chance.randint(1, 3))
            taken = (await near.report(*some)).json()
            for report, yes in zip(some, taken["taken"], strict=True):
                if yes and report["status"] in ends:
                    first = first or report["status"]
                    assert report["status"] == first
        record = await near.record(run["id"])
        assert record.kind == first
        await near.store.audit(QUEUE)


# Streams


@pytest.mark.parametrize(
    "path",
    [
        "events",
        pytest.param("jobs/1/log", marks=pytest.mark.slow),
        pytest.param("jobs/1/log?follow=1", marks=pytest.mark.slow),
    ],
)
async def test_a_stream_ends_when_its_reader_is_let_in_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Soon after a token was revoked; a register that is away for a moment ends nothing."""
    monkeypatch.setattr(visitors, "AGAIN", 0.1)
    monkeypatch.setattr("gochan_service._api._fleet.AGAIN", 0.1)
    async with open_service(tmp_path) as service:
        await service.store.enqueue([NewJob(queue="q", payload=b"1")])
        await service.store.claim("q", 1, Worker("w"), 1000.0)
        service.register.add(Person("ada", "viewer"), **HERE)
        token = service.register.make_token("ada", lasts=1e12, **HERE)
        who = service.register.who
        asked_twice = trio.Event()
        asked: list[str] = []
        is_over = trio.Event()

        def away(token: str, *, at: float) -> Person | None:
            asked.append(token)
            if len(asked) == 2:
                trio.from_thread.run_sync(asked_twice.set)
            raise StoreUnavailable("away")

        async def read(task_status: trio.TaskStatus[None]) -> None:
            head = {"accept": "text/event-stream"} if "follow" not in path else {}
            async with (
                service.client(token) as client,
                client.stream("GET", f"/api/v1/{path}", headers=head) as response,
            ):
                assert response.status_code == 200
                task_status.started()
                async for _ in response.aiter_lines():
                    pass
            is_over.set()

        async with trio.open_nursery() as nursery:
            await nursery.start(read)
            monkeypatch.setattr(type(service.register), "who", staticmethod(away))
            with trio.fail_after(20):
                await asked_twice.wait()
            assert not is_over.is_set()
            monkeypatch.setattr(type(service.register), "who", staticmethod(who))
            service.register.revoke("ada", **HERE)
            with trio.fail_after(20):
                await is_over.wait()


async def test_who_may_not_work_is_no_agent(tmp_path: Path) -> None:
    """Or a viewer could fill the list of agents, and say anything of those that there are."""
    said = {"agent": {"name": "made up", "capacity": 1000}}
    async with open_service(tmp_path) as service:
        for who, status in (("viewer", 403), ("submitter", 403), ("operator", 200)):
            answer = await service.ask("POST", "/api/v1/exchange", who=who, json=said)
            assert answer.status_code == status
            agents = (await service.ask("GET", "/api/v1/agents")).json()["agents"]
            assert len(agents) == (who == "operator")


async def test_people_leave_room_for_the_listening_of_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that draws a new word each time takes half of the room at most."""
    monkeypatch.setattr("gochan_service._door._listeners.MOST", 4)
    async with open_service(tmp_path) as service:
        for number, status in enumerate([200, 200, 429, 429]):
            said = {"listener": f"listener {number}", "queues": ["q"]}
            answer = await service.ask("POST", "/api/v1/exchange", who="viewer", json=said)
            assert answer.status_code == status
        said["listener"] = "listener 1"
        answer = await service.ask("POST", "/api/v1/exchange", who="viewer", json=said)
        assert answer.status_code == 200
        async with service.client(SECRET) as agent:
            for name in ("one agent", "another agent"):
                said["listener"] = name
                assert (await agent.post("/rpc/v1/exchange", json=said)).status_code == 200


# A full disk


async def test_a_full_disk_of_the_register_is_told(tmp_path: Path) -> None:
    """What needs a line in the audit table is not done; who only looks is answered."""
    async with open_service(tmp_path) as service:
        connection = service.register._database._connection  # type: ignore[attr-defined]
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")
        chance = random.Random(0)
        text = "".join(chance.choices(string.ascii_letters, k=100_000))
        with pytest.raises(StoreUnavailable, match=r"the register cannot be used now: .*full"):
            service.register.note("x", text, by="x", at=0.0, source="")
        job = {"queue": text[:1000], "payload": 1}
        statuses = {(await service.ask("POST", "/api/v1/jobs", json=job)).status_code
                    for _ in range(10)}  # fmt: skip
        assert statuses == {201, 503}
        assert (await service.ask("GET", "/api/v1/jobs")).status_code == 200
        connection.execute(f"PRAGMA max_page_count={pages + 1000}")
        assert (await service.ask("POST", "/api/v1/jobs", json=job)).status_code == 201


async def test_the_store_is_asked_before_anything_is_written(tmp_path: Path) -> None:
    """A job of which the audit table cannot tell is not stored."""

    async def count(store: Store) -> int:
        return sum([(await store.statistics(name)).stored for name in await store.queues()])

    async with open_service(tmp_path) as service:
        with service.register._database.transaction() as work:
            work.run("ALTER TABLE {audit} RENAME TO lost")
        answer = await service.ask("POST", "/api/v1/jobs", json={"queue": "q", "payload": 1})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert await count(service.store) == 0
