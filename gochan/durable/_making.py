"""Making jobs: what a submit says is checked, and encoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal, final
from uuid import uuid4

from ..strategies import check_count, check_seconds
from ._arguments import (
    check_moment,
    check_rank,
    check_span,
    check_text,
    check_texts,
    numbers_of,
)
from ._codec import Codecs
from ._durable_job import DurableJob
from ._records import NewJob
from ._store import Store
from ._times import seconds_of
from ._tracing import Tracing

# What most submits say beside the payload, as `JobMaker.template` has it.
_NOTHING: Final = (None, 0.0, 0, None, None, None, None, None, None, None, None, (), "done", None)


@final
class JobMaker:
    """Makes the jobs of one queue, from templates that have everything but a payload."""

    def __init__(
        self, store: Store, queue: str, codecs: Codecs, max_attempts: int, tracing: Tracing | None
    ) -> None:
        self._store = store
        self._codecs = codecs
        self._tracing = tracing
        self._repeats = store.loses_answers
        self._plain = NewJob(queue=queue, payload=b"", codec=codecs.name, max_attempts=max_attempts)

    def template(
        self,
        *,
        key: str | None = None,
        once_for: float = 0.0,
        priority: int = 0,
        delay: float | None = None,
        run_at: datetime | None = None,
        expires: datetime | float | None = None,
        timeout: float | None = None,
        max_attempts: int | None = None,
        group: str | None = None,
        labels: Mapping[str, str] | None = None,
        machine: str | None = None,
        after: Iterable[DurableJob[Any] | int] = (),
        after_all: Literal["done", "ended"] = "done",
        headers: Mapping[str, str] | None = None,
    ) -> NewJob:
        """Check what is said about a job, or about several; see `DurableQueue.submit`."""
        said = (
            key, once_for, priority, delay, run_at, expires, timeout, max_attempts, group, labels,
            machine, after, after_all, headers,
        )  # fmt: skip
        # False and 0.0 are equal to 0, and are wrong nevertheless.
        if said == _NOTHING and type(priority) is int and type(once_for) is not bool:
            return self._plain
        if delay is not None and run_at is not None:
            raise ValueError("a job has either a delay or a run_at, not both")
        if after_all not in ("done", "ended"):
            raise ValueError(f'after_all must be "done" or "ended", not {after_all!r}')
        return replace(
            self._plain,
            key=check_text("key", key),
            once_for=check_span("once_for", once_for),
            priority=check_rank(priority),
            delay=0.0 if delay is None else check_span("delay", delay),
            run_at=None if run_at is None else seconds_of("run_at", run_at),
            expires=(
                None if expires is None else check_moment("expires", expires, self._store.now())
            ),
            timeout=None if timeout is None else check_seconds("timeout", timeout, more_than=0),
            max_attempts=(
                self._plain.max_attempts
                if max_attempts is None
                else check_count("max_attempts", max_attempts, least=1)
            ),
            group=check_text("group", group),
            labels=check_texts("labels", labels),
            headers=check_texts("headers", headers),
            machine=check_text("machine", machine),
            after=numbers_of("after", after, self._store),
            after_all=after_all,
        )

    def __call__(self, payload: object, template: NewJob) -> NewJob:
        """Make a job from a template, and encode its payload."""
        own: dict[str, Any] = {"payload": self._codecs.encode(payload)}
        if self._repeats:
            own["receipt"] = uuid4().hex
        if self._tracing is not None:
            own["headers"] = {**self._tracing.headers(), **template.headers}
        # To set field by field would take longer than all the rest of a submit.
        job = object.__new__(NewJob)
        vars(job).update(vars(template), **own)
        return job
