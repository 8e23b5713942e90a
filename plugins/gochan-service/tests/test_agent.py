"""Agents of a real server: handlers and commands."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from gochan_service import HttpStore, open_agent, open_server_store
from gochan_service._agent import LogCourier, _log_stream, open_agent_at, run_command_for
from gochan_service._agent._artefacts import UploadFailed, name_of, upload
from gochan_service._agent._handler import command_in, text_of
from gochan_service._agent._one_job import OneJob
from gochan_service._remote._address import reason_of
from gochan_service._remote._post import open_post
from gochan_service._wire import AgentSaid

from gochan.durable import (
    DurableQueue,
    JobRecord,
    NewJob,
    Release,
    StoreError,
    StoreUnavailable,
    Tended,
    Worker,
    beside,
    open_durable_queue,
    open_store,
)
from gochan.processes import open_children

from .services import SECRET, Service, open_service


async def submit(service: Service, *payloads: object, **options: Any) -> list[int]:
    jobs = [NewJob(queue="q", payload=json.dumps(one).encode(), **options) for one in payloads]
    return [answer.id for answer in await service.store.enqueue(jobs)]  # type: ignore[union-attr]


async def ended(service: Service, id: int) -> JobRecord:
    """Wait until a job has ended."""
    with trio.fail_after(30):
        while True:
            (record,) = await service.store.look([id])
            assert record is not None
            if record.state == "ended":
                return record
            await trio.sleep(0.01)


def agent(
    service: Service, handler: Callable[[Any], Awaitable[Any]], **options: Any
) -> AbstractAsyncContextManager[Any, bool | None]:
    return open_agent(service.url, "q", handler, secret=SECRET, **options)


# Handlers


@pytest.mark.parametrize(
    ("server", "own", "seconds"), [(12, None, 12), (12, 40, 40), (0, None, 30)]
)
async def test_a_job_is_leased_for_as_long_as_the_server_says(
    server: float, own: float | None, seconds: float, tmp_path: Path
) -> None:
    """Unless the agent asks for another time, or the server is an older one, which does not say."""
    leases: list[float] = []

    async def look(_: object) -> None:
        (record,) = await service.store.look([1])
        assert record is not None
        assert record.lease_until is not None
        leases.append(record.lease_until.timestamp() - service.store.now())

    async with open_service(tmp_path, lease=server) as service:
        await submit(service, 1)
        async with agent(service, look, lease=own):
            await ended(service, 1)
    assert leases == [pytest.approx(seconds, abs=2)]


async def test_a_handler_runs_the_jobs_of_a_server(tmp_path: Path) -> None:
    """As many at a time as its capacity; results are kept."""
    now = most = 0

    async def double(n: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await trio.sleep(0.01)
        now -= 1
        return 2 * n

    async with open_service(tmp_path) as service:
        ids = await submit(service, *range(20))
        async with agent(service, double, capacity=3):
            records = [await ended(service, id) for id in ids]
        assert [json.loads(record.result or b"") for record in records] == [
            2 * n for n in range(20)
        ]
        assert most == 3


async def test_an_agent_that_takes_one_job_leaves(tmp_path: Path) -> None:
    """The others stay for others."""

    async def handler(n: int) -> int:
        return n

    async with open_service(tmp_path) as service:
        first, second = await submit(service, 1, 2)
        async with agent(service, handler, once=True, capacity=5) as queue:
            with trio.fail_after(30):
                report = await queue.wait_stopped()
        assert not report.stuck
        assert (await ended(service, first)).kind == "done"
        (record,) = await service.store.look([second])
        assert record is not None
        assert (record.state, record.attempt, record.attempts) == ("waiting", 0, ())


async def test_an_agent_can_be_for_one_job(tmp_path: Path) -> None:
    """Although others would come first; it waits until that job can start."""

    async def handler(n: int) -> int:
        return n

    async with open_service(tmp_path) as service:
        first, second = await submit(service, 1, 2)
        (late,) = await submit(service, 3, delay=0.3)
        async with agent(service, handler, job=late) as queue:
            with trio.fail_after(30):
                await queue.wait_stopped()
        assert (await ended(service, late)).kind == "done"
        records = await service.store.look([first, second])
        assert [record.state for record in records if record] == ["waiting", "waiting"]


async def test_one_job_is_leased_once() -> None:
    """Also if another agent was faster, and gives it back; not again after that."""
    mine, other = Worker("mine"), Worker("other")
    async with open_store("memory:") as store:
        await store.enqueue([NewJob(queue="q", payload=b"1")])
        one, accept = OneJob(store, 1), store.accept

        async def be_late(*arguments: Any) -> Any:
            (won,) = await store.claim("q", 1, other, 30.0)
            answer = await accept(*arguments)
            await store.release([Release(won.id, won.version, "unstarted", count=False)])
            return answer

        store.accept = be_late  # type: ignore[method-assign]
        assert await one.claim("q", 1, mine, 30.0) == []
        store.accept = accept  # type: ignore[method-assign]
        (leased,) = await one.claim("q", 1, mine, 30.0)
        await store.release([Release(1, leased.version, "unstarted", count=False)])
        assert await one.claim("q", 1, mine, 30.0) == []


async def test_a_drained_agent_gets_no_jobs(tmp_path: Path) -> None:
    """Until it is to get some again."""

    async def handler(n: int) -> int:
        return n

    async with (
        open_service(tmp_path) as service,
        agent(service, handler, labels={"gpu": "yes"}, machine="here"),
    ):
        (id,) = await submit(service, 1)
        await ended(service, id)
        (shown,) = (await service.ask("GET", "/api/v1/agents")).json()["agents"]
        assert (shown["capacity"], shown["machine"]) == (1, "here")
        assert shown["labels"] == {"gpu": "yes"}
        path = f"/api/v1/agents/{shown['name']}"
        await service.ask("POST", f"{path}/drain")
        (id,) = await submit(service, 2)
        await trio.sleep(0.3)
        (record,) = await service.store.look([id])
        assert record is not None
        assert record.state == "waiting"
        await service.ask("POST", f"{path}/undrain")  # which it hears in its poll
        await ended(service, id)


async def test_an_agent_says_how_many_jobs_it_has(tmp_path: Path) -> None:
    """And while it has none, its poll for bells says that it is there."""

    async def handle(_: object) -> None:
        await trio.sleep_forever()

    async with open_service(tmp_path) as service, agent(service, handle, capacity=4) as opened:
        await measured(service, "agents_polls", 1)
        await measured(service, "agents_held_jobs", 0)
        await submit(service, 1)
        await measured(service, "agents_held_jobs", 1)
        opened.job_queue.stop_soon(drain=0, grace=0)


async def measured(service: Service, name: str, value: int) -> None:
    """Wait until Prometheus would be told this."""
    with trio.fail_after(10):
        while True:
            answer = await service.ask("GET", "/api/v1/metrics")
            if f"\ngochan_{name} {value}.0\n" in answer.text:
                return
            await trio.sleep(0.01)


async def test_an_agent_needs_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment, or as an argument; a token of people is none."""

    async def handler(n: int) -> int:
        return n

    monkeypatch.delenv("GOCHAN_SECRET", raising=False)
    monkeypatch.delenv("GOCHAN_SECRET_FILE", raising=False)
    with pytest.raises(ValueError, match="set GOCHAN_SECRET"):
        open_agent("http://127.0.0.1:1", "q", handler)
    monkeypatch.setenv("GOCHAN_SECRET", "wrong, but long enough")
    async with open_service(tmp_path) as service:
        with pytest.raises(StoreError, match="does not accept the secret"):
            async with open_agent(service.url, "q", handler):
                pass
        monkeypatch.setenv("GOCHAN_SECRET", SECRET)
        async with open_agent(service.url, "q", handler):
            pass


