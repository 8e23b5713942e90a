"""The pages, as they are without a browser: what they say, who may do what, and their headers."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from gochan_service._page._plain_log import plain
from gochan_service._page._words import ago, data, short, span, took, utc
from gochan_service._people import Person, Register

from gochan.durable import Ending, NewJob, Release, StoreUnavailable, Worker

from .services import SECRET, Service, open_service

ME = Worker("me")


@asynccontextmanager
async def browser(
    service: Service, who: str | None = "operator"
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which somebody has logged in."""
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=20) as client:
        if who is not None:
            answer = await client.post("/login", data={"token": f" gochan_token_of_{who}\n"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
        yield client


def csrf_in(page: httpx.Response) -> str:
    match = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert match is not None
    return match[1]


async def submit(service: Service, payload: object = "x", **options: Any) -> int:
    job = NewJob(queue="q", payload=json.dumps(payload).encode(), **options)
    (answer,) = await service.store.enqueue([job])
    return answer.id  # type: ignore[union-attr]


# Logging in and out


async def test_who_has_not_logged_in_is_asked_for_a_token(tmp_path: Path) -> None:
    """On every page; and the API is no way around."""
    async with open_service(tmp_path) as service, browser(service, None) as client:
        for path in ("/", "/jobs/1", "/queues", "/agents", "/people"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login")
        for path in ("/jobs/1/cancel", "/jobs/1/retry", "/queues/q/pause", "/agents/a/drain"):
            assert (await client.post(path, data={})).headers["location"] == "/login"
        login = await client.get("/login")
        assert 'type="password"' in login.text
        assert (await client.get("/api/v1/jobs")).status_code == 401


async def test_a_page_that_was_asked_for_comes_after_logging_in(tmp_path: Path) -> None:
    """As by a link in a mail; a token that was mistyped does not forget it."""
    async with open_service(tmp_path) as service, browser(service, None) as client:
        login = (await client.get("/jobs/1?version=2")).headers["location"]
        assert login == "/login?to=%2Fjobs%2F1%3Fversion%3D2"
        wanted = 'name="to" value="/jobs/1?version=2"'
        assert wanted in (await client.get(login)).text
        form = {"to": "/jobs/1?version=2", "token": "wrong"}
        assert wanted in (await client.post("/login", data=form)).text
        answer = await client.post("/login", data=form | {"token": "gochan_token_of_viewer"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs/1?version=2")


@pytest.mark.parametrize(
    "elsewhere", ["//host", "https://host", "/\\host", "/\t/host", "host", "/a\r\nb: c", "/ö", ""]
)
async def test_nobody_is_led_elsewhere_by_logging_in(tmp_path: Path, elsewhere: str) -> None:
    """Only to pages of this server; otherwise to the first."""
    async with open_service(tmp_path) as service, browser(service, None) as client:
        assert 'name="to"' not in (await client.get("/login", params={"to": elsewhere})).text
        form = {"to": elsewhere, "token": "gochan_token_of_viewer"}
        assert (await client.post("/login", data=form)).headers["location"] == "/"


async def test_the_secret_of_agents_is_told_from_a_token(tmp_path: Path) -> None:
    """Both are in files side by side."""
    async with open_service(tmp_path) as service, browser(service, None) as client:
        answer = await client.post("/login", data={"token": "gochan_agent_x"})
        assert (answer.status_code, "the secret of agents" in answer.text) == (403, True)


async def test_what_is_not_there_is_said_by_a_page(tmp_path: Path) -> None:
    """To a browser, whoever uses it; a program gets a line."""
    async with open_service(tmp_path) as service:
        for who in (None, "viewer"):
            async with browser(service, who) as client:
                page = await client.get("/nothing", headers={"accept": "text/html,*/*;q=0.8"})
                assert page.status_code == 404
                assert "There is no such page." in page.text
                assert "<h1>Not found</h1>" in page.text
                assert ('action="/logout"' in page.text) == (who is not None)
                assert "content-security-policy" in page.headers
                line = await client.get("/api/v1/nothing")
                assert (line.status_code, line.text) == (404, "Not Found")


async def test_a_session_begins_and_ends(tmp_path: Path) -> None:
    """Its cookie is for this site alone, and no script can read it."""
    async with open_service(tmp_path) as service, browser(service, None) as client:
        answer = await client.post("/login", data={"token": "gochan_token_of_viewer"})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" not in cookie  # which it is behind TLS only
        page = await client.get("/")
        assert page.status_code == 200
        assert "viewer" in page.text
        assert (await client.post("/logout", data={"csrf": "wrong"})).status_code == 403
        out = await client.post("/logout", data={"csrf": csrf_in(page)})
        assert (out.status_code, out.headers["location"]) == (303, "/login")
        assert (await client.get("/")).headers["location"] == "/login"


async def test_who_has_no_session_may_leave(tmp_path: Path) -> None:
    """As with a token in the head of a request; the sessions of others go on."""
    async with open_service(tmp_path) as service, browser(service) as other:
        page = await service.ask("GET", "/")
        out = await service.ask("POST", "/logout", data={"csrf": csrf_in(page)})
        assert (out.status_code, out.headers["location"]) == (303, "/login")
        assert (await other.get("/")).status_code == 200


@pytest.mark.parametrize("form", [{"token": "wrong"}, {"token": ""}, {"other": "x"}, {}])
async def test_a_token_that_opens_nothing_is_said(tmp_path: Path, form: dict[str, str]) -> None:
    """A moment later, so that guessing is slow."""
    async with open_service(tmp_path) as service, browser(service, None) as client:
        started = trio.current_time()
        answer = await client.post("/login", data=form)
        assert answer.status_code == 403
        assert "This token opens nothing" in answer.text
        assert trio.current_time() - started >= 1.0
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "form",
    [
        {"content": b"a=b&" * 30, "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"data": {"token": "a" * 70_000}},
        {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data"}},
        {"files": {"token": b"a file"}},
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout"])
async def test_a_form_that_no_page_has_is_no_error_of_the_server(
    tmp_path: Path, form: dict[str, Any], path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Too many fields, one that is too long, one that cannot be read."""
    caplog.set_level(logging.WARNING)
    who = None if path == "/login" else "viewer"
    async with open_service(tmp_path) as service, browser(service, who) as client:
        answer = await client.post(path, **form)
        assert answer.status_code == 400
        assert "this is not a form from here" in answer.text
    assert caplog.text == ""


async def test_who_is_blocked_is_out_at_once(tmp_path: Path) -> None:
    """The session has ended, too."""
    here = {"by": "root", "at": 0.0, "source": "test"}
    async with open_service(tmp_path) as service, browser(service, None) as client:
        service.register.add(Person("ada", "submitter"), **here)
        token = service.register.make_token("ada", lasts=1e12, **here)
        assert (await client.post("/login", data={"token": token})).status_code == 303
        assert (await client.get("/")).status_code == 200
        service.register.set_active("ada", False, **here)
        assert (await client.get("/")).headers["location"] == "/login"


async def test_a_cookie_is_no_key_to_the_api(tmp_path: Path) -> None:
    """But for looking: a browser sends it without its user's will."""
    async with open_service(tmp_path) as service, browser(service) as client:
        assert (await client.get("/api/v1/jobs")).status_code == 200
        answer = await client.post("/api/v1/jobs", json={"queue": "q", "payload": 1})
        assert answer.status_code == 401


# Headers


async def test_a_page_takes_nothing_from_elsewhere(tmp_path: Path) -> None:
    """No page has anything inline, and each says so to the browser."""
    async with open_service(tmp_path) as service, browser(service) as client:
        await submit(service)
        for path in ("/", "/jobs/1", "/queues", "/agents", "/people", "/jobs/99"):
            page = await client.get(path)
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert page.headers["x-frame-options"] == "DENY"
            assert page.headers["cache-control"] == "no-store"
            assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", page.text)
            assert not re.search(r'(?:src|href|action)="(?!/|#)', page.text)
        for path, kind in (("page.css", "css"), ("page.js", "javascript"), ("mark.svg", "svg")):
            answer = await client.get(f"/static/{path}")
            assert answer.status_code == 200
            assert kind in answer.headers["content-type"]


# Jobs


async def test_jobs_are_shown_in_pages_and_filtered(tmp_path: Path) -> None:
    """The newest first."""
    async with open_service(tmp_path) as service, browser(service, "viewer") as client:
        assert "There are no jobs yet" in (await client.get("/")).text
        for n in range(60):
            await submit(service, n)
        (record,) = await service.store.claim("q", 1, ME, 30.0)
        await service.store.finish([Ending(record.id, record.version, "done")])

        def ids(page: httpx.Response) -> list[int]:
            return [int(id) for id in re.findall(r'href="/jobs/(\d+)"', page.text)]

        first = await client.get("/")
        assert ids(first) == [*range(60, 10, -1)]
        assert "Newest" not in first.text
        older = re.search(r'href="([^"]+)">Older', first.text)
        assert older is not None
        second = await client.get(older[1].replace("&amp;", "&"))
        assert ids(second) == [*range(10, 0, -1)]
        assert "Newest" in second.text
        assert "Older" not in second.text
        assert ids(await client.get("/?state=done")) == [1]
        assert ids(await client.get("/?state=running&queue=q")) == []
        assert "There is no such job" in (await client.get("/?state=failed")).text
        odd = await client.get("/?state=odd")
        assert odd.status_code == 400
        assert "is not one of" in odd.text
        assert (await client.get("/?before=x")).status_code == 400


async def test_what_users_write_is_text(tmp_path: Path) -> None:
    """Wherever it stands."""
    nasty = "<script>alert(1)</script>\"'&"
    async with open_service(tmp_path) as service, browser(service) as client:
        await service.store.enqueue(
            [NewJob(queue=nasty, payload=json.dumps(nasty).encode(), key=nasty)]
        )
        (record,) = await service.store.claim(nasty, 1, Worker(nasty), 30.0)
        service.files.append(record.id, record.version, "log", 0, nasty.encode())
        await service.store.release(
            [Release(record.id, record.version, "failed", 1000, error=nasty)]
        )
        beat = {"agent": {"name": nasty, "labels": {nasty: nasty}, "machine": nasty}}
        async with service.client(SECRET) as agent:
            assert (await agent.post("/rpc/v1/healthz", json=beat)).status_code == 200
        service.register.note(nasty, nasty, by=nasty, at=0.0, source=nasty)
        for path in ("/", "/jobs/1", "/queues", "/agents", "/people", "/?queue=" + nasty):
            text = (await client.get(path)).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert" in text


async def test_the_logs_of_earlier_runs_can_be_read(tmp_path: Path) -> None:
    """Since what went wrong first is in them."""
    async with open_service(tmp_path) as service, browser(service) as client:
        id = await submit(service)
        runs: list[int] = []
        for text in (b"first", b"second"):
            (record,) = await service.store.claim("q", 1, ME, 30.0)
            service.files.append(id, record.version, "log", 0, text)
            await service.store.release([Release(id, record.version, "failed", error="oops")])
            runs.append(record.version)
        page = (await client.get(f"/jobs/{id}")).text
        (earlier,) = re.findall(
            r"Logs of earlier runs: <a href=\"([^\"]+)\">run (\d+)</a></p>", page
        )
        assert int(earlier[1]) == runs[0]
        assert (await client.get(earlier[0])).text == "first"
        assert ">second</pre>" in page


async def test_a_job_is_shown_with_all_that_is_known(tmp_path: Path) -> None:
    """Its runs, its files, its log, and why it waits."""
    async with open_service(tmp_path) as service, browser(service, "viewer") as client:
        id = await submit(service, {"n": 1}, key="my key", priority=7)
        assert "It is the next one" in (await client.get(f"/jobs/{id}")).text
        (record,) = await service.store.claim("q", 1, ME, 30.0)
        log = b"line\n" * 20_000 + b"\x1b[31mthe end\x1b[0m\n"
        service.files.append(id, record.version, "log", 0, log)
        service.files.append(id, record.version, "out.png", 0, b"png")
        ticket = {"id": id, "version": record.version}
        report = {**ticket, "status": "progress", "done": 3, "total": 4}
        async with service.client(SECRET) as agent:
            answer = await agent.post(
                "/rpc/v1/updateStatus", json={"agent": {"name": "me"}, "reports": [report]}
            )
            assert answer.status_code == 200, answer.text
            assert answer.json() == {"taken": [True]}
        running = (await client.get(f"/jobs/{id}")).text
        assert re.search(r'<progress [^>]*max="4(\.0)?" value="3(\.0)?">', running)
        await service.store.finish([Ending(id, record.version, "done", b'{"sum": 42}')])
        page = (await client.get(f"/jobs/{id}")).text
        for text in ("my key", "{&#34;sum&#34;: 42}", "out.png", "the end", "7", "1 of 5"):
            assert text in page
        assert "\x1b" not in page
        assert "These are its last lines" in page
        assert page.count("line\n") < 20_000
        assert f'data-offset="{len(log)}"' in page
        for path in ("/jobs/99", "/jobs/0", "/jobs/x"):
            assert (await client.get(path)).status_code in (400, 404)


async def test_a_job_is_cancelled_and_run_again_by_forms(tmp_path: Path) -> None:
    """With the word that only our pages have."""
    async with open_service(tmp_path) as service, browser(service) as client:
        id = await submit(service, key="k")
        page = await client.get(f"/jobs/{id}")
        csrf = csrf_in(page)
        assert 'id="cancel"' in page.text
        for wrong in ({}, {"csrf": "x"}, {"csrf": csrf + "x"}, {"csrf": "é"}):
            answer = await client.post(f"/jobs/{id}/cancel", data=wrong)
            assert answer.status_code == 403
            assert "not from here" in answer.text
        answer = await client.post(f"/jobs/{id}/cancel", data={"csrf": csrf, "reason": "no need"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{id}")
        page = await client.get(f"/jobs/{id}")
        assert "no need" in page.text
        assert 'id="retry"' in page.text
        assert (await client.post(f"/jobs/{id}/retry", data={"csrf": csrf})).status_code == 303
        again = await client.post(f"/jobs/{id}/retry", data={"csrf": csrf})
        assert again.status_code == 409
        assert "has not ended" in again.text
        await client.post(f"/jobs/{id}/cancel", data={"csrf": csrf})
        (record,) = await service.store.look([id])
        assert record is not None
        assert record.error == "cancelled by operator"
        other = await submit(service, key="k")
        taken = await client.post(f"/jobs/{id}/retry", data={"csrf": csrf})
        assert (taken.status_code, f"job {other} has its key" in taken.text) == (409, True)


async def test_a_running_job_says_that_it_is_to_be_cancelled(tmp_path: Path) -> None:
    """Until its worker has heard."""
    async with open_service(tmp_path) as service, browser(service, "viewer") as client:
        id = await submit(service)
        await service.store.claim("q", 1, ME, 30.0)
        await service.store.cancel([id], "enough")
        page = (await client.get(f"/jobs/{id}")).text
        assert "cancelling" in page
        assert "enough" in page


async def test_an_empty_page_says_what_to_type(tmp_path: Path) -> None:
    """With the address of this server, so that it can be copied."""
    async with open_service(tmp_path) as service, browser(service, "viewer") as client:
        assert f"gochan submit {service.url} " in (await client.get("/")).text
        assert f"gochan agent {service.url} " in (await client.get("/agents")).text


async def test_buttons_are_for_those_who_may(tmp_path: Path) -> None:
    """And what has no button is refused all the same."""
    async with open_service(tmp_path) as service:
        mine = await submit(service, headers={"gochan-person": "submitter"})
        other = await submit(service, headers={"gochan-person": "somebody"})
        async with browser(service, "submitter") as client:
            assert 'id="cancel"' in (await client.get(f"/jobs/{mine}")).text
            page = await client.get(f"/jobs/{other}")
            assert 'id="cancel"' not in page.text
            csrf = csrf_in(page)
            for path in (f"/jobs/{other}/cancel", "/queues/q/pause", "/agents/a/drain"):
                assert (await client.post(path, data={"csrf": csrf})).status_code == 403
            assert (await client.get("/people")).status_code == 403
            assert "Pause" not in (await client.get("/queues")).text
        async with browser(service, "viewer") as client:
            assert 'id="cancel"' not in (await client.get(f"/jobs/{mine}")).text


# Queues, agents, people


async def test_queues_are_paused_and_resumed_by_forms(tmp_path: Path) -> None:
    """A name may have anything in it."""
    async with open_service(tmp_path) as service, browser(service) as client:
        assert "There are no queues yet" in (await client.get("/queues")).text
        await service.store.enqueue([NewJob(queue="a/b c", payload=b"1")])
        for paused in (True, False):
            page = await client.get("/queues")
            path = re.search(r'action="(/queues/[^"]+)"', page.text)
            assert path is not None
            said = re.search(r'name="paused" value="(\w+)"', page.text)
            assert said is not None
            form = {"csrf": csrf_in(page), "paused": said[1]}
            assert (await client.post(path[1], data=form)).status_code == 303
            assert (await service.store.statistics("a/b c")).paused is paused


async def test_agents_are_drained_by_forms(tmp_path: Path) -> None:
    """One that was never heard of is 404."""
    async with open_service(tmp_path) as service, browser(service) as client:
        empty = await client.get("/agents")
        assert "No agent has been heard of" in empty.text
        async with service.client(SECRET) as agent:
            beat = {"agent": {"name": "a/1 x", "labels": {"gpu": "yes"}}}
            await agent.post("/rpc/v1/healthz", json=beat)
        page = await client.get("/agents")
        assert "gpu=yes" in page.text
        path = re.search(r'action="(/agents/[^"]+)"', page.text)
        assert path is not None
        form = {"csrf": csrf_in(page), "draining": "yes"}
        assert (await client.post(path[1], data=form)).status_code == 303
        assert "Let it work" in (await client.get("/agents")).text
        missing = await client.post("/agents/nobody/drain", data=form)
        assert missing.status_code == 404


async def test_agents_that_are_there_come_first(tmp_path: Path) -> None:
    """With the queues that they ask, and how many jobs they have; then those that are silent."""
    async with open_service(tmp_path) as service, browser(service) as client:
        async with service.client(SECRET) as agent:
            await agent.post("/rpc/v1/healthz", json={"agent": {"name": "a-gone"}})
            said = {"name": "b-there", "capacity": 7, "held": 5}
            ask = {"agent": said, "queue": "count", "wait": 0}
            await agent.post("/rpc/v1/request", json=ask)
        routes = service.server.application._application.routes  # type: ignore[attr-defined]
        pages = next(route.endpoint.__self__ for route in routes if route.path == "/agents")
        gone, _ = pages._agents.all()
        gone.seen -= 91.0
        text = (await client.get("/agents")).text
        gone.phase = "report"  # the last one: it was stopped in order
        stopped = (await client.get("/agents")).text
    assert text.index("b-there") < text.index("a-gone") < text.index(">silent<")
    assert stopped.index("a-gone") < stopped.index(">has stopped<")
    assert ">silent<" not in stopped
    assert 'data-name="Queues">count</td>' in text
    assert 'data-name="Jobs">5</td><td class="n" data-name="Capacity">7</td>' in text


async def test_operators_see_people_and_what_was_done(tmp_path: Path) -> None:
    """The session that they have just begun included."""
    here = {"by": "root", "at": 0.0, "source": "test"}
    async with open_service(tmp_path) as service, browser(service) as client:
        service.register.add(Person("ada", "viewer", "Ada L."), **here)
        service.register.set_active("ada", False, **here)
        text = (await client.get("/people")).text
        for word in ("Ada L.", "blocked", "operator", "session", "for 12 hours", "127.0.0.1"):
            assert word in text


async def test_a_store_that_is_away_is_said(tmp_path: Path) -> None:
    """With a page, too."""
    async with open_service(tmp_path) as service, browser(service) as client:
        await service.store.aclose()
        answer = await client.get("/queues")
        assert answer.status_code == 503
        assert "the store cannot be reached" in answer.text


async def test_a_register_that_is_away_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As a full disk, or a database that is away: with a page, and it is no error of the server."""

    def away(*arguments: Any, **options: Any) -> Any:
        raise StoreUnavailable("the register is away")

    async with open_service(tmp_path) as service, browser(service) as client:
        for name in ("who", "begin_session", "end_session"):
            page = await client.get("/")
            monkeypatch.setattr(Register, name, away)
            if name == "who":
                page = await client.get("/", headers={"accept": "text/html"})
                answers = [page, await client.get("/nothing", headers={"accept": "text/html"})]
                monkeypatch.undo()
            elif name == "begin_session":
                token = {"token": "gochan_token_of_operator"}
                answers = [await client.post("/login", data=token)]
            else:
                answers = [await client.post("/logout", data={"csrf": csrf_in(page)})]
            for answer in answers:
                assert answer.status_code == 503
                assert "the register is away" in answer.text
    assert "failed" not in caplog.text


# Words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢\ttab\n", "plain é 漢\ttab\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[H\x1b]0;title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
        ("\x1b(Bx\x1b7y\x1bcz", "xyz"),
        ("10 %\r20 %\r\n30 %\n", "10 %\n20 %\n30 %\n"),
        ("bell\a null\0 delete\x7f c1\x9b", "bell\ufffd null\ufffd delete\ufffd c1\ufffd"),
        ("\x1b", "\ufffd"),
    ],
)
def test_a_log_is_shown_as_text(text: str, shown: str) -> None:
    """Nothing that a terminal would obey, and nothing that could be read in two ways."""
    assert plain(text) == shown


def test_words_are_short() -> None:
    """As one says them."""
    assert [span(s) for s in (-1, 0, 119, 120, 7199, 7200, 172_800)] == [
        "0 s", "0 s", "119 s", "2 min", "120 min", "2 h", "2 d"
    ]  # fmt: skip
    assert [took(s) for s in (-1, 0.04, 9.94, 9.96, 200)] == [
        "0.0 s",
        "0.0 s",
        "9.9 s",
        "10 s",
        "3 min",
    ]
    assert utc(datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)) == "2026-02-03 04:05:06 UTC"
    assert ago(None, 0.0) == ""
    assert data(None, "json") == ""
    assert data(b"\xff\xff", "raw") == "2 bytes of raw"
    assert short("x" * 200) == "x" * 200
    assert short("x" * 201) == "x" * 199 + "…"
