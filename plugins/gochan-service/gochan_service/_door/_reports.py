"""Reports: how runs go, and how they have ended, in the words of the store."""

# Theory of operation
# -------------------
# A report whose answer was lost is sent again. Then its run is over, and the store would say no. So
# it is looked whether the job has become what the report says, by this very run: then it was taken.

from __future__ import annotations

from typing import Final, Literal, final

from msgspec import Raw

from gochan.durable import (
    Ending,
    EndKind,
    JobRecord,
    ProgressReport,
    Release,
    Retry,
    Store,
    Ticket,
)

from .._wire import Detail, StatusOf

_RETRY: Final = Retry()

# What is written, in this order: a start may be said together with the end.
_STEPS: Final = ("start", "report", "finish", "release")

_Record = JobRecord | None


@final
class Reports:
    """Writes reports into a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, agent: str, reports: list[StatusOf]) -> list[bool]:
        """Write what an agent says of its runs; return what was taken.

        Raises:
            ValueError: a result is no text.
        """
        for one in reports:
            _result(one)  # so that nothing is done if one is wrong
        records = await self._store.look([one.id for one in reports]) if reports else []
        taken = [False] * len(reports)
        for step in _STEPS:
            some = [
                index
                for index, (one, record) in enumerate(zip(reports, records, strict=True))
                if _step(one) == step and record is not None and record.worker == agent
            ]
            if some:
                answers = await self._write(step, [(reports[i], records[i]) for i in some])
                for index, answer in zip(some, answers, strict=True):
                    taken[index] = answer
        return taken

    async def _write(self, step: str, reports: list[tuple[StatusOf, _Record]]) -> list[bool]:
        if step == "start":
            return [*await self._store.start([Ticket(one.id, one.version) for one, _ in reports])]
        if step == "report":
            progress = [ProgressReport(r.id, r.version, r.done, r.total) for r, _ in reports]
            return [*await self._store.report(progress)]
        if step == "finish":
            answers = await self._store.finish([_ending(one) for one, _ in reports])
        else:
            answers = await self._store.release([_release(*one) for one in reports])
        return await self._again([one for one, _ in reports], [*answers])

    async def _again(self, reports: list[StatusOf], answers: list[bool]) -> list[bool]:
        """Take what was said before and is said again, since its answer was lost."""
        if all(answers):
            return answers
        records = await self._store.look([one.id for one in reports])
        return [
            yes or (record is not None and _says(record, one))
            for one, yes, record in zip(reports, answers, records, strict=True)
        ]


def _step(report: StatusOf) -> str:
    """Return what is written about a run."""
    match report.status:
        case "running":
            return "start"
        case "progress":
            return "report"
        case "failed" | "timed_out" if report.retry:
            return "release"
    return "finish"


def _says(record: JobRecord, report: StatusOf) -> bool:
    """Whether a record has what a report says of the end of its run."""
    if record.version != report.version + 1:
        return False
    if record.state == "ended" and record.kind == report.status:
        return True
    return bool(record.attempts) and record.attempts[-1].kind == report.status


def _ending(report: StatusOf) -> Ending:
    if report.status == "done":
        return Ending(report.id, report.version, "done", _result(report))
    kind: EndKind = report.status  # type: ignore[assignment]  # the others are written otherwise
    return Ending(report.id, report.version, kind, error=report.error or kind)


def _result(report: StatusOf) -> bytes:
    if report.result_base64 is not None:
        return report.result_base64
    result = bytes(report.result)
    result.decode()  # the decoder does not look into it
    return result


def _release(report: StatusOf, record: _Record) -> Release:
    kind: Literal["failed", "timed_out"] = "failed" if report.status == "failed" else "timed_out"
    delay = report.delay
    if delay is None:
        delay = _RETRY.delay(1 if record is None else max(1, record.attempt))
    return Release(report.id, report.version, kind, delay, error=report.error or kind)


def detail_of(record: JobRecord) -> Detail:
    """Return what an agent needs to know of a job."""
    is_json = record.codec == "json"
    return Detail(
        record.id,
        record.version,
        record.queue,
        Raw(record.payload) if is_json else None,
        None if is_json else record.payload,
        record.timeout,
        record.attempt,
        dict(record.headers),
    )