async def test_an_agent_finds_the_secret_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one, which is the newest during a rotation; a file that is not there is named."""

    async def handler(n: int) -> int:
        return n

    file = tmp_path / "secret"
    monkeypatch.delenv("GOCHAN_SECRET", raising=False)
    monkeypatch.setenv("GOCHAN_SECRET_FILE", str(file))
    with pytest.raises(ValueError, match=r"that GOCHAN_SECRET_FILE names .* No such file"):
        open_agent("http://127.0.0.1:1", "q", handler)
    file.write_text("\n")
    with pytest.raises(ValueError, match="an agent needs"):
        open_agent("http://127.0.0.1:1", "q", handler)
    file.write_text(f"an older one\n{SECRET}\n")
    async with open_service(tmp_path) as service, open_agent(service.url, "q", handler):
        pass


async def test_a_server_that_is_not_there_is_named() -> None:
    """At once."""
    with pytest.raises(StoreUnavailable, match=r"http://127\.0\.0\.1:1: "):
        async with open_server_store("http://127.0.0.1:1", secret=SECRET):
            pass


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://", "is like http://"),
        ("http://host/?x=1", "is like http://"),
        ("http://user:password@host", "has no password"),
    ],
)
def test_an_odd_address_is_refused(address: str, why: str) -> None:
    """And a password in it is not shown."""
    with pytest.raises(ValueError, match=why) as caught:
        open_server_store(address, secret=SECRET)
    assert "user" not in str(caught.value)


def test_a_client_needs_a_token_or_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where to find them."""
    monkeypatch.delenv("GOCHAN_SECRET", raising=False)
    monkeypatch.delenv("GOCHAN_TOKEN", raising=False)
    with pytest.raises(ValueError, match=r"set GOCHAN_TOKEN .* or GOCHAN_SECRET"):
        open_server_store("http://host")
    with pytest.raises(ValueError, match="timeout"):
        open_server_store("http://host", secret=SECRET, timeout=0)


