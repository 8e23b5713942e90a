"""Which jobs a queue was given: a test says which it expects, and learns which there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any, Final

from ..durable import DurableQueue, JobRecord
from ..strategies import check_count

_ANY: Final = object()
_FIELDS: Final = tuple(field.name for field in fields(JobRecord))
_PAGE: Final = 500
_SHOWN: Final = 20  # jobs in a message
_LONGEST: Final = 200  # characters of a payload in a message


async def submitted(
    queue: DurableQueue[Any, Any],
    *,
    payload: object = _ANY,
    count: int | None = None,
    **expected: object,
) -> list[JobRecord]:
    """Return the jobs of a queue that are as expected, the oldest first; fail if there are none.

    ::

        (record,) = await submitted(queue, payload={"image": 7}, key="image-7")
        await submitted(queue, state="scheduled", count=3)
        await submitted(queue, group="tenant-a", count=0)

    All jobs that the store keeps are looked at, by whomever they were submitted, the ended ones
    included. Nothing is run.

    Args:
        queue: which may be without a handler.
        payload: what the payload has to be equal to, as it is submitted or as the handler gets it;
            `unittest.mock.ANY` may stand for a part of it.
        count: how many such jobs there have to be; by default, at least one.
        expected: what other fields of `gochan.durable.JobRecord` have to be equal to.

    Raises:
        AssertionError: there are none, or not as many; the message lists the jobs that there are.
        TypeError: a record has no such field.
    """
    __tracebackhide__ = True
    for name in expected:
        if name not in _FIELDS:
            raise TypeError(_no_field(name))
    if count is not None:
        check_count("count", count, least=0)
    encoded = _encoded(queue, payload)
    records = await _all(queue)
    matching = [
        record
        for record in records
        if _is_like(queue, record, payload, encoded)
        if all(getattr(record, name) == value for name, value in expected.items())
    ]
    if bool(matching) if count is None else len(matching) == count:
        return matching
    wanted = expected if payload is _ANY else {"payload": payload, **expected}
    raise AssertionError(_complaint(queue, records, len(matching), count, wanted))


async def _all(queue: DurableQueue[Any, Any]) -> list[JobRecord]:
    """Return all jobs of a queue, the oldest first."""
    records: list[JobRecord] = []
    while page := await queue.jobs(limit=_PAGE, after=records[-1].id if records else 0):
        records += page
    return records


def _encoded(queue: DurableQueue[Any, Any], payload: object) -> bytes | None:
    """Return a payload as it would be stored; ``None`` if it could not be."""
    if payload is _ANY:
        return None
    try:
        return queue.new_job(payload).payload
    except (TypeError, ValueError):
        return None  # a part of it stands for anything, for one


def _is_like(
    queue: DurableQueue[Any, Any], record: JobRecord, payload: object, encoded: bytes | None
) -> bool:
    """Whether a job has such a payload, as it is submitted or as a handler gets it.

    A tuple, for one, is a list after JSON.
    """
    there = _payload(queue, record)
    if payload is _ANY or there == payload:
        return True
    return encoded is not None and _payload(queue, replace(record, payload=encoded)) == there


def _payload(queue: DurableQueue[Any, Any], record: JobRecord) -> object:
    """Return the payload of a job; as bytes if it was encoded in a way that is not known here."""
    try:
        return queue.decode(record)
    except Exception:  # whatever a codec raises
        return record.payload


# Messages


def _no_field(name: str) -> str:
    text = f"a JobRecord has no field {name!r}"
    meant = get_close_matches(name, _FIELDS, 1)
    if meant:
        return f"{text}; did you mean {meant[0]!r}?"
    return f"{text}; it has: {', '.join(_FIELDS)}"


def _complaint(
    queue: DurableQueue[Any, Any],
    records: Sequence[JobRecord],
    found: int,
    count: int | None,
    wanted: dict[str, object],
) -> str:
    number = {0: "no job", 1: "1 job"}.get(found, f"{found} jobs")
    text = f"{number} of queue {queue.name!r}"
    if wanted:
        text += f" {'have' if found > 1 else 'has'} "
        text += ", ".join(f"{name}={_short(value)}" for name, value in wanted.items())
    if count is not None:
        text += f", where there should be {count or 'none'}"
    if not records:
        return f"{text}: nothing was submitted to it"
    lines = [f"{text}; these were submitted:"]
    lines += [f"  {_describe(queue, record, wanted)}" for record in records[:_SHOWN]]
    if len(records) > _SHOWN:
        lines.append(f"  and {len(records) - _SHOWN} more")
    return "\n".join(lines)


def _describe(queue: DurableQueue[Any, Any], record: JobRecord, wanted: dict[str, object]) -> str:
    """Describe a job in one line: what was asked about, and what is always worth telling."""
    names = ["state", *(["kind"] if record.kind else []), *(["key"] if record.key else [])]
    names += [name for name in wanted if name not in ("payload", *names)]
    told = [f"payload={_short(_payload(queue, record))}"]
    told += [f"{name}={_short(getattr(record, name))}" for name in names]
    return f"job {record.id}: {', '.join(told)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
