"""The pages of jobs."""

from __future__ import annotations

from typing import Final, final
from urllib.parse import quote, urlencode

import trio
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gochan.durable import END_KINDS, STATES, JobRecord, explain_job

from .._api import Visitors, job_of, number, page_of, run_again
from .._door import LOG, Agents, Files
from .._people import OWNER, Person, allows
from ._plain_log import plain
from ._shell import HEADERS, Shell, for_people

_PAGE: Final = 50
_TAIL: Final = 64 * 2**10  # bytes of a log that are in the page

# What a filter says, and what it means for the store.
_FILTERS: Final = ("scheduled", "waiting", "running", *END_KINDS)


@final
class JobPages:
    """Shows jobs, and steers them."""

    def __init__(self, shell: Shell, visitors: Visitors, agents: Agents, files: Files) -> None:
        self.shell = shell
        self._agents = agents
        self._visitors = visitors
        self._files = files

    @for_people
    async def find(self, request: Request, person: Person) -> Response:
        """Show jobs, the newest first."""
        store = self._visitors.store_of(person, request)
        query = request.query_params
        names = [*await store.queues()]
        queue, chosen = query.get("queue", ""), query.get("state", "")
        if chosen and chosen not in _FILTERS:
            raise ValueError(f"{chosen!r} is not one of {', '.join(_FILTERS)}")
        before = number(query["before"], 1, 2**63 - 1) if query.get("before") else None
        records, last = await page_of(
            store,
            [queue] if queue else names,
            states=[one for one in STATES if one == chosen],
            kinds=[one for one in END_KINDS if one == chosen],
            limit=_PAGE,
            before=before,
        )
        return self.shell.page(
            request,
            "jobs",
            person,
            jobs=records,
            queues=names,
            queue=queue,
            chosen=chosen,
            filters=_FILTERS,
            older=None if last is None else f"/?{_with(query, before=str(last))}",
            newest=None if before is None else f"/?{_with(query, before='')}",
            events=f"/api/v1/events?{urlencode([('queue', one) for one in [queue] if one])}",
        )

    @for_people
    async def show(self, request: Request, person: Person) -> Response:
        """Show one job."""
        store = self._visitors.store_of(person, request)
        record = await job_of(store, request)
        explanation = await explain_job(store, record.id, workers=self._agents.known())
        run, log, size, files = await trio.to_thread.run_sync(self._read, record)
        is_own = record.headers.get(OWNER) == person.login
        return self.shell.page(
            request,
            "job",
            person,
            job=record,
            reasons=() if explanation is None else explanation.reasons,
            owner=record.headers.get(OWNER),
            steers=allows(person.role, "operator" if not is_own else "submitter"),
            run=run,
            log=log,
            size=size,
            cut=size > _TAIL,
            files=files,
            earlier=[one for one, names in files.items() if LOG in names and one != run],
            events=f"/api/v1/events?queue={quote(record.queue, safe='')}",
        )

    def _read(self, record: JobRecord) -> tuple[int, str, int, dict[int, list[str]]]:
        """Return which run's log is shown, its end, its size, and the files of all runs."""
        versions = self._files.versions(record.id)
        run = record.version
        if record.state != "running" and versions:
            run = versions[-1]
        size = self._files.size(record.id, run, LOG)
        data = self._files.read(record.id, run, LOG, max(0, size - _TAIL), _TAIL)
        text = plain(data.decode(errors="replace"))
        files = {version: self._files.names(record.id, version) for version in versions}
        return run, text, size, files

    @for_people
    async def cancel(self, request: Request, person: Person) -> Response:
        """Cancel a job."""
        form = await self.shell.sessions.form(request)
        store = self._visitors.store_of(person, request)
        record = await job_of(store, request)
        reason = str(form.get("reason") or "").strip()[:1000] or f"cancelled by {person.login}"
        await store.cancel([record.id], reason)
        return RedirectResponse(f"/jobs/{record.id}", 303, HEADERS)

    @for_people
    async def retry(self, request: Request, person: Person) -> Response:
        """Let a job run again."""
        await self.shell.sessions.form(request)
        store = self._visitors.store_of(person, request)
        record = await job_of(store, request)
        await run_again(store, record)
        return RedirectResponse(f"/jobs/{record.id}", 303, HEADERS)


def _with(query: QueryParams, **changes: str) -> str:
    """Return a question with changes; what is empty is left out."""
    return urlencode({name: text for name, text in ({**query} | changes).items() if text})
