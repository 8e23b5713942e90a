"""Jobs: submit, look, cancel, retry, and their logs."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime
from heapq import heappop, heappush
from typing import Annotated, Any, Final, Literal, final

import trio
from msgspec import Meta, Raw, Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gochan.durable import (
    END_KINDS,
    STATES,
    EndKind,
    Enqueued,
    JobRecord,
    NewJob,
    Refusal,
    State,
    Store,
    explain_job,
)

from .._door._agents import Agents
from .._door._cache import Cache
from .._door._files import LOG, Files
from .._wire import decode
from .._wire._calls import Id, Span
from ._events import GREETING, event, stream
from ._follow import Growth, parts
from ._shown import answer, as_json, told
from ._visitors import Problem, Visitors, Welcome, answering, check_questions, number

_PAGE: Final = 100
_MOST: Final = 1000


class JobSaid(Struct, frozen=True, forbid_unknown_fields=True):
    """A job to be stored, as people say it; see `gochan.durable.DurableQueue.submit`."""

    queue: Annotated[str, Meta(min_length=1, max_length=1000)]
    payload: Raw
    key: str | None = None
    once_for: Span = 0.0
    priority: Annotated[int, Meta(ge=-(2**31), lt=2**31)] = 0
    delay: Span = 0.0
    run_at: datetime | None = None
    expires: datetime | None = None
    timeout: Annotated[float, Meta(gt=0)] | None = None
    max_attempts: Annotated[int, Meta(ge=1, lt=2**31)] = 5
    group: str | None = None
    machine: str | None = None
    labels: dict[str, str] = {}
    after: list[Id] = []
    after_all: Literal["done", "ended"] = "done"
    headers: dict[str, str] = {}
    receipt: str | None = None

    def new_job(self) -> NewJob:
        """Return it for the store."""
        return NewJob(
            queue=self.queue,
            payload=bytes(self.payload),
            key=self.key,
            once_for=self.once_for,
            priority=self.priority,
            delay=self.delay,
            run_at=_seconds(self.run_at),
            expires=_seconds(self.expires),
            timeout=self.timeout,
            max_attempts=self.max_attempts,
            group=self.group,
            machine=self.machine,
            labels=self.labels,
            after=tuple(self.after),
            after_all=self.after_all,
            headers=self.headers,
            receipt=self.receipt,
        )


class JobsSaid(Struct, frozen=True, forbid_unknown_fields=True):
    """Several jobs; ``whole``: all of them, or none."""

    jobs: Annotated[list[JobSaid], Meta(max_length=10_000)]
    whole: bool = True


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a job is cancelled."""

    reason: Annotated[str, Meta(max_length=1000)] = "cancelled"