async def test_files_wait_for_a_server_that_is_away(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """They go on where it is; a run that has made something does not fail for a restart."""
    (tmp_path / "file").write_bytes(b"x" * (2**20 + 5))
    kept = bytearray()
    away = 0

    async def send(parts: Any) -> list[int | None]:
        nonlocal away
        away += 1
        if away % 3:
            raise StoreUnavailable("away")
        (part,) = parts
        kept[part.offset :] = part.data
        return [len(kept)]

    await upload(1, 1, [f"{tmp_path}/file"], send)
    assert len(kept) == 2**20 + 5
    assert away == 6
    assert trio.current_time() == 4.0


async def test_files_go_one_after_the_other(tmp_path: Path) -> None:
    """However many runs have some: what keeps the leases must not wait for all of them."""
    (tmp_path / "file").write_bytes(b"x")
    under_way, sent = [0], 0

    async def send(parts: Any) -> list[int | None]:
        nonlocal sent
        sent += 1
        under_way.append(under_way[-1] + 1)
        await trio.testing.wait_all_tasks_blocked()
        under_way.append(under_way[-1] - 1)
        return [1]

    class Children:
        environment: Mapping[bytes, bytes] = {}

        async def run(self, program: Any, write: Any) -> int:
            return 0

    children: Any = Children()
    patterns = [f"{tmp_path}/file"]
    handler = run_command_for(["true"], children, LogCourier(send), send, patterns)
    async with (
        open_store("memory:") as store,
        open_durable_queue(store, "q", handler, workers=5) as queue,
    ):
        await queue.submit_many("abcde")
        await queue.join()
    assert (sent, max(under_way)) == (5, 1)


def test_why_a_server_cannot_be_reached_is_said_by_what_knows_it() -> None:
    """An error without words comes from another one, or is named."""
    inner, outer = OSError("the certificate has expired"), OSError()
    outer.__cause__ = inner
    assert reason_of(outer) == "the certificate has expired"
    assert reason_of(inner) == "the certificate has expired"
    assert reason_of(TimeoutError()) == "TimeoutError"


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "begins with http:"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "SSL_CERT_FILE names"),
        ("Server disconnected without sending a response.", "a response; if it speaks TLS, "),
    ],
)
def test_what_to_do_about_an_odd_error_is_said(said: str, cure: str) -> None:
    """A wrong scheme, and a certificate that nobody here knows, are common."""
    assert cure in reason_of(OSError(said))


async def test_the_page_of_a_proxy_is_told_in_a_line(tmp_path: Path) -> None:
    """It has many, in HTML; words of others are one line, too."""
    pages = {
        "text/html": "<html>\n<h1>502 Bad Gateway</h1>\n</html>",
        "text/plain": "not\nnow",
    }
    for kind, page in pages.items():
        answer = httpx.Response(502, text=page, headers={"content-type": kind})
        transport = httpx.MockTransport(lambda request, answer=answer: answer)
        async with open_post("http://h", SECRET, 1.0, False, transport) as post:
            with pytest.raises(StoreUnavailable) as caught:
                await post("healthz", b"{}", 0.0)
        why = {"text/html": "Bad Gateway", "text/plain": "not now"}[kind]
        assert str(caught.value) == f"http://h answers 502: {why}"


# Commands


