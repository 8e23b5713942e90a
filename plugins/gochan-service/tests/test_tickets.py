"""The routes for agents in any language, in virtual time."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import trio
from gochan_service._door._agents import CROWDED
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan.durable import Ending, QueueSettings, Ticket, Worker

from .doors import QUEUE, SECRET, Near, open_near


@pytest.fixture
async def near(tmp_path: Path) -> Any:
    async with open_near(tmp_path) as near:
        yield near


# request


async def test_an_agent_is_offered_what_waits(near: Near, autojump_clock: MockClock) -> None:
    """At once, and as many as it wants."""
    first, second = await near.submit("1", "2")
    assert [one["id"] for one in await near.request(n=5)] == [first, second]
    assert trio.current_time() < 1


async def test_a_request_waits_for_a_job(near: Near, autojump_clock: MockClock) -> None:
    """And is answered as soon as there is one."""

    async def later() -> None:
        await trio.sleep(20)
        await near.submit("1")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(later)
        assert len(await near.request()) == 1
    assert 20 <= trio.current_time() < 21


async def test_a_request_does_not_wait_longer_than_it_says(
    near: Near, autojump_clock: MockClock
) -> None:
    """By default, half a minute."""
    assert await near.request(wait=3) == []
    assert 3 <= trio.current_time() < 4
    assert await near.request() == []
    assert 33 <= trio.current_time() < 34


async def test_two_agents_are_offered_different_jobs(near: Near, autojump_clock: MockClock) -> None:
    """As long as there are several."""
    first, second = await near.submit("1", "2")
    assert [one["id"] for one in await near.request("a")] == [first]
    assert [one["id"] for one in await near.request("b")] == [second]


async def test_a_ticket_is_kept_for_whom_it_was_offered_to(
    near: Near, autojump_clock: MockClock
) -> None:
    """For some seconds; if it is not accepted then, others are told of it."""
    await near.submit("1")
    assert len(await near.request("a")) == 1
    start = trio.current_time()
    assert len(await near.request("b")) == 1
    assert 5 <= trio.current_time() - start < 6


async def test_nobody_leaves_with_empty_hands_if_there_is_a_job(
    near: Near, autojump_clock: MockClock
) -> None:
    """Although it was offered to another agent just now."""
    await near.submit("1")
    assert len(await near.request("a", wait=0)) == 1
    assert len(await near.request("b", wait=0)) == 1
    assert len(await near.request("b", wait=2)) == 1


async def test_a_bell_wakes_one_agent_of_many(near: Near, autojump_clock: MockClock) -> None:
    """The others go on waiting, and do not ask the store again and again."""
    asked = 0
    offer = near.store.offer

    async def count(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        return await offer(*arguments)

    near.store.offer = count  # type: ignore[method-assign]
    offered: list[tuple[str, float]] = []

    async def poll(name: str) -> None:
        if await near.request(name, wait=4):
            offered.append((name, trio.current_time()))

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(poll, f"agent {number}")
        await wait_all_tasks_blocked()
        await trio.sleep(1)
        asked = 0
        await near.submit("1")
        await trio.sleep(0.5)
        assert len(offered) == 1
        assert asked <= 3
    # At the end they are told of it all the same, as it was not accepted.
    assert len(offered) == 50


async def test_fifty_agents_get_fifty_jobs(near: Near, autojump_clock: MockClock) -> None:
    """Each one, although all wait for them at the same time."""
    won: list[int] = []
    all_won = trio.Event()

    async def work(name: str) -> None:
        while len(won) < 50:
            answer = await near.accept(await near.request(name), name)
            won.extend(one["id"] for one in answer["accepted"])
        all_won.set()

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(work, f"agent {number}")
        await wait_all_tasks_blocked()
        ids = await near.submit(*map(str, range(50)))
        with trio.fail_after(100):
            await all_won.wait()
        nursery.cancel_scope.cancel()
    assert sorted(won) == ids


async def test_what_an_agent_says_of_itself_is_kept(near: Near, autojump_clock: MockClock) -> None:
    """And need not be said again; jobs that need labels or a machine are for it alone."""
    await near.submit("1", labels={"gpu": "yes"}, machine="big")
    assert await near.request("plain", wait=0) == []
    agent = {"name": "b", "labels": {"gpu": "yes"}, "machine": "big", "capacity": 4}
    await near.ask("healthz", agent=agent)
    assert len(await near.request("b", wait=0)) == 1
    (known,) = [one for one in near.door.agents.all() if one.name == "b"]
    assert known.capacity == 4


async def test_an_agent_that_drains_gets_nothing(near: Near, autojump_clock: MockClock) -> None:
    """It is told at once inside a poll, and then not more often than once in a second."""
    answers: list[Any] = []

    async def poll() -> None:
        answers.append((await near.ask("request", queue=QUEUE)).json())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        await trio.sleep(5)
        assert near.door.agents.drain("a", True)
    assert trio.current_time() < 6
    assert answers == [{"tickets": [], "draining": True}]
    await near.submit("1")
    assert await near.request() == []
    assert 6 <= trio.current_time() < 7
    assert (await near.accept([{"id": 1, "version": 1}]))["accepted"] == []
    assert (await near.ask("healthz")).json()["draining"]
    assert near.door.agents.drain("a", False)
    assert len(await near.request()) == 1
    assert not near.door.agents.drain("unknown", True)


async def test_an_agent_may_not_have_any_number_of_polls(
    near: Near, autojump_clock: MockClock
) -> None:
    """That would be a mistake of it."""
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(near.request)
        await wait_all_tasks_blocked()
        answer = await near.ask("request", queue=QUEUE)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert "100 polls" in answer.text
        assert await near.request("b", wait=0) == []
        nursery.cancel_scope.cancel()


async def test_a_stop_ends_polls_at_once(near: Near, autojump_clock: MockClock) -> None:
    """Those for jobs, and those for cancels; nothing is begun then."""
    run = await near.run()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.request)
        nursery.start_soon(lambda: near.ask("watch", tickets=[run]))
        await trio.sleep(5)
        near.door.stopping.set()
    assert trio.current_time() < 6
    answer = await near.ask("request", queue=QUEUE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await near.get("/readyz")).status_code == 503
    assert (await near.get("/healthz")).status_code == 200


# accept


async def test_one_of_two_agents_gets_a_job(near: Near, autojump_clock: MockClock) -> None:
    """The other one is told of another job in the same answer, with 409 as it has got nothing."""
    await near.submit("1")
    (ticket,) = await near.request("a")
    (same,) = await near.request("b", wait=0)
    assert ticket == same
    (other,) = await near.submit("2")
    owned = ticket | {"version": ticket["version"] + 1}
    won = await near.accept([ticket], "a")
    assert (won["status"], won["accepted"], won["lost"]) == (200, [owned], [])
    lost = await near.accept([ticket], "b")
    assert (lost["status"], lost["accepted"], lost["lost"]) == (409, [], [ticket])
    assert [one["id"] for one in lost["tickets"]] == [other]
    assert lost["lease"] == 30.0


async def test_what_was_won_and_what_was_lost_are_told_apart(
    near: Near, autojump_clock: MockClock
) -> None:
    """With 200."""
    first, second = await near.submit("1", "2")
    tickets = await near.request(n=2)
    await near.accept([tickets[0]], "b")
    answer = await near.accept(tickets)
    assert answer["status"] == 200
    assert [one["id"] for one in answer["accepted"]] == [second]
    assert [one["id"] for one in answer["lost"]] == [first]


async def test_nothing_is_accepted_while_the_server_stops(
    near: Near, autojump_clock: MockClock
) -> None:
    """Not even by a request that was under way."""
    from gochan_service._wire import Accept, AgentSaid, Run

    await near.submit("1")
    near.door.stopping.set()
    accept = Accept(AgentSaid("a"), QUEUE, [Run(1, 0)])
    answer = await near.door._office.accept(accept, trio.sleep_forever)
    assert (answer.accepted, answer.lost, answer.tickets) == ([], [Run(1, 0)], [])


# healthz


async def test_a_heartbeat_extends_leases(near: Near, autojump_clock: MockClock) -> None:
    """Of the runs that are named, and tells what has become of them."""
    run = await near.run()
    for _ in range(4):
        await trio.sleep(20)
        answer = (await near.ask("healthz", tickets=[run])).json()
        assert answer == {"held": ["held"], "lease": 30.0, "draining": False}
    await near.store.cancel([run["id"]], "enough")
    assert (await near.ask("healthz", tickets=[run])).json()["held"] == ["cancelled"]
    (agent,) = near.door.agents.all()
    assert agent.held == 1


async def test_a_lease_without_a_heartbeat_ends(near: Near, autojump_clock: MockClock) -> None:
    """Then the job is for others, and what the agent says later changes nothing."""
    run = await near.run()
    await trio.sleep(40)
    assert (await near.ask("healthz", tickets=[run])).json()["held"] == ["lost"]
    (again,) = (await near.accept(await near.request("b"), "b"))["accepted"]
    assert again["version"] > run["version"]
    for status in ("running", "progress", "done", "failed", "cancelled"):
        answer = await near.report(run | {"status": status})
        assert (answer.status_code, answer.json()) == (409, {"taken": [False]})
    assert (await near.record(run["id"])).state == "running"
    for route in ("details", "reset"):
        assert (await near.ask(route, tickets=[run])).status_code == 409
    part = run | {"name": "log", "offset": 0, "data": ""}
    assert (await near.ask("upload", parts=[part])).status_code == 409
    watched = (await near.ask("watch", tickets=[run])).json()
    assert watched == {"cancelled": {}, "lost": [run]}


async def test_nobody_can_use_the_runs_of_another_agent(
    near: Near, autojump_clock: MockClock
) -> None:
    """Not by a heartbeat, and not in any other way, as long as it says who it is."""
    run = await near.run("a")
    thief = {"agent": {"name": "b"}}
    assert (await near.ask("healthz", tickets=[run], **thief)).json()["held"] == ["lost"]
    for route in ("details", "reset"):
        assert (await near.ask(route, tickets=[run], **thief)).status_code == 409
    for status in ("running", "progress", "done", "failed", "cancelled"):
        assert (await near.report(run | {"status": status}, name="b")).status_code == 409
    part = run | {"name": "log", "offset": 0, "data": "QQ=="}
    assert (await near.ask("upload", parts=[part], **thief)).status_code == 409
    assert (await near.ask("watch", tickets=[run], **thief)).json()["lost"] == [run]
    record = await near.record(run["id"])
    assert (record.state, record.version) == ("running", run["version"])
    lease = record.lease_until
    assert (await near.record(run["id"])).lease_until == lease
    assert (await near.ask("details", tickets=[run])).status_code == 200


# details


async def test_the_details_of_a_job(near: Near, autojump_clock: MockClock) -> None:
    """JSON as it is, anything else as base64; null for runs that are over."""
    run = await near.run(payload='{"image":7}', timeout=60.0, headers={"traceparent": "00"})
    odd = await near.run(payload="raw", codec="pickle")
    over = {"id": run["id"], "version": run["version"] + 5}
    answer = await near.ask("details", tickets=[run, odd, over])
    detail, other, nothing = answer.json()["details"]
    assert detail == run | {
        "queue": QUEUE,
        "payload": {"image": 7},
        "payload_base64": None,
        "timeout": 60.0,
        "attempt": 0,
        "headers": {"traceparent": "00"},
    }
    assert (other["payload"], other["payload_base64"]) == (None, base64.b64encode(b"raw").decode())
    assert nothing is None
    assert (await near.ask("details", tickets=[])).json() == {"details": []}


# updateStatus


async def test_the_life_of_a_job(near: Near, autojump_clock: MockClock) -> None:
    """As the slides draw it."""
    run = await near.run()
    assert (await near.report(run | {"status": "running"})).json() == {"taken": [True]}
    assert (await near.report(run | {"status": "progress", "done": 3, "total": 4})).json()["taken"]
    record = await near.record(run["id"])
    assert (record.attempt, record.progress) == (1, (3.0, 4.0))
    answer = await near.report(run | {"status": "done", "result": {"size": 7}})
    assert (answer.status_code, answer.json()) == (200, {"taken": [True]})
    record = await near.record(run["id"])
    assert (record.kind, json.loads(record.result)) == ("done", {"size": 7})


async def test_all_at_once(near: Near, autojump_clock: MockClock) -> None:
    """Start and end may come in one report, in whatever order; the first end counts."""
    run = await near.run()
    reports = ({"status": "done", "result": 1}, {"status": "running"}, {"status": "cancelled"})
    answer = await near.report(*(run | one for one in reports))
    assert answer.json() == {"taken": [True, True, False]}
    record = await near.record(run["id"])
    assert (record.kind, record.attempt) == ("done", 1)


async def test_no_reports(near: Near, autojump_clock: MockClock) -> None:
    """Are fine."""
    assert (await near.report()).json() == {"taken": []}
    assert (await near.report({"id": 99, "version": 0, "status": "done"})).status_code == 409


async def test_a_result_that_is_no_json(near: Near, autojump_clock: MockClock) -> None:
    """Comes in base64, as its payload did."""
    run = await near.run(codec="pickle")
    report = run | {"status": "done", "result_base64": base64.b64encode(b"\0\1").decode()}
    assert (await near.report(report)).json() == {"taken": [True]}
    assert (await near.record(run["id"])).result == b"\0\1"


@pytest.mark.parametrize("status", ["failed", "timed_out"])
async def test_a_run_that_fails_is_tried_again(
    near: Near, autojump_clock: MockClock, status: str
) -> None:
    """After a while, longer each time, unless a delay is given, or no retry is wanted."""
    run = await near.run()
    waits = []
    for _ in range(3):
        await near.report(run | {"status": "running"})
        await near.report(run | {"status": status, "error": "no luck"})
        record = await near.record(run["id"])
        assert (record.state, record.error) == ("scheduled", "no luck")
        start = trio.current_time()
        (run,) = (await near.accept(await near.request()))["accepted"]
        waits.append(trio.current_time() - start)
    assert waits[0] < 1.6 < waits[1] < 2.6 < waits[2] < 5.6
    await near.report(run | {"status": status, "delay": 20})
    start = trio.current_time()
    (run,) = (await near.accept(await near.request()))["accepted"]
    assert 20 <= trio.current_time() - start < 22
    await near.report(run | {"status": status, "retry": False})
    assert (await near.record(run["id"])).kind == status


@pytest.mark.parametrize(
    "report",
    [
        {"status": "done", "result": 1},
        {"status": "failed"},
        {"status": "failed", "retry": False},
        {"status": "timed_out"},
        {"status": "cancelled", "error": "why not"},
    ],
)
async def test_a_report_whose_answer_was_lost_is_taken_again(
    near: Near, autojump_clock: MockClock, report: dict[str, Any]
) -> None:
    """It changes nothing the second time; another end is not taken."""
    run = await near.run()
    assert (await near.report(run | report)).json() == {"taken": [True]}
    before = await near.record(run["id"])
    assert (await near.report(run | report)).json() == {"taken": [True]}
    assert await near.record(run["id"]) == before
    other = {"status": "done" if report["status"] != "done" else "cancelled"}
    assert (await near.report(run | other)).status_code == 409
    assert await near.record(run["id"]) == before


async def test_a_report_about_an_earlier_run_is_too_late(
    near: Near, autojump_clock: MockClock
) -> None:
    """Although the same agent has said the same of a later run."""
    first = await near.run()
    await near.report(first | {"status": "failed", "delay": 0})
    (second,) = (await near.accept(await near.request()))["accepted"]
    await near.report(second | {"status": "failed", "delay": 1_000_000})
    assert (await near.report(second | {"status": "failed"})).status_code == 200
    assert (await near.report(first | {"status": "failed"})).status_code == 409


async def test_a_repeated_report_of_a_job_that_was_cancelled(
    near: Near, autojump_clock: MockClock
) -> None:
    """It failed, but somebody wanted it cancelled, so it is; the report was taken all the same."""
    run = await near.run()
    await near.store.cancel([run["id"]], "enough")
    for _ in range(2):
        assert (await near.report(run | {"status": "failed"})).json() == {"taken": [True]}
    record = await near.record(run["id"])
    assert (record.kind, record.error) == ("cancelled", "enough")


async def test_done_stays_done_after_a_cancel(near: Near, autojump_clock: MockClock) -> None:
    """The owner has been faster."""
    run = await near.run()
    await near.store.cancel([run["id"]], "enough")
    await near.report(run | {"status": "done"})
    assert (await near.record(run["id"])).kind == "done"


# reset


async def test_a_reset_puts_a_job_back(near: Near, autojump_clock: MockClock) -> None:
    """For others, and burns no attempt; what the old run says later changes nothing."""
    run, odd = await near.run(), {"id": 99, "version": 0}
    await near.report(run | {"status": "running"})
    assert (await near.ask("reset", tickets=[run, odd])).json() == {"taken": [True, False]}
    record = await near.record(run["id"])
    assert (record.state, record.attempt) == ("waiting", 0)
    (again,) = (await near.accept(await near.request("b"), "b"))["accepted"]
    assert (await near.report(run | {"status": "done"})).status_code == 409
    assert (await near.report(again | {"status": "done"}, name="b")).status_code == 200


# upload


async def test_files_are_uploaded_in_parts(near: Near, autojump_clock: MockClock) -> None:
    """What is sent again changes nothing; a hole is not made; what is too long is not taken."""
    run = await near.run()

    async def send(name: str, offset: int, data: bytes) -> int | None:
        part = run | {"name": name, "offset": offset, "data": base64.b64encode(data).decode()}
        answer = await near.ask("upload", parts=[part])
        assert answer.status_code in (200, 409)
        return answer.json()["sizes"][0]

    assert await send("log", 0, b"hello ") == 6
    assert await send("log", 6, b"world") == 11
    assert await send("log", 0, b"hello ") == 11
    assert await send("log", 20, b"too far") == 11
    assert near.files.read(*run.values(), "log", 0, 100) == b"hello world"
    assert near.files.read(*run.values(), "log", 6, 2) == b"wo"
    assert await send("log", 11, b"x" * 990) is None
    assert await send("a.png", 0, b"1") == 1
    assert await send("b.png", 0, b"1") == 1
    assert await send("c.png", 0, b"1") is None
    assert near.files.names(*run.values()) == ["a.png", "b.png", "log"]
    assert near.files.versions(run["id"]) == [run["version"]]


async def test_parts_are_in_order(near: Near, autojump_clock: MockClock) -> None:
    """Several in one request; who sends them need not be said, then the version alone counts."""
    run = await near.run()
    parts = [run | {"name": "log", "offset": n, "data": "QQ=="} for n in range(3)]
    parts += [{"id": 99, "version": 0, "name": "log", "offset": 0, "data": ""}]
    answer = await near.post("/rpc/v1/upload", json={"parts": parts})
    assert answer.json() == {"sizes": [1, 2, 3, None]}


NAMES = ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\\b", "a\n", "x" * 201, "é", "-"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_no_path(near: Near, autojump_clock: MockClock, name: str) -> None:
    """Nothing is written of the whole request."""
    run = await near.run()
    parts = [run | {"name": n, "offset": 0, "data": "QQ=="} for n in ("good", name)]
    answer = await near.ask("upload", parts=parts)
    assert answer.status_code == 400
    assert near.files.names(*run.values()) == []


async def test_a_full_disk_is_told(
    near: Near, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the agent comes again."""
    run = await near.run()

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", fail)
    part = run | {"name": "log", "offset": 0, "data": "QQ=="}
    answer = await near.ask("upload", parts=[part])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "No space left" in answer.text


