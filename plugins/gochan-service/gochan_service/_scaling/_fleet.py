"""What a server says about the jobs of a queue and about agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, final
from urllib.parse import quote

import httpx

from gochan.durable import StoreError, StoreUnavailable

_PAGE: Final = 500
_RECENT: Final = 50  # jobs whose durations are looked at


@final
@dataclass(frozen=True, slots=True)
class KnownAgent:
    """An agent that a server has heard of."""

    name: str
    instance: str
    """By which its provider knows it: its label ``instance``, or its machine."""
    capacity: int
    draining: bool
    heard: float
    """How many seconds ago."""
    busy: int
    """How many jobs of the queue it runs."""


@final
@dataclass(frozen=True, slots=True)
class Seen:
    """What a server has said."""

    waiting: int
    stored: int
    duration: float | None
    ages: Mapping[str, Sequence[float]]
    """How long jobs have been running, by who runs them."""
    agents: Sequence[KnownAgent]


@final
class Fleet:
    """Asks a server, and lets agents drain."""

    def __init__(self, client: httpx.AsyncClient, queue: str) -> None:
        self._client = client
        self._queue = queue
        self._told_at = datetime.now().astimezone()  # of the last answer, by the server's clock

    async def look(self) -> Seen:
        """Ask for what there is now.

        Raises:
            StoreUnavailable: the server cannot be reached.
            StoreError: it refuses.
        """
        counts = await self._counts()
        ages: dict[str, list[float]] = {}
        running = await self._running() if counts["running"] else []
        now = self._told_at
        for job in running:
            since = datetime.fromisoformat(job["started"]) if job["started"] else now
            ages.setdefault(job["worker"], []).append(max(0.0, (now - since).total_seconds()))
        busy = Counter({name: len(each) for name, each in ages.items()})
        told = (await self._get("agents"))["agents"]
        return Seen(
            waiting=0 if counts["paused"] else counts["waiting"],
            stored=counts["stored"],
            duration=await self._duration() if counts["running"] or counts["waiting"] else None,
            ages=ages,
            agents=[_known(one, busy[one["name"]]) for one in told],
        )

    async def _counts(self) -> dict[str, Any]:
        response = await self._ask("GET", f"queues/{quote(self._queue)}")
        if response.status_code == 404:  # nobody has submitted anything yet
            return {"waiting": 0, "running": 0, "stored": 0, "paused": False}
        counts: dict[str, Any] = self._answer(response)["counts"]
        return counts

    async def _running(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = []
        before: int | None = None
        while True:
            more = {} if before is None else {"before": before}
            page = await self._get("jobs", queue=self._queue, state="running", limit=_PAGE, **more)
            jobs += page["jobs"]
            before = page["before"]
            if before is None:
                return jobs

    async def _duration(self) -> float | None:
        """Return how long the last jobs have taken that became done, on average."""
        page = await self._get("jobs", queue=self._queue, kind="done", limit=_RECENT)
        spans = [
            (datetime.fromisoformat(job["ended"]) - datetime.fromisoformat(job["started"]))
            for job in page["jobs"]
            if job["started"] and job["ended"]
        ]
        return sum(span.total_seconds() for span in spans) / len(spans) if spans else None

    async def drain(self, agent: str, draining: bool) -> None:
        """Let an agent get no more jobs, or again. One that is not known any more is no error.

        Raises:
            StoreUnavailable: the server cannot be reached.
            StoreError: it refuses.
        """
        verb = "drain" if draining else "undrain"
        response = await self._ask("POST", f"agents/{quote(agent)}/{verb}")
        if response.status_code != 404:
            self._answer(response)

    async def _get(self, path: str, **query: Any) -> Any:
        return self._answer(await self._ask("GET", path, **query))

    async def _ask(self, method: str, path: str, **query: Any) -> httpx.Response:
        try:
            response = await self._client.request(method, f"/api/v1/{path}", params=query)
        except httpx.HTTPError as error:
            raise StoreUnavailable(str(error) or type(error).__name__) from None
        try:
            self._told_at = parsedate_to_datetime(response.headers.get("date", ""))
        except ValueError:  # a proxy may leave it out
            self._told_at = datetime.now().astimezone()
        return response

    def _answer(self, response: httpx.Response) -> Any:
        if response.status_code in (401, 403):
            raise StoreError("the server does not accept the token of an operator: GOCHAN_TOKEN")
        if response.status_code >= 500:
            raise StoreUnavailable(f"the server answers {response.status_code}")
        if response.status_code != 200:
            raise StoreError(f"the server answers {response.status_code}: {response.text[:200]}")
        return response.json()


def _known(told: Mapping[str, Any], busy: int) -> KnownAgent:
    return KnownAgent(
        name=told["name"],
        instance=told["labels"].get("instance") or told["machine"] or "",
        capacity=told["capacity"],
        draining=told["draining"],
        heard=told["heard"],
        busy=busy,
    )


@asynccontextmanager
async def open_fleet(url: str, token: str, queue: str) -> AsyncIterator[Fleet]:
    """Open the way to a server, and close it on the way out."""
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, trust_env=False, timeout=10
    ) as client:
        yield Fleet(client, queue)