async def run_all(
    service: Service, *words: str, patterns: tuple[str, ...] = (), until: int, kind: str = "done"
) -> JobRecord:
    """Run a command for each job until one has ended, and return its record."""
    async with open_server_store(service.url, secret=SECRET) as store, open_children() as children:
        courier = LogCourier(store.upload)
        store.tell_before_ends(courier.bring)
        handler = run_command_for(words, children, courier, store.upload, patterns)
        async with beside(courier.run), open_agent_at(store, "q", handler, capacity=2, grace=1):
            record = await ended(service, until)
    assert record.kind == kind
    return record


async def log_of(service: Service, id: int) -> bytes:
    return (await service.ask("GET", f"/api/v1/jobs/{id}/log")).content


async def test_a_log_that_is_late_goes_before_the_end_of_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it ends well or is to be tried again; nobody may add to it afterwards."""
    monkeypatch.setattr(_log_stream, "_FLUSH", 0.0)
    async with open_service(tmp_path) as service:
        ids = await submit(service, 0, 3, max_attempts=1)
        async with (
            open_server_store(service.url, secret=SECRET) as store,
            open_children() as children,
        ):
            courier = LogCourier(store.upload)  # which does not run, so it sends nothing itself
            store.tell_before_ends(courier.bring)
            words = ("sh", "-c", "echo so it ends; exit $1", "sh")
            handler = run_command_for(words, children, courier, store.upload)
            async with open_agent_at(store, "q", handler, capacity=2, grace=1):
                kinds = [(await ended(service, id)).kind for id in ids]
        assert kinds == ["done", "failed"]
        assert [await log_of(service, id) for id in ids] == [b"so it ends\n"] * 2


async def test_the_output_of_a_command_is_the_log_of_its_job(tmp_path: Path) -> None:
    """Standard error included, in order."""
    async with open_service(tmp_path) as service:
        (id,) = await submit(service, "world")
        script = 'echo "hello $1"; echo "number $GOCHAN_JOB" >&2; cat'
        await run_all(service, "sh", "-c", script, "sh", until=id)
        assert await log_of(service, id) == b"hello world\nnumber %d\n" % id


async def test_a_status_other_than_0_is_a_failure(tmp_path: Path) -> None:
    """With its log; so is a signal."""
    async with open_service(tmp_path) as service:
        for script, why in (
            ("echo oh; exit 3", "CommandFailed: exit status 3"),
            ("echo oh; kill -9 $$", "CommandFailed: killed by SIGKILL"),
            ("echo oh; kill -40 $$", "CommandFailed: killed by signal 40"),
        ):
            (id,) = await submit(service, script, max_attempts=1)
            record = await run_all(service, "sh", "-c", until=id, kind="failed")
            assert record.error == why
            assert await log_of(service, id) == b"oh\n"
        (id,) = await submit(service, "x", max_attempts=1)
        record = await run_all(service, "/no/such/program", until=id, kind="failed")
        assert record.error == "CommandFailed: command not found"


async def test_a_cancelled_job_has_its_process_ended(tmp_path: Path) -> None:
    """By TERM, and all that it has started; what it says last is in the log."""
    async with open_service(tmp_path) as service:
        (id,) = await submit(service, "x")
        script = "trap 'echo ending; exit 1' TERM; sleep 1000 & echo started; wait"
        async with trio.open_nursery() as nursery:

            async def cancel() -> None:
                while b"started" not in await log_of(service, id):  # noqa: ASYNC110  # as it is seen
                    await trio.sleep(0.01)
                await service.ask("POST", f"/api/v1/jobs/{id}/cancel", json={"reason": "enough"})

            nursery.start_soon(cancel)
            record = await run_all(service, "sh", "-c", script, until=id, kind="cancelled")
        assert record.error == "enough"
        assert await log_of(service, id) == b"started\nending\n"


async def test_files_that_a_run_has_made_are_kept(tmp_path: Path) -> None:
    """Big and empty ones; a pattern may have the payload in it."""
    made = tmp_path / "made"
    made.mkdir()
    big = bytes(range(256)) * 10_000
    (made / "big").write_bytes(big)
    async with open_service(tmp_path) as service:
        (id,) = await submit(service, "one")
        script = f"cp {made}/big {made}/one-1.png; : > '{made}/one 2.png'; : > {made}/two.png"
        pattern = f"{made}/{{}}*.png"
        record = await run_all(
            service, "sh", "-c", f"{script}; echo $1", "sh", patterns=(pattern,), until=id
        )
        (files,) = (await service.ask("GET", f"/api/v1/jobs/{id}")).json()["files"].values()
        assert files == ["log", "one-1.png", "one_2.png"]
        version = record.version - 1
        path = f"/api/v1/jobs/{id}/files/{version}"
        assert (await service.ask("GET", f"{path}/one-1.png")).content == big
        assert (await service.ask("GET", f"{path}/one_2.png")).content == b""


async def test_what_cannot_be_kept_is_a_failure(tmp_path: Path) -> None:
    """Two files of one name; a run that is over; a server that takes none; too many."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same").write_text("x")

    async def send(parts: Any) -> list[int | None]:
        return [len(part.data) for part in parts]

    with pytest.raises(UploadFailed, match="would have the same name"):
        await upload(1, 1, [f"{tmp_path}/*/same"], send)

    async def too_late(parts: Any) -> list[int | None]:
        return [None]

    with pytest.raises(UploadFailed, match="comes too late"):
        await upload(1, 1, [f"{tmp_path}/a/same"], too_late)

    async def refuse(parts: Any) -> list[int | None]:
        raise StoreError("no room")

    with pytest.raises(UploadFailed, match="cannot be sent: no room"):
        await upload(1, 1, [f"{tmp_path}/a/same"], refuse)
    for n in range(1001):
        (tmp_path / f"many{n}").touch()
    with pytest.raises(UploadFailed, match="1001 files match; a run may upload 1000"):
        await upload(1, 1, [f"{tmp_path}/many*"], send)


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b.png", "b.png"), ("a/ü b", "__b"), (".hidden", "file.hidden"), ("-x", "file-x")],
)
def test_names_of_files_are_plain(path: str, name: str) -> None:
    """As the server wants them."""
    assert name_of(path).removeprefix("file") == name.removeprefix("file")
    assert name_of(path)[0].isalnum()