@final
class Jobs:
    """Answers what concerns jobs."""

    def __init__(
        self,
        store: Store,
        visitors: Visitors,
        agents: Agents,
        files: Files,
        growth: Growth,
        cache: Cache,
        stopping: trio.Event,
    ) -> None:
        self._cache = cache
        self._agents = agents
        self._store = store
        self._visitors = visitors
        self._files = files
        self._growth = growth
        self._stopping = stopping

    @answering
    async def submit(self, request: Request) -> Response:
        """Store one job, or several."""
        store = await self._visitors.ask(request)
        said = _said(await request.body())
        jobs = [said] if isinstance(said, JobSaid) else said.jobs
        whole = isinstance(said, JobsSaid) and said.whole
        answers = await store.enqueue([job.new_job() for job in jobs], whole=whole)
        refusals = [one for one in answers if isinstance(one, Refusal)]
        if refusals and (whole or isinstance(said, JobSaid)):
            raise _refused(refusals)
        became = [_told(one) for one in answers]
        return answer(became[0] if isinstance(said, JobSaid) else {"jobs": became}, 201)

    @answering
    async def find(self, request: Request) -> Response:
        """Return jobs of one queue, or of all, the newest first."""
        store = await self._visitors.ask(request)
        query = request.query_params
        check_questions(request, "queue", "state", "kind", "limit", "before")
        states = _chosen(query.getlist("state"), STATES)
        kinds = _chosen(query.getlist("kind"), END_KINDS)
        limit = number(query.get("limit", _PAGE), 1, _MOST)
        before = number(query["before"], 1, 2**63 - 1) if "before" in query else None
        queues = query.getlist("queue") or await store.queues()
        page, more = await page_of(
            store, queues, states=states, kinds=kinds, limit=limit, before=before
        )
        return answer({"jobs": page, "before": more})

    @answering
    async def look(self, request: Request) -> Response:
        """Return one job, and which files there are of its runs."""
        store = await self._visitors.ask(request)
        record = await job_of(store, request)
        kept = self._cache.get(record)
        if kept is None:
            runs = await trio.to_thread.run_sync(self._names, record.id)
            kept = as_json({"job": record, "files": runs})
            self._cache.keep(record, kept)
        return told(kept)

    def _names(self, id: int) -> dict[str, list[str]]:
        return {
            str(version): self._files.names(id, version) for version in self._files.versions(id)
        }

    @answering
    async def explain(self, request: Request) -> Response:
        """Say why a job waits, and when it should start; or why it has ended so."""
        store = await self._visitors.ask(request)
        id = _number_in(request)
        found = await explain_job(store, id, workers=self._agents.known())
        if found is None:
            raise _unknown(id)
        return answer({"reasons": found.reasons, "ahead": found.ahead, "starts": found.starts})

    @answering
    async def cancel(self, request: Request) -> Response:
        """Cancel a job."""
        store = await self._visitors.ask(request)
        record = await job_of(store, request)
        reason = decode(await request.body() or b"{}", Reason).reason
        (what,) = await store.cancel([record.id], reason)
        return answer({"cancel": what})

    @answering
    async def retry(self, request: Request) -> Response:
        """Let a job that has ended run again."""
        store = await self._visitors.ask(request)
        record = await job_of(store, request)
        await run_again(store, record)
        return answer({"retry": "retried"})

    # Logs and files

    @answering
    async def log(self, request: Request) -> Response:
        """Return the log of a run: as it is, or as events while it grows."""
        store = await self._visitors.ask(request)
        record = await job_of(store, request)
        check_questions(request, "version", "offset", "follow")
        if request.query_params.get("follow", "0") not in ("0", "1", "false", "true"):
            raise ValueError("follow is one of 0, 1, false, true")
        version = await self._version(request, record)
        if "text/event-stream" in request.headers.get("accept", ""):
            last = request.headers.get("last-event-id") or request.query_params.get("offset", "0")
            return stream(self._log_events(request, record, version, number(last, 0, 2**63 - 1)))
        await self._check_version(record, version)
        offset = number(request.query_params.get("offset", "0"), 0, 2**63 - 1)
        follow = request.query_params.get("follow") in ("1", "true")
        return StreamingResponse(
            self._log_bytes(request, record, version, offset, follow=follow),
            media_type="text/plain; charset=utf-8",
            headers={"cache-control": "no-store", "x-content-type-options": "nosniff"},
        )

    async def _version(self, request: Request, record: JobRecord) -> int:
        """Return which run is meant: by default, the present one, or the last that has a log."""
        if "version" in request.query_params:
            return number(request.query_params["version"], 0, 2**63 - 1)
        if record.state == "running":
            return record.version
        versions = await trio.to_thread.run_sync(self._files.versions, record.id)
        return versions[-1] if versions else record.version

    async def _check_version(self, record: JobRecord, version: int) -> None:
        """Say which runs have printed something, if it is not this one.

        Versions are not the numbers of attempts, for which they are easily taken.
        """
        if record.state == "running" and version == record.version:
            return
        versions = await trio.to_thread.run_sync(self._files.versions, record.id)
        if versions and version not in versions:
            known = ", ".join(map(str, versions))
            raise Problem(
                404, f"job {record.id} has no log of run {version}; it has those of {known}"
            )

    async def _log_bytes(
        self, request: Request, record: JobRecord, version: int, offset: int, *, follow: bool
    ) -> AsyncIterator[bytes]:
        if follow:
            async for _, data in self._parts(request, record, version, offset):
                yield data
            return
        async for data in self._bytes(record.id, version, LOG, offset):
            yield data

    async def _bytes(self, id: int, version: int, name: str, offset: int) -> AsyncIterator[bytes]:
        """Yield what is in a file from somewhere on."""
        while data := await trio.to_thread.run_sync(
            self._files.read, id, version, name, offset, 2**18
        ):
            offset += len(data)
            yield data

    async def _log_events(
        self, request: Request, record: JobRecord, version: int, offset: int
    ) -> AsyncIterator[bytes]:
        yield GREETING
        async for end, data in self._parts(request, record, version, offset):
            yield event(json.dumps(data.decode(errors="replace")), id=str(end))
        yield event("", kind="end", id="end")

    def _parts(
        self, request: Request, record: JobRecord, version: int, offset: int
    ) -> AsyncIterator[tuple[int, bytes]]:
        welcome = Welcome(self._visitors, request)
        return parts(
            self._store, self._files, self._growth, record, version, offset, self._stopping, welcome
        )

    @answering
    async def file(self, request: Request) -> Response:
        """Return a file that a run has made."""
        store = await self._visitors.ask(request)
        record = await job_of(store, request)
        version = number(request.path_params["version"], 0, 2**63 - 1)
        name = request.path_params["name"]
        if name not in await trio.to_thread.run_sync(self._files.names, record.id, version):
            raise Problem(404, f"run {version} of job {record.id} has no file {name!r}")

        headers = {
            "content-disposition": f'attachment; filename="{name}"',
            "x-content-type-options": "nosniff",
        }
        body = self._bytes(record.id, version, name, 0)
        return StreamingResponse(body, media_type="application/octet-stream", headers=headers)