# watch


async def test_a_cancel_during_a_poll_is_heard_at_once(
    near: Near, autojump_clock: MockClock
) -> None:
    """By all who watch the job."""
    run = await near.run()
    answers: list[Any] = []

    async def watch() -> None:
        answers.append((await near.ask("watch", tickets=[run])).json())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        nursery.start_soon(watch)
        await trio.sleep(7)
        assert answers == []
        await near.store.cancel([run["id"]], "enough")
        await near.store.cancel([run["id"]], "twice")
    assert trio.current_time() < 7.5
    assert answers == [{"cancelled": {str(run["id"]): "enough"}, "lost": []}] * 2


async def test_a_cancel_while_a_watch_begins_is_seen(
    near: Near, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first look, and before the bells of the queue are heard."""
    await near.submit("7", queue="unheard")
    (record,) = await near.store.claim("unheard", 1, Worker("a"), 30.0)
    follow = near.door.listeners.follow

    async def cancel_first(queue: str) -> bool:
        await near.store.cancel([record.id], "just now")
        return await follow(queue)

    monkeypatch.setattr(near.door.listeners, "follow", cancel_first)
    start = trio.current_time()
    ticket = {"id": record.id, "version": record.version}
    answer = (await near.ask("watch", tickets=[ticket])).json()
    assert answer["cancelled"] == {str(record.id): "just now"}
    assert trio.current_time() == start


async def test_a_cancel_before_a_poll_is_seen(near: Near, autojump_clock: MockClock) -> None:
    """Also between two polls, however long ago."""
    run = await near.run()
    await near.store.cancel([run["id"]], "enough")
    for _ in range(2):
        answer = (await near.ask("watch", tickets=[run])).json()
        assert answer["cancelled"] == {str(run["id"]): "enough"}
    assert trio.current_time() < 1


async def test_a_watch_ends_after_a_minute(near: Near, autojump_clock: MockClock) -> None:
    """With nothing to tell, if there is nothing."""
    run = await near.run()

    async def beat() -> None:
        while True:
            await near.ask("healthz", tickets=[run])
            await trio.sleep(10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(beat)
        assert (await near.ask("watch", tickets=[run])).json() == {"cancelled": {}, "lost": []}
        assert 60 <= trio.current_time() < 61
        assert (await near.ask("watch", tickets=[run], wait=2)).json()["cancelled"] == {}
        assert 62 <= trio.current_time() < 63
        nursery.cancel_scope.cancel()


async def test_a_cancel_without_a_bell_is_seen_a_little_later(
    near: Near, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is the truth, and is looked at now and then."""
    run = await near.run()
    monkeypatch.setattr("gochan_service._door._canceller.Canceller.cancel", lambda *_: None)
    async with trio.open_nursery() as nursery:

        async def cancel() -> None:
            await trio.sleep(1)
            await near.store.cancel([run["id"]], "enough")

        nursery.start_soon(cancel)
        assert (await near.ask("watch", tickets=[run])).json()["cancelled"]
    assert 9 <= trio.current_time() < 12


async def test_a_cancel_is_remembered_when_the_run_is_over(
    near: Near, autojump_clock: MockClock
) -> None:
    """Its lease was lost meanwhile, so the job has ended as cancelled: the row says so."""
    run = await near.run()
    await near.store.cancel([run["id"]], "enough")
    await trio.sleep(400)  # longer than the memory of the server
    answer = (await near.ask("watch", tickets=[run])).json()
    assert answer == {"cancelled": {str(run["id"]): "enough"}, "lost": []}


async def test_a_cancel_hits_no_other_run(near: Near, autojump_clock: MockClock) -> None:
    """The job runs again: the old run is told, the new one is not."""
    run = await near.run()
    await near.store.cancel([run["id"]], "enough")
    await near.report(run | {"status": "cancelled"})
    await near.store.retry([run["id"]])
    (again,) = (await near.accept(await near.request()))["accepted"]
    assert (await near.ask("watch", tickets=[run])).json()["cancelled"]
    answer = await near.ask("watch", tickets=[again], wait=5)
    assert answer.json() == {"cancelled": {}, "lost": []}


async def test_a_cancel_of_a_job_that_does_not_run(near: Near, autojump_clock: MockClock) -> None:
    """It ends at once, so nobody runs it; its offer is void."""
    (id,) = await near.submit("1")
    tickets = await near.request()
    await near.store.cancel([id], "enough")
    assert (await near.accept(tickets))["status"] == 409
    watched = (await near.ask("watch", tickets=tickets)).json()
    assert watched == {"cancelled": {str(id): "enough"}, "lost": []}


async def test_a_cancel_of_a_job_that_has_ended_changes_nothing(
    near: Near, autojump_clock: MockClock
) -> None:
    """It is done, and its run is over."""
    run = await near.run()
    await near.report(run | {"status": "done"})
    await near.store.cancel([run["id"]], "too late")
    assert (await near.ask("watch", tickets=[run])).json() == {"cancelled": {}, "lost": [run]}


async def test_a_job_that_nobody_knows(near: Near, autojump_clock: MockClock) -> None:
    """Is over for whoever asks."""
    run = {"id": 99, "version": 0}
    assert (await near.ask("watch", tickets=[run])).json() == {"cancelled": {}, "lost": [run]}


async def test_a_client_that_has_left_is_not_waited_for(
    near: Near, autojump_clock: MockClock
) -> None:
    """Of a poll for jobs, and of one for cancels."""
    from gochan_service._wire import AgentSaid, Request, Run, Watch

    run = await near.run()

    async def leave() -> None:
        await trio.sleep(3)

    office = near.door._office
    offered = await office.request(Request(AgentSaid("b"), QUEUE), leave)
    assert (offered.tickets, trio.current_time() < 4) == ([], True)
    watched = await office.watch(Watch(AgentSaid("a"), [Run(**run)]), leave)
    assert (watched.cancelled, watched.lost, trio.current_time() < 8) == ({}, [], True)


# exchange


async def test_agents_may_not_do_what_people_do(near: Near, autojump_clock: MockClock) -> None:
    """They may ask for settings, but not change them; they may not cancel."""
    settings = {
        "group_limit": 1,
        "capacity": None,
        "when_full": "refuse",
        "keep_done": 1.0,
        "keep_others": 1.0,
        "most_done": None,
    }
    calls = [
        {"call": "configure", "queue": QUEUE, "settings": None},
        {"call": "configure", "queue": QUEUE, "settings": settings},
        {"call": "cancel", "ids": [1], "reason": "no"},
        {"call": "queues"},
    ]
    answer = await near.post("/rpc/v1/exchange", json={"calls": calls})
    troubles = [one["trouble"] for one in answer.json()["answers"]]
    assert troubles == [None, "refused", "refused", "refused"]


async def test_a_call_that_the_store_could_not_keep_is_refused_alone(
    near: Near, autojump_clock: MockClock
) -> None:
    """The others of the exchange are made."""
    job = {"queue": QUEUE, "payload": "Nw=="}
    bad = [
        job | {"delay": 1e30},
        job | {"delay": -1},
        job | {"once_for": -1},
        job | {"run_at": 1e300},
        job | {"expires": -1e300},
        job | {"timeout": 0},
        job | {"max_attempts": 0},
        job | {"queue": ""},
        job | {"codec": ""},
        job | {"key": ""},
    ]
    calls: list[Any] = [{"call": "enqueue", "jobs": [one]} for one in bad]
    release = {"id": 1, "version": 0, "kind": "later", "delay": 1e300}
    calls += [{"call": "release", "releases": [release]}, {"call": "enqueue", "jobs": [job]}]
    answer = await near.post("/rpc/v1/exchange", json={"calls": calls})
    troubles = [one["trouble"] for one in answer.json()["answers"]]
    assert troubles == ["refused"] * 11 + [None]
    assert (await near.store.statistics(QUEUE)).waiting == 1


async def test_trouble_of_the_store_is_told(
    near: Near, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """By its sort; what nobody has thought of is logged, too."""
    from gochan.durable import StoreUnavailable

    errors = [StoreUnavailable("away"), AssertionError("unlawful"), RuntimeError("odd")]

    async def fail(*arguments: object) -> None:
        raise errors.pop(0)

    near.store.look = fail  # type: ignore[method-assign, assignment]
    call = {"call": "look", "ids": [1]}
    answers = []
    for _ in range(3):
        answer = await near.post("/rpc/v1/exchange", json={"calls": [call]})
        answers.append(answer.json()["answers"][0])
    assert [one["trouble"] for one in answers] == ["unavailable", "audit", "error"]
    assert [one["why"] for one in answers] == ["away", "unlawful", "RuntimeError: odd"]
    assert "a call of Look failed" in caplog.text


async def test_trouble_of_the_store_on_the_routes(
    near: Near, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """503 if it is worth to come again, 500 otherwise; the log knows more."""
    from gochan.durable import StoreError, StoreUnavailable

    errors = [StoreUnavailable("away"), StoreError("damaged"), RuntimeError("a riddle")]

    async def fail(*arguments: object) -> None:
        raise errors.pop(0)

    near.store.look = fail  # type: ignore[method-assign, assignment]
    run = {"id": 1, "version": 0}
    answers = [await near.ask("details", tickets=[run]) for _ in range(3)]
    assert [one.status_code for one in answers] == [503, 500, 500]
    assert [one.text for one in answers[:2]] == ["away\n", "damaged\n"]
    assert answers[0].headers["retry-after"] == "1"
    assert "riddle" not in answers[2].text
    assert "a riddle" in caplog.text


async def test_a_listener_that_has_left_hears_the_bells_later(
    near: Near, autojump_clock: MockClock
) -> None:
    """They are kept for its next question."""
    from gochan_service._wire import Exchange

    async def leave() -> None:
        await trio.sleep(1)

    async def ask(gone: Any, wait: float) -> Any:
        exchange = Exchange(listener="a word of mine", queues=[QUEUE], wait=wait)
        return await near.door.exchanges(exchange, near.store, None, gone)

    (hint,) = (await ask(trio.sleep_forever, 5)).hints[QUEUE]
    assert hint.what == "changed"  # as it is new here
    assert (await ask(leave, 5)).hints == {}
    await near.submit("1")
    await trio.sleep(1)
    (hint,) = (await ask(leave, 0)).hints[QUEUE]
    assert hint.what == "waiting"


async def test_a_second_poll_of_a_listener_ends_the_first(
    near: Near, autojump_clock: MockClock
) -> None:
    """The first one belongs to a connection that is gone, most likely."""
    answers: list[Any] = []
    said = {"listener": "a word of mine", "queues": [QUEUE]}
    await near.post("/rpc/v1/exchange", json=said)

    async def poll() -> None:
        answers.append((await near.post("/rpc/v1/exchange", json=said | {"wait": 30})).json())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        await trio.sleep(1)
        await near.post("/rpc/v1/exchange", json=said)
    assert trio.current_time() < 2
    assert answers[0]["hints"] == {}


async def test_too_many_listeners(
    near: Near, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Are told to come again; so are those who want too many queues."""
    monkeypatch.setattr("gochan_service._door._listeners.MOST", 2)
    for number in (1, 2, 3, 4):
        await near.store.configure(f"queue {number}", QueueSettings())
    for number in (1, 2):
        said = {"listener": f"listener {number}", "queues": [f"queue {number}"]}
        assert (await near.post("/rpc/v1/exchange", json=said)).status_code == 200
    said = {"listener": "listener 3", "queues": []}
    assert (await near.post("/rpc/v1/exchange", json=said)).status_code == 429
    said = {"listener": "listener 1", "queues": ["queue 3"]}
    assert (await near.post("/rpc/v1/exchange", json=said)).status_code == 429
    answer = await near.ask("request", queue="queue 4")
    assert answer.status_code == 429
    await trio.sleep(200)  # those that do not ask any more are forgotten
    said = {"listener": "listener 3", "queues": ["queue 3"]}
    assert (await near.post("/rpc/v1/exchange", json=said)).status_code == 200


async def test_too_many_agents(
    near: Near, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that have been silent for some minutes make room, drained ones as well."""
    monkeypatch.setattr("gochan_service._door._agents.MOST", 2)
    await near.ask("healthz", agent={"name": "old"})
    await near.ask("healthz", agent={"name": "drained"})
    near.door.agents.drain("drained", True)
    assert (await near.ask("healthz", agent={"name": "new"})).status_code == 429
    await trio.sleep(CROWDED - 10)
    await near.ask("healthz", agent={"name": "old"})
    await trio.sleep(20)
    assert (await near.ask("healthz", agent={"name": "new"})).status_code == 200
    assert sorted(agent.name for agent in near.door.agents.all()) == ["new", "old"]


# What is malformed

RUN = '{"id":1,"version":0}'
BIG = str(2**63)
MALFORMED = {
    "healthz": [
        "", "null", "[]", "{", '{"agent":{}}', '{"agent":{"name":""}}', '{"agent":{"name":7}}',
        '{"agent":{"name":"a","odd":1}}', '{"agent":{"name":"a","capacity":-1}}',
        '{"agent":{"name":"a","capacity":1e3}}', '{"agent":{"name":"a"},"tickets":[{"id":1}]}',
        f'{{"agent":{{"name":"a"}},"tickets":[{{"id":{BIG},"version":0}}]}}',
        '{"agent":{"name":"a"},"tickets":[{"id":-1,"version":0}]}',
        '{"agent":{"name":"a\\u0000"}}', '{"agent":{"name":"\\ud800"}}',
        '{"agent":{"name":"a","labels":{"x":"\\u0000"}}}', '{"agent":{"name":"a","labels":[]}}',
    ],
    "request": [
        '{"agent":{"name":"a"}}', '{"agent":{"name":"a"},"queue":""}',
        '{"agent":{"name":"a"},"queue":"q","n":0}', '{"agent":{"name":"a"},"queue":"q","n":NaN}',
        '{"agent":{"name":"a"},"queue":"q","wait":31}', '{"agent":{"name":"a"},"queue":"q\\u0000"}',
        '{"agent":{"name":"a"},"queue":"q","wait":-1}',
        '{"agent":{"name":"a"},"queue":"q","wait":1e999}',
    ],
    "updateStatus": [
        '{"agent":{"name":"a"},"reports":[{"id":1,"version":0,"status":"odd"}]}',
        '{"agent":{"name":"a"},"reports":[{"id":1,"version":0,"status":"done","result":[1,}]}',
        '{"agent":{"name":"a"},"reports":[{"id":1,"version":0,"status":"progress","done":NaN}]}',
        '{"agent":{"name":"a"},"reports":[{"id":1,"version":0,"status":"done","result":'
        + "[" * 100_000 + "]" * 100_000 + "}]}",
        '{"agent":{"name":"a"},"reports":[{"id":1,"version":0,"status":"failed","delay":1e30}]}',
    ],
    "upload": [
        '{"parts":[{"id":1,"version":0,"name":"log","offset":-1,"data":""}]}',
        '{"parts":[{"id":1,"version":0,"name":"log","offset":0,"data":"!"}]}',
        f'{{"parts":[{{"id":1,"version":0,"name":"log","offset":{BIG},"data":""}}]}}',
    ],
    "watch": [f'{{"agent":{{"name":"a"}},"tickets":[{RUN}],"wait":61}}', RUN],
    "exchange": [
        '{"calls":[{"call":"odd"}]}', '{"calls":[{}]}', '{"listener":"short"}', '{"wait":61}',
        f'{{"calls":[{{"call":"start","tickets":[{{"id":{BIG},"version":0}}]}}]}}',
        f'{{"calls":[{{"call":"start","tickets":[{{"id":1,"version":-{BIG}9}}]}}]}}',
        f'{{"calls":[{{"call":"enqueue","jobs":[{{"queue":"q","payload":"","priority":{BIG}}}]}}]}}',
        '{"calls":[{"call":"enqueue","jobs":[{"queue":"q\\u0000","payload":""}]}]}',
        '{"calls":[{"call":"claim","queue":"q","n":1,"worker":{"name":"a"},"lease":1e300}]}',
        '{"calls":[{"call":"claim","queue":"q","n":1,"worker":{"name":"a"},"lease":0}]}',
        '{"calls":[{"call":"extend","tickets":[],"lease":-1}]}',
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("route", "body"), [(route, body) for route, some in MALFORMED.items() for body in some]
)
async def test_what_is_malformed_is_refused(
    near: Near, autojump_clock: MockClock, route: str, body: str
) -> None:
    """With 400 and a sentence, and nothing is done."""
    await near.run()
    answer = await near.post(f"/rpc/v1/{route}", content=body)
    assert answer.status_code == 400
    assert len(answer.text) > 10
    assert await near.store.queues() == [QUEUE]


async def test_a_result_that_is_no_text_is_refused(near: Near, autojump_clock: MockClock) -> None:
    """Nothing is written of the whole request."""
    run = await near.run()
    (report,) = [json.dumps(run | {"status": "done", "result": "?"}).encode()]
    bad = report.replace(b"?", b"\xff")
    body = b'{"agent":{"name":"a"},"reports":[%b,%b]}' % (report, bad)
    assert (await near.post("/rpc/v1/updateStatus", content=body)).status_code == 400
    assert (await near.record(run["id"])).state == "running"


async def test_of_two_keys_the_last_one_counts(near: Near, autojump_clock: MockClock) -> None:
    """As most readers of JSON do."""
    body = b'{"agent":{"name":"a"},"agent":{"name":"b"}}'
    assert (await near.post("/rpc/v1/healthz", content=body)).status_code == 200
    assert [agent.name for agent in near.door.agents.all()] == ["b"]


async def test_large_numbers_that_fit_are_fine(near: Near, autojump_clock: MockClock) -> None:
    """They are looked at, and kept."""
    job = {"queue": QUEUE, "payload": "Nw==", "priority": 2**63 - 1, "labels": {"a": "b"}}
    call = {"call": "enqueue", "jobs": [job]}
    answer = await near.post("/rpc/v1/exchange", json={"calls": [call], "wait": 1.5})
    assert answer.json()["answers"][0]["trouble"] is None
    assert (await near.record(1)).priority == 2**63 - 1


# Other things


async def test_other_addresses_are_not_there(near: Near, autojump_clock: MockClock) -> None:
    """And the right ones want the right method."""
    assert (await near.post("/rpc/v1/odd")).status_code == 404
    assert (await near.post("/rpc/v1/healthz/")).status_code == 404
    assert (await near.get("/rpc/v1/healthz")).status_code == 405


async def test_what_agents_say_reaches_the_store_as_it_is(
    near: Near, autojump_clock: MockClock
) -> None:
    """Who has a job is known by name."""
    run = await near.run("agent \x1b[31m <b>")
    assert (await near.record(run["id"])).worker == "agent \x1b[31m <b>"
    ending = Ending(run["id"], run["version"], "done")
    assert await near.store.finish([ending]) == [True]
    assert await near.store.start([Ticket(run["id"], run["version"])]) == [False]
    assert SECRET not in repr(near.door.agents.all())