async def test_jobs_bring_their_own_commands_only_if_they_may(tmp_path: Path) -> None:
    """Then the payload is a list of words."""
    async with open_service(tmp_path) as service:
        good, bad = await submit(service, ["echo", "my own"], "echo no", max_attempts=1)
        await run_all(service, until=good)
        assert await log_of(service, good) == b"my own\n"
        record = await run_all(service, until=bad, kind="failed")
        assert "the payload is no command" in (record.error or "")


def test_a_payload_is_one_argument() -> None:
    """A text as it is; other than a text, it is JSON."""
    assert text_of("$(x) y") == "$(x) y"
    assert text_of({"n": [1, "é"]}) == '{"n": [1, "é"]}'
    assert command_in(["a", "é"]) == [b"a", "é".encode()]
    for bad in ([], ["a", 1], "a b", None):
        with pytest.raises(ValueError, match="is no command"):
            command_in(bad)


# Uploads


async def test_an_answer_that_cannot_be_read_is_said() -> None:
    """With where it came from."""

    async def post(route: str, body: bytes, wait: float) -> bytes:
        return b"<html>" if route == "upload" else b'{"now": 1.0}'

    from gochan_service._remote._http_store import open_far_store

    async with open_far_store("http://odd", post) as store:
        assert isinstance(store, HttpStore)
        with pytest.raises(StoreError, match="the answer of http://odd cannot be read"):
            await store.upload([])


async def test_an_agent_leaves_to_its_server_what_time_demands() -> None:
    """A thousand agents would ask for the same at the same moment."""

    async def post(route: str, body: bytes, wait: float) -> bytes:
        raise AssertionError

    store = HttpStore("http://nowhere", post)
    store.introduce(lambda: AgentSaid("a"))
    assert await store.tend() == Tended()


async def test_what_has_ended_as_its_agent_stops_is_done(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is not run again: nobody waits between the end of a command and the end of its job."""
    queue: DurableQueue[Any, Any]

    class Children:
        environment: Mapping[bytes, bytes] = {}

        async def run(self, program: Any, write: Any) -> int:
            await trio.sleep(1)
            queue.job_queue.stop_soon(drain=0, grace=5)
            with trio.CancelScope(shield=True):  # as if its end were known, and this not its turn
                await trio.sleep(0.01)
            return 0

    async def send(parts: Any) -> Any:
        raise AssertionError("nothing was printed")

    children: Any = Children()
    handler = run_command_for(["true"], children, LogCourier(send), send)
    async with open_store("memory:") as store:
        async with open_durable_queue(store, "q", handler) as queue:
            job = await queue.submit("x")
            await queue.wait_stopped()
        (record,) = await store.look([job.id])
    assert record is not None
    assert (record.kind, record.attempt) == ("done", 1)
