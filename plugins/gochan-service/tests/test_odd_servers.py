"""What a store over HTTP makes of a server that answers oddly: an error that says so."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import trio
from gochan_service._remote._http_store import open_http_store
from trio.testing import MockClock

from gochan.durable import Ending, NewJob, StoreError, StoreUnavailable

SECRET = "gochan_agent_0123456789abcdef"


def answers(*given: Any) -> str:
    return json.dumps({"now": 1e9, "answers": list(given)})


async def asked(status: int, text: str, credential: str = SECRET) -> Any:
    """Ask a server that answers so once it was greeted."""

    async def answer(request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        if not json.loads(b"".join([part async for part in request.stream])).get("calls"):
            return httpx.Response(200, text=answers())
        return httpx.Response(status, text=text)

    transport = httpx.MockTransport(answer)
    async with open_http_store("http://odd", credential, 1.0, transport=transport) as store:
        return await store.queues()


@pytest.mark.parametrize(
    ("status", "text", "kind", "words"),
    [
        (200, "no JSON", StoreError, "the answer of http://odd cannot be read"),
        (200, answers(), StoreError, "http://odd has not answered all calls"),
        (200, answers({"value": 7}), StoreError, "the answer to Queues cannot be read"),
        (200, answers({"trouble": "refused", "why": "so"}), StoreError, "http://odd: so"),
        (200, answers({"trouble": "audit", "why": "3 != 4"}), AssertionError, "3 != 4"),
        (401, "", StoreError, "does not accept the secret"),
        (418, "a teapot", StoreError, "http://odd answers 418: a teapot"),
    ],
)
async def test_it_is_said_what_is_odd(
    status: int, text: str, kind: type[Exception], words: str, autojump_clock: MockClock
) -> None:
    """And of which server."""
    with pytest.raises(kind, match=words):
        await asked(status, text)


async def test_a_token_that_is_refused_is_said_to_be_one(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """And where it was."""
    monkeypatch.setenv("GOCHAN_TOKEN", "gochan_token_odd")
    with pytest.raises(StoreError, match="http://odd does not accept the token in GOCHAN_TOKEN"):
        await asked(401, "", "gochan_token_odd")


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (200, answers({"trouble": "unavailable", "why": "it is away"}), "it is away"),
        (503, "", "http://odd answers 503: Service Unavailable"),
        (429, "slowly", "http://odd answers 429: slowly"),
    ],
)
async def test_what_may_pass_is_told_apart(
    status: int, text: str, words: str, autojump_clock: MockClock
) -> None:
    """So that a queue waits for it."""
    with pytest.raises(StoreUnavailable, match=words):
        await asked(status, text)


async def test_much_goes_in_several_requests(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """A server takes so many bytes at once, and each result or payload may have many."""
    for file in ("_far_desk", "_http_store"):
        monkeypatch.setattr(f"gochan_service._remote.{file}.LOAD", 1000)
    lengths: list[int] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        body = b"".join([part async for part in request.stream])
        lengths.append(len(body))
        await trio.sleep(1)
        calls = json.loads(body).get("calls", [])
        return httpx.Response(200, text=answers(*map(value_of, calls)))

    def value_of(call: Any) -> Any:
        if "jobs" in call:
            return {"value": [{"reason": "no"}] * len(call["jobs"])}
        return {"value": [one["id"] % 2 == 0 for one in call["endings"]]}

    transport = httpx.MockTransport(answer)
    async with open_http_store("http://far", SECRET, 9.0, transport=transport) as store:
        endings = [Ending(id, 1, "done", b"7" * 400) for id in range(9)]
        assert await store.finish(endings) == [id % 2 == 0 for id in range(9)]
        async with trio.open_nursery() as nursery:
            for ending in endings:
                nursery.start_soon(store.finish, [ending])
        assert len(lengths) > 9
        assert max(lengths) < 2000
        jobs = [NewJob(queue="q", payload=b"7" * 400)] * 9
        lengths.clear()
        await store.enqueue(jobs)
        assert max(lengths) < 2000
        await store.enqueue(jobs, whole=True)
        assert max(lengths) > 3600