async def job_of(store: Store, request: Request) -> JobRecord:
    """Return the job that a path names.

    Raises:
        Problem: there is none.
        ValueError: that is no number of a job.
    """
    id = _number_in(request)
    (record,) = await store.look([id])
    if record is None:
        raise _unknown(id)
    return record


def _number_in(request: Request) -> int:
    """Return the number of the job that a path names."""
    return number(request.path_params["id"], 1, 2**63 - 1)


def _unknown(id: int) -> Problem:
    return Problem(404, f"there is no job {id}")


async def page_of(
    store: Store,
    queues: Iterable[str],
    *,
    states: Collection[State],
    kinds: Collection[EndKind],
    limit: int,
    before: int | None,
) -> tuple[list[JobRecord], int | None]:
    """Return the newest jobs of some queues, and below which number the next page begins.

    Of each queue a share of the page is read, and more only of those that have more in it: there
    may be thousands of queues.
    """
    names = [*queues]
    share = min(limit, limit // max(1, len(names)) + 1)
    lines: dict[str, deque[JobRecord]] = {}
    firsts: list[tuple[int, str]] = []  # a heap: of each queue, the newest that is not in the page

    async def read(queue: str, before: int | None) -> None:
        lines[queue] = deque(
            await store.list(queue, states=states, kinds=kinds, limit=share, before=before)
        )
        offer(queue)

    def offer(queue: str) -> None:
        if lines[queue]:
            heappush(firsts, (-lines[queue][0].id, queue))

    for queue in names:
        await read(queue, before)
    page: list[JobRecord] = []
    while firsts:
        _, queue = heappop(firsts)
        page.append(lines[queue].popleft())
        if len(page) == limit:
            return page, page[-1].id
        if lines[queue]:
            offer(queue)
        else:
            await read(queue, page[-1].id)
    return page, None


async def run_again(store: Store, record: JobRecord) -> None:
    """Let a job that has ended run again.

    Raises:
        Problem: it has not ended, or another job has its key.
    """
    (what,) = await store.retry([record.id])
    if isinstance(what, Enqueued):
        raise Problem(409, f"job {what.id} has its key")
    if what != "retried":
        raise Problem(409, f"job {record.id} has not ended")


def _said(body: bytes) -> JobSaid | JobsSaid:
    """Return one job, or several.

    Raises:
        ValueError: it is neither.
    """
    names = decode(body, dict[str, Raw])
    return decode(body, JobsSaid) if "jobs" in names else decode(body, JobSaid)


def _refused(refusals: list[Refusal]) -> Problem:
    """Return why jobs were refused; where there is no room, when to come again."""
    refusal = next((one for one in refusals if not one.follows), refusals[0])
    if refusal.full:
        return Problem(503, refusal.reason, retry_after="5")
    return Problem(409, refusal.reason)


def _told(one: Enqueued | Refusal) -> Any:
    return one if isinstance(one, Enqueued) else {"error": one.reason}


def _seconds(moment: datetime | None) -> float | None:
    """Return seconds since the epoch; a moment without an offset is none."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no offset from UTC, such as +00:00")
    return moment.timestamp()


def _chosen(given: list[str], known: tuple[Any, ...]) -> list[Any]:
    for one in given:
        if one not in known:
            raise ValueError(f"{one!r} is not one of {', '.join(known)}")
    return [*given]
